"""What feeds say over MQTT: kept as facts, once; and put aside, by name, where it cannot be."""

import json
from datetime import timedelta
from typing import Any

import pytest

from tests.tracker.world import FEEDER, LATER, NOON, ONWARD, World, at
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


def bsm(*lines: str, change: str = "", kind: str = "BSM") -> Heard:
    said = (kind, *((change,) if change else ()), *lines, ".N/0220123456001", ".P/1DOE/JANE", f"END{kind}")
    payload = json.dumps({"t": "bagmsg", "v": 1, "text": "\n".join(said) + "\n"}).encode()
    return Heard("lastscan/v1/_feed/ops/up", payload, NOON)


ON_TWO = (".V/1LSEA", ".F/AS0010/21NOV/DEN/Y", ".O/AS0020/21NOV/BOS/Y")
ON_THE_NEXT = (".V/1LSEA", ".F/AS0010/21NOV/DEN/Y", ".O/AS0022/21NOV/BOS/Y")


def way_of_the_bag(world: World) -> list[str]:
    world.fold()
    card = world.queries.card("0220123456")
    return [leg.departure.name for leg in card.legs] if card is not None else []


def test_a_message_books_a_bag_nobody_knew_once_and_keeps_no_name(desk: FeedDesk, world: World) -> None:
    for _ in range(2):
        desk.take([bsm(*ON_TWO)])
    assert way_of_the_bag(world) == [FEEDER, ONWARD]
    world.scans("0220123456", "accept", "sea", at(1))
    assert way_of_the_bag(world) == [FEEDER, ONWARD]
    assert world.queries.unmatched(10) == []
    with world.store.reading() as tx:
        facts = tx.log.after(0, 100)
        assert len(tx.booked.numbered(["0220123456"])) == 1
        (person, channels) = next(iter(tx.booked.consignees(tx.booked.numbered(["0220123456"])).values()))
    assert "DOE" not in str(facts)
    assert (person.email, list(channels)) == (None, [])
    ways = {channel for notice in world.outbox.unplanned() for channel in notice.channels}
    assert ways <= {"push"}  # for whoever follows it on a page


def test_a_changed_booking_is_another_way_and_the_first_message_again_is_none(desk: FeedDesk, world: World) -> None:
    desk.take([bsm(*ON_TWO)])
    desk.take([bsm(*ON_THE_NEXT, change="CHG")])
    assert way_of_the_bag(world) == [FEEDER, LATER]
    desk.take([bsm(*ON_THE_NEXT, change="CHG")])
    assert way_of_the_bag(world) == [FEEDER, LATER]
    with world.store.reading() as tx:
        assert tx.network.room([LATER]) == {LATER: 0}
    assert rebuild(world.store, world.clock) == {}


def test_a_withdrawn_booking_takes_no_room_owes_nothing_and_may_be_made_again(desk: FeedDesk, world: World) -> None:
    desk.take([bsm(*ON_TWO)])
    world.fold()
    desk.take([bsm(*ON_TWO, change="DEL")])
    world.clock.instant = at(60)
    world.fold()
    with world.store.reading() as tx:
        assert tx.network.room([FEEDER]) == {FEEDER: 1000}
        assert tx.timelines.troubles() == []
    assert rebuild(world.store, world.clock) == {}
    world.clock.instant = at(61)
    desk.take([bsm(".V/1LSEA", ".F/AS0010/21NOV/DEN/Y", ".O/AS0024/21NOV/BOS/Y")])
    with world.store.reading() as tx:
        assert len(tx.booked.numbered(["0220123456"])) == 2


def test_flights_no_timetable_has_book_nothing_and_the_rest_goes_on(desk: FeedDesk, world: World) -> None:
    desk.take([bsm(".V/1LSEA", ".F/ZZ0010/21NOV/DEN/Y"), bsm(*ON_TWO)])
    assert way_of_the_bag(world) == [FEEDER, ONWARD]


def test_what_is_taken_off_its_flight_again_did_not_go_with_it(desk: FeedDesk, world: World) -> None:
    world.books_bag()
    world.scans("0220123456", "accept", "sea", at(1))
    world.scans("0220123456", "load", "sea", at(3), into=FEEDER)
    world.clock.instant = at(3.8)
    off = ("BUM", ".V/1TSEA", ".F/AS0010/21NOV/DEN/Y", ".J/R//CI07/21NOV/0740L/HB4", ".N/0220123456001", "ENDBUM")
    payload = json.dumps({"t": "bagmsg", "v": 1, "text": "\n".join(off) + "\n"}).encode()
    desk.take([Heard("lastscan/v1/_feed/ops/up", payload, NOON)])
    world.fold()
    card = world.queries.card("0220123456")
    assert card is not None
    assert (card.aboard, [leg.ridden for leg in card.legs]) == (None, [False, False])


def test_the_points_of_resolution_753_are_told_of_each_bag_with_what_showed_them(world: World) -> None:
    world.with_network().books_bag()
    world.books_parcel()
    world.scans("0220123456", "accept", "sea", at(1))
    world.scans("0220123456", "load", "sea", at(3), into=FEEDER)
    world.fold()
    (bag,) = world.queries.bag_custody(departure=FEEDER, on=NOON.date())
    assert [(p.point, p.departure, p.shown_by is not None) for p in bag.points] == [
        ("accepted", FEEDER, True),
        ("loaded", FEEDER, True),
        ("loaded", ONWARD, False),
        ("returned", ONWARD, False),
    ]
    assert world.queries.bag_custody(departure=None, on=NOON.date()) == (bag,)
    assert world.queries.bag_custody(departure=None, on=NOON.date() - timedelta(days=1)) == ()


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
