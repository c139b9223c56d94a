"""The earliest way through the timetable, against trying them all; and which plan is in force."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.domain.laws import trade
from tests.world import FACILITIES, FRA, LH860, LH862, LH864, LH991, SATURDAY, TIMETABLE, at, way
from tracker.domain.handling import EventKey
from tracker.domain.itinerary import Itinerary, Plan, Replan, earliest, leg_on
from tracker.domain.network import Departure, Facility

CODES = ("AA", "BB", "CC", "DD")


@st.composite
def networks(draw: st.DrawFn) -> tuple[list[Departure], dict[str, Facility], dict[str, int]]:
    """Up to ten runs between four places, some gone already, some full."""
    places = {code: Facility(code, minimum_connection=timedelta(minutes=draw(st.integers(0, 60)))) for code in CODES}
    departures, room = [], {}
    for n in range(draw(st.integers(0, 10))):
        origin, destination = draw(st.permutations(CODES))[:2]
        departs_at = SATURDAY + timedelta(minutes=draw(st.integers(0, 600)))
        arrives_at = departs_at + timedelta(minutes=draw(st.integers(1, 240)))
        gone = departs_at if draw(st.integers(0, 7)) == 0 else None
        cutoff = timedelta(minutes=draw(st.integers(0, 45)))
        run = Departure(f"R{n}", origin, destination, departs_at, arrives_at, cutoff=cutoff, left_at=gone)
        departures.append(run)
        room[run.name] = draw(st.integers(0, 3))
    return sorted(departures, key=lambda d: (d.departs_at, d.name)), places, room


def best_arrival(
    departures: list[Departure],
    places: dict[str, Facility],
    fits: Callable[[Departure], bool],
    *,
    at_place: str,
    since: datetime,
    inbound: bool,
    destination: str,
    seen: frozenset[str],
) -> datetime | None:
    """By trying every way that visits no place twice."""
    if at_place == destination:
        return since
    found = []
    for run in departures:
        if run.origin != at_place or run.destination in seen or not fits(run):
            continue
        handling = max(run.cutoff, places[at_place].minimum_connection) if inbound else run.cutoff
        if since + handling <= run.departs_at:
            further = best_arrival(
                departures,
                places,
                fits,
                at_place=run.destination,
                since=run.arrives_at,
                inbound=True,
                destination=destination,
                seen=seen | {run.destination},
            )
            found += [further] if further is not None else []
    return min(found, default=None)


@given(networks(), st.integers(0, 300), st.integers(1, 2))
@settings(trade, max_examples=150)
def test_no_way_is_earlier_than_the_one_we_take(
    network: tuple[list[Departure], dict[str, Facility], dict[str, int]], ready: int, pieces: int
) -> None:
    departures, places, room = network
    ready_at = SATURDAY + timedelta(minutes=ready)
    found = earliest(
        departures, places, origin="AA", destination="DD", ready_at=ready_at, room=room.__getitem__, pieces=pieces
    )
    best = best_arrival(
        departures,
        places,
        lambda run: run.left_at is None and room[run.name] >= pieces,
        at_place="AA",
        since=ready_at,
        inbound=False,
        destination="DD",
        seen=frozenset({"AA"}),
    )
    assert (found.arrives_at if found else None) == best


@given(networks(), st.integers(0, 300))
@trade
def test_legs_join_in_place_and_time_on_departures_that_take_it(
    network: tuple[list[Departure], dict[str, Facility], dict[str, int]], ready: int
) -> None:
    departures, places, room = network
    ready_at = SATURDAY + timedelta(minutes=ready)
    found = earliest(departures, places, origin="AA", destination="DD", ready_at=ready_at, room=room.__getitem__)
    if found is None:
        return
    runs = {run.name: run for run in departures}
    place, since, least = "AA", ready_at, timedelta(0)
    for leg in found.legs:
        run = runs[leg.departure]
        assert leg == leg_on(run)
        assert leg.origin == place
        assert run.left_at is None
        assert room[run.name] >= 1
        assert since + max(run.cutoff, least) <= leg.departs_at
        place, since, least = leg.destination, leg.arrives_at, places[leg.destination].minimum_connection
    assert place == "DD"


def test_from_amsterdam_to_oslo_it_goes_by_the_first_flight_it_can_change_to() -> None:
    found = earliest(TIMETABLE, FACILITIES, origin="AMS", destination="OSL", ready_at=at("08:00"))
    assert found == way(LH991, LH860)


def test_a_change_shorter_than_the_hub_needs_is_not_planned() -> None:
    places = {**FACILITIES, "FRA": replace(FRA, minimum_connection=timedelta(minutes=41))}
    assert earliest(TIMETABLE, places, origin="AMS", destination="OSL", ready_at=at("08:00")) == way(LH991, LH862)


def test_a_piece_at_its_origin_needs_the_cutoff_only() -> None:
    ready = {"origin": "FRA", "destination": "OSL"}
    assert earliest(TIMETABLE, FACILITIES, ready_at=at("10:40"), **ready) == way(LH860)
    assert earliest(TIMETABLE, FACILITIES, ready_at=at("10:41"), **ready) == way(LH862)


def test_a_full_or_departed_run_is_passed_over() -> None:
    gone = tuple(replace(d, left_at=at("10:58")) if d == LH860 else d for d in TIMETABLE)
    room = {LH862.name: 1}
    ready = {"origin": "FRA", "destination": "OSL", "ready_at": at("09:00")}
    found = earliest(gone, FACILITIES, room=lambda name: room.get(name, 5), pieces=2, **ready)  # type: ignore[arg-type]
    assert found == way(LH864)


def test_where_there_is_no_way_there_is_none() -> None:
    assert earliest(TIMETABLE, FACILITIES, origin="OSL", destination="AMS", ready_at=at("00:00")) is None
    assert earliest(TIMETABLE, FACILITIES, origin="OSL", destination="OSL", ready_at=at("00:00")) == Itinerary()


# --- plans ---


def replan(missed: Departure, *instead: Departure, when: str = "12:00") -> Replan:
    return Replan(missed.name, way(*instead).legs, at(when), EventKey("rule:replan", missed.name))


def nobody(departure: str) -> bool:
    return False


PLAN = Plan(way(LH991, LH860))
FIRST, SECOND = replan(LH860, LH862), replan(LH862, LH864, when="16:00")


def test_the_plan_in_force_is_the_last_that_stands() -> None:
    plan = PLAN.with_replan(FIRST).with_replan(SECOND)
    assert plan.versions(nobody) == (way(LH991, LH860), way(LH991, LH862), way(LH991, LH864))
    assert plan.in_force(nobody) == way(LH991, LH864)


@given(st.permutations([FIRST, SECOND, SECOND]))
@trade
def test_replans_heard_in_any_order_and_twice_are_one_plan(heard: list[Replan]) -> None:
    plan = PLAN
    for each in heard:
        plan = plan.with_replan(each)
    assert plan.replans == (FIRST, SECOND)


def test_what_follows_a_replan_that_falls_away_falls_with_it() -> None:
    plan = PLAN.with_replan(FIRST).with_replan(SECOND)
    assert plan.in_force(lambda departure: departure == LH860.name) == way(LH991, LH860)
    assert plan.in_force(lambda departure: departure == LH862.name) == way(LH991, LH862)


def test_a_replan_of_what_was_never_planned_changes_nothing() -> None:
    assert PLAN.with_replan(SECOND).in_force(nobody) == way(LH991, LH860)


def test_an_itinerary_knows_its_places_and_runs() -> None:
    plan = way(LH991, LH860)
    assert plan.passes("FRA")
    assert not plan.passes("CPH")
    assert plan.rides(LH860.name)
    assert plan.before(LH860.name) == plan.legs[:1]
    assert plan.before(LH862.name) == plan.legs
    assert plan.arrives_at == LH860.arrives_at
    assert Itinerary().arrives_at is None
