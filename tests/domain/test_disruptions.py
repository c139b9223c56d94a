"""Departures that are cancelled or go elsewhere: whom that concerns, when it is over, and who hears of it."""

import random
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.domain.laws import as_heard, stories, trade
from tests.world import ADAS_PARCEL, CPH, FRA, LH860, LH862, LH991, OSL, RT100, Story, at, rides_to_frankfurt
from tracker.domain.handling import Kind
from tracker.domain.judge import leg_to_replan
from tracker.domain.movements import known
from tracker.domain.notices import Notice, NoticeKind, notices_owed
from tracker.domain.rules import IrregularityKind, irregularities

CANCELLED, DIVERTED = IrregularityKind.LEG_CANCELLED, IrregularityKind.LEG_DIVERTED
AT_FRANKFURT = rides_to_frankfurt().landed(LH991, "10:20").scan(Kind.SORT, FRA, "10:40")
CALLED_OFF = AT_FRANKFURT.cancelled(LH860, "10:30")


def owed(story: Story, before: Story | None = None) -> tuple[Notice, ...]:
    return notices_owed(before.judged() if before else None, story.judged(), story.piece)


def replanned_leg(story: Story) -> str | None:
    situation = story.situation()
    leg = leg_to_replan(situation, irregularities(situation))
    return leg.departure if leg is not None else None


def test_a_cancelled_connection_is_told_since_when_it_was_known_and_another_way_is_looked_for() -> None:
    (found,) = CALLED_OFF.found()
    assert (found.name, found.since, found.open) == ((CANCELLED, LH860.name), at("10:30"), True)
    assert replanned_leg(CALLED_OFF) == LH860.name
    judged = CALLED_OFF.judged()
    assert (judged.eta, judged.next_departure) == (None, None)


def test_the_flight_that_should_bring_it_counts_though_it_was_loaded_into_it() -> None:
    story = rides_to_frankfurt()
    offloaded = replace(story, departures=Story(story.piece).departures).cancelled(LH991, "08:50")
    assert offloaded.irregularities() == [(CANCELLED, LH991.name)]
    assert replanned_leg(offloaded) == LH991.name


def test_it_is_over_when_the_bag_goes_with_another_and_stays_known_after_the_new_plan() -> None:
    planned = CALLED_OFF.replanned(LH860, LH862)
    assert planned.irregularities() == [(CANCELLED, LH860.name)]
    assert replanned_leg(planned) is None
    (found,) = planned.loads(LH862, "14:30").found()
    assert found.cleared_at == at("14:30")


def test_what_went_before_it_was_known_is_not_concerned() -> None:
    story = AT_FRANKFURT.loads(LH860, "10:45").left(LH860, "11:00").scan(Kind.UNLOAD, OSL, "13:10")
    assert story.cancelled(LH860, "14:00").found() == ()


def test_of_several_that_are_cancelled_the_first_is_named() -> None:
    story = Story(ADAS_PARCEL).cancelled(RT100, "05:30").cancelled(LH860, "05:40")
    assert story.irregularities() == [(CANCELLED, RT100.name)]


def test_one_that_goes_elsewhere_with_the_bag_aboard_is_open_until_the_bag_is_where_it_should_be() -> None:
    story = rides_to_frankfurt().diverted(LH991, CPH, "10:00")
    assert story.irregularities() == [(DIVERTED, LH991.name)]
    assert replanned_leg(story) is None  # it is under way, and nobody knows yet from where it could go on
    assert story.scan(Kind.UNLOAD, FRA, "14:00").irregularities() == []


def test_one_that_goes_elsewhere_before_the_bag_was_loaded_is_another_way_to_be_found() -> None:
    story = AT_FRANKFURT.diverted(LH860, CPH, "10:30")
    assert replanned_leg(story) == LH860.name
    assert AT_FRANKFURT.left(LH860, "11:00").diverted(LH860, CPH, "11:30").irregularities() == []


# --- who hears of it ---


def test_it_is_told_once_and_taken_back_once_when_the_departure_goes_after_all() -> None:
    (notice,) = owed(CALLED_OFF)
    assert (notice.kind, notice.cause) == (
        NoticeKind.LEG_CANCELLED,
        f"leg_cancelled:{CALLED_OFF.piece.name}:{LH860.name}",
    )
    on_again = CALLED_OFF.goes_after_all(LH860)
    (back,) = owed(on_again, before=CALLED_OFF)
    assert (back.kind, back.withdraws) == (NoticeKind.WITHDRAWN, notice.cause)
    assert owed(on_again, before=on_again) == ()


def test_another_cancellation_in_its_place_is_no_good_news() -> None:
    worse = CALLED_OFF.goes_after_all(LH860).diverted(LH860, CPH, "10:35")
    assert [n.kind for n in owed(worse, before=CALLED_OFF)] == [NoticeKind.LEG_CANCELLED]


# --- laws ---


@trade
@given(stories(), st.randoms(use_true_random=False))
def test_order_and_repeats_and_the_hour_change_nothing(events: tuple, chance: random.Random) -> None:
    story = Story(ADAS_PARCEL, events=events).left(LH991, "09:10").cancelled(LH860, "10:00")
    heard = replace(story, events=tuple(as_heard(events, chance)))
    found = [i for i in irregularities(story.situation()) if i.kind is CANCELLED]
    assert [i for i in irregularities(heard.situation(day=3)) if i.kind is CANCELLED] == found
    assert all(i.cleared_at is None or i.cleared_at > i.since for i in found)


def test_it_is_known_since_the_first_word_that_still_stands() -> None:
    said = [
        (at("08:00"), {"cancelled": True}),
        (at("08:10"), {"cancelled": False}),
        (at("08:20"), {"diverted_to": "CPH"}),
        (at("08:30"), {"cancelled": True}),
    ]
    assert [known(said[:n]).disrupted_at for n in range(1, 5)] == [at("08:00"), None, at("08:20"), at("08:20")]
