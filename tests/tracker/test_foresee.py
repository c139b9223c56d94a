"""The forecast beside a tracker at work: what it says, that two say it once, and that nothing is said anew."""

from datetime import datetime

from tests.tracker.world import BAG_TAG, FEEDER, LATER, ONWARD, World, at
from tracker.domain.handling import Kind
from tracker.domain.rules import Irregularity, IrregularityKind
from tracker.foresee import Foresight
from tracker.network import DepartureUpdate, Network
from tracker.project import rebuild

AT_RISK = IrregularityKind.CONNECTION_AT_RISK


def tell(world: World, departure: str, **said: datetime | bool | None) -> None:
    Network(world.store, world.clock).tell("ops", [DepartureUpdate(departure, world.clock.now(), said)])
    world.fold()


def look(world: World, foresight: Foresight, hours: float) -> int:
    world.clock.instant = at(hours)
    said = foresight.step()
    world.fold()
    return said


def risks(world: World) -> list[Irregularity]:
    card = world.queries.card(BAG_TAG)
    assert card is not None
    return [i for i in card.irregularities if i.kind is AT_RISK]


def bag_aboard(world: World) -> Foresight:
    world.with_network()
    world.books_bag()
    world.scans(BAG_TAG, Kind.ACCEPT, "sea", at(1))
    world.fold()
    return Foresight(world.store, world.clock)


def test_a_risk_is_told_before_the_miss_and_taken_back_when_the_outbound_is_late_as_well(world: World) -> None:
    foresight = bag_aboard(world)
    assert look(world, foresight, 2) == 0
    tell(world, FEEDER, estimated_departure=at(6.5))
    assert look(world, foresight, 3) == 1
    (found,) = risks(world)
    assert (found.subject, found.since, found.open) == (ONWARD, at(3), True)
    assert [notice.kind for notice in world.news()] == ["connection_at_risk"]
    assert [look(world, foresight, 3 + minute / 60) for minute in (0, 1, 2)] == [0, 0, 0]

    tell(world, ONWARD, estimated_departure=at(14))
    assert look(world, foresight, 3.1) == 1
    assert risks(world)[0].cleared_at == at(3.1)
    (back,) = (notice for notice in world.news() if notice.withdraws is not None)
    (told,) = (notice for notice in world.news() if notice.cause == back.withdraws)
    assert (back.kind, back.withdraws) == ("withdrawn", told.cause)
    assert world.outbox.verdict(told.id, world.clock.now()) == "overtaken"
    assert world.outbox.verdict(back.id, world.clock.now()) == "unsaid"
    world.outbox.told([(told.id, "accepted")])
    assert world.outbox.verdict(back.id, world.clock.now()) == "stands"


def test_two_trackers_say_it_once_and_one_that_starts_again_says_nothing(world: World) -> None:
    first = bag_aboard(world)
    tell(world, FEEDER, estimated_departure=at(6.5))
    world.clock.instant = at(3)
    assert (first.step(), Foresight(world.store, world.clock).step()) == (1, 0)
    world.fold()
    assert look(world, Foresight(world.store, world.clock), 3.05) == 0
    assert len(world.news()) == 1


def test_folding_the_log_again_foresees_nothing_anew_and_owes_nothing(world: World) -> None:
    foresight = bag_aboard(world)
    tell(world, FEEDER, estimated_departure=at(6.5))
    look(world, foresight, 3)
    tell(world, ONWARD, estimated_departure=at(14))
    look(world, foresight, 4)
    owed, standings = world.owed(), world.standings()
    world.clock.instant = at(5)
    assert rebuild(world.store, world.clock) == {}
    assert (world.owed(), world.standings()) == (owed, standings)


def test_what_is_loaded_is_not_looked_at_nor_what_is_called_off(world: World) -> None:
    foresight = bag_aboard(world)
    tell(world, FEEDER, estimated_departure=at(6.5))
    tell(world, ONWARD, cancelled=True)
    look(world, foresight, 3)
    assert [found for found in risks(world) if found.subject == ONWARD] == []
    card = world.queries.card(BAG_TAG)
    assert card is not None
    assert [leg.departure.name for leg in card.legs] == [FEEDER, LATER]


def test_a_scan_cannot_pass_for_a_word_of_the_forecast(world: World) -> None:
    bag_aboard(world)
    world.scans(BAG_TAG, Kind.ALERT, "sea", at(1.1))
    world.fold()
    assert risks(world) == []
    assert rebuild(world.store, world.clock) == {}


def test_a_cancelled_departure_is_one_incident_for_all_it_should_have_taken(world: World) -> None:
    bag_aboard(world)
    number = world.books_parcel()
    world.fold()
    assert world.queries.incidents() == ()
    tell(world, ONWARD, cancelled=True)
    (incident,) = world.queries.incidents()
    assert (incident.kind, incident.root, incident.pieces) == ("cancelled", ONWARD, tuple(sorted([BAG_TAG, number])))
    assert incident.since == world.clock.now()


def test_a_place_that_was_busy_and_falls_silent_is_one_incident_until_it_speaks(world: World) -> None:
    bag_aboard(world)
    for minute in range(0, 60, 5):
        world.scans("LS123456785NL", Kind.SORT, "den", at(6 + minute / 60))
    world.clock.instant = at(7.5)  # the feeder should have come in half an hour ago
    world.fold()
    (incident,) = world.queries.incidents()
    assert (incident.kind, incident.root, incident.since) == ("silent_hub", "DEN", at(6 + 55 / 60))
    world.scans(BAG_TAG, Kind.SORT, "den", at(7.5))
    world.fold()
    assert world.queries.incidents() == ()


def test_what_should_have_landed_minutes_ago_is_not_late_before_it_could_be_heard_of(world: World) -> None:
    foresight = bag_aboard(world)
    world.clock.instant = at(4.1)
    tell(world, FEEDER, left_at=at(4.1))
    tell(world, ONWARD, estimated_departure=at(7.75))
    looks = [look(world, foresight, 6 + minute / 60) for minute in (0, 40, 60, 65, 69)]
    assert (looks, look(world, foresight, 7.5)) == ([0] * 5, 1)
