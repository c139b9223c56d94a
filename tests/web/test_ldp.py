"""LDP/1 over HTTP: the same rules, for a phone that reaches no broker."""

import json
import random
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from scanner.handheld import Effect, Handheld
from tests.scanner_custody.world import Clock, Flash, open_journal
from tests.tracker.world import EP, Device, World, new_database
from tracker import wire
from tracker.devices import Roll
from tracker.domain.errors import StoreError
from tracker.door import Door
from tracker.gaps import GapIncidents
from tracker.ingest import Ingest
from web.app import WebSettings, create_app
from web.courier import SAID_AT_MOST


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(new_database(tmp_path / "lastscan.db"))
    yield world
    world.close()


def client_of(world: World, settings: WebSettings | None = None) -> FlaskClient:
    """A web process of its own beside the tracker of the world."""
    ingest = Ingest(world.store, Roll(world.store, lambda: world.real[0]), world.clock, lambda: world.real[0])
    door = Door(ingest, world.clock)
    limits = settings or WebSettings()
    app = create_app(
        world.queries, world.bookings, clock=world.clock, devices=world.registry, door=door, settings=limits
    )
    return app.test_client()


def posts(client: FlaskClient, device: Device, *messages: bytes, password: str | None = None) -> TestResponse:
    return posts_body(client, device, b"[" + b",".join(messages) + b"]", password)


def posts_body(client: FlaskClient, device: Device, body: bytes, password: str | None = None) -> TestResponse:
    told = f"{device.credentials.username}:{device.credentials.password if password is None else password}"
    basic = "Basic " + b64encode(told.encode()).decode()
    return client.post("/courier/ldp", data=body, headers={"Authorization": basic})


def test_a_hello_and_scans_are_answered_in_one_array_and_signed(world: World) -> None:
    device = world.device()
    answer = posts(client_of(world), device, device.hello(last=1), device.scans(device.scan("A")))
    assert answer.status_code == 200
    down = [wire.hear_down(json.dumps(message).encode()) for message in answer.get_json()]
    assert [type(message).__name__ for message in down] == ["Ack", "Time", "Config"]
    assert isinstance(down[0], wire.Ack)
    assert (down[0].upto, wire.same_mac(wire.answer_mac(device.key, down[0]), down[0].mac)) == (1, True)
    assert [code for *_, code in world.log()] == ["A"]


def test_the_site_is_that_of_the_registration(world: World) -> None:
    device = world.device("bos", "h-1")
    posts(client_of(world), device, device.scans(device.scan("A")))
    assert [scan.site for scan in world.queries.committed_scans()] == ["bos"]


def test_the_same_scan_by_both_ways_is_kept_once(world: World) -> None:
    device = world.device()
    batch = device.scans(device.scan("A"))
    world.hears(device.says(batch))
    assert posts(client_of(world), device, batch).get_json()[0]["upto"] == 1
    assert len(world.log()) == 1


def test_a_batch_that_is_not_signed_gets_no_answer(world: World) -> None:
    device = world.device()
    forged = device.scans(device.scan("A"), key=bytes(32))
    answer = posts(client_of(world), device, forged)
    assert (answer.status_code, answer.get_json()) == (200, [])
    assert (world.log(), world.aside()) == ([], ["bad_mac"])


def test_a_wrong_password_is_refused_and_guessing_is_slowed_down_but_nobody_who_knows(world: World) -> None:
    device = world.device()
    client = client_of(world, WebSettings(wrong_passwords_per_minute=3))
    batch = device.scans(device.scan("A"))
    guesses = [posts(client, device, batch, password="guess") for _ in range(4)]
    assert [guess.status_code for guess in guesses] == [401, 401, 401, 429]
    assert guesses[0].headers["WWW-Authenticate"].startswith("Basic ")
    assert world.log() == world.aside() == []
    assert posts(client, device, batch).status_code == 200


def test_what_a_revoked_device_says_is_put_aside(world: World) -> None:
    device = world.device()
    world.registry.revoke("h-sea-st")
    answer = posts(client_of(world), device, device.scans(device.scan("A")), device.hello())
    assert (answer.status_code, answer.get_json()) == (200, [])
    assert (world.log(), world.aside()) == ([], ["revoked", "revoked"])


def test_one_device_may_not_ask_without_end(world: World) -> None:
    one, other = world.device("sea-st", "h-1"), world.device("sea-st", "h-2")
    client = client_of(world, WebSettings(requests_per_minute=2))
    answers = [posts(client, one, one.hello(last=0)) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert int(answers[2].headers["Retry-After"]) > 0
    assert posts(client, other, other.hello(last=0)).status_code == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{}", 400),
        (b"[]", 400),
        (b"\xff", 400),
        (b"[" * 5000, 400),
        (b"[" + b",".join([b"1"] * 65) + b"]", 400),
        (b" " * (SAID_AT_MOST + 1), 413),
        (b"[1,null,{}]", 200),
    ],
)
def test_what_is_no_array_of_messages_is_refused_and_what_is_no_message_put_aside(
    world: World, body: bytes, status: int
) -> None:
    device = world.device()
    answer = posts_body(client_of(world), device, body)
    assert answer.status_code == status
    assert len(world.aside()) == (3 if status == 200 else 0)


def test_while_nothing_can_be_committed_nothing_is_answered(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise StoreError("database or disk is full")

    device = world.device()
    client = client_of(world)
    batch = device.scans(device.scan("A"))
    with monkeypatch.context() as broken:
        broken.setattr(Ingest, "take", full)
        assert posts(client, device, batch).status_code == 503
    assert posts(client, device, batch).get_json()[0]["upto"] == 1


def test_a_gap_is_asked_for_and_reported_once_whoever_watches(world: World) -> None:
    device = world.device()
    client = client_of(world)
    one, _, three = (device.scan(f"{n}") for n in range(3))
    status = wire.encode(wire.Status(v=1, ep=EP, last=3, acked=1, depth=1, mono=1, boot=7, sent=1))
    posts(client, device, device.scans(one, three))
    asked = []
    for _ in range(17):
        world.real[0] += 60
        asked += [message for message in posts(client, device, status).get_json() if message["t"] == "need"]
        world.hears(device.says(status))
        world.ingest.overdue()
    assert asked[0]["ranges"] == [[2, 2]]
    incidents = GapIncidents(world.store, world.clock).all()
    assert [(incident.first, incident.last) for incident in incidents] == [(2, 2)]


def test_the_handheld_we_ship_brings_a_backlog_in_over_a_bad_line(world: World) -> None:
    device, rng = world.device(), random.Random(4711)
    clock, client = Clock(), client_of(world, WebSettings(requests_per_minute=None))
    handheld = Handheld(open_journal(Flash()), clock, random.Random(1), key=device.key)
    for n in range(150):
        handheld.record(f"C{n}", "code128", "sort", now=0.0)
    now = 0.0
    up: list[Effect] = handheld.connected(now)
    for _ in range(200):
        answers = []
        if messages := [effect for effect in up if isinstance(effect, bytes) and rng.random() < 0.8]:
            answers = posts(client, device, *messages).get_json()
        up = [e for each in answers if rng.random() < 0.8 for e in handheld.heard(json.dumps(each).encode(), now)]
        now += 1.0
        up += handheld.tick(now)
        if not handheld.waiting_count:
            break
    assert handheld.waiting_count == 0
    assert sorted(code for *_, code in world.log()) == sorted(f"C{n}" for n in range(150))


def test_where_there_is_no_door_there_is_no_such_address(world: World) -> None:
    bare = create_app(world.queries, world.bookings, clock=world.clock, devices=world.registry).test_client()
    assert bare.post("/courier/ldp").status_code == 404
