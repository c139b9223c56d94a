"""What feeds say over MQTT: kept as facts, once; and put aside, by name, where it cannot be."""

import json
from typing import Any

import pytest

from tests.tracker.world import FEEDER, NOON, ONWARD, World, at
from tracker.domain.errors import BadNameError, FeedExistsError, StoreError
from tracker.domain.network import Departure
from tracker.feeds import FeedDesk
from tracker.ingest import Heard
from tracker.network import Network
from tracker.project.rebuild import rebuild
from tracker.store.fact_log import FactLog

AT = "2026-11-21T12:00:00Z"


def said(*updates: dict[str, Any], feed: str = "ops", **more: Any) -> Heard:
    payload = json.dumps({"t": "departures", "v": 1, "updates": updates} | more).encode()
    return Heard(f"lastscan/v1/_feed/{feed}/up", payload, NOON)


@pytest.fixture
def desk(world: World) -> FeedDesk:
    Network(world.with_network().store, world.clock).add_feed("ops")
    return FeedDesk(world.store, world.clock)


def departure(world: World, name: str) -> Departure:
    world.fold()
    with world.store.reading() as tx:
        return tx.network.departures([name])[name]


def test_what_a_feed_says_over_mqtt_is_kept_once(desk: FeedDesk, world: World) -> None:
    late = {"departure": FEEDER, "at": AT, "estimated_departure": "2026-11-21T17:30:00+01:00"}
    gone = {"departure": ONWARD, "at": AT, "cancelled": True}
    for _ in range(2):
        desk.take([said(late), said(late), said(gone)])
    with world.store.reading() as tx:
        assert tx.log.head() == 2
    assert departure(world, FEEDER).leaves_at == at(4.5)
    assert departure(world, ONWARD).cancelled
    assert world.aside() == []


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (said({"departure": FEEDER, "at": AT}, feed="nobody"), "unknown_feed"),
        (said({"departure": FEEDER, "at": AT}, feed="gone"), "revoked"),
        (said({"departure": FEEDER, "at": AT}, t="hello"), "unknown_type"),
        (said({"departure": FEEDER, "at": AT}, v=2), "unknown_version"),
        (said(), "bad_field"),
        (said({"departure": FEEDER, "at": AT, "canceled": True}), "bad_field"),
        (said({"departure": FEEDER, "at": "2026-11-21T12:00:00"}), "bad_field"),
        (said({"departure": "LH716", "at": AT}), "bad_name"),
        (Heard("lastscan/v1/_feed/ops/up", b"\xff", NOON), "not_json"),
        (Heard("lastscan/v1/_feed/ops/up", b'{"t":"bagmsg","v":1,"text":"BPM"}', NOON), "bad_bag_message"),
        (Heard("lastscan/v1/_feed/ops/up", b"[" * 9, NOON), "too_deep"),
        (Heard("lastscan/v1/_feed/ops/up", b" " * 32769, NOON), "too_long"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_taken_is_put_aside_and_holds_up_no_other(
    desk: FeedDesk, world: World, message: Heard, why: str
) -> None:
    network = Network(world.store, world.clock)
    network.add_feed("gone")
    network.revoke_feed("gone")
    desk.take([message, said({"departure": ONWARD, "at": AT, "cancelled": True}), message])
    assert world.aside() == [why]
    assert departure(world, ONWARD).cancelled


def test_what_trips_us_is_put_aside_alone_and_a_database_that_cannot_commit_keeps_nothing(
    desk: FeedDesk, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    append_new, trouble = FactLog.append_new, [ZeroDivisionError("ours")]

    def trip(log: FactLog, origin: str, new: Any) -> set[str]:
        if any(fact.code == FEEDER for fact in new):
            raise trouble[0]
        return append_new(log, origin, new)

    monkeypatch.setattr(FactLog, "append_new", trip)
    messages = [said({"departure": name, "at": AT, "cancelled": True}) for name in (FEEDER, ONWARD)]
    desk.take(messages)
    assert world.aside() == ["unkeepable"]
    assert departure(world, ONWARD).cancelled
    trouble[:] = [StoreError("disk full")]  # type: ignore[list-item]
    with pytest.raises(StoreError):
        desk.take(messages)


def telegram(*lines: str) -> Heard:
    text = "\n".join(("BPM", *lines, "ENDBPM")) + "\n"
    payload = json.dumps({"t": "bagmsg", "v": 1, "text": text}).encode()
    return Heard("lastscan/v1/_feed/ops/up", payload, NOON)


def test_a_bag_that_an_airport_has_loaded_is_on_its_flight_by_the_local_date(desk: FeedDesk, world: World) -> None:
    number = world.books_bag()
    world.clock.instant = at(5)
    loaded = telegram(
        ".V/1TSEA", ".J/S//CI07/21NOV/0710L/HB4", ".F/AS0010/21NOV/DEN/Y", ".N/0220123456001", ".U/AKE12345AS"
    )
    for _ in range(2):
        desk.take([loaded])
    world.fold()
    with world.store.reading() as tx:
        (fact,) = [fact.event for fact in tx.log.after(0, 100) if fact.event.event_key.origin == "feed:ops"]
    assert (fact.kind, fact.facility, fact.into, fact.happened_at) == ("load", "SEA", FEEDER, at(3 + 10 / 60))
    card = world.queries.card(number)
    assert card is not None
    assert world.queries.unmatched(10) == []
    assert rebuild(world.store, world.clock) == {}


def test_a_booking_by_baggage_message_is_kept_and_moves_nothing(desk: FeedDesk, world: World) -> None:
    world.books_bag()
    world.fold()
    before = world.standings()
    text = "BSM\n.V/1LSEA\n.F/AS0010/21NOV/DEN/Y\n.N/0220123456001\n.P/1DOE/JANE\nENDBSM\n"
    payload = json.dumps({"t": "bagmsg", "v": 1, "text": text}).encode()
    desk.take([Heard("lastscan/v1/_feed/ops/up", payload, NOON)])
    world.fold()
    assert world.standings() == before
    assert world.queries.unmatched(10) == []
    with world.store.reading() as tx:
        (kept,) = [fact for fact in tx.log.after(0, 100) if fact.event.kind == "booked"]
    assert "DOE" not in str(kept)


def test_a_feed_signs_in_under_a_name_that_no_device_and_no_tracker_has(world: World) -> None:
    network = Network(world.store, world.clock)
    network.add_feed("ops")
    with pytest.raises(BadNameError, match="a feed"):
        world.registry.add("ops", site="sea")
    world.registry.add("h-1", site="sea")
    with pytest.raises(FeedExistsError, match="a device"):
        network.add_feed("h-1")
    with pytest.raises(BadNameError, match="trackers"):
        network.add_feed("tracker-2")
