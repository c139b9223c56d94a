"""A newcomer's first minutes, with nothing left out: every process real, a browser looking on."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.web.phones import BLANK, film, shown
from tests.web.test_in_a_browser import QUIET

ROUTE = ("SEA-ST", "BOS-ST")


def lastscan(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "lastscan", *words, "--home", str(home)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


pytestmark = [pytest.mark.timeout(180)]


@pytest.fixture(scope="module", params=["mosquitto", "amqtt"])
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Any]]:
    """`lastscan up --demo` at the speed of the world, so that nothing but what the tests do happens."""
    if request.param == "mosquitto":
        request.getfixturevalue("mosquitto_path")
    home = tmp_path_factory.mktemp("house") / "home"
    words = ["up", "--demo", "--speed", "1", "--seed", "4711", "--port", "0", "--mqtt-port", "0", "--home", str(home)]
    surroundings = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "MQTT_URL", "LASTSCAN_SMTP")}
    up = subprocess.Popen(
        [sys.executable, "-m", "lastscan", *words],
        env={**surroundings, "LASTSCAN_BROKER": request.param},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert up.stderr is not None
    said = []
    for line in up.stderr:
        said.append(line)
        if "stop with Ctrl-C" in line:
            break
    assert up.poll() is None, "".join(said)
    try:
        yield home, json.loads((home / "run.json").read_text())
    finally:
        up.send_signal(signal.SIGINT)
        assert up.wait(30) == 0
        assert not (home / "run.json").exists()


def book(home: Path, web: str) -> str:
    key = (home / "keys" / "api-key").read_text()
    party = {"name": "Ada Lind", "email": "ada@example.org", "address": {"city": "Boston", "country": "US"}}
    booking = {"shipper": party, "consignee": party, "origin": ROUTE[0], "destination": ROUTE[1]}
    request = urllib.request.Request(
        f"{web}/api/v1/shipments",
        data=json.dumps({**booking, "ready_at": "2026-01-01T00:00:00Z"}).encode(),
        headers={"Authorization": f"Bearer lsk_{key}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 201
        return str(json.load(answer)["pieces"][0]["number"])


@pytest.mark.needs_chromium
def test_somebody_books_prints_scans_and_watches_it_arrive(
    house: tuple[Path, Any], chromium_path: str, tmp_path: Path
) -> None:
    from playwright.sync_api import expect, sync_playwright

    home, running = house
    number = book(home, running["web"])
    with sync_playwright() as browsers:
        browser = browsers.chromium.launch(
            executable_path=chromium_path,
            args=["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
                  "--disable-background-networking", "--disable-component-update"],
        )  # fmt: skip
        page = browser.new_page(viewport={"width": 390, "height": 800})
        page.goto(f"{running['web']}/t/{number}")
        expect(page.locator("main")).not_to_contain_text("Taken over from the sender")

        label = tmp_path / "label.png"
        assert lastscan_label(number, label).returncode == 0
        scanned = lastscan(home, "scan", str(label), "--kind", "accept", "--site", ROUTE[0].lower())
        assert scanned.returncode == 0, scanned.stderr

        expect(page.locator("main")).to_contain_text("Taken over from the sender", timeout=10_000)
        browser.close()
    exported = [json.loads(line) for line in lastscan(home, "log", "export").stdout.splitlines()]
    assert [scan["k"] for scan in exported if scan["code"] == number] == ["accept"]
    rebuilt = lastscan(home, "rebuild")
    assert rebuilt.returncode == 0, rebuilt.stdout + rebuilt.stderr


@pytest.mark.needs_chromium
def test_a_phone_scans_over_the_broker_and_whoever_watches_sees_it_at_once(
    house: tuple[Path, Any], chromium_path: str, tmp_path: Path
) -> None:
    from playwright.sync_api import expect, sync_playwright

    home, running = house
    number = book(home, running["web"])
    invited = lastscan(home, "device", "add", "c-17", "--site", ROUTE[0].lower(), "--qr", "--json")
    reel = film(tmp_path / "label.mjpeg", [(shown(number), 0.5), (BLANK, 1.2)])
    camera = ("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream")
    with sync_playwright() as browsers:
        browser = browsers.chromium.launch(
            executable_path=chromium_path, args=[*QUIET, *camera, f"--use-file-for-fake-video-capture={reel}"]
        )
        customer, courier = browser.new_context().new_page(), browser.new_context().new_page()
        refused: list[str] = []
        courier.on("console", lambda said: refused.append(said.text) if "Security Policy" in said.text else None)
        customer.goto(f"{running['web']}/t/{number}")
        customer.evaluate(NOTE_CHANGES)
        courier.goto(json.loads(invited.stdout)["url"])
        courier.evaluate(NOTE_BEEPS)
        courier.get_by_role("button", name="Pair this phone").click()
        expect(courier.locator("#sending")).to_have_attribute("data-way", "mqtt", timeout=20_000)
        courier.locator("#start").click()
        expect(courier.locator("#recent li")).to_have_count(2, timeout=20_000)
        expect(courier.locator("#sending")).to_contain_text("nothing waits")
        expect(customer.locator(".timeline .line, .lines .line")).not_to_have_count(0, timeout=10_000)
        beeps, changes = courier.evaluate("window.beeps"), customer.evaluate("window.changes")
        browser.close()
    later = [min((change - beep for change in changes if change >= beep), default=60_000) for beep in beeps]
    sys.stdout.write(f"\nfrom the phone's beep to the customer's open page: {min(later)} ms of {later}\n")
    assert min(later) <= 500
    assert refused == []
    exported = [json.loads(line) for line in lastscan(home, "log", "export").stdout.splitlines()]
    assert len([scan for scan in exported if scan["dev"] == "c-17"]) >= 2


NOTE_BEEPS = """() => { window.beeps = [];
  document.addEventListener('beep', (beep) => window.beeps.push(beep.detail.wall)); }"""

NOTE_CHANGES = """() => { window.changes = []; new MutationObserver(() => window.changes.push(Date.now()))
  .observe(document.querySelector('main'), { childList: true, subtree: true, characterData: true }); }"""


def lastscan_label(number: str, to: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "lastscan", "label", number, "--format", "png", "-o", str(to)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_whoever_is_killed_is_started_again_and_a_scan_made_meanwhile_is_kept(
    house: tuple[Path, Any],
) -> None:
    home, running = house
    for role in ("tracker", "broker", "web", "notify"):
        os.kill(running["pids"][role], signal.SIGKILL)
    scanned = lastscan(home, "scan", "--code", "LS123456785NL", "--kind", "sort", "--wait", "45")
    assert scanned.returncode == 0, scanned.stderr
    exported = [json.loads(line) for line in lastscan(home, "log", "export").stdout.splitlines()]
    assert [scan["code"] for scan in exported].count("LS123456785NL") == 1
