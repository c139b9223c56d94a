"""The subscriber: what is committed is acknowledged and answered, what is not is neither."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from paho.mqtt.client import MQTTMessage
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from tests.tracker.world import World
from tracker import main, mqtt, wire
from tracker.domain.errors import StoreError
from tracker.ingest import Heard, Reply
from tracker.main import keep_projecting
from tracker.mqtt import Subscriber
from tracker.project import Projector
from tracker.sweep import Sweep
from tracker.wire import ALL_UP, hear_down

SOON = 5.0
WELL, REFUSED = ReasonCode(PacketTypes.CONNACK, "Success"), ReasonCode(PacketTypes.CONNACK, "Not authorized")


class Line:
    """paho's client as far as the subscriber uses it, noting in order what went out."""

    def __init__(self, said: list[tuple[str, Any]]) -> None:
        self.said = said

    def __getattr__(self, name: str) -> Callable[..., None]:
        def say(*words: Any, **_: Any) -> None:
            self.said.append((name, words))

        return say


class Desk:
    """A subscriber on a line of ours, with its ingest watched."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.said: list[tuple[str, Any]] = []
        self.trouble: list[Exception] = []
        self.subscriber = Subscriber(self, world.clock, url="mqtt://127.0.0.1:1", username="tracker", password="x")  # type: ignore[arg-type]
        self.line = Line(self.said)
        self.subscriber._client = self.line  # type: ignore[assignment]
        self.mid = 0

    # as an ingest

    def take(self, heard: list[Heard]) -> list[Reply]:
        if self.trouble:
            raise self.trouble.pop(0)
        replies = self.world.ingest.take(heard)
        self.said.append(("committed", len(heard)))
        return replies

    def overdue(self) -> list[Reply]:
        if self.trouble:
            raise self.trouble.pop(0)
        return self.world.ingest.overdue()

    # as a broker

    def connects(self, reason: ReasonCode = WELL) -> None:
        self.subscriber._on_connect(self.line, None, None, reason, None)  # type: ignore[arg-type]

    def delivers(self, topic: bytes, payload: bytes) -> None:
        self.mid += 1
        message = MQTTMessage(self.mid, topic)
        message.payload, message.qos = payload, 1
        self.subscriber._on_message(self.line, None, message)  # type: ignore[arg-type]

    def works(self) -> None:
        self.subscriber._arrived.put(None)
        self.subscriber._take(self.subscriber._gather())

    def names(self) -> list[str]:
        return [name for name, _ in self.said]

    def published(self) -> list[wire.Down]:
        return [hear_down(words[1]) for name, words in self.said if name == "publish"]


@pytest.fixture
def desk(world: World, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr(mqtt, "_BACK_OFF_S", 0.01)
    desk = Desk(world)
    desk.connects()
    desk.said.clear()
    return desk


def test_it_subscribes_at_every_connect_and_not_when_refused(desk: Desk) -> None:
    desk.connects()
    desk.connects()
    assert [words[0] for name, words in desk.said if name == "subscribe"] == [ALL_UP, ALL_UP]
    desk.said.clear()
    desk.subscriber.connected.clear()
    desk.connects(REFUSED)
    assert desk.said == []
    assert not desk.subscriber.connected.is_set()


def test_nothing_is_acknowledged_or_answered_before_it_is_committed(desk: Desk) -> None:
    device = desk.world.device()
    for n in range(3):
        desk.delivers(device.up.encode(), device.scans(device.scan(f"{n}")))
    desk.works()
    assert desk.names() == ["committed", "ack", "ack", "ack", "publish"]
    assert [words for name, words in desk.said if name == "ack"] == [(1, 1), (2, 1), (3, 1)]
    (ack,) = desk.published()  # the last receipt says it all
    assert isinstance(ack, wire.Ack)
    assert ack.upto == 3


@pytest.mark.parametrize("trouble", [StoreError("disk full"), ZeroDivisionError("ours")], ids=repr)
def test_what_cannot_be_committed_is_left_to_the_broker_and_the_device(desk: Desk, trouble: Exception) -> None:
    device = desk.world.device()
    scans = device.scans(device.scan("A"))
    desk.trouble = [trouble]
    desk.delivers(device.up.encode(), scans)
    desk.works()
    assert desk.names() == ["disconnect", "loop_stop", "connect_async", "loop_start"]
    assert not desk.subscriber.connected.is_set()
    assert desk.world.log() == []
    desk.connects()
    desk.delivers(device.up.encode(), scans)
    desk.works()
    assert desk.names()[-3:] == ["committed", "ack", "publish"]


def test_without_a_connection_what_is_committed_waits_for_the_device_to_ask_again(desk: Desk) -> None:
    device = desk.world.device()
    desk.subscriber.connected.clear()
    desk.delivers(device.up.encode(), device.scans(device.scan("A")))
    desk.works()
    assert desk.names() == ["committed", "ack"]


def test_a_topic_that_is_no_text_is_put_aside(desk: Desk) -> None:
    desk.delivers(b"lastscan/v1/\xff/x/up", b"{}")
    desk.works()
    assert desk.world.aside() == ["topic"]
    assert desk.names() == ["committed", "ack"]


def test_the_thread_that_keeps_scans_survives_every_trouble(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt, "_LOOK_FOR_GAPS_S", 0.01)
    device = desk.world.device()
    desk.subscriber.start()
    for n in range(6):
        desk.trouble = [StoreError("full"), ZeroDivisionError("ours"), StoreError("full"), ZeroDivisionError("ours")]
        desk.delivers(device.up.encode(), device.scans(device.scan(f"lost {n}")))
        until(lambda: not desk.trouble)
    device.made = 0
    desk.connects()
    desk.delivers(device.up.encode(), device.scans(device.scan("kept")))
    until(lambda: len(desk.world.log()) == 1)
    desk.subscriber.stop()
    assert "publish" in desk.names()


def test_what_has_arrived_is_committed_before_it_stops(desk: Desk) -> None:
    device = desk.world.device()
    for n in range(5):
        desk.delivers(device.up.encode(), device.scans(device.scan(f"{n}")))
    desk.subscriber.start()
    desk.subscriber.stop()
    assert len(desk.world.log()) == 5
    assert desk.names()[-2:] == ["disconnect", "loop_stop"]


def test_folding_goes_on_after_a_rule_has_tripped(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(main, "_BACK_OFF_S", 0.01)
    trouble: list[Exception] = [StoreError("locked"), ZeroDivisionError("ours")]

    class Tripping(Projector):
        def step(self, limit: int = 500) -> int:
            if trouble:
                raise trouble.pop(0)
            return super().step(limit)

    world.scans("A", "sort", "sea", world.clock.now())
    stop = threading.Event()
    projector = Tripping(world.store, world.clock)
    thread = threading.Thread(target=keep_projecting, args=(projector, Sweep(projector), stop), daemon=True)
    thread.start()
    until(lambda: world.queries.backlog().facts == 0)
    stop.set()
    thread.join(SOON)
    assert not thread.is_alive()


def until(true: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + SOON
    while not true():
        assert time.monotonic() < give_up_at
        time.sleep(0.005)
