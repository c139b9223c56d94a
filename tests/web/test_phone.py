"""How a phone becomes a device, what its page may do, and what it brings and fetches besides scans."""

import hashlib
import json
import re
import sys
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient

from lastscan.commands.device import device
from lastscan.home import Home
from locales import languages
from tests.tracker.world import FEEDER, VAN_OUT, World, at, new_database
from tracker.devices import INVITED_FOR, Credentials, Devices
from tracker.domain.errors import DeviceExistsError, UnknownDeviceError
from tracker.domain.handling import Kind
from tracker.handovers import LARGEST_FILE, HandoverFiles
from tracker.rounds import Rounds
from web.app import WebSettings, create_app
from web.headers import PAGE_POLICY

BROKER = "ws://127.0.0.1:9001"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)
VENDOR = Path("web/static/vendor")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(new_database(tmp_path / "lastscan.db")).with_network()
    yield world
    world.close()


@pytest.fixture
def client(world: World) -> FlaskClient:
    app = create_app(
        world.queries,
        world.bookings,
        clock=world.clock,
        devices=world.registry,
        invitations=world.registry,
        rounds=Rounds(world.store, world.clock),
        handovers=HandoverFiles(world.store, world.clock),
        browser_broker=lambda: BROKER,
        settings=WebSettings(lookups_per_minute=None, wrong_passwords_per_minute=3),
    )
    return app.test_client()


def sign_in(told: Credentials) -> dict[str, str]:
    return {"Authorization": "Basic " + b64encode(f"{told.username}:{told.password}".encode()).decode()}


# --- becoming a device ---


def test_an_invitation_makes_one_phone_the_device_once(world: World, client: FlaskClient) -> None:
    token = world.registry.invite("c-17", site="sea")
    assert [device.dev for device in world.registry.list()] == []
    answer = client.post("/courier/pair", json={"token": token})
    told = answer.get_json()
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert (told["dev"], told["site"], told["mqtt_ws"]) == ("c-17", "sea", BROKER)
    assert len(bytes.fromhex(told["key"])) == 32
    assert world.registry.site_of("c-17", password=told["password"]) == "sea"
    assert client.post("/courier/pair", json={"token": token}).status_code == 401


def test_another_phone_takes_a_devices_place_and_the_old_one_is_refused(world: World, client: FlaskClient) -> None:
    old = world.registry.add("c-17", site="sea")
    token = world.registry.invite("c-17")
    assert world.registry.site_of("c-17", password=old.password) == "sea"
    new = client.post("/courier/pair", json={"token": token}).get_json()
    assert world.registry.site_of("c-17", password=old.password) is None
    assert world.registry.site_of("c-17", password=new["password"]) == "sea"


def test_the_station_shows_a_code_and_a_link_that_names_the_token_where_no_server_sees_it(tmp_path: Path) -> None:
    def runs(*words: str) -> str:
        ran = CliRunner().invoke(device, [*words, "--home", str(tmp_path), "--pages", "https://station.example/"])
        assert ran.exit_code == 0, ran.output
        return ran.stdout

    told = json.loads(runs("add", "c-17", "--site", "sea", "--qr", "--json"))
    address, _, token = told["url"].partition("#pair=c-17:")
    assert (address, told["minutes"]) == ("https://station.example/courier/", 10)
    home = Home.at(tmp_path)
    registry = Devices(home.store(), home.clock)
    assert registry.take_up(token) is not None
    shown = runs("pair", "c-17").splitlines()
    assert len(shown) > 15
    assert registry.take_up(shown[-1].partition("c-17:")[2]) is not None


def test_an_invitation_ends_after_ten_minutes_with_a_later_one_and_with_the_device(world: World) -> None:
    real = [datetime(2026, 11, 21, tzinfo=UTC)]
    registry = Devices(world.store, world.clock, lambda: real[0])
    tokens = [registry.invite("c-17", site="sea") for _ in range(2)]
    assert registry.take_up(tokens[0]) is None
    real[0] += INVITED_FOR
    assert registry.take_up(tokens[1]) is None
    registry.add("c-17", site="sea")
    revoked = registry.invite("c-17")
    registry.revoke("c-17")
    assert registry.take_up(revoked) is None
    with pytest.raises(UnknownDeviceError):
        registry.invite("c-17")
    with pytest.raises(DeviceExistsError):
        registry.invite("c-17", site="sea")


def test_guessing_invitations_is_slowed_down(client: FlaskClient) -> None:
    guesses = [client.post("/courier/pair", json={"token": f"guess{n}"}).status_code for n in range(4)]
    assert guesses == [401, 401, 401, 429]


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"token":7}', '{"token":""}', '{"token":"' + "x" * 65 + '"}', "{"])
def test_what_is_no_invitation_pairs_nobody(client: FlaskClient, body: str) -> None:
    assert client.post("/courier/pair", data=body, content_type="application/json").status_code == 401


# --- the page ---


def test_only_the_courier_page_may_compile_use_the_camera_and_reach_the_broker(client: FlaskClient) -> None:
    for path in ("/courier/", "/courier/decoder.js"):
        headers = client.get(path).headers
        policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
        assert policy["script-src"] == "'self' 'wasm-unsafe-eval'"
        assert policy["worker-src"] == "'self'"
        assert policy["img-src"] == "'self' blob:"
        assert policy["connect-src"] == f"'self' {BROKER}"
        assert policy["frame-ancestors"] == "'none'"
        assert headers["Permissions-Policy"] == "camera=(self), microphone=(), geolocation=()"
    other = client.get("/").headers
    assert other["Content-Security-Policy"] == PAGE_POLICY
    assert "camera=()" in other["Permissions-Policy"]


def test_the_shell_names_everything_the_page_needs_and_all_of_it_weighs_little(client: FlaskClient) -> None:
    head = client.get("/courier/worker.js").text.splitlines()
    shell = json.loads(head[1].removeprefix("const SHELL = ").removesuffix(";"))
    assert {f"/courier/?lang={tag}" for tag in languages()} <= set(shell)
    answers = {address: client.get(address, headers={"Accept-Encoding": "gzip"}) for address in shell}
    assert {address for address, answer in answers.items() if answer.status_code != 200} == set()
    once = [len(answer.data) for address, answer in answers.items() if not address.startswith("/courier/?")]
    sys.stdout.write(f"\nthe courier's page, zipped: {sum(once) / 1000:.0f} kB\n")
    assert sum(once) <= 650_000


def test_another_content_is_another_version(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    before = client.get("/courier/worker.js").text.splitlines()[0]
    assert client.get("/courier/worker.js").text.splitlines()[0] == before
    monkeypatch.setattr("web.phone._content", lambda name: b"other")
    assert client.get("/courier/worker.js").text.splitlines()[0] != before


@pytest.mark.parametrize(("tag", "said"), [("en", "Start scanning"), ("zh-Hans", "开始扫描")])
def test_page_and_scripts_speak_the_readers_language(client: FlaskClient, tag: str, said: str) -> None:
    page = client.get(f"/courier/?lang={tag}").text
    assert f'lang="{tag}"' in page
    assert said in page
    sentences = json.loads(page.split('id="said">')[1].split("</script>")[0])
    assert sentences["NOT RECORDED"] == {"en": "NOT RECORDED", "zh-Hans": "没有记录"}[tag]


def test_what_others_wrote_for_the_page_is_what_they_published() -> None:
    """Version, licence and digest of each vendored file; nothing else lies there."""
    manifest = json.loads((VENDOR / "manifest.json").read_text())
    named = {name: digest for part in manifest.values() for name, digest in part["files"].items()}
    found = {
        str(path.relative_to(VENDOR)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in VENDOR.rglob("*")
        if path.is_file() and path.name != "manifest.json"
    }
    assert found == named
    for part in manifest.values():
        assert part["version"]
        assert part["licence"]
        assert any("LICENSE" in name for name in part["files"])


def test_no_sentence_of_a_script_hides_from_who_collects_them() -> None:
    """Inside a template literal it would not be found, and be said in English everywhere."""
    scripts = Path("web/static/courier").glob("*.js")
    assert [path.name for path in scripts if re.search(r"`[^`]*\$\{[^}`]*\b_\(", path.read_text())] == []


# --- the day's work ---


def test_a_device_sees_the_departures_of_its_site_and_the_doors_of_its_own_van(
    world: World, client: FlaskClient
) -> None:
    number, other = world.books_parcel(), world.books_parcel()
    for at_van, dev in ((number, "van-1"), (other, "van-2")):
        world.device("bos-st", dev)
        device = world.devices[dev]
        world.clock.instant = at(22)
        out = device.scan(at_van, Kind.OUT_FOR_DELIVERY, when=at(22))
        world.hears(device.says(device.scans(out, sent=at(22)), at(22)))
    world.fold()
    mine = client.get("/courier/work", headers=sign_in(world.devices["van-1"].credentials)).get_json()
    assert mine["facility"] == "BOS-ST"
    assert [(stop["number"], stop["name"]) for stop in mine["stops"]] == [(number, "Ada Lovelace")]
    assert [run["destination"] for run in mine["runs"]] == ["BOS-ST", "BOS-ST"]
    device = world.devices["van-1"]
    world.clock.instant = at(23)
    world.hears(device.says(device.scans(device.scan(number, Kind.DELIVER, when=at(23)), sent=at(23)), at(23)))
    world.fold()
    assert client.get("/courier/work", headers=sign_in(device.credentials)).get_json()["stops"] == []


def test_departures_are_those_around_now_and_nobody_else_is_told(world: World, client: FlaskClient) -> None:
    told = world.registry.add("c-17", site="sea")

    def runs() -> list[str]:
        return [run["departure"] for run in client.get("/courier/work", headers=sign_in(told)).get_json()["runs"]]

    assert runs() == [VAN_OUT, FEEDER]
    world.clock.instant += timedelta(hours=6)
    assert runs() == [FEEDER]
    world.registry.revoke("c-17")
    assert client.get("/courier/work", headers=sign_in(told)).status_code == 401


# --- pictures and signatures ---


def test_a_signature_is_kept_once_under_its_digest(world: World, client: FlaskClient) -> None:
    told = world.registry.add("c-17", site="sea")
    path = f"/courier/files/{hashlib.sha256(PNG).hexdigest()}"
    assert [client.put(path, data=PNG, headers=sign_in(told)).status_code for _ in range(2)] == [201, 200]
    assert HandoverFiles(world.store, world.clock).named(path.rpartition("/")[2]) == ("image/png", PNG)


def test_what_is_no_picture_of_that_digest_is_not_kept(world: World, client: FlaskClient) -> None:
    told = world.registry.add("c-17", site="sea")
    named = {content: hashlib.sha256(content).hexdigest() for content in (PNG, b"GIF89a", PNG + bytes(LARGEST_FILE))}
    for content, digest in named.items():
        wrong = "0" * 64 if content == PNG else digest
        answer = client.put(f"/courier/files/{wrong}", data=content, headers=sign_in(told))
        assert answer.status_code in (413, 422)
        assert HandoverFiles(world.store, world.clock).named(digest) is None
    assert client.put(f"/courier/files/{named[PNG]}", data=PNG).status_code == 401
