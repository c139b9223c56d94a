"""The subscriber: what is committed is acknowledged and answered, what is not is neither."""

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.client import MQTTMessage
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from tests.tracker.world import NOON, World
from tracker import inbox as inbox_module
from tracker import main, mqtt, wire
from tracker.domain.errors import StoreError
from tracker.feeds import FeedDesk
from tracker.inbox import Inbox
from tracker.ingest import Heard, Reply
from tracker.main import keep_projecting
from tracker.mqtt import Subscriber
from tracker.network import Network
from tracker.project import Projector
from tracker.sweep import Sweep
from tracker.wire import ALL_UP, hear_down

SOON = 5.0
WELL, REFUSED = ReasonCode(PacketTypes.CONNACK, "Success"), ReasonCode(PacketTypes.CONNACK, "Not authorized")
NOT_SHARED = ReasonCode(PacketTypes.SUBACK, "Unspecified error")


class Wire:
    """The line as far as the subscriber uses it: brings what a test delivers, and notes in order what went out."""

    def __init__(self, said: list[tuple[str, Any]]) -> None:
        self.said = said
        self.arriving: deque[MQTTMessage] = deque()
        self.bring: Callable[[MQTTMessage], None] = lambda message: None

    def turn(self, _timeout_s: float) -> bool:
        while self.arriving:
            self.bring(self.arriving.popleft())
        time.sleep(0)
        return True

    def subscribe(self, topics: list[tuple[str, int]]) -> tuple[int, int]:
        self.said.append(("subscribe", topics))
        return 0, len(self.said)

    def acknowledge(self, packet_ids: list[int]) -> None:
        self.said.append(("acknowledge", packet_ids))

    def __getattr__(self, name: str) -> Callable[..., None]:
        def say(*words: Any, **_: Any) -> None:
            self.said.append((name, words))

        return say


class Desk:
    """A subscriber on a wire of ours, with its ingest watched."""

    def __init__(self, world: World, sites: tuple[str, ...] = ()) -> None:
        self.world = world
        self.said: list[tuple[str, Any]] = []
        self.trouble: list[Exception] = []
        url = "mqtt://127.0.0.1:1"
        ingest: Any = self
        feeds = FeedDesk(world.store, world.clock)
        self.subscriber = Subscriber(ingest, feeds, world.clock, url=url, username="tracker", password="x", sites=sites)
        self.subscriber._line.close()
        self.wire = Wire(self.said)
        self.wire.bring = lambda message: self.subscriber._on_message(None, None, message)  # type: ignore[arg-type]
        self.subscriber._line = self.wire  # type: ignore[assignment]
        self.mid = 0

    # as an ingest

    def take(self, heard: list[Heard]) -> list[Reply]:
        if self.trouble:
            raise self.trouble.pop(0)
        replies = self.world.ingest.take(heard)
        self.said.append(("committed", len(heard)))
        return replies

    def overdue(self) -> list[Reply]:
        return self.world.ingest.overdue()

    # as a broker

    def connects(self, reason: ReasonCode = WELL) -> None:
        self.subscriber._on_connect(None, None, None, reason, None)  # type: ignore[arg-type]

    def grants(self, *granted: ReasonCode) -> None:
        self.subscriber._on_subscribe(None, None, len(self.said), granted, None)  # type: ignore[arg-type]

    def delivers(self, topic: bytes, payload: bytes) -> None:
        self.mid += 1
        message = MQTTMessage(self.mid, topic)
        message.payload, message.qos = payload, 1
        self.wire.arriving.append(message)

    def works(self) -> None:
        self.subscriber._gather()
        self.subscriber._commit()

    def names(self) -> list[str]:
        return [name for name, _ in self.said]

    def published(self) -> list[wire.Down]:
        return [hear_down(words[1]) for name, words in self.said if name == "publish"]


@pytest.fixture
def desk(world: World, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr(mqtt, "_BACK_OFF_S", 0.01)
    monkeypatch.setattr(mqtt, "_LOOK_FOR_GAPS_S", 0.01)
    desk = Desk(world)
    desk.subscriber.connected.set()
    return desk


def test_it_asks_for_its_share_at_every_connection_and_for_everything_where_nothing_is_shared(desk: Desk) -> None:
    desk.subscriber.connected.clear()
    desk.connects()
    desk.grants(WELL)
    assert desk.subscriber.connected.is_set()
    desk.connects()  # the broker was restarted and has forgotten
    desk.grants(NOT_SHARED)
    desk.grants(WELL)
    assert desk.said == [
        ("subscribe", [(f"$share/lastscan/{ALL_UP}", 1)]),
        ("subscribe", [(f"$share/lastscan/{ALL_UP}", 1)]),
        ("subscribe", [(ALL_UP, 1)]),
    ]


def test_with_sites_it_asks_for_these_alone(world: World) -> None:
    desk = Desk(world, sites=("sea", "bos"))
    desk.connects()
    desk.grants(NOT_SHARED, NOT_SHARED, NOT_SHARED)
    assert desk.said[-1] == (
        "subscribe",
        [("lastscan/v1/bos/+/up", 1), ("lastscan/v1/sea/+/up", 1), ("lastscan/v1/_feed/+/up", 1)],
    )


def test_a_broker_that_refuses_us_is_not_asked_for_anything(desk: Desk) -> None:
    desk.subscriber.connected.clear()
    desk.connects(REFUSED)
    assert desk.said == []
    desk.connects()
    desk.grants(NOT_SHARED)
    desk.grants(NOT_SHARED)
    assert not desk.subscriber.connected.is_set()


def test_nothing_is_acknowledged_or_answered_before_it_is_committed(desk: Desk) -> None:
    device = desk.world.device()
    for n in range(3):
        desk.delivers(device.up.encode(), device.scans(device.scan(f"{n}")))
    desk.works()
    assert desk.names() == ["committed", "acknowledge", "publish"]
    assert desk.said[1] == ("acknowledge", [1, 2, 3])  # in one write
    (ack,) = desk.published()  # one receipt says it all
    assert isinstance(ack, wire.Ack)
    assert ack.upto == 3


@pytest.mark.parametrize("trouble", [StoreError("disk full"), ZeroDivisionError("ours")], ids=repr)
def test_what_cannot_be_committed_is_left_to_the_device(desk: Desk, trouble: Exception) -> None:
    device = desk.world.device()
    scans = device.scans(device.scan("A"))
    desk.trouble = [trouble]
    desk.delivers(device.up.encode(), scans)
    desk.subscriber.start()
    until(lambda: desk.names().count("open") == 2)  # it has left and come back
    assert desk.names()[:3] == ["open", "hang_up", "open"]
    assert desk.world.log() == []
    desk.subscriber.connected.set()
    desk.delivers(device.up.encode(), scans)
    until(lambda: "publish" in desk.names())
    desk.subscriber.stop()
    assert desk.names()[3:6] == ["committed", "acknowledge", "publish"]


def test_without_a_connection_what_is_committed_waits_for_the_device_to_ask_again(desk: Desk) -> None:
    device = desk.world.device()
    desk.subscriber.connected.clear()
    desk.delivers(device.up.encode(), device.scans(device.scan("A")))
    desk.works()
    assert desk.names() == ["committed", "acknowledge"]


def test_what_feeds_and_devices_say_is_committed_side_by_side_and_acknowledged_in_order(desk: Desk) -> None:
    device = desk.world.device()
    Network(desk.world.with_network().store, desk.world.clock).add_feed("ops")
    payload = b'{"t":"departures","v":1,"updates":[{"departure":"AS10/2026-11-21","at":"2026-11-21T12:00:00Z"}]}'
    desk.delivers(b"lastscan/v1/_feed/ops/up", payload)
    desk.delivers(device.up.encode(), device.scans(device.scan("A")))
    desk.delivers(b"lastscan/v1/_feed/other/up", payload)
    desk.works()
    assert desk.names() == ["committed", "acknowledge", "publish"]
    assert desk.said[1] == ("acknowledge", [1, 2, 3])
    assert desk.world.aside() == ["unknown_feed"]
    with desk.world.store.reading() as tx:
        assert tx.log.head() == 2


def test_a_topic_that_is_no_text_is_put_aside(desk: Desk) -> None:
    desk.delivers(b"lastscan/v1/\xff/x/up", b"{}")
    desk.works()
    assert desk.world.aside() == ["topic"]
    assert desk.names() == ["committed", "acknowledge"]


def test_the_thread_that_keeps_scans_survives_every_trouble(desk: Desk) -> None:
    device = desk.world.device()
    desk.subscriber.start()
    for n in range(6):
        desk.trouble = [StoreError("full") if n % 2 else ZeroDivisionError("ours")]
        desk.delivers(device.up.encode(), device.scans(device.scan(f"lost {n}")))
        until(lambda: not desk.trouble)
    device.made = 0
    desk.delivers(device.up.encode(), device.scans(device.scan("kept")))
    until(lambda: len(desk.world.log()) == 1)
    desk.subscriber.stop()


def test_what_has_arrived_is_committed_before_it_stops(desk: Desk) -> None:
    device = desk.world.device()
    for n in range(5):
        desk.delivers(device.up.encode(), device.scans(device.scan(f"{n}")))
    desk.works()  # one transaction's worth
    desk.delivers(device.up.encode(), device.scans(device.scan("last")))
    desk.subscriber._stop.set()
    desk.subscriber._serve()
    assert len(desk.world.log()) == 6


# --- live scans beside a backlog ------------------------------------------------------------------------------------


def test_a_live_scan_overtakes_a_backlog_and_the_backlog_still_drains(desk: Desk) -> None:
    """Fifty handhelds come back from an outage with full batches; somebody scans meanwhile."""
    away = [desk.world.device("sea-st", f"h-{n}") for n in range(50)]
    live = desk.world.device("sea-st", "live")
    for device in away:
        records = (device.scan(f"{n}", op="a courier of the night shift", x={"note": "y" * 200}) for n in range(64))
        desk.delivers(device.up.encode(), device.scans(*records))
    desk.subscriber._gather()
    rounds = 0
    while desk.subscriber._inbox:
        rounds += 1
        desk.delivers(live.up.encode(), live.scans(live.scan(f"live {rounds}")))
        desk.works()
        assert desk.world.watermark(live) == rounds  # whatever waits, a scan made now is in the next commit
    assert rounds > 1
    assert len(desk.world.log()) == 50 * 64 + rounds
    acknowledged = [number for name, numbers in desk.said if name == "acknowledge" for number in numbers]
    assert acknowledged == sorted(acknowledged)  # though MQTT wants PUBACKs in the order of arrival
    assert len(acknowledged) == 50 + rounds


def test_a_handheld_with_a_long_backlog_drains_at_a_pace_of_five_minutes_for_50_000(desk: Desk) -> None:
    device, live = desk.world.device("sea-st", "away"), desk.world.device("sea-st", "live")
    batches, began = 40, time.process_time()
    for n in range(batches):
        desk.delivers(device.up.encode(), device.scans(*(device.scan(f"{n}.{m}") for m in range(64))))
        desk.delivers(live.up.encode(), live.scans(live.scan(f"{n}")))
        desk.works()
    spent = (time.process_time() - began) / batches
    assert (desk.world.watermark(device), desk.world.watermark(live)) == (batches * 64, batches)
    assert spent * 50_000 / 64 < 300


@given(sizes=st.lists(st.sampled_from([10, 2048, 2049, 10_000, 32_768]), max_size=300), data=st.data())
def test_nothing_stays_in_the_inbox_and_nothing_is_acknowledged_out_of_turn(
    sizes: list[int], data: st.DataObject
) -> None:
    inbox, numbers, taken = Inbox(), [], 0
    for packet_id, size in enumerate(sizes):
        inbox.put(Heard("t", b"x" * size, NOON), packet_id)
        if data.draw(st.booleans()):
            batch = inbox.take()
            taken += len(batch)
            numbers += inbox.settle(batch)
    while batch := inbox.take():
        large = [
            len(arrived.heard.payload) for arrived in batch if len(arrived.heard.payload) > inbox_module.LIVE_BYTES
        ]
        assert sum(large[:-1]) < inbox_module.BACKLOG_BYTES
        taken += len(batch)
        numbers += inbox.settle(batch)
    assert (taken, numbers, len(inbox)) == (len(sizes), list(range(len(sizes))), 0)
    assert not inbox.is_full


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
