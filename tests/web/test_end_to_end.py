"""The pages before the real tracker: booked over the API, scanned, folded, and read by whoever has the number."""

import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from tests.web.stand_in import DFW, MIA, SEA, SEATTLE_STATION, SECRETS, at, run
from tracker.booking import Bookings
from tracker.clock import StoppedClock
from tracker.domain.handling import Kind
from tracker.domain.network import Facility, Mode
from tracker.project import Projector
from tracker.queries import Queries
from tracker.store import Store
from tracker.store.engine import open_engine, sqlite_url
from tracker.store.fact_log import NewFact
from tracker.store.migrations import migrate
from web.app import create_app, live_of

KEY = "lsk_end_to_end"


class Tracker:
    """A real tracker on a database of its own, with a clock that the test sets."""

    def __init__(self, folder: Path) -> None:
        engine = open_engine(sqlite_url(folder / "lastscan.db"))
        migrate(engine)
        self.clock = StoppedClock(at(8, 0))
        self.store = Store(engine)
        self.bookings = Bookings(self.store, self.clock)
        self.queries = Queries(self.store, self.clock)
        self.projector = Projector(self.store, self.clock)
        self.bookings.open_account("shop", key=KEY)
        self.scans = 0
        with self.store.writing() as tx:
            for place in (MIA, DFW, SEA, SEATTLE_STATION):
                tx.network.describe(place)
            tx.network.keep_departures(
                [
                    run("AA1044", MIA, DFW, at(10, 0), at(13, 5)),
                    run("AA1167", DFW, SEA, at(14, 15), at(18, 35)),
                    run("AA1301", DFW, SEA, at(17, 10), at(21, 30)),
                    run("RT200", SEA, SEATTLE_STATION, at(19, 30), at(20, 15), mode=Mode.ROAD),
                    run("RT202", SEA, SEATTLE_STATION, at(22, 30), at(23, 15), mode=Mode.ROAD),
                ]
            )

    def scan(self, kind: Kind, code: str, place: Facility, when: datetime, *, into: str | None = None) -> None:
        """One scan of a handheld, committed ten seconds later and folded."""
        self.clock.instant = max(self.clock.instant, when + timedelta(seconds=10))
        self.scans += 1
        with self.store.writing() as tx:
            stream = tx.log.stream("dev:h-0017", "0" * 32)
            fact = NewFact(
                kind=kind,
                code=code,
                facility=place.code,
                happened_at=when,
                recorded_at=when + timedelta(seconds=10),
                q=self.scans,
                sym="code128" if "/" not in code else "qr",
                sort_point="belt-7",
                into=into,
            )
            tx.log.append([(stream, fact)])
        self.fold()

    def fold(self) -> None:
        while self.projector.step() or self.projector.judge_due():
            pass


@pytest.fixture
def tracker(tmp_path: Path) -> Iterator[Tracker]:
    tracker = Tracker(tmp_path)
    yield tracker
    tracker.store.close()


@pytest.fixture
def client(tracker: Tracker) -> Iterator[FlaskClient]:
    app = create_app(tracker.queries, tracker.bookings, clock=tracker.clock, demo=True)
    yield app.test_client()
    live_of(app).stop()


def booked(client: FlaskClient, tracker: Tracker) -> str:
    answer = client.post(
        "/api/v1/shipments",
        json={
            "origin": "MIA",
            "destination": "SEA-ST",
            "ready_at": "2026-11-21T08:00:00Z",
            "shipper": {"name": "Shop"},
            "consignee": {
                "name": "Ada Lindqvist",
                "email": "ada@example.org",
                "address": {"lines": ["Pike Street 1"], "postcode": "98101"},
            },
        },
        headers={"Authorization": f"Bearer {KEY}", "Idempotency-Key": "one"},
    )
    assert answer.status_code == 201, answer.text
    tracker.fold()
    number: str = answer.get_json()["number"]
    return number


def test_a_booking_is_on_its_page_at_once_and_twice_is_once(client: FlaskClient, tracker: Tracker) -> None:
    number = booked(client, tracker)
    assert booked(client, tracker) == number
    page = client.get(f"/t/{number}").text
    assert "Booked, not handed to us yet" in page
    assert "Map of the way from Miami to Seattle" in page
    assert "AA1044" in page


def test_a_missed_connection_and_its_new_way_are_read_by_number_alone(client: FlaskClient, tracker: Tracker) -> None:
    number = booked(client, tracker)
    tracker.scan(Kind.ACCEPT, number, MIA, at(8, 30))
    tracker.scan(Kind.LOAD, number, MIA, at(9, 30), into="AA1044/2026-11-21")
    tracker.scan(Kind.DEPART, "AA1044/2026-11-21", MIA, at(11, 0))
    tracker.scan(Kind.ARRIVE, "AA1044/2026-11-21", DFW, at(14, 10))
    tracker.scan(Kind.DEPART, "AA1167/2026-11-21", DFW, at(14, 16))
    tracker.scan(Kind.UNLOAD, number, DFW, at(14, 31))
    page = client.get(f"/t/{number}").text
    assert "It missed its connection in Dallas" in page
    assert "AA1167 left Dallas" in page
    assert "It goes with AA1301 instead" in page
    assert "left without it" in page
    assert [secret for secret in SECRETS if secret in page] == []
    body = client.get(f"/api/v1/shipments/{number}").get_json()
    assert [found["kind"] for found in body["exceptions"]] == ["missed_connection"]
    chinese = client.get(f"/t/{number}?lang=zh-Hans").text
    assert "在达拉斯错过了衔接" in chinese
    network = client.get("/demo?lang=en").text
    assert "The network at work" in network
    assert f"/t/{number}" in network


def test_a_delivered_parcel_is_told_by_the_day(client: FlaskClient, tracker: Tracker) -> None:
    number = booked(client, tracker)
    tracker.scan(Kind.ACCEPT, number, MIA, at(8, 30))
    tracker.scan(Kind.OUT_FOR_DELIVERY, number, SEATTLE_STATION, at(20, 47))
    assert "Out for delivery" in client.get(f"/t/{number}").text
    tracker.scan(Kind.DELIVER, number, SEATTLE_STATION, at(22, 13))
    page = client.get(f"/t/{number}").text
    assert "Sat 21 Nov, afternoon" in page
    for minute in ("12:47", "14:13", "SEA-ST", "Ada", "98101"):
        assert minute not in page


def test_a_committed_scan_wakes_the_page(client: FlaskClient, tracker: Tracker) -> None:
    number = booked(client, tracker)
    live = live_of(client.application)
    stream = live.follow(number)
    assert stream is not None
    took = []
    for minute in (30, 31, 32):
        woken: list[float] = []
        waiting = threading.Thread(target=lambda w=woken: w.append(time.monotonic()) if stream.wait(5) else None)
        waiting.start()
        tracker.scan(Kind.SORT, number, MIA, at(8, minute))
        committed = time.monotonic()
        waiting.join(6)
        assert woken
        took.append(woken[0] - committed)
    assert min(took) < 0.3  # the quickest: the machine may be busy with something else
