"""Which plan is in force, and what joins to one."""

from dataclasses import replace
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.laws import trade
from tests.world import LH860, LH862, LH864, LH991, at, way
from tracker.domain.errors import BadItineraryError
from tracker.domain.handling import EventKey
from tracker.domain.itinerary import Itinerary, Plan, Replan, joined
from tracker.domain.network import Departure


def replan(missed: Departure, *instead: Departure, when: str = "12:00") -> Replan:
    return Replan(missed.name, way(*instead).legs, at(when), EventKey("rule:replan", missed.name))


def nobody(departure: str) -> bool:
    return False


def everybody(departure: str, by: datetime) -> bool:
    return True


PLAN = Plan(way(LH991, LH860))
FIRST, SECOND = replan(LH860, LH862), replan(LH862, LH864, when="16:00")


def test_the_plan_in_force_is_the_last_that_stands() -> None:
    plan = PLAN.with_replan(FIRST).with_replan(SECOND)
    assert plan.versions(nobody, everybody) == (way(LH991, LH860), way(LH991, LH862), way(LH991, LH864))
    assert plan.versions(nobody, everybody)[-1] == way(LH991, LH864)


@given(st.permutations([FIRST, SECOND, SECOND]))
@trade
def test_replans_heard_in_any_order_and_twice_are_one_plan(heard: list[Replan]) -> None:
    plan = PLAN
    for each in heard:
        plan = plan.with_replan(each)
    assert plan.replans == (FIRST, SECOND)


def test_what_follows_a_replan_that_falls_away_falls_with_it() -> None:
    plan = PLAN.with_replan(FIRST).with_replan(SECOND)
    assert plan.versions(lambda departure: departure == LH860.name, everybody)[-1] == way(LH991, LH860)
    assert plan.versions(lambda departure: departure == LH862.name, everybody)[-1] == way(LH991, LH862)


def test_a_replan_of_what_was_never_planned_changes_nothing() -> None:
    assert PLAN.with_replan(SECOND).versions(nobody, everybody)[-1] == way(LH991, LH860)


def test_an_itinerary_knows_its_places_and_runs() -> None:
    plan = way(LH991, LH860)
    assert plan.passes("FRA")
    assert not plan.passes("CPH")
    assert plan.rides(LH860.name)
    assert plan.before(LH860.name) == plan.legs[:1]
    assert plan.before(LH862.name) == plan.legs
    assert plan.arrives_at == LH860.arrives_at
    assert Itinerary().arrives_at is None


def test_chosen_legs_join_in_place_and_time() -> None:
    assert joined((LH991, LH860), origin="AMS", destination="OSL") == way(LH991, LH860)


@pytest.mark.parametrize(
    ("chosen", "leg"), [((LH860, LH991), 0), ((LH991, replace(LH860, cancelled=True)), 1), ((LH991,), None)]
)
def test_legs_that_do_not_join_are_named(chosen: tuple[Departure, ...], leg: int | None) -> None:
    with pytest.raises(BadItineraryError) as wrong:
        joined(chosen, origin="AMS", destination="OSL")
    assert wrong.value.leg == leg
