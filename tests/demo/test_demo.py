"""The demo from booking to delivery through the real parts, and that its verdict is not for the asking."""

import sqlite3
import threading
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from lastscan.demo import prepare, promises_held, report, run_forever
from lastscan.demo.oracle import SIGHTS, Ledger
from lastscan.demo.state import State
from lastscan.home import Home
from lastscan.mailbox import letters
from tests.demo.conftest import NOW, Played, around
from tracker.clock import SharedClock

KEYS = [
    "shipments",
    "pieces",
    "bags",
    "sort_points",
    "devices",
    "images_drawn",
    "images_read",
    "wrong_reads",
    "scans_beeped",
    "scans_committed",
    "scans_lost",
    "scans_doubled",
    "min_scans_per_delivered_piece",
    "delivered",
    "missed_connections",
    "alerts",
    "alerts_withdrawn",
    "alerts_borne_out",
    "misses_untold",
    "replanned",
    "notices_due",
    "notices_sent",
    "notices_doubled",
    "seconds",
]

Copy = tuple[Path, sqlite3.Connection]


def test_a_small_demo_keeps_every_promise(played: Played) -> None:
    found = played.report
    assert list(found) == KEYS
    assert promises_held(found) == []
    assert found["shipments"] == 4
    assert found["scans_beeped"] == found["scans_committed"] > 50
    assert found["images_drawn"] >= found["images_read"] == found["scans_beeped"]
    assert found["replanned"] >= found["missed_connections"] >= 1
    assert found["alerts"] >= 1  # of the miss, before it
    assert found["alerts_withdrawn"] <= found["alerts"]
    assert found["alerts_borne_out"] >= 0.6 * found["alerts"]
    assert found["misses_untold"] == 0


def test_everybody_due_a_letter_has_one(copy: Copy, played: Played) -> None:
    came = letters(Home(played.home).mailbox)
    told = "SELECT count(*), count(DISTINCT coalesce(letter, id)) FROM deliveries WHERE state = 'accepted'"
    notices, joined = copy[1].execute(told).fetchone()  # what waited for a morning goes in one letter
    assert (played.report["notices_sent"], len(came)) == (notices, joined)
    assert {letter.language for letter in came} == {"en", "zh-Hans"}


def test_a_report_can_be_asked_for_again(copy: Copy, played: Played) -> None:
    assert report(copy[0]) == played.report


def test_a_scan_missing_from_the_log_breaks_the_promise(copy: Copy) -> None:
    home, database = copy
    database.execute("PRAGMA foreign_keys = OFF")
    taken = database.execute("DELETE FROM facts WHERE pos = (SELECT max(pos) FROM facts WHERE q IS NOT NULL)")
    assert taken.rowcount == 1
    found = report(home)
    assert found["scans_lost"] == 1
    assert "1 scans that beeped are not in the log" in promises_held(found)


def test_a_scan_kept_as_another_code_is_a_lost_one(copy: Copy) -> None:
    home, database = copy
    database.execute(
        "UPDATE facts SET code = 'LS000000005NL' WHERE pos = (SELECT max(pos) FROM facts WHERE q IS NOT NULL)"
    )
    assert report(home)["scans_lost"] == 1


def test_a_notice_sent_twice_breaks_the_promise(copy: Copy) -> None:
    home, database = copy
    columns = [row[1] for row in database.execute("PRAGMA table_info(proofs)")]
    cursor = database.execute("SELECT * FROM proofs WHERE outcome = 'accepted' LIMIT 1")
    planted = dict(zip(columns, cursor.fetchone(), strict=True)) | {
        "n": 10_000,
        "attempt": 99,
        "prev": "planted",
        "hash": "planted",
    }
    marks = ", ".join("?" for _ in columns)
    database.execute(f"INSERT INTO proofs VALUES ({marks})", [*planted.values()])  # noqa: S608
    found = report(home)
    assert found["notices_doubled"] == 1
    assert "1 notices were sent twice" in promises_held(found)


def test_a_label_read_as_another_breaks_the_promise(copy: Copy) -> None:
    sights = Ledger(copy[0] / "demo" / SIGHTS)
    sights.note(drawn="LS123456785NL", read="LS123456785NI", frames=1)
    sights.close()
    found = report(copy[0])
    assert found["wrong_reads"] == 1
    assert "1 labels were read as something else" in promises_held(found)


def test_a_run_of_sixty_must_show_missed_connections_and_bags(played: Played) -> None:
    broken = promises_held({**played.report, "shipments": 60})
    assert f"only {played.report['pieces']} pieces; 80 are the least" in broken
    assert any("bags" in sentence for sentence in broken)


def test_the_demo_goes_on_after_a_restart_and_never_at_an_earlier_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DATABASE_URL", "MQTT_URL"):
        monkeypatch.delenv(name, raising=False)
    home = Home.at(tmp_path / "home")
    engine = home.migrated()
    seen: list[datetime] = []
    pieces = []
    prepare(home.path, engine, seed=7, now=NOW, speed=3600)
    with around(home) as mqtt_url:
        for _ in range(2):
            prepare(home.path, engine, seed=7, now=NOW, speed=3600)
            seen.append(SharedClock(home.run / "clock").now())
            stop = threading.Event()
            threading.Timer(4, stop.set).start()
            run_forever(home.path, engine, mqtt_url=mqtt_url, seed=7, speed=3600, stop=stop)
            seen.append(State.read(home.path).business)
            pieces.append(report(home.path, engine)["pieces"])
    assert seen == sorted(seen)
    assert seen[0] >= NOW.replace(hour=10)
    assert seen[1] >= seen[0] + timedelta(hours=3)
    found = report(home.path, engine)
    assert pieces[1] > pieces[0] > 0
    assert (found["scans_doubled"], found["wrong_reads"]) == (0, 0)
    assert found["scans_beeped"] > 0
    engine.dispose()
