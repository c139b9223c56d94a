"""When a piece should be there, what should happen next, and what we dare to promise."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.laws import stories, trade
from tests.world import (
    ADAS_BAG,
    ADAS_PARCEL,
    AMS_ST,
    FRA,
    LH860,
    LH991,
    OSL,
    OSL_ST,
    RT100,
    RT700,
    Story,
    at,
)
from tracker.domain.eta import BELT_FROM, BELT_TO, ROUNDS, STATED, STATION_HANDLING, eta, next_round, promised, window
from tracker.domain.expectation import chain, next_expected
from tracker.domain.handling import HandlingEvent, Kind
from tracker.domain.itinerary import Itinerary, Plan
from tracker.domain.movements import Said, known, told_arrival
from tracker.domain.network import WORTH_TELLING, Closure, Facility, FacilityKind
from tracker.domain.shipment import PieceKind
from tracker.domain.transit.tables import POINTS, Case, Ride, Transit

ZONES = (
    "Europe/Amsterdam", "America/New_York", "America/Havana", "Africa/Cairo", "Asia/Shanghai", "Australia/Lord_Howe",
    "America/Santiago", "Pacific/Apia", "Asia/Kathmandu", "UTC",
)  # fmt: skip
SHIFTS = (
    "2026-03-08",
    "2026-03-29",
    "2026-04-05",
    "2026-04-24",
    "2026-09-06",
    "2026-10-04",
    "2026-10-25",
    "2026-11-01",
)


def station(zone: str) -> Facility:
    return Facility("ST", FacilityKind.STATION, zone)


@given(st.sampled_from(ZONES), st.sampled_from(SHIFTS), st.integers(-24 * 60, 48 * 60))
@trade
def test_the_next_van_is_the_first_that_leaves_once_a_piece_is_handled(zone: str, day: str, minutes: int) -> None:
    arrives_at = datetime.fromisoformat(day).replace(tzinfo=UTC) + timedelta(minutes=minutes)
    ready = arrives_at + STATION_HANDLING
    found = next_round(station(zone), arrives_at=arrives_at)
    assert found.tzinfo is UTC
    assert ready <= found <= ready + timedelta(hours=17)  # the night between two rounds, and a shift
    assert found.astimezone(ZoneInfo(zone)).time() in ROUNDS
    local = ZoneInfo(zone)
    days = [ready.astimezone(local).date() + timedelta(days=n) for n in (-1, 0, 1, 2)]
    rounds = [datetime.combine(each, hour, local).astimezone(UTC) for each in days for hour in ROUNDS]
    assert found == min(leaves for leaves in rounds if leaves >= ready)


@given(st.integers(0, 14 * 24 * 60), st.sets(st.integers(0, 6), max_size=6), st.integers(0, 14), st.integers(1, 30))
@trade
def test_vans_leave_on_working_days_of_the_station_and_not_while_it_is_closed(
    minutes: int, rest_days: set[int], shut_on: int, shut_for: int
) -> None:
    shut = datetime(2026, 11, 9, 12, tzinfo=UTC) + timedelta(days=shut_on)
    place = replace(
        station("Europe/Amsterdam"),
        rest_days=tuple(rest_days),
        holidays=(date(2026, 11, 12),),
        closures=(Closure(shut, shut + timedelta(hours=shut_for), shut),),
    )
    arrives_at = datetime(2026, 11, 9, tzinfo=UTC) + timedelta(minutes=minutes)
    found = next_round(place, arrives_at=arrives_at)
    assert found >= arrives_at + STATION_HANDLING
    assert place.works_at(found)
    assert found >= next_round(station("Europe/Amsterdam"), arrives_at=arrives_at)


@given(st.sampled_from(ZONES), st.integers(0, 48 * 60))
@trade
def test_an_instant_is_the_same_instant_in_every_zone(zone: str, minutes: int) -> None:
    arrives_at = datetime(2026, 10, 24, 12, tzinfo=UTC) + timedelta(minutes=minutes)
    there = station(zone)
    assert next_round(there, arrives_at=arrives_at.astimezone(ZoneInfo(zone))) == next_round(
        there, arrives_at=arrives_at
    )


def test_a_day_that_was_left_out_has_its_vans_the_next() -> None:
    arrives_at = datetime(2011, 12, 29, 20, tzinfo=ZoneInfo("Pacific/Apia"))  # there was no 30th
    assert next_round(station("Pacific/Apia"), arrives_at=arrives_at) > arrives_at


@given(st.sampled_from(list(PieceKind)), st.sampled_from(ZONES), st.integers(0, 60 * 24 * 365))
@trade
def test_the_promise_is_never_before_the_window(kind: PieceKind, zone: str, minutes: int) -> None:
    arrives_at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    earliest, latest = window(kind, station(zone), arrives_at=arrives_at)
    assert arrives_at < earliest < latest
    assert promised(kind, station(zone), arrives_at=arrives_at).due_by >= latest


@given(stories())
@trade
def test_a_window_begins_before_it_ends_and_names_its_place(events: tuple[HandlingEvent, ...]) -> None:
    for whom in (ADAS_BAG, ADAS_PARCEL):
        found = eta(Story(whom, events=events).situation())
        if found is not None:
            assert found.earliest <= found.latest
            assert "facility" in found.why.values


@pytest.mark.parametrize("whom", [ADAS_BAG, ADAS_PARCEL], ids=lambda piece: piece.kind)
def test_by_the_plan_a_piece_comes_within_its_promise(whom: object) -> None:
    found = eta(Story(whom).situation())  # type: ignore[arg-type]
    assert found is not None
    assert found.latest <= whom.promise.due_by  # type: ignore[attr-defined]


def test_a_late_last_flight_moves_the_window_of_a_bag() -> None:
    found = eta(Story(ADAS_BAG).left(LH860, "11:40").situation())
    assert found is not None
    assert (found.earliest, found.latest) == (at("13:50"), at("14:20"))


def test_a_parcel_at_its_station_goes_out_with_the_next_van() -> None:
    found = eta(Story(ADAS_PARCEL).scan(Kind.ARRIVE, OSL_ST, "15:05").situation())
    assert found is not None
    assert found.earliest.astimezone(ZoneInfo("Europe/Oslo")).time() == time(17)


def test_on_the_van_it_takes_up_to_a_round() -> None:
    found = eta(Story(ADAS_PARCEL).scan(Kind.OUT_FOR_DELIVERY, OSL_ST, "15:30").situation())
    assert found is not None
    assert (found.earliest, found.latest) == (at("15:30"), at("19:30"))


def test_after_a_failed_attempt_it_comes_with_the_next_van_not_the_one_it_was_on() -> None:
    story = Story(ADAS_PARCEL).scan(Kind.ARRIVE, OSL_ST, "15:05").scan(Kind.OUT_FOR_DELIVERY, OSL_ST, "16:00")
    found = eta(story.scan(Kind.ATTEMPT, OSL_ST, "18:00").situation())
    assert found is not None
    assert found.earliest == at("08:00", day=1)


def test_at_the_counter_it_waits_since_it_got_there_whatever_else_is_scanned() -> None:
    story = Story(ADAS_PARCEL).scan(Kind.READY_FOR_PICKUP, OSL_ST, "16:00")
    found = eta(story.scan(Kind.DAMAGE, OSL_ST, "17:00").situation())
    assert found is not None
    assert found.earliest == at("16:00")


@pytest.mark.parametrize("kind", [Kind.DELIVER, Kind.RETURN])
def test_what_is_over_has_no_window(kind: Kind) -> None:
    assert eta(Story(ADAS_PARCEL).scan(kind, OSL_ST, "16:00").situation()) is None


def test_without_a_plan_there_is_no_window_and_nothing_to_expect() -> None:
    story = Story(ADAS_PARCEL, plan=Plan(Itinerary()))
    assert eta(story.situation()) is None
    assert chain(story.situation()) == ()
    assert next_expected(story.situation()) is None


# --- what should happen next ---


def test_a_parcel_goes_through_every_place_of_its_plan() -> None:
    steps = [(step.kind, step.facility) for step in chain(Story(ADAS_PARCEL).situation())]
    assert steps == [
        (Kind.ACCEPT, "AMS-ST"), (Kind.SORT, "AMS-ST"), (Kind.LOAD, "AMS-ST"),
        (Kind.ARRIVE, "AMS"), (Kind.SORT, "AMS"), (Kind.LOAD, "AMS"),
        (Kind.UNLOAD, "FRA"), (Kind.SORT, "FRA"), (Kind.LOAD, "FRA"),
        (Kind.UNLOAD, "OSL"), (Kind.SORT, "OSL"), (Kind.LOAD, "OSL"),
        (Kind.ARRIVE, "OSL-ST"), (Kind.OUT_FOR_DELIVERY, "OSL-ST"), (Kind.DELIVER, "OSL-ST"),
    ]  # fmt: skip


def test_a_bag_goes_from_check_in_to_the_belt() -> None:
    steps = [(step.kind, step.facility, step.into) for step in chain(Story(ADAS_BAG).situation())]
    assert steps == [
        (Kind.ACCEPT, "AMS", None), (Kind.SORT, "AMS", None), (Kind.LOAD, "AMS", LH991.name),
        (Kind.UNLOAD, "FRA", None), (Kind.SORT, "FRA", None), (Kind.LOAD, "FRA", LH860.name),
        (Kind.UNLOAD, "OSL", None), (Kind.DELIVER, "OSL", None),
    ]  # fmt: skip


def test_with_time_enough_to_change_each_step_is_due_after_the_one_before() -> None:
    slow = replace(LH860, departs_at=at("11:10"))
    situation = replace(Story(ADAS_PARCEL).situation(), departures={d.name: d for d in (RT100, LH991, slow, RT700)})
    due = [step.by for step in chain(situation) if step.facility != "FRA"]
    assert due == sorted(due)


def test_next_is_what_follows_the_furthest_scan_even_if_some_are_missing() -> None:
    story = Story(ADAS_PARCEL)
    assert next_expected(story.situation()) == chain(story.situation())[0]
    here = next_expected(story.scan(Kind.ACCEPT, AMS_ST, "05:30").scan(Kind.UNLOAD, FRA, "10:40").situation())
    assert here is not None
    assert (here.kind, here.facility) == (Kind.SORT, "FRA")
    late = story.scan(Kind.UNLOAD, FRA, "10:40").scan(Kind.SORT, AMS_ST, "06:00")
    assert next_expected(late.situation()) == here


def test_the_van_that_is_expected_is_the_van_of_the_window() -> None:
    situation = Story(ADAS_PARCEL).situation()
    found = eta(situation)
    assert found is not None
    assert [step.by for step in chain(situation) if step.kind is Kind.OUT_FOR_DELIVERY] == [found.earliest]


def test_a_load_counts_for_its_own_departure_only() -> None:
    story = Story(ADAS_BAG).scan(Kind.SORT, AMS_ST, "08:00").scan(Kind.LOAD, FRA, "08:30", into="KL1/2026-11-21")
    due = next_expected(story.situation())
    assert due is not None
    assert due.kind is Kind.ACCEPT


def test_nothing_is_expected_of_a_delivered_piece() -> None:
    assert next_expected(Story(ADAS_BAG).scan(Kind.DELIVER, OSL, "13:30").situation()) is None


@given(stories())
@trade
def test_what_is_expected_is_part_of_the_plan(events: tuple[HandlingEvent, ...]) -> None:
    situation = Story(ADAS_PARCEL, events=events).situation()
    due = next_expected(situation)
    assert due is None or due in chain(situation)


def estimate(by: int) -> tuple[datetime, Said]:
    return LH860.departs_at, {"estimated_arrival": LH860.arrives_at + timedelta(minutes=by)}


LATER = st.integers(-60, 240).map(estimate)


@given(st.lists(LATER, max_size=8))
@trade
def test_the_arrival_told_stands_until_the_news_is_worth_telling(updates: list[tuple[datetime, Said]]) -> None:
    tellings = [LH860.arrives_at]
    for heard in range(len(updates) + 1):
        found = known(updates[:heard])
        told = told_arrival(LH860, updates[:heard], found)
        now = replace(found, told_arrival=told).of(LH860)
        assert abs(now.told - now.expected_arrival) < WORTH_TELLING
        assert now.told == tellings[-1] or abs(now.told - tellings[-1]) >= WORTH_TELLING
        tellings.append(now.told)


def test_an_estimate_that_swings_by_minutes_moves_no_window() -> None:
    swings = [estimate(by) for by in (9, 3, 14, -5, 12)]
    assert told_arrival(LH860, swings, known(swings)) is None


def test_where_legs_gone_by_were_learned_a_window_says_how_sure_it_is() -> None:
    plain = Story(ADAS_BAG).situation("06:00")
    learned = Transit(
        cases={"": Case(0.1, 100), "run LH860": Case(0.2, 9)},
        spreads={"": tuple((n - 20) / 40 for n in range(1, POINTS + 1))},
    )
    said, unsaid = eta(replace(plain, transit=learned)), eta(plain)
    assert said is not None
    assert unsaid is not None
    assert (said.confidence, unsaid.confidence) == (STATED, None)
    assert said.latest - said.earliest > unsaid.latest - unsaid.earliest
    asked = learned.window(Ride("FRA", "OSL", LH860.departs_at, 120.0, run="LH860"), STATED)
    assert asked is not None
    low, high = asked
    assert said.earliest == LH860.departs_at + timedelta(minutes=low) + BELT_FROM
    assert said.latest == LH860.departs_at + timedelta(minutes=high) + BELT_TO
