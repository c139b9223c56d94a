"""The earliest way through the timetable, against trying them all."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.domain.laws import trade
from tests.world import FACILITIES, FRA, LH860, LH862, LH864, LH991, SATURDAY, TIMETABLE, at, way
from tracker.domain.itinerary import Itinerary, leg_on
from tracker.domain.network import Closure, ConnectionTime, Departure, Facility, Side
from tracker.domain.timetable import Timetable, Wish, plan

CODES = ("AA", "BB", "CC", "DD")


def minutes(least: int, most: int) -> st.SearchStrategy[timedelta]:
    return st.integers(least, most).map(lambda n: timedelta(minutes=n))


def places(rng: Random) -> dict[str, Facility]:
    """Four places: some with times of their own for a carrier or a terminal, some closed for a while."""
    found = {}
    for code in CODES:
        closes = SATURDAY + timedelta(minutes=rng.randint(0, 600))
        found[code] = Facility(
            code,
            minimum_connection=timedelta(minutes=rng.randint(0, 60)),
            connections=tuple(
                ConnectionTime(
                    timedelta(minutes=rng.randint(0, 90)),
                    *(rng.choice([None, "XX", "YY"]) for _ in range(2)),
                    *(rng.choice([None, "1", "2"]) for _ in range(2)),
                )
                for _ in range(rng.randint(0, 2))
            ),
            closures=(Closure(closes, closes + timedelta(minutes=rng.randint(1, 120)), closes),)
            if rng.random() < 0.25
            else (),
        )
    return found


def runs(rng: Random, most: int) -> tuple[Departure, ...]:
    """Between four places: late ones, cancelled ones, some gone already, some that take express only."""
    found = []
    for n in range(most):
        origin, destination = rng.sample(CODES, 2)
        departs_at = SATURDAY + timedelta(minutes=rng.randint(0, 600))
        late = rng.choice([None, timedelta(minutes=rng.randint(0, 200))])
        run = Departure(
            f"{rng.choice(['XX', 'YY'])}{n}/2026-11-21",
            origin,
            destination,
            departs_at,
            departs_at + timedelta(minutes=rng.randint(1, 240)),
            cutoff=timedelta(minutes=rng.choice([0, 20, 45])),
            origin_terminal=rng.choice(["1", "2"]),
            destination_terminal=rng.choice(["1", "2"]),
            services=rng.choice([(), (), ("express",)]),
            estimated_departure=None if late is None else departs_at + late,
            cancelled=rng.random() < 0.1,
            left_at=departs_at if rng.random() < 0.1 else None,
        )
        found.append(run)
    return tuple(found)


@dataclass(frozen=True)
class Network:
    departures: tuple[Departure, ...]
    places: dict[str, Facility]

    def catches(self, run: Departure, since: datetime, inbound: Departure | None, service: str) -> bool:
        """Whether a piece that is there since this instant may be planned on it, by the words of the trade."""
        place = self.places[run.origin]
        if run.cancelled or run.left_at is not None or (run.services and service not in run.services):
            return False
        handling = run.cutoff
        if inbound is not None:
            came = Side(inbound.carrier, inbound.destination_terminal)
            handling = max(handling, place.connection(came, Side(run.carrier, run.origin_terminal)))
        handled = place.handled_from(since)
        return place.works_at(run.leaves_at) and handled + handling <= run.leaves_at and since <= run.leaves_at

    def best_arrival(self, wish: Wish, usable: Sequence[Departure]) -> datetime | None:
        """By trying every chain of departures."""

        def further(place: str, since: datetime, inbound: Departure | None, ridden: frozenset[str]) -> list[datetime]:
            if place == wish.destination:
                return [since]
            found = []
            for run in usable:
                if run.origin == place and run.name not in ridden and self.catches(run, since, inbound, wish.service):
                    found += further(run.destination, run.expected_arrival, run, ridden | {run.name})
            return found

        return min(further(wish.origin, wish.ready_at, None, frozenset()), default=None)


def drawn(seed: int, most: int) -> Network:
    rng = Random(seed)
    return Network(runs(rng, most), places(rng))


seeds = st.integers(0, 1 << 32)
networks = st.builds(drawn, seeds, st.integers(0, 12))


@given(networks, minutes(0, 300), st.sampled_from(["standard", "express"]), st.sets(st.integers(0, 11), max_size=3))
@settings(trade, max_examples=200)
def test_no_way_is_earlier_than_the_one_we_take(
    network: Network, ready: timedelta, service: str, full: set[int]
) -> None:
    runs = {run.name: run for run in network.departures}
    taken = {network.departures[n].name for n in full if n < len(network.departures)}
    wish = Wish(1, "AA", "DD", SATURDAY + ready, service)
    found = Timetable(network.places, network.departures).way(wish, full=taken)
    best = network.best_arrival(wish, [run for run in network.departures if run.name not in taken])
    assert (found and runs[found.legs[-1].departure].expected_arrival) == best
    place, since, inbound = "AA", wish.ready_at, None
    for leg in found.legs if found else ():
        run = runs[leg.departure]
        assert leg == leg_on(run)
        assert run.origin == place
        assert run.name not in taken
        assert network.catches(run, since, inbound, service)
        place, since, inbound = run.destination, run.expected_arrival, run


@given(networks, st.lists(st.tuples(st.integers(0, 11), networks), max_size=3), minutes(0, 300))
@trade
def test_a_timetable_told_of_changes_is_as_one_made_anew(
    network: Network, changes: list[tuple[int, Network]], ready: timedelta
) -> None:
    known = {run.name: run for run in network.departures}
    table = Timetable(network.places, network.departures)
    for gone, changed in changes:
        if gone < len(network.departures):
            known.pop(network.departures[gone].name, None)
            table.forget(network.departures[gone].name)
        known.update({run.name: run for run in changed.departures})
        table.know(changed.departures)
    fresh = Timetable(network.places, known.values())
    assert len(table) == len(fresh)
    for destination in CODES:
        wish = Wish(1, "AA", destination, SATURDAY + ready)
        ways = [each.way(wish) for each in (table, fresh)]
        assert (ways[0] and ways[0].arrives_at) == (ways[1] and ways[1].arrives_at)


@given(networks, seeds)
@trade
def test_nobody_is_planned_where_there_is_no_room(network: Network, seed: int) -> None:
    rng = Random(seed)
    room = {run.name: rng.randint(0, 2) for run in network.departures}
    wishes = [Wish(n, rng.choice(CODES), rng.choice(CODES), SATURDAY, pieces=rng.choice([1, 1, 2])) for n in range(12)]
    found = plan(Timetable(network.places, network.departures), wishes, lambda names: {n: room[n] for n in names})
    assert set(found) == set(range(12))
    for wish in wishes:
        for leg in found[wish.name].legs if found[wish.name] else ():
            room[leg.departure] -= wish.pieces
    assert all(free >= 0 for free in room.values())
    for wish in wishes:
        if found[wish.name] is None:
            full = {name for name, free in room.items() if free < wish.pieces}
            assert Timetable(network.places, network.departures).way(wish, full=full) is None


def test_from_amsterdam_to_oslo_it_goes_by_the_first_flight_it_can_change_to() -> None:
    assert Timetable(FACILITIES, TIMETABLE).way(Wish(1, "AMS", "OSL", at("08:00"))) == way(LH991, LH860)


def test_a_change_shorter_than_the_hub_needs_is_not_planned() -> None:
    wish = Wish(1, "AMS", "OSL", at("08:00"))
    longer = replace(FRA, minimum_connection=timedelta(minutes=41))
    assert Timetable({**FACILITIES, "FRA": longer}, TIMETABLE).way(wish) == way(LH991, LH862)
    same_carrier = replace(longer, connections=(ConnectionTime(timedelta(minutes=40), "LH", "LH"),))
    assert Timetable({**FACILITIES, "FRA": same_carrier}, TIMETABLE).way(wish) == way(LH991, LH860)


def test_a_piece_at_its_origin_needs_the_cutoff_only() -> None:
    table = Timetable(FACILITIES, TIMETABLE)
    assert table.way(Wish(1, "FRA", "OSL", at("10:40"))) == way(LH860)
    assert table.way(Wish(1, "FRA", "OSL", at("10:41"))) == way(LH862)


def test_a_full_or_departed_run_is_passed_over() -> None:
    gone = [replace(d, left_at=at("10:58")) if d == LH860 else d for d in TIMETABLE]
    room = {LH862.name: 1}
    wish = Wish(1, "FRA", "OSL", at("09:00"), pieces=2)
    found = plan(Timetable(FACILITIES, gone), [wish], lambda names: {name: room.get(name, 5) for name in names})
    assert found == {1: way(LH864)}


def test_where_there_is_no_way_there_is_none() -> None:
    table = Timetable(FACILITIES, TIMETABLE)
    assert table.way(Wish(1, "OSL", "AMS", at("00:00"))) is None
    assert table.way(Wish(1, "OSL", "OSL", at("00:00"))) == Itinerary()
