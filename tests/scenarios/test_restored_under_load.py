"""The server is lost while people scan, and an older backup takes its place: the handhelds bring the rest again."""

import threading
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from lastscan.backup import restore, write_backup
from lastscan.broker import free_port
from lastscan.home import Home
from tests.scenarios.test_killed_in_the_stream import FEW, SOON, Tracker, a_link, broker, eventually
from tracker.queries import CommittedScan, Queries
from tracker.store import Store


def committed(home: Home) -> list[CommittedScan]:
    with home.database() as engine:
        return list(Queries(Store(engine), home.clock).committed_scans())


def test_a_restore_under_load_loses_and_doubles_no_scan(tmp_path: Path) -> None:
    home, port = Home.at(tmp_path / "home"), free_port()
    home.store().close()
    links = [a_link(home, f"h-{n}", f"mqtt://127.0.0.1:{port}") for n in range(2)]
    beeped: list[list[tuple[str, str, int, str]]] = [[], []]
    evening = threading.Event()

    def scan(n: int) -> None:
        while not evening.wait(0.02):
            code = f"parcel {n}-{len(beeped[n])}"
            recorded = links[n].record(code, "code128", "sort")
            beeped[n].append((f"h-{n}", recorded.ep, recorded.q, code))

    people = [threading.Thread(target=scan, args=(n,), daemon=True) for n in range(2)]
    with ExitStack() as day:
        for link in links:
            day.callback(link.stop)
            link.start()
        with ExitStack() as morning:
            url = morning.enter_context(broker(home, "amqtt", port))
            tracker = Tracker(home, url)
            morning.callback(tracker.end)
            for person in people:
                person.start()
            assert eventually(lambda: len(committed(home)) >= FEW)
            write_backup(home, tmp_path / "noon", now=datetime.now(UTC))
            saved = len(committed(home))
            assert eventually(lambda: len(committed(home)) >= saved + FEW)
        lost = len(committed(home))
        (home.path / "lastscan.db").write_bytes(b"a disk that went bad")
        restored = restore(home, tmp_path / "noon", now=datetime.now(UTC))
        assert FEW <= len(committed(home)) < lost

        url = day.enter_context(broker(home, "amqtt", port))
        tracker = Tracker(home, url)
        day.callback(tracker.end)
        assert eventually(lambda: len(committed(home)) >= lost + FEW)
        evening.set()
        for person in people:
            person.join(SOON)
        assert all(link.wait_until_empty(SOON) for link in links)

        kept = sorted((scan.dev, scan.ep, scan.q, scan.code) for scan in committed(home))
        assert kept == sorted(beeped[0] + beeped[1])
        with home.database() as engine:
            assert Queries(Store(engine), home.clock).quarantine() == []
            with Store(engine).reading() as tx:
                assert tx.meta.generation == restored.generation
