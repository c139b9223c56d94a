"""What must be told: once for each cause, never what is no longer true, and taken back when it never was."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.laws import stories, trade
from tests.world import (
    ADAS_BAG,
    ADAS_PARCEL,
    FRA,
    LH860,
    LH862,
    LH991,
    OSL_ST,
    Story,
    rides_to_frankfurt,
)
from tracker.domain.handling import HandlingEvent, Kind
from tracker.domain.judge import judge
from tracker.domain.network import Facility, FacilityKind
from tracker.domain.notices import NOTICE_RULES, Notice, NoticeKind, Party
from tracker.domain.owed import notices_owed

MISSED = rides_to_frankfurt().left(LH860, "11:00").scan(Kind.SORT, FRA, "11:20")


def owed(story: Story, before: Story | None = None) -> tuple[Notice, ...]:
    """What it owes, aside from what time alone brings and that it was handed in."""
    return tuple(notice for notice in story.owes(before) if notice.kind not in BESIDE)


BESIDE = (NoticeKind.PICKED_UP, NoticeKind.LATE, NoticeKind.LATE_PREDICTED, NoticeKind.STALLED)


def kinds(notices: tuple[Notice, ...]) -> list[NoticeKind]:
    return [notice.kind for notice in notices]


def test_the_tables_leave_no_kind_out() -> None:
    assert set(NOTICE_RULES) == set(NoticeKind)
    assert all(rule.channels and rule.expires_after for rule in NOTICE_RULES.values())


def test_who_may_leave_a_kind_has_a_group_to_leave_it_with() -> None:
    for rule in NOTICE_RULES.values():
        assert (rule.left_with is not None) == (Party.RECIPIENT in rule.off)
        if rule.left_with is not None:
            assert NOTICE_RULES[rule.left_with].left_with is rule.left_with


@given(stories())
@trade
def test_judging_the_same_again_owes_nothing_new(events: tuple[HandlingEvent, ...]) -> None:
    story = Story(ADAS_PARCEL, events=events).left(LH991, "09:10").left(LH860, "11:00")
    first, again = owed(story), owed(story, before=story)
    assert {notice.cause for notice in again} <= {notice.cause for notice in first}
    assert len({notice.cause for notice in first}) == len(first)


@given(stories(least=1), st.integers(0, 12))
@trade
def test_whatever_is_told_rests_on_what_stands(events: tuple[HandlingEvent, ...], cut: int) -> None:
    story = Story(ADAS_PARCEL, events=events).left(LH991, "09:10").left(LH860, "11:00")
    standing = {event.event_key for event in story.timeline.standing}
    for notice in owed(story, before=replace(story, events=events[:cut])):
        assert set(notice.evidence) <= standing
        assert (notice.withdraws is None) == (notice.kind is not NoticeKind.WITHDRAWN)


@given(stories())
@trade
def test_another_journey_under_the_number_is_another_cause(events: tuple[HandlingEvent, ...]) -> None:
    story = Story(ADAS_PARCEL, events=events).left(LH991, "09:10").left(LH860, "11:00")
    again = replace(story, piece=replace(ADAS_PARCEL, journey=2))
    assert not {notice.cause for notice in owed(story)} & {notice.cause for notice in owed(again)}


def test_a_missed_connection_is_told_with_the_way_it_goes_instead() -> None:
    (notice,) = owed(MISSED.replanned(LH860, LH862), before=MISSED)
    assert notice.kind is NoticeKind.MISSED_CONNECTION
    assert notice.departure == LH862.name
    assert notice.window is not None
    assert notice.cause == owed(MISSED)[0].cause


def test_nothing_is_told_of_what_was_settled_before_we_heard_of_it() -> None:
    assert owed(MISSED.replanned(LH860, LH862).loads(LH862, "14:30")) == ()


def test_what_never_was_is_withdrawn_once() -> None:
    slip = MISSED.withdraws(MISSED.last, "11:30")
    (notice,) = owed(slip, before=MISSED)
    assert (notice.kind, notice.withdraws) == (NoticeKind.WITHDRAWN, owed(MISSED)[0].cause)
    assert owed(slip, before=slip) == ()


def test_what_was_true_and_is_settled_is_not_withdrawn() -> None:
    went = MISSED.replanned(LH860, LH862).loads(LH862, "14:30")
    assert owed(went, before=MISSED) == ()


def test_who_has_the_piece_is_not_told_that_the_connection_will_be_made() -> None:
    there = MISSED.withdraws(MISSED.last, "11:30").scan(Kind.DELIVER, OSL_ST, "16:00")
    assert kinds(owed(there, before=MISSED)) == [NoticeKind.DELIVERED]


def test_a_delivery_is_told_once_and_nothing_of_the_van_any_more() -> None:
    story = Story(ADAS_PARCEL).scan(Kind.OUT_FOR_DELIVERY, OSL_ST, "15:30").scan(Kind.DELIVER, OSL_ST, "16:00")
    again = story.scan(Kind.DELIVER, OSL_ST, "12:00", day=3)
    assert kinds(owed(story)) == [NoticeKind.DELIVERED]
    assert [n.cause for n in owed(again)] == [n.cause for n in owed(story)]


OUT = Story(ADAS_PARCEL).scan(Kind.OUT_FOR_DELIVERY, OSL_ST, "07:30")


def test_out_for_delivery_is_told_each_day_it_is_out_and_once_a_day() -> None:
    (first,) = owed(OUT)
    (rescanned,) = owed(OUT.scan(Kind.OUT_FOR_DELIVERY, OSL_ST, "08:00"))
    failed = OUT.scan(Kind.ATTEMPT, OSL_ST, "12:00")
    (second,) = owed(failed.scan(Kind.OUT_FOR_DELIVERY, OSL_ST, "07:30", day=1))
    assert first.cause == rescanned.cause
    assert second.cause != first.cause


def test_what_came_back_from_its_round_is_not_told_as_out() -> None:
    assert kinds(owed(OUT.scan(Kind.ATTEMPT, OSL_ST, "12:00"))) == [NoticeKind.DELIVERY_ATTEMPTED]


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "America/Los_Angeles", "Europe/Oslo", "Pacific/Auckland"])
def test_a_day_is_the_day_where_the_van_is(zone: str) -> None:
    """In Shanghai vans are loaded while the date changes in Greenwich: that is one morning, one notice."""
    place = Facility("OSL-ST", FacilityKind.STATION, zone)
    causes = set()
    for story in (OUT, OUT.scan(Kind.OUT_FOR_DELIVERY, OSL_ST, "07:40")):
        moved = tuple(replace(event, happened_at=_local(event, zone)) for event in story.events)
        situation = replace(replace(story, events=moved).situation(day=1), facilities={"OSL-ST": place})
        causes |= {notice.cause for notice in notices_owed(None, judge(situation), story.piece, now=situation.now)}
    assert len(causes) == 1


def _local(event: HandlingEvent, zone: str) -> datetime:
    """Five to eight there for the first scan, five past eight for the next."""
    eight = event.happened_at.replace(hour=8, minute=0, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    return eight + timedelta(minutes=event.happened_at.minute - 35)


def test_a_bag_is_told_of_as_a_bag_by_its_own_name() -> None:
    (notice,) = owed(MISSED)
    assert notice.cause == f"missed_connection:{ADAS_BAG.name}:{LH860.name}"
    assert notice.evidence == (MISSED.last.event_key,)
