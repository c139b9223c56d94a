"""Held, missorted, late; and the table that says so."""

import pytest

from tests.world import (
    ADAS_BAG,
    ADAS_PARCEL,
    AMS,
    BY_TIME_ALONE,
    CPH,
    FRA,
    LH860,
    LH862,
    OSL,
    OSL_ST,
    Story,
    at,
)
from tracker.domain.handling import Kind
from tracker.domain.itinerary import Itinerary, Plan
from tracker.domain.rules import RULES, Irregularity, IrregularityKind, irregularities
from tracker.domain.rules.late import check as late

HELD, MISSORTED = IrregularityKind.HELD, IrregularityKind.MISSORTED


def only(story: Story) -> Irregularity:
    (found,) = story.found()
    return found


def test_each_kind_of_irregularity_has_its_rule() -> None:
    assert {rule.__module__.rpartition(".")[2] for rule in RULES} == {kind.value for kind in IrregularityKind}


# --- held ---

HOLD = Story(ADAS_PARCEL).scan(Kind.HOLD, FRA, "10:40", reason="request")


def test_a_held_piece_is_held_since_the_first_scan_that_said_so() -> None:
    story = HOLD.scan(Kind.HOLD, FRA, "11:40", reason="request")
    assert (only(story).name, only(story).since) == ((HELD, "FRA"), at("10:40"))
    assert story.irregularities() == [(HELD, "FRA")]


@pytest.mark.parametrize(
    ("kind", "place"), [(Kind.RELEASE, FRA), (Kind.RELEASE, OSL), (Kind.UNLOAD, OSL), (Kind.DELIVER, OSL_ST)]
)
def test_it_goes_on_when_released_or_seen_further_or_handed_over(kind: Kind, place: object) -> None:
    story = HOLD.scan(kind, place, "13:00")  # type: ignore[arg-type]
    assert only(story).cleared_at == at("13:00")
    assert story.scan(kind, place, "13:30").found()[0].cleared_at == at("13:00")  # type: ignore[arg-type]


def test_it_stays_held_while_it_is_only_seen_where_it_lies() -> None:
    story = HOLD.scan(Kind.SORT, FRA, "12:00").scan(Kind.UNLOAD, OSL, "13:00", estimated=True)
    assert story.irregularities() == [(HELD, "FRA")]


def test_held_again_is_held_since_the_second_time() -> None:
    story = HOLD.scan(Kind.RELEASE, FRA, "11:00").scan(Kind.HOLD, FRA, "12:00").scan(Kind.HOLD, FRA, "12:30")
    assert (only(story).since, only(story).open) == (at("12:00"), True)
    assert only(story.scan(Kind.RELEASE, FRA, "13:00")).cleared_at == at("13:00")


def test_a_release_before_the_hold_clears_nothing() -> None:
    assert Story(ADAS_PARCEL).scan(Kind.RELEASE, FRA, "10:00").scan(Kind.HOLD, FRA, "10:40").irregularities() == [
        (HELD, "FRA")
    ]


# --- missorted ---

ASTRAY = Story(ADAS_BAG).scan(Kind.SORT, CPH, "12:00")


def test_a_bag_where_its_plan_never_takes_it_is_missorted() -> None:
    assert ASTRAY.irregularities() == [(MISSORTED, "CPH")]
    assert only(ASTRAY.scan(Kind.SORT, CPH, "12:30")).since == at("12:00")


def test_it_is_settled_once_it_is_back_on_its_plan() -> None:
    back = ASTRAY.scan(Kind.UNLOAD, FRA, "15:00")
    assert only(back.scan(Kind.UNLOAD, FRA, "15:20")).cleared_at == at("15:00")


def test_a_place_on_any_plan_it_had_is_not_astray() -> None:
    story = Story(ADAS_BAG).left(LH860, "11:00").scan(Kind.SORT, FRA, "11:20").replanned(LH860, LH862)
    assert all(kind is not MISSORTED for kind, _ in story.scan(Kind.UNLOAD, OSL, "17:20").irregularities())


def test_on_its_way_back_it_may_come_through_anywhere() -> None:
    story = Story(ADAS_PARCEL).scan(Kind.RETURN, OSL, "12:00").scan(Kind.SORT, CPH, "15:00")
    assert story.irregularities() == [(IrregularityKind.RETURNED, "OSL")]


def test_without_a_plan_nothing_is_off_it() -> None:
    assert Story(ADAS_BAG, plan=Plan(Itinerary())).scan(Kind.SORT, CPH, "12:00").found() == ()


# --- late ---

DUE = ADAS_BAG.promise.due_by


def lateness(story: Story, when: str, *, day: int = 0) -> list[bool]:
    return [found.open for found in late(story.situation(when, day=day))]


def test_late_is_past_the_promise_not_on_it() -> None:
    story = Story(ADAS_BAG).scan(Kind.ACCEPT, AMS, "07:50")
    assert lateness(story, f"{DUE:%H:%M}") == []
    assert lateness(story, "23:59") == [True]


def test_delivered_in_time_is_never_late_again() -> None:
    story = Story(ADAS_BAG).scan(Kind.DELIVER, OSL, DUE)
    assert lateness(story, "12:00", day=9) == []
    assert lateness(story.scan(Kind.DELIVER, OSL_ST, "12:00", day=5), "12:00", day=9) == []


def test_delivered_late_stays_late_and_settled() -> None:
    assert lateness(Story(ADAS_BAG).scan(Kind.DELIVER, OSL, "12:00", day=1), "12:00", day=9) == [False]


def test_what_nobody_handed_over_is_not_late() -> None:
    assert lateness(Story(ADAS_PARCEL), "12:00", day=9) == []


def test_time_alone_brings_only_what_it_may_bring() -> None:
    story = HOLD.scan(Kind.SORT, CPH, "12:00")
    early, years_later = irregularities(story.situation("12:01")), irregularities(story.situation("12:01", day=900))
    assert [i for i in years_later if i.kind not in BY_TIME_ALONE] == list(early)
