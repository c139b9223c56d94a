"""Facts in any order and any number make one timeline, and one account of how far a piece has come."""

import random

from hypothesis import given
from hypothesis import strategies as st

from tests.domain.laws import as_heard, folded_in_parts, stories, trade
from tests.world import AMS, CPH, FRA, LH860, LH991, OSL, OSL_ST, Story, at
from tracker.domain.handling import HandlingEvent, Kind
from tracker.domain.timeline import START, State, advance, comes_after, progress, timeline

chance = st.randoms(use_true_random=False)


@given(stories(), chance)
@trade
def test_arrival_order_and_repeats_never_matter(story: tuple[HandlingEvent, ...], rng: random.Random) -> None:
    assert timeline(as_heard(story, rng)) == timeline(story)


@given(stories(), chance)
@trade
def test_going_on_from_where_it_was_equals_folding_all_again(
    story: tuple[HandlingEvent, ...], rng: random.Random
) -> None:
    assert folded_in_parts(as_heard(story, rng), rng) == progress(timeline(story))


@given(stories(voids=False), st.integers(0, 20))
@trade
def test_at_any_cut_the_rest_may_simply_be_added(story: tuple[HandlingEvent, ...], cut: int) -> None:
    ordered = timeline(story).standing
    begun = progress(timeline(ordered[:cut]))
    for event in ordered[cut:]:
        assert comes_after(begun, event)
        begun = advance(begun, event)
    assert begun == progress(timeline(story))


@given(stories(least=1, voids=False), st.data())
@trade
def test_a_withdrawn_scan_is_as_if_it_had_never_been(story: tuple[HandlingEvent, ...], data: st.DataObject) -> None:
    slip = data.draw(st.sampled_from(story))
    told = Story(events=story).withdraws(slip, "23:30")
    without = progress(timeline(event for event in story if event != slip))
    for heard in (told.events, (told.last, *told.events)):  # the withdrawal may come before what it withdraws
        withdrawn = progress(timeline(heard))
        assert withdrawn.withdrawals
        assert (withdrawn.state, withdrawn.marks, withdrawn.last, withdrawn.facility, withdrawn.held) == (
            without.state,
            without.marks,
            without.last,
            without.facility,
            without.held,
        )


@given(stories(least=1, voids=False), st.data())
@trade
def test_only_the_device_that_scanned_can_withdraw(story: tuple[HandlingEvent, ...], data: st.DataObject) -> None:
    scan = data.draw(st.sampled_from(story))
    told = Story(events=story).withdraws(scan, "23:30", device="h-thief")
    assert told.timeline.standing == timeline(story).standing


def test_a_withdrawn_scan_keeps_its_place_and_names_what_withdrew_it() -> None:
    story = Story().scan(Kind.SORT, FRA, "10:40")
    story = story.withdraws(story.last, "10:41")
    line = story.timeline.entries[0]
    assert line.event == story.events[0]
    assert line.withdrawn_by == story.last.event_key
    assert story.timeline.standing == ()


def test_a_withdrawal_of_nothing_known_changes_nothing() -> None:
    story = Story().scan(Kind.SORT, FRA, "10:40")
    other = Story().scan(Kind.SORT, FRA, "10:40").scan(Kind.SORT, FRA, "10:45")
    told = story.withdraws(other.last, "10:50")
    assert told.progress.marks == story.progress.marks


@given(stories(voids=False))
@trade
def test_a_delivered_piece_is_not_opened_again_by_an_old_scan(story: tuple[HandlingEvent, ...]) -> None:
    calm = tuple(e for e in story if e.kind not in (Kind.DELIVER, Kind.RETURN))
    told = Story(events=calm).scan(Kind.DELIVER, OSL_ST, "23:00", day=1, device="h-van")
    assert told.progress.state is State.DELIVERED
    assert told.progress.held is None


def test_what_is_scanned_after_delivery_is_kept_but_opens_nothing() -> None:
    story = (
        Story().scan(Kind.DELIVER, OSL_ST, "15:00").scan(Kind.SORT, OSL_ST, "15:10").scan(Kind.ATTEMPT, OSL_ST, "16:00")
    )
    assert story.progress.state is State.DELIVERED
    assert story.progress.scans == 3


def test_a_delivered_piece_that_is_sent_back_is_on_its_way_back() -> None:
    story = Story().scan(Kind.DELIVER, OSL_ST, "15:00").scan(Kind.RETURN, OSL_ST, "18:00")
    assert story.progress.state is State.RETURNING
    assert story.progress.delivered is not None


def test_the_hand_over_is_the_first_one_whoever_scans_another_later() -> None:
    story = Story().scan(Kind.DELIVER, OSL_ST, "15:00").scan(Kind.DELIVER, OSL, "20:00", day=2)
    delivered = story.progress.delivered
    assert delivered is not None
    assert delivered.first_at == at("15:00")


def test_at_one_instant_a_building_is_walked_through_in_its_order() -> None:
    story = Story()
    for kind in (Kind.DEPART, Kind.LOAD, Kind.SORT, Kind.UNLOAD, Kind.ARRIVE, "polish"):
        story = story.scan(kind, FRA, "10:40")
    kinds = [entry.event.kind for entry in story.timeline.entries]
    assert kinds == ["arrive", "unload", "sort", "load", "depart", "polish"]


def test_a_word_nobody_knows_is_kept_and_says_nothing_of_the_state() -> None:
    story = Story().scan(Kind.ACCEPT, AMS, "08:00").scan("polish", FRA, "10:40")
    assert story.progress.state is State.ACCEPTED
    assert story.progress.seen("polish", "FRA") is not None


def test_a_hold_lasts_until_a_release_wherever_that_is_scanned() -> None:
    held = Story().scan(Kind.HOLD, FRA, "10:40", reason="customs")
    assert held.progress.held == "customs"
    assert held.scan(Kind.SORT, FRA, "10:50").progress.held == "customs"
    assert held.scan(Kind.RELEASE, OSL, "11:40").progress.held is None


def test_a_piece_seen_at_another_place_is_not_held_any_more() -> None:
    held = Story().scan(Kind.HOLD, FRA, "10:40", reason="customs")
    assert held.scan(Kind.UNLOAD, OSL, "14:00").progress.held is None
    assert held.scan(Kind.UNLOAD, OSL, "14:00", estimated=True).progress.held == "customs"
    assert held.scan(Kind.DELIVER, FRA, "14:00").progress.held is None


def test_a_departure_is_known_by_one_name_however_it_was_typed() -> None:
    story = Story().scan(Kind.LOAD, FRA, "10:40", into=" lh860/2026-11-21 ")
    assert story.progress.load_on(LH860.name) is not None
    assert story.progress.aboard == LH860.name


def test_a_container_is_known_by_what_was_read() -> None:
    assert Story().scan(Kind.PACK, FRA, "10:40", into="ake1").progress.aboard == "ake1"


def test_a_piece_leaves_what_it_was_in_when_it_is_next_handled() -> None:
    loaded = Story().loads(LH991, "08:40")
    assert loaded.scan(Kind.DEPART, AMS, "09:00").progress.aboard == LH991.name
    assert loaded.scan(Kind.UNLOAD, FRA, "10:40").progress.aboard is None


def test_a_mark_keeps_the_first_and_the_last_time_of_one_visit() -> None:
    story = Story().scan(Kind.SORT, FRA, "10:40").scan(Kind.SORT, FRA, "10:50")
    story = story.scan(Kind.SORT, CPH, "12:00").scan(Kind.SORT, FRA, "14:00")
    marks = [m for m in story.progress.marks if m.facility == "FRA"]
    assert [(m.first_at, m.last_at) for m in marks] == [(at("10:40"), at("10:50")), (at("14:00"), at("14:00"))]


def test_a_scan_of_unknown_time_ends_no_visit() -> None:
    story = (
        Story()
        .scan(Kind.SORT, FRA, "10:40")
        .scan(Kind.SORT, AMS, "10:45", estimated=True)
        .scan(Kind.SORT, FRA, "10:50")
    )
    marks = [m for m in story.progress.marks if m.facility == "FRA"]
    assert [(m.first_at, m.last_at) for m in marks] == [(at("10:40"), at("10:50"))]


def test_nothing_happened_to_a_piece_without_facts() -> None:
    assert Story().progress == START


def test_it_rides_what_it_was_loaded_on_last() -> None:
    story = Story().loads(LH860, "10:30").scan(Kind.LOAD, FRA, "10:40", into="LH858/2026-11-21")
    assert not story.progress.rode(LH860.name, left_at=None)
    assert story.progress.rode("LH858/2026-11-21", left_at=None)


def test_packing_what_is_loaded_into_a_container_takes_it_off_nothing() -> None:
    story = Story().loads(LH860, "10:30").scan(Kind.LOAD, FRA, "10:40", into="AKE12345LH")
    assert story.progress.rode(LH860.name, left_at=None)
