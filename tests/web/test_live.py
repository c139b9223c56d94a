"""Live pages: a change arrives at once, nothing that was missed is lost, and nobody waits for who has gone."""

import http.client
import threading
import time
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from flask.testing import FlaskClient

from tests.web.stand_in import DFW, MISSED_BAG, MOVING, NOON, SEA, House, at
from tracker.clock import StoppedClock
from tracker.domain.handling import Kind
from web.app import create_app, live_of
from web.live import event


class Reader:
    """A browser's end of a stream: collects events as they come."""

    def __init__(self, address: str, path: str, *, last: str | None = None) -> None:
        self.connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=10)
        headers = {"Last-Event-ID": last} if last else {}
        self.connection.request("GET", path, headers={"Accept": "text/event-stream", **headers})
        self.answer = self.connection.getresponse()

    def event(self) -> dict[str, str]:
        """The next event; comments are passed over."""
        fields: dict[str, list[str]] = {}
        while True:
            line = self.answer.fp.readline().decode().rstrip("\r\n") if not self.answer.chunked else self._line()
            if not line and "data" in fields:
                return {name: "\n".join(values) for name, values in fields.items()}
            name, colon, value = line.partition(": ")
            if colon and name:
                fields.setdefault(name, []).append(value)

    def _line(self) -> str:
        letters = bytearray()
        while (letter := self.answer.read(1)) not in (b"\n", b""):
            letters += letter
        return letters.decode()

    def close(self) -> None:
        self.connection.close()


def test_a_scan_is_on_the_page_within_300_ms(house: House, address: str) -> None:
    reader = Reader(address, f"/t/{MOVING}/events")
    assert reader.answer.headers["Content-Type"].startswith("text/event-stream")
    took = []
    for minute in range(5):
        time.sleep(0.13)
        begun = time.monotonic()
        seq = house.scan(MOVING, Kind.UNLOAD, SEA, at(20, 50 + minute))
        got = reader.event()
        took.append(time.monotonic() - begun)
        assert got["id"] == str(seq)
        assert f"12:{50 + minute}" in got["data"]
    reader.close()
    assert sorted(took)[2] < 0.3, took


def test_a_scan_of_another_piece_wakes_nobody_else(house: House, address: str) -> None:
    reader = Reader(address, f"/t/{MOVING}/events")
    house.scan(MISSED_BAG, Kind.SORT, DFW, at(18, 0))
    seq = house.scan(MOVING, Kind.UNLOAD, SEA, at(20, 50))
    assert reader.event()["id"] == str(seq)
    reader.close()


def test_what_was_missed_comes_first_by_last_event_id(house: House, address: str) -> None:
    before = house.last_update()
    seq = house.scan(MOVING, Kind.UNLOAD, SEA, at(20, 50))
    reader = Reader(address, f"/t/{MOVING}/events", last=str(before))
    got = reader.event()
    assert int(got["id"]) >= seq
    assert "12:50" in got["data"]
    reader.close()


def test_what_changed_between_the_page_and_its_stream_comes_too(house: House, address: str) -> None:
    before = house.last_update()
    house.scan(MOVING, Kind.UNLOAD, SEA, at(20, 50))
    reader = Reader(address, f"/t/{MOVING}/events?after={before}")
    assert "12:50" in reader.event()["data"]
    reader.close()


def test_who_has_seen_everything_is_sent_nothing_again(house: House, address: str) -> None:
    now = house.last_update()
    reader = Reader(address, f"/t/{MOVING}/events", last=str(now))
    seq = house.scan(MOVING, Kind.UNLOAD, SEA, at(20, 51))
    assert reader.event()["id"] == str(seq)
    reader.close()


def test_past_the_last_stream_the_page_is_told_to_ask_again(address: str) -> None:
    readers = [Reader(address, f"/t/{MOVING}/events") for _ in range(5)]
    assert [reader.answer.status for reader in readers] == [200, 200, 200, 200, 503]
    assert readers[4].answer.headers["Retry-After"] == "20"
    for reader in readers:
        reader.close()


def test_a_reader_who_leaves_frees_the_stream(client: FlaskClient) -> None:
    live = live_of(client.application)
    for _ in range(10):
        answer = client.get(f"/t/{MOVING}/events")
        assert answer.status_code == 200
        answer.close()
    assert len(live) == 0


def test_many_readers_cost_one_look_at_the_log(house: House) -> None:
    app = create_app(house, house, clock=StoppedClock(NOON))
    live = live_of(app)
    streams = [live.follow(MOVING) for _ in range(100)]
    house.reads = 0
    time.sleep(0.5)
    assert house.reads <= 8
    seq = house.scan(MOVING, Kind.UNLOAD, SEA, at(20, 50))
    assert {stream.wait(2) for stream in streams if stream} == {seq}
    live.stop()


def test_nobody_looks_at_the_log_while_nobody_watches(house: House) -> None:
    live = live_of(create_app(house, house, clock=StoppedClock(NOON)))
    stream = live.follow(MOVING)
    assert stream is not None
    stream.close()
    time.sleep(0.2)
    house.reads = 0
    time.sleep(0.4)
    assert house.reads == 0
    live.stop()


def test_a_log_that_cannot_be_read_for_a_moment_ends_no_stream(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    live = live_of(create_app(house, house, clock=StoppedClock(NOON)))
    stream = live.follow(MOVING)
    assert stream is not None
    whole = house.updates_after

    def broken(seq: int, limit: int = 1000) -> list[object]:
        monkeypatch.setattr(house, "updates_after", whole)
        raise OSError("the disk hiccups")

    monkeypatch.setattr(house, "updates_after", broken)
    seq = house.scan(MOVING, Kind.UNLOAD, SEA, at(20, 50))
    assert stream.wait(4) == seq
    live.stop()


def test_stopping_ends_every_stream_at_once(house: House) -> None:
    live = live_of(create_app(house, house, clock=StoppedClock(NOON)))
    streams = [live.follow(MOVING) for _ in range(20)]
    waiting = [threading.Thread(target=stream.wait, args=(60,)) for stream in streams if stream]
    for thread in waiting:
        thread.start()
    begun = time.monotonic()
    live.stop()
    for thread in waiting:
        thread.join(5)
    assert time.monotonic() - begun < 2
    assert live.follow(MOVING) is None


def test_line_ends_inside_an_event_cannot_end_it() -> None:
    assert event("a\n\ndata: b\r\nid: 9", id=3) == "id: 3\ndata: a\ndata: \ndata: data: b\ndata: id: 9\n\n"


def test_an_unknown_number_has_no_stream(client: FlaskClient) -> None:
    assert client.get("/t/LS473124832NL/events").status_code == 404


def test_the_demo_page_moves_by_itself(house: House, address: str) -> None:
    reader = Reader(address, "/demo/events")
    assert 'id="traffic"' in reader.event()["data"]
    house.extra = 3600
    assert "19:05" in reader.event()["data"]
    reader.close()


def test_the_page_of_a_delivered_parcel_is_still_followed(house: House, client: FlaskClient) -> None:
    card = house.candidates(MOVING)[0]
    house.put(replace(card, damaged=True))
    assert "data-live" in client.get(f"/t/{MOVING}").text
