"""A departure left without the piece: only ever said on evidence, and taken back when the evidence falls."""

import random
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.laws import as_heard, stories, trade
from tests.world import (
    ADAS_BAG,
    AMS,
    CPH,
    FRA,
    LH860,
    LH862,
    LH864,
    LH991,
    OSL,
    TIMETABLE,
    Story,
    at,
    missed,
    rides_to_frankfurt,
)
from tracker.domain.handling import HandlingEvent, Kind
from tracker.domain.itinerary import leg_on
from tracker.domain.judge import judge, judge_again_at, next_leg, ready_again_at, stranded
from tracker.domain.notices import NoticeKind
from tracker.domain.owed import notices_owed
from tracker.domain.rules import IrregularityKind, irregularities
from tracker.domain.rules.missed_connection import LEFT_BEHIND, SEEN_BEFORE, STILL_COMING_IN

ONTIME = rides_to_frankfurt().landed(LH991, "10:20").scan(Kind.UNLOAD, FRA, "10:35")
LATE_IN = rides_to_frankfurt(ADAS_BAG).left(LH991, "10:30").landed(LH991, "11:50").left(LH860, "11:00")
BEHIND = ONTIME.left(LH860, "11:00").scan(Kind.SORT, FRA, "11:20")


def why(story: Story) -> str:
    return story.found()[0].why.sentence


# --- the evidence ---


def test_a_bag_still_in_the_hub_after_its_flight_left_missed_it() -> None:
    assert BEHIND.irregularities("11:21") == [missed(LH860)]
    assert why(BEHIND) == LEFT_BEHIND


def test_a_bag_whose_inbound_lands_after_its_flight_left_missed_it_before_anybody_scans_it() -> None:
    assert LATE_IN.irregularities("11:51") == [missed(LH860)]
    assert why(LATE_IN) == STILL_COMING_IN


def test_a_bag_still_at_its_origin_when_the_second_flight_left_missed_that() -> None:
    story = Story(ADAS_BAG).left(LH860, "11:00").scan(Kind.SORT, AMS, "11:30")
    assert story.irregularities() == [missed(LH860)]
    assert why(story) == SEEN_BEFORE


def test_a_bag_left_at_its_origin_missed_its_first_leg_and_hears_of_that_one_only() -> None:
    story = Story(ADAS_BAG).left(LH991, "09:00").left(LH860, "11:00").scan(Kind.SORT, AMS, "11:30")
    assert story.irregularities() == [missed(LH991)]


def test_a_bag_loaded_elsewhere_after_its_flight_left_missed_it() -> None:
    story = ONTIME.left(LH860, "11:00").loads(LH862, "11:30")
    assert story.missed() == [missed(LH860)]


def test_a_bag_that_arrives_by_a_detour_after_its_flight_left_missed_it() -> None:
    story = Story(ADAS_BAG).scan(Kind.ACCEPT, AMS, "08:00").left(LH860, "11:00")
    story = story.scan(Kind.SORT, CPH, "11:30").scan(Kind.UNLOAD, FRA, "13:00")
    assert missed(LH860) in story.irregularities()


# --- what is no evidence ---


def test_a_load_scan_that_is_merely_not_here_yet_proves_nothing() -> None:
    story = ONTIME.left(LH860, "11:00").landed(LH860, "13:00")
    assert story.found() == ()


def test_a_bag_seen_at_the_hub_in_time_was_not_still_coming_in_however_late_the_landing_is_heard() -> None:
    # The ramp's handheld is off line: LH991 seems to be in the air still, but the bag was sorted before LH860 left.
    story = rides_to_frankfurt().left(LH991, "10:10").left(LH860, "11:00").scan(Kind.SORT, FRA, "10:50")
    assert story.found() == ()
    assert story.landed(LH991, "11:10").found() == ()


def test_a_late_flight_may_make_up_time_so_a_forecast_is_not_evidence() -> None:
    late = rides_to_frankfurt().left(LH991, "09:45").left(LH860, "11:00")  # by the timetable in at 11:05
    assert late.found() == ()
    assert late.landed(LH991, "10:55").found() == ()
    assert late.landed(LH991, "11:03").irregularities() == [missed(LH860)]


def test_a_flight_that_cannot_be_in_yet_is_evidence_before_it_lands() -> None:
    hopeless = rides_to_frankfurt().left(LH991, "10:30").left(LH860, "11:00")
    assert hopeless.irregularities("11:01") == [missed(LH860)]


def test_a_scan_at_the_gate_within_five_minutes_is_the_door_closing() -> None:
    assert ONTIME.left(LH860, "11:00").scan(Kind.SORT, FRA, "11:05").found() == ()


def test_a_scan_whose_time_is_only_when_we_heard_of_it_proves_nothing() -> None:
    assert ONTIME.left(LH860, "11:00").scan(Kind.SORT, FRA, "13:00", estimated=True).found() == ()


def test_a_scan_by_a_clock_that_may_be_as_much_off_proves_nothing() -> None:
    doubtful = ONTIME.left(LH860, "11:00").scan(Kind.SORT, FRA, "11:10", error_ms=6 * 60_000)
    assert doubtful.found() == ()
    assert doubtful.scan(Kind.SORT, FRA, "11:40", error_ms=6 * 60_000).irregularities() == [missed(LH860)]


def test_a_bag_scanned_as_leaving_late_did_not_stay() -> None:
    assert ONTIME.left(LH860, "11:00").scan(Kind.DEPART, FRA, "11:08").found() == ()


def test_a_word_nobody_knows_does_not_show_where_a_bag_is() -> None:
    assert ONTIME.left(LH860, "11:00").scan("not_found", FRA, "11:20").found() == ()


def test_a_bag_on_an_earlier_flight_missed_nothing() -> None:
    story = (
        ONTIME.scan(Kind.LOAD, FRA, "10:40", into="LH858/2026-11-21")
        .left(LH860, "11:00")
        .scan(Kind.UNLOAD, OSL, "12:40")
    )
    assert story.missed() == []


def test_a_bag_put_on_another_flight_is_not_coming_in_on_the_late_one() -> None:
    story = Story(ADAS_BAG).loads(LH991, "08:00").scan(Kind.LOAD, AMS, "08:10", into="KL1765/2026-11-21")
    story = story.left(LH991, "10:30").landed(LH991, "11:50").left(LH860, "11:00")
    assert story.missed() == []


def test_a_parcel_that_comes_back_to_a_hub_did_not_miss_what_it_rode() -> None:
    story = ONTIME.loads(LH860, "10:45").left(LH860, "11:00").landed(LH860, "13:00").scan(Kind.UNLOAD, OSL, "13:20")
    back = story.scan(Kind.UNLOAD, FRA, "17:00").scan(Kind.UNLOAD, AMS, "19:00")
    assert back.irregularities() == []


def test_nor_what_it_rode_without_a_load_scan() -> None:
    story = ONTIME.left(LH860, "11:00").scan(Kind.UNLOAD, OSL, "13:20").scan(Kind.UNLOAD, FRA, "17:00")
    assert story.irregularities() == []


def test_what_is_sent_back_does_not_miss_the_flights_it_no_longer_needs() -> None:
    story = ONTIME.scan(Kind.RETURN, FRA, "10:45").left(LH860, "11:00").scan(Kind.SORT, FRA, "12:00")
    assert story.missed() == []


def test_a_return_by_the_way_it_came_misses_nothing() -> None:
    story = ONTIME.loads(LH860, "10:45").left(LH860, "11:00").scan(Kind.UNLOAD, OSL, "13:20")
    story = story.scan(Kind.RETURN, OSL, "15:00").scan(Kind.SORT, FRA, "18:00").scan(Kind.SORT, AMS, "20:00")
    assert story.missed() == []


def test_nothing_is_missed_before_it_left() -> None:
    assert ONTIME.scan(Kind.SORT, FRA, "12:00").found() == ()  # LH860 is late itself


def test_nor_at_an_instant_before_the_departure_is_known_to_have_left() -> None:
    assert BEHIND.found("10:59") == ()


@given(
    st.integers(0, 300),
    st.integers(0, 300),
    st.integers(0, 300),
    st.integers(0, 300),
    st.sets(st.sampled_from(range(7))),
)
@trade
def test_a_piece_that_makes_all_its_flights_never_misses_one_whichever_scans_are_lost(
    wait: int, spare: int, second: int, stop: int, lost: set[int]
) -> None:
    """A true journey, told by the scans that reached us and whatever clocks are off by a minute: no false alert."""
    t = at("06:00")
    story, steps = Story(ADAS_BAG), []
    t = t + timedelta(minutes=wait)
    steps.append((Kind.ACCEPT, AMS, t, None))
    t += timedelta(minutes=5)
    steps.append((Kind.LOAD, AMS, t, LH991))
    t += timedelta(minutes=spare)
    out = t
    landing = out + timedelta(minutes=70)
    steps.append((Kind.UNLOAD, FRA, landing + timedelta(minutes=10), None))
    steps.append((Kind.SORT, FRA, landing + timedelta(minutes=15), None))
    steps.append((Kind.LOAD, FRA, landing + timedelta(minutes=20), LH860))
    onward = landing + timedelta(minutes=22 + second)
    steps.append((Kind.UNLOAD, OSL, onward + timedelta(minutes=130), None))
    steps.append((Kind.DELIVER, OSL, onward + timedelta(minutes=150 + stop), None))
    times = {LH991.name: (out, landing), LH860.name: (onward, onward + timedelta(minutes=120))}
    flown = tuple(
        replace(d, left_at=times[d.name][0], landed_at=times[d.name][1]) if d.name in times else d for d in TIMETABLE
    )
    for n, (kind, place, moment, into) in enumerate(steps):
        if n not in lost:
            story = story.scan(kind, place, moment + timedelta(seconds=60 * (-1) ** n), into=into)
    story = replace(story, departures=flown)
    for upto in range(len(story.events) + 1):
        so_far = replace(story, events=story.events[:upto])
        assert [i for i in so_far.found(day=2) if i.kind is IrregularityKind.MISSED_CONNECTION] == []


# --- settled, and taken back ---


def test_a_late_load_scan_shows_it_was_aboard_and_the_alert_is_withdrawn() -> None:
    before = LATE_IN.judged("11:51")
    after = LATE_IN.loads(LH860, "10:58").judged("12:30")
    assert after.irregularities == ()
    owed = notices_owed(before, after, ADAS_BAG, now=at("12:30"))
    assert [(n.kind, n.withdraws) for n in owed if n.withdraws] == [
        (NoticeKind.WITHDRAWN, f"missed_connection:{ADAS_BAG.name}:{LH860.name}")
    ]


def test_a_load_scan_does_not_outweigh_the_belt_where_it_still_lies() -> None:
    assert BEHIND.loads(LH860, "10:50").irregularities() == [missed(LH860)]


def test_a_withdrawn_scan_takes_its_alert_along() -> None:
    assert BEHIND.withdraws(BEHIND.last, "11:30").found() == ()


def test_it_is_settled_when_it_goes_on_with_another() -> None:
    went = BEHIND.replanned(LH860, LH862).loads(LH862, "14:30")
    assert went.irregularities() == []
    assert went.found()[0].cleared_at == at("14:30")
    again = went.scan(Kind.LOAD, FRA, "14:40", into=LH862).scan(Kind.UNLOAD, OSL, "17:20")
    assert again.found()[0].cleared_at == at("14:30")


def test_it_is_settled_when_it_turns_up_further_along() -> None:
    assert BEHIND.replanned(LH860, LH862).scan(Kind.UNLOAD, OSL, "17:20").found()[0].cleared_at == at("17:20")


def test_a_container_in_the_hub_is_not_a_departure_from_it() -> None:
    assert BEHIND.scan(Kind.LOAD, FRA, "11:40", into="AKE12345LH").irregularities() == [missed(LH860)]


def test_the_second_departure_missed_is_a_second_irregularity() -> None:
    story = BEHIND.replanned(LH860, LH862).left(LH862, "15:00").scan(Kind.SORT, FRA, "15:30")
    assert story.irregularities() == [missed(LH860), missed(LH862)]
    third = story.replanned(LH862, LH864, when="16:00").loads(LH864, "19:00").left(LH864, "20:00")
    assert [i.name for i in third.found()] == [missed(LH860), missed(LH862)]
    assert third.irregularities() == []


def test_a_later_flight_is_missed_too_when_it_had_caught_up_with_its_plan() -> None:
    story = Story(ADAS_BAG).left(LH991, "09:00").scan(Kind.SORT, AMS, "09:20")
    story = story.scan(Kind.LOAD, AMS, "09:30", into="KL1765/2026-11-21").scan(Kind.UNLOAD, FRA, "10:50")
    assert story.irregularities() == []
    story = story.left(LH860, "11:00").scan(Kind.SORT, FRA, "11:20")
    assert story.irregularities() == [missed(LH860)]
    replanned = story.replanned(LH860, LH862)
    assert replanned.missed() == [missed(LH991), missed(LH860)]


def test_a_re_plan_falls_away_when_it_was_aboard_after_all() -> None:
    story = LATE_IN.replanned(LH860, LH862)
    assert [leg.departure for leg in story.situation().itinerary.legs] == [LH991.name, LH862.name]
    aboard = story.loads(LH860, "10:58")
    assert [leg.departure for leg in aboard.situation().itinerary.legs] == [LH991.name, LH860.name]
    assert aboard.found() == ()


def test_a_cause_found_further_up_does_not_take_the_alert_back() -> None:
    """First it seems only LH860 was missed; then we learn that LH991 had left without it already."""
    one = Story(ADAS_BAG).left(LH860, "11:00").scan(Kind.SORT, AMS, "11:30")
    other = one.left(LH991, "09:00")
    owed = other.owes(before=one)
    assert [n.kind for n in owed] == [NoticeKind.MISSED_CONNECTION]


# --- laws of judgement ---


@given(stories(), st.randoms(use_true_random=False))
@trade
def test_a_judgement_follows_from_facts_alone(events: tuple[HandlingEvent, ...], rng: random.Random) -> None:
    story = Story(ADAS_BAG, events=events).left(LH991, "09:10").left(LH860, "11:00").landed(LH991, "10:30")
    shuffled = replace(story, events=tuple(as_heard(events, rng)))
    assert judge(story.situation()) == judge(shuffled.situation())
    assert story.found("12:00") == story.found("23:00", day=3)
    assert len({i.name for i in story.found()}) == len(story.found())


@given(stories(least=1), st.integers(0, 12))
@trade
def test_since_when_stays_what_it_was_when_more_scans_come(events: tuple[HandlingEvent, ...], cut: int) -> None:
    told = Story(ADAS_BAG, events=tuple(sorted(events, key=lambda e: e.order)))
    told = told.left(LH991, "09:10").left(LH860, "11:00")
    before = {i.name: i for i in replace(told, events=told.events[:cut]).found() if i.kind is not IrregularityKind.HELD}
    for found in told.found():
        if found.name in before:
            assert found.since == before[found.name].since


@given(stories())
@trade
def test_what_is_settled_was_settled_after_it_began(events: tuple[HandlingEvent, ...]) -> None:
    for found in Story(ADAS_BAG, events=events).left(LH991, "09:10").left(LH860, "11:00").found():
        assert found.cleared_at is None or found.cleared_at > found.since


@given(stories())
@trade
def test_an_open_alert_rests_on_a_scan_that_stands(events: tuple[HandlingEvent, ...]) -> None:
    story = Story(ADAS_BAG, events=events).left(LH991, "09:10").landed(LH991, "11:30").left(LH860, "11:00")
    standing = {event.event_key for event in story.timeline.standing}
    sure = {event.event_key for event in story.timeline.standing if not event.estimated}
    for found in story.found():
        assert found.evidence
        assert set(found.evidence) <= standing
        if found.kind is IrregularityKind.MISSED_CONNECTION and found.why.sentence != STILL_COMING_IN:
            assert set(found.evidence) <= sure


@given(stories())
@trade
def test_nothing_changes_before_the_instant_we_said_to_look_again(events: tuple[HandlingEvent, ...]) -> None:
    story = Story(ADAS_BAG, events=events).left(LH991, "09:10").left(LH860, "11:00")
    situation = replace(story.situation(), now=at("12:00"))
    judgement = judge(situation)
    again_at = judge_again_at(situation, stranded(situation, judgement.irregularities))
    until = again_at - timedelta(seconds=1) if again_at is not None else at("12:00", day=5)
    assert judge(replace(situation, now=until)) == judgement


# --- what the plan says then ---


def test_a_missed_leg_is_replanned_once() -> None:
    situation = BEHIND.situation("11:21")
    found = stranded(situation, irregularities(situation))
    assert found is not None
    assert (found.place, found.instead_of, found.left) == ("FRA", leg_on(LH860), LH860.name)
    replanned = BEHIND.replanned(LH860, LH862).situation("11:22")
    assert stranded(replanned, irregularities(replanned)) is None


def test_while_there_is_no_other_way_it_is_looked_for_each_hour() -> None:
    situation = BEHIND.situation("11:21")
    judgement = judge(situation)
    assert judgement.eta is None
    assert judgement.next_departure is None
    assert judge_again_at(situation, stranded(situation, judgement.irregularities)) == at("12:21")


def test_after_a_re_plan_the_window_and_the_departure_are_the_new_ones() -> None:
    judgement = BEHIND.replanned(LH860, LH862).judged("11:30")
    assert judgement.next_departure == LH862.name
    assert judgement.eta is not None
    assert judgement.eta.earliest == LH862.arrives_at + timedelta(minutes=10)


def test_what_it_goes_with_next_is_never_a_departure_it_has_behind_it() -> None:
    """Nobody scanned it into LH991, but it was unloaded in Frankfurt."""
    story = Story(ADAS_BAG).left(LH991, "09:00").scan(Kind.UNLOAD, FRA, "10:40").left(LH860, "11:00")
    story = story.scan(Kind.SORT, FRA, "11:20").replanned(LH860, LH862)
    assert story.judged("11:30").next_departure == LH862.name


def test_nothing_is_promised_by_a_flight_that_left_without_it_even_when_it_went_on_otherwise() -> None:
    story = BEHIND.scan(Kind.LOAD, FRA, "11:40", into="SK4754/2026-11-21")
    judgement = story.judged("11:41")
    assert judgement.next_departure is None
    assert judgement.eta is None
    there = story.scan(Kind.UNLOAD, OSL, "14:00").judged("14:01")
    assert there.eta is not None
    assert there.eta.earliest == at("14:10")


def test_it_goes_with_the_first_leg_before_anything_happened_and_with_none_after_the_last() -> None:
    assert next_leg(Story(ADAS_BAG).situation()) == Story(ADAS_BAG).planned.booked.legs[0]
    assert next_leg(ONTIME.loads(LH860, "10:45").situation()) is None


@pytest.mark.parametrize(
    ("story", "now", "ready_at"),
    [
        (LATE_IN, "11:05", "12:25"),  # landing 11:50 and 35 minutes to change
        (LATE_IN, "12:50", "12:50"),
        (BEHIND, "11:21", "11:21"),
    ],
)
def test_it_is_ready_again_when_it_is_in_and_unloaded_and_never_before_now(
    story: Story, now: str, ready_at: str
) -> None:
    leg = story.planned.booked.legs[1]
    assert ready_again_at(story.situation(now), leg) == at(ready_at)


def test_a_first_leg_missed_can_be_replanned_from_now() -> None:
    story = Story(ADAS_BAG).left(LH991, "09:00").scan(Kind.SORT, AMS, "09:20")
    assert ready_again_at(story.situation("09:21"), story.planned.booked.legs[0]) == at("09:21")


def test_a_delivered_piece_is_not_looked_at_again() -> None:
    story = ONTIME.scan(Kind.DELIVER, OSL, "14:00")
    assert judge_again_at(story.situation(), stranded(story.situation(), story.judged().irregularities)) is None
    assert next_leg(story.situation()) is None
