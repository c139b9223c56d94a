"""Alerts of the forecast as irregularities and notices: when one stands, what ends it, and that each is told once."""

from dataclasses import replace
from itertools import permutations

import pytest

from tests.world import FRA, LH860, LH862, LH991, OSL, Story, at, rides_to_frankfurt
from tracker.domain.handling import Kind
from tracker.domain.itinerary import Plan
from tracker.domain.notices import Notice, NoticeKind
from tracker.domain.rules import Irregularity, IrregularityKind, irregularities

AT_RISK = IrregularityKind.CONNECTION_AT_RISK
FOR_THE_DESK = rides_to_frankfurt().foreseen(LH991, LH860, 0.6, "09:30")
FOR_ALL = FOR_THE_DESK.foreseen(LH991, LH860, 0.9, "09:50", stood=True)
TAKEN_BACK = FOR_ALL.foreseen(LH991, LH860, 0.1, "10:10", stood=True)


def risk(story: Story) -> Irregularity:
    (found,) = [i for i in irregularities(story.situation()) if i.kind is AT_RISK]
    return found


def owed(story: Story) -> list[Notice]:
    return [n for n in story.owes() if n.kind in ("connection_at_risk", "withdrawn")]


def test_an_alert_stands_since_it_was_said_with_the_chance_said_last() -> None:
    found = risk(FOR_ALL)
    assert (found.subject, found.since, found.open) == (LH860.name, at("09:30"), True)
    assert found.why.values["percent"] == "90"


@pytest.mark.parametrize(
    ("ended", "when"),
    [
        (TAKEN_BACK, "10:10"),
        (FOR_ALL.loads(LH860, "10:45"), "10:45"),
        (FOR_ALL.left(LH860, "11:00"), "11:00"),
        (FOR_ALL.cancelled(LH860, "10:20"), "10:20"),
        (FOR_ALL.scan(Kind.SORT, FRA, "11:10").left(LH860, "11:00").replanned(LH860, LH862), "11:00"),
        (FOR_ALL.scan(Kind.DELIVER, OSL, "13:00"), "13:00"),
        (FOR_ALL.loads(LH860, "09:20"), "09:30"),  # a load of before comes in late: it never was at risk for long
    ],
)
def test_it_ends_by_another_word_or_by_what_happened(ended: Story, when: str) -> None:
    assert risk(ended).cleared_at == at(when)


def test_customers_hear_of_what_is_likely_and_not_of_the_rest() -> None:
    assert owed(FOR_THE_DESK) == []
    (notice,) = owed(FOR_ALL)
    assert notice.cause == f"connection_at_risk:{FOR_ALL.piece.name}:{LH860.name}#1"


def test_what_was_told_is_taken_back_once_and_the_next_time_is_another() -> None:
    (back,) = owed(TAKEN_BACK)
    assert (back.kind, back.withdraws) == (NoticeKind.WITHDRAWN, owed(FOR_ALL)[0].cause)
    again = TAKEN_BACK.foreseen(LH991, LH860, 0.95, "10:15")
    assert sorted(notice.cause.rsplit("#")[1] for notice in owed(again)) == ["1", "2"]
    assert risk(again).since == at("10:15")


def test_who_was_warned_hears_that_the_bag_went_with_it_but_not_when_it_was_missed() -> None:
    made = FOR_ALL.loads(LH860, "10:45").left(LH860, "11:00")
    assert [notice.kind for notice in owed(made)] == [NoticeKind.WITHDRAWN]
    assert owed(FOR_ALL.scan(Kind.SORT, FRA, "11:10").left(LH860, "11:00")) == []
    assert owed(FOR_ALL.cancelled(LH860, "10:20")) == []


def test_the_order_in_which_words_come_and_repeats_change_nothing() -> None:
    words = TAKEN_BACK.planned.foreseen
    for order in permutations(words):
        plan = Plan(TAKEN_BACK.planned.booked)
        for word in (*order, *order):
            plan = plan.with_foreseen(word)
        assert replace(TAKEN_BACK, plan=plan).judged() == TAKEN_BACK.judged()
