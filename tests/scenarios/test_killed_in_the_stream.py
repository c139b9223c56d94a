"""Real handhelds, a real broker and a tracker that is killed in the middle: nothing beeped is lost, nothing doubled."""

import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random

import pytest

from lastscan.broker import Login, Ports, choose, free_port, run_broker
from lastscan.home import Home
from scanner.disk import FileDisk
from scanner.handheld import Handheld
from scanner.journal import Journal
from scanner.link import Link, SystemClock
from tracker.devices import Devices
from tracker.domain.credentials import SALT_BYTES, hash_password
from tracker.queries import CommittedScan, Queries
from tracker.store import Store
from tracker.wire import Address

BROKERS = [pytest.param("mosquitto", marks=pytest.mark.needs_mosquitto), pytest.param("amqtt")]
FEW = 40  # scans between one thing and the next
SOON = 30.0

TRACKER = """
import sys, threading
from pathlib import Path
from lastscan.home import Home
from tracker.main import run_tracker
home = Home(Path(sys.argv[1]))
password = home.secret("tracker-mqtt")
run_tracker(home.engine(), home.clock, mqtt_url=sys.argv[2], username="tracker", password=password,
            stop=threading.Event())
"""


@contextmanager
def broker(home: Home, kind: str, port: int | None = None) -> Iterator[str]:
    port = port or free_port()
    store = home.store()
    devices = Devices(store, home.clock)
    trackers = hash_password(home.secret("tracker-mqtt"), salt=os.urandom(SALT_BYTES))

    def logins() -> list[Login]:
        return [Login("tracker", trackers, None), *(Login(d.dev, d.password_hash, d.site) for d in devices.list())]

    stop, up = threading.Event(), threading.Event()

    def run() -> None:
        def ready(_: Ports) -> None:
            up.set()

        run_broker(
            home.path,
            mqtt_port=port,
            ws_port=free_port(),
            logins=logins,
            choice=choose(mqtt_url=None, asked=kind),
            stop=stop,
            on_ready=ready,
        )

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert up.wait(SOON)
    yield f"mqtt://127.0.0.1:{port}"
    stop.set()
    thread.join(SOON)
    store.close()


class Tracker:
    """The tracker's process, which dies as often as we like."""

    def __init__(self, home: Home, url: str) -> None:
        self._command = [sys.executable, "-c", TRACKER, str(home.path), url]
        self._log = (home.logs / "tracker.log").open("ab")
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(SOON)

    def end(self) -> None:
        if self.process.poll() is None:
            self.kill()
        self._log.close()


def a_link(home: Home, dev: str, url: str) -> Link:
    store = home.store()
    known = Devices(store, home.clock).add(dev, site="sea")
    store.close()
    journal = Journal(FileDisk(home.path / "scanner" / dev), new_epoch=lambda: secrets.token_hex(16))
    handheld = Handheld(journal, SystemClock(journal.boot), Random(1), key=bytes.fromhex(known.key))
    return Link(handheld, Address("sea", dev), url, known.username, known.password)


def eventually(true: Callable[[], bool]) -> bool:
    give_up_at = time.monotonic() + SOON
    while time.monotonic() < give_up_at:
        if true():
            return True
        time.sleep(0.02)
    return False


@pytest.mark.parametrize("kind", BROKERS)
def test_a_tracker_killed_in_the_middle_of_a_stream_loses_and_doubles_nothing(kind: str, tmp_path: Path) -> None:
    home = Home.at(tmp_path / "home")
    store = home.store()
    queries = Queries(store, home.clock)

    def committed() -> list[CommittedScan]:
        return list(queries.committed_scans())

    with ExitStack() as ends:
        ends.callback(store.close)
        url = ends.enter_context(broker(home, kind))
        links = [a_link(home, f"h-{n}", url) for n in range(2)]
        tracker = Tracker(home, url)
        ends.callback(tracker.end)
        beeped: list[list[tuple[str, str, int, str]]] = [[], []]
        evening = threading.Event()

        def scan(n: int) -> None:
            while not evening.wait(0.02):
                code = f"parcel {n}-{len(beeped[n])}"
                recorded = links[n].record(code, "code128", "sort")
                beeped[n].append((f"h-{n}", recorded.ep, recorded.q, code))

        people = [threading.Thread(target=scan, args=(n,), daemon=True) for n in range(2)]
        for link in links:
            ends.callback(link.stop)
            link.start()
        for person in people:
            person.start()
        assert eventually(lambda: len(committed()) >= FEW)
        tracker.kill()
        before = len(committed())
        tracker.start()
        assert eventually(lambda: len(committed()) >= before + FEW)
        evening.set()
        for person in people:
            person.join(SOON)
        assert all(link.wait_until_empty(SOON) for link in links)

        kept = sorted((scan.dev, scan.ep, scan.q, scan.code) for scan in committed())
        assert kept == sorted(beeped[0] + beeped[1])
        assert queries.quarantine() == []
        with store.reading() as tx:
            assert [stream.upto for n in range(2) for stream in tx.log.streams_of(f"dev:h-{n}")] == [
                len(scans) for scans in beeped
            ]
        assert eventually(lambda: Queries(Store(store.engine), home.clock).backlog().facts == 0)
        assert len(queries.unmatched(10_000)) == len(kept)  # nobody booked them: shown to staff, every one
