"""Departures that are cancelled or go elsewhere: whom that concerns, when it is over, and who hears of it."""

import random
from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from tests.domain.laws import as_heard, stories, trade
from tests.world import (
    ADAS_BAG,
    ADAS_PARCEL,
    AMS,
    CPH,
    FRA,
    LH860,
    LH862,
    LH991,
    OSL,
    RT100,
    SATURDAY,
    Story,
    at,
    rides_to_frankfurt,
    run,
)
from tracker.domain.handling import EventKey, Kind
from tracker.domain.itinerary import Replan, leg_on
from tracker.domain.judge import Stranded, stranded
from tracker.domain.movements import known
from tracker.domain.network import ClosureWord, closures
from tracker.domain.notices import Notice, NoticeKind
from tracker.domain.owed import BREAKS
from tracker.domain.rules import IrregularityKind, irregularities
from tracker.domain.situation import Situation

SK500 = run("SK500", CPH, OSL, "16:00", "17:10")
CANCELLED, DIVERTED = IrregularityKind.LEG_CANCELLED, IrregularityKind.LEG_DIVERTED
PLACE_CLOSED = IrregularityKind.PLACE_CLOSED
SK900 = run("SK900", AMS, CPH, "08:50", "10:00")
REST_ON_LEAVING = Replan(
    LH860.name, (leg_on(LH862),), at("10:45"), EventKey("rule:replan", "x"), (EventKey("dev:h-fra", "y"),), LH860.name
)
AT_FRANKFURT = rides_to_frankfurt().landed(LH991, "10:20").scan(Kind.SORT, FRA, "10:40")
CALLED_OFF = AT_FRANKFURT.cancelled(LH860, "10:30")


def owed(story: Story, before: Story | None = None) -> tuple[Notice, ...]:
    return tuple(notice for notice in story.owes(before) if notice.kind in BREAKS.values() or notice.withdraws)


def replanned_leg(story: Story) -> str | None:
    situation = story.situation()
    found = stranded(situation, irregularities(situation))
    return found.instead_of.departure if found is not None and found.instead_of is not None else None


def needs_way(story: Story, when: str) -> Stranded | None:
    situation = story.situation(when)
    return stranded(situation, irregularities(situation))


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
    found = stranded(story.situation("10:05"), irregularities(story.situation("10:05")))
    assert found is not None
    assert (found.place, found.instead_of) == ("CPH", leg_on(LH860))
    assert found.ready_at == LH991.arrives_at + CPH.minimum_connection
    assert stranded(story.replanned(LH860, SK500, when="10:06").situation(), story.found()) is None
    assert story.scan(Kind.UNLOAD, FRA, "14:00").irregularities() == []


def test_one_that_goes_elsewhere_before_the_bag_was_loaded_is_another_way_to_be_found() -> None:
    story = AT_FRANKFURT.diverted(LH860, CPH, "10:30")
    assert replanned_leg(story) == LH860.name
    assert AT_FRANKFURT.left(LH860, "11:00").diverted(LH860, CPH, "11:30").irregularities() == []


def test_what_rides_a_departure_it_was_not_planned_on_needs_a_way_from_where_that_ends() -> None:
    story = Story(ADAS_BAG).scan(Kind.ACCEPT, AMS, "07:50")
    story = replace(story, departures=(*story.departures, SK900)).loads(SK900, "08:30")
    assert needs_way(story, "08:40") is None  # it may be taken off again
    carried_off = story.left(SK900, "08:50")
    found = needs_way(carried_off, "09:00")
    assert found is not None
    assert (found.place, found.instead_of, found.left) == ("CPH", leg_on(LH991), SK900.name)
    assert found.ready_at == SK900.expected_arrival + CPH.minimum_connection
    assert found.evidence == (story.last.event_key,)
    there = carried_off.landed(SK900, "10:00").scan(Kind.UNLOAD, CPH, "10:20")
    assert needs_way(there, "10:30") == replace(found, ready_at=at("10:30"))
    planned = there.replanned(LH991, SK500, when="10:40")
    assert (needs_way(planned, "10:45"), planned.situation().itinerary.legs) == (None, (leg_on(SK500),))


def test_what_an_unplanned_departure_brings_to_its_destination_or_back_on_its_way_needs_no_other() -> None:
    for unplanned, place in (
        (run("SK1", AMS, OSL, "08:50", "10:40"), OSL),
        (run("SK2", AMS, FRA, "08:50", "10:00"), FRA),
    ):
        story = replace(Story(ADAS_BAG), departures=(*Story().departures, unplanned))
        story = story.scan(Kind.ACCEPT, AMS, "07:50").loads(unplanned, "08:30").left(unplanned, "08:50")
        assert needs_way(story, "09:30") is None
        assert needs_way(story.scan(Kind.UNLOAD, place, "10:45"), "10:46") is None


def test_a_new_way_that_rests_on_a_departure_leaving_falls_away_when_it_did_not_leave() -> None:
    left = AT_FRANKFURT.left(LH860, "10:35")
    planned = replace(left, plan=left.planned.with_replan(REST_ON_LEAVING))
    assert planned.situation().itinerary.rides(LH862.name)
    assert not replace(planned, departures=AT_FRANKFURT.departures).situation().itinerary.rides(LH862.name)


# --- places that close ---


def closed(story: Story, since: str, until: str, *, opened: str | None = None, when: str = "23:00") -> Situation:
    words = [ClosureWord(at("08:00"), (at(since), at(until)), "water")]
    words += [ClosureWord(at(opened), None)] if opened is not None else []
    situation = story.situation(when)
    return replace(situation, facilities={**situation.facilities, "FRA": replace(FRA, closures=closures(words))})


def test_who_should_leave_a_place_while_it_is_closed_may_turn_off_before_it() -> None:
    waits = Story(ADAS_BAG).scan(Kind.ACCEPT, AMS, "07:50")
    situation = closed(waits, "10:50", "14:00", when="08:10")
    (found,) = irregularities(situation)
    assert (found.name, found.since) == ((PLACE_CLOSED, LH860.name), at("08:00"))
    way = stranded(situation, (found,))
    assert way is not None
    assert (way.place, way.instead_of) == ("AMS", leg_on(LH991))
    aboard = closed(rides_to_frankfurt(), "10:50", "14:00", when="09:10")
    on_it = stranded(aboard, irregularities(aboard))
    assert on_it is not None
    assert (on_it.place, on_it.instead_of) == ("FRA", leg_on(LH860))


def test_who_comes_in_while_it_is_closed_needs_the_time_of_a_connection_once_it_is_open() -> None:
    story = rides_to_frankfurt()
    assert [i.kind for i in irregularities(closed(story, "10:10", "10:50", when="09:30"))] == [PLACE_CLOSED]
    assert irregularities(closed(story, "10:10", "10:25", when="09:30")) == ()
    assert irregularities(closed(story, "11:00", "11:00", when="09:30")) == ()


def test_a_departure_that_left_all_the_same_and_one_gone_on_with_before_are_not_concerned() -> None:
    loaded = AT_FRANKFURT.loads(LH860, "10:45")
    assert PLACE_CLOSED not in {i.kind for i in irregularities(closed(loaded.left(LH860, "11:00"), "10:50", "14:00"))}
    assert PLACE_CLOSED not in {i.kind for i in irregularities(closed(loaded, "10:50", "14:00"))}


def test_opened_sooner_it_takes_back_what_still_goes_and_keeps_what_was_planned_anew() -> None:
    story = rides_to_frankfurt()
    assert irregularities(closed(story, "10:50", "14:00", opened="09:30", when="09:40")) == ()
    planned = story.replanned(LH860, LH862, when="09:20")
    before = irregularities(closed(planned, "10:50", "14:00", when="09:25"))
    assert [(i.name, i.open) for i in before] == [((PLACE_CLOSED, LH860.name), True)]
    assert irregularities(closed(planned, "10:50", "14:00", opened="09:30", when="09:40")) == before


hours = st.integers(0, 40).map(lambda n: SATURDAY + timedelta(hours=n))
spans = st.tuples(hours, st.integers(1, 20)).map(lambda span: (span[0], span[0] + timedelta(hours=span[1])))


@given(st.lists(st.builds(ClosureWord, hours, st.none() | spans), max_size=5))
def test_a_place_is_open_from_the_moment_it_was_opened_until_it_is_closed_again(said: list[ClosureWord]) -> None:
    found = closures(said)
    opened = max((word.said_at for word in said if word.closed is None), default=None)
    for closure in found:
        if opened is not None and closure.known_at < opened:
            assert closure.until <= max(opened, closure.since)
    later = [word.closed for word in said if word.closed and (opened is None or word.said_at > opened)]
    assert {(c.since, c.until) for c in found} >= set(later)


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
