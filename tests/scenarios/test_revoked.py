"""A stolen handheld is revoked while it scans: the roles as they run, a real broker, and ten seconds for all of it."""

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest

from lastscan.broker import free_port
from lastscan.home import Home
from lastscan.roles import run_broker_role, run_tracker_role
from scanner.link import Link
from tests.scenarios.test_killed_in_the_stream import BROKERS, SOON, a_link, eventually
from tracker.devices import Devices, Roll
from tracker.door import Door
from tracker.ingest import Ingest
from tracker.queries import Queries

WITHIN = timedelta(seconds=10)


def in_a_thread(role: Callable[[threading.Event, Callable[[object], None]], None], ends: ExitStack) -> None:
    """Runs the role until the end of the test; returns once it says it is ready."""
    stop, up = threading.Event(), threading.Event()
    thread = threading.Thread(target=role, args=(stop, lambda _said: up.set()), daemon=True)
    thread.start()
    ends.callback(thread.join, SOON)
    ends.callback(stop.set)
    assert up.wait(SOON)


def scanning(link: Link, code: str, ends: ExitStack) -> Callable[[], int]:
    """Somebody scans on, every 20 ms; answers the highest number beeped so far."""
    evening, beeped = threading.Event(), [0]

    def scan() -> None:
        while not evening.wait(0.02):
            beeped[0] = link.record(code, "code128", "sort").q

    person = threading.Thread(target=scan, daemon=True)
    link.start()
    person.start()
    ends.callback(link.stop)
    ends.callback(person.join, SOON)
    ends.callback(evening.set)
    return lambda: beeped[0]


@pytest.mark.parametrize("kind", BROKERS)
def test_a_device_revoked_in_the_middle_of_its_scans_is_out_within_ten_seconds(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MQTT_URL", raising=False)
    monkeypatch.setenv("LASTSCAN_BROKER", kind)
    home, port = Home.at(tmp_path / "home"), free_port()
    home.migrated().dispose()
    store = home.store()
    devices, queries = Devices(store, home.clock), Queries(store, home.clock)
    url = f"mqtt://127.0.0.1:{port}"

    def kept(dev: str) -> int:
        return sum(scan.dev == dev for scan in queries.committed_scans())

    with ExitStack() as ends:
        ends.callback(store.close)
        stolen, honest = a_link(home, "stolen", url), a_link(home, "honest", url)
        in_a_thread(
            lambda stop, ready: run_broker_role(home, mqtt_port=port, ws_port=free_port(), stop=stop, ready=ready),
            ends,
        )
        in_a_thread(lambda stop, ready: run_tracker_role(home, mqtt_url=url, stop=stop, ready=ready, unsafe=True), ends)
        beeped, beeped_honestly = scanning(stolen, "by a thief", ends), scanning(honest, "by us", ends)
        assert eventually(lambda: kept("stolen") >= 10 and kept("honest") >= 10)

        devices.revoke("stolen")
        revoked_at = home.clock.now()
        assert eventually(lambda: not stolen.online)  # its live session is cut
        assert home.clock.now() - revoked_at < WITHIN
        marker, seen = beeped_honestly(), beeped()
        assert eventually(lambda: kept("honest") >= marker)  # and with it everything that came before the cut
        let_in = kept("stolen")
        assert eventually(lambda: beeped() > seen + 10 and stolen.trouble is not None)  # it scans on, and tries again
        marker = beeped_honestly()
        assert eventually(lambda: kept("honest") >= marker)
        assert not stolen.online
        assert kept("stolen") == let_in

        stolen.stop()  # it has no broker any more, so it tries the other way
        messages = [said for said in stolen.ask(lambda h: h.connected(time.monotonic())) if isinstance(said, bytes)]
        address = devices.address_of("stolen", password=stolen._password or "")
        assert address is not None
        door = Door(Ingest(store, Roll(store), home.clock, time.monotonic), home.clock)
        assert door.take(address, messages) == []  # nothing of it is receipted
        assert kept("stolen") == let_in
        put_aside = queries.quarantine(1000)
        assert {thing.why for thing in put_aside} == {"revoked"}
        assert set(messages) <= {thing.payload for thing in put_aside}
        assert stolen.ask(lambda h: h.waiting_count) > 10
