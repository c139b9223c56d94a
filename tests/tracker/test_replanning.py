"""Another way from wherever a piece really is, by its service, and what a withdrawn card takes back."""

from dataclasses import replace

import pytest

from tests.tracker.test_project import DEPARTED, MISSED, card, missed, tell
from tests.tracker.world import BAG_TAG, DEPARTURES, FEEDER, LATER, LATEST, ONWARD, World, at
from tracker.domain.booking import BookedPiece
from tracker.domain.handling import Kind
from tracker.domain.network import Departure
from tracker.domain.shipment import PieceKind
from tracker.network import DepartureUpdate, Network
from tracker.project import rebuild

WRONG = "AS70/2026-11-21"  # SEA to ORD
FROM_ORD = "AS71/2026-11-21"  # ORD to BOS
STRAY = (Departure(WRONG, "SEA", "ORD", at(4.5), at(8)), Departure(FROM_ORD, "ORD", "BOS", at(10), at(12)))


def legs(world: World) -> list[str]:
    return [leg.departure.name for leg in card(world, BAG_TAG).legs]


@pytest.fixture
def bag(world: World) -> World:
    world.with_network([*DEPARTURES, *STRAY]).books_bag()
    tell(world, MISSED[:1])
    return world


def test_what_was_loaded_on_the_wrong_flight_is_planned_on_from_where_that_lands(bag: World) -> None:
    tell(bag, [(BAG_TAG, Kind.LOAD, "sea", 4.2, {"into": WRONG})])
    bag.fold()
    assert legs(bag) == [FEEDER, ONWARD]  # it may be taken off again
    tell(bag, [(WRONG, Kind.DEPART, "sea", 4.6, {})])
    bag.fold()
    assert legs(bag) == [FROM_ORD]
    assert card(bag, BAG_TAG).eta is not None
    assert rebuild(bag.store, bag.clock) == {}
    device = bag.devices["h-sea"]
    taken_back = device.scan(BAG_TAG, Kind.VOID, when=at(4.7), x={"void": [device.ep, 2]})
    bag.hears(device.says(device.scans(taken_back, sent=at(4.8)), at(4.8)))
    bag.fold()
    assert legs(bag) == [FEEDER, ONWARD]


def test_what_is_aboard_a_diverted_flight_is_planned_on_from_where_that_goes(bag: World) -> None:
    tell(bag, [*MISSED[1:2], DEPARTED[2]])
    Network(bag.store, bag.clock).tell("ops", [DepartureUpdate(FEEDER, at(5), {"diverted_to": "ORD"})])
    bag.fold()
    assert legs(bag) == [FEEDER, FROM_ORD]
    assert rebuild(bag.store, bag.clock) == {}


def test_a_new_way_that_breaks_before_its_own_fact_is_read_is_given_up_at_once(bag: World) -> None:
    for departure in (ONWARD, LATER):
        Network(bag.store, bag.clock).tell("ops", [DepartureUpdate(departure, at(1), {"cancelled": True})])
        bag.projector.step()
    assert legs(bag) == [FEEDER, LATEST]
    bag.fold()
    assert legs(bag) == [FEEDER, LATEST]
    assert rebuild(bag.store, bag.clock) == {}


def test_a_new_way_that_rests_on_a_withdrawn_card_falls_away_and_takes_no_room(bag: World) -> None:
    tell(bag, [*MISSED[1:], *DEPARTED[2:5]])
    bag.fold()
    assert legs(bag)[-1] == LATER
    device = bag.devices["h-den"]
    wrong = next(row for row in bag.queries.committed_scans() if (row.code, row.k) == (ONWARD, Kind.DEPART))
    void = device.scan(ONWARD, Kind.VOID, when=at(8.7), x={"void": [device.ep, wrong.q]})
    bag.clock.instant = at(8.8)
    bag.hears(device.says(device.scans(void, sent=at(8.8)), at(8.8)))
    bag.fold()
    assert (missed(bag), legs(bag)) == ([], [FEEDER, ONWARD])
    with bag.store.reading() as tx:
        assert tx.network.room([LATER]) == {LATER: 1}
    assert rebuild(bag.store, bag.clock) == {}
    tell(bag, [(ONWARD, Kind.DEPART, "den", 8.9, {}), (BAG_TAG, Kind.SORT, "den", 9.0, {})])
    bag.fold()
    assert (missed(bag), legs(bag)[-1]) == ([(ONWARD, True)], LATER)


def test_another_way_takes_only_departures_that_take_the_service(world: World) -> None:
    runs = [replace(d, services=("express",)) if d.name == LATER else replace(d, capacity=9) for d in DEPARTURES]
    world.with_network(runs)
    express = "0220123457"
    world.books_bag()
    asked = replace(world.asked(BookedPiece(PieceKind.BAG, express), legs=(FEEDER, ONWARD)), service="express")
    world.bookings.book(replace(asked, origin="SEA", destination="BOS"), account="demo")
    for number in (BAG_TAG, express):
        tell(world, [(number, kind, site, hours, more) for _, kind, site, hours, more in MISSED])
    tell(world, DEPARTED[2:5])
    world.fold()
    assert [card(world, number).legs[-1].departure.name for number in (BAG_TAG, express)] == [LATEST, LATER]


def test_nothing_that_has_left_is_planned_on_though_its_time_has_not_come(bag: World) -> None:
    """`LATER` should leave at eleven and left at nine."""
    tell(bag, [*MISSED[1:], *DEPARTED[2:5], (LATER, Kind.DEPART, "den", 8.3, {})])
    bag.fold()
    assert legs(bag)[-1] == LATEST
