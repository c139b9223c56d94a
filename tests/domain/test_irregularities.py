"""The irregularities beside missed connections: what raises each, what clears it, and that time and order play fair."""

import random
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.laws import as_heard, stories, trade
from tests.world import (
    ADAS_BAG,
    ADAS_PARCEL,
    AMS_ST,
    FRA,
    LH860,
    LH862,
    LH991,
    OSL,
    OSL_ST,
    RT700,
    Story,
    at,
    rides_to_frankfurt,
)
from tracker.domain.handling import EventKey, Kind
from tracker.domain.rules import DUTIES, ONLY_AFTER, RULES, IrregularityKind, irregularities, look_again_after
from tracker.domain.shipment import Goods

K = IrregularityKind


def open_kinds(story: Story, when: str = "23:00", *, day: int = 0) -> set[IrregularityKind]:
    return {i.kind for i in irregularities(story.situation(when, day=day)) if i.open}


def test_each_kind_says_who_must_act_and_whether_customers_hear_of_it() -> None:
    assert set(DUTIES) == set(IrregularityKind)


# --- nobody handed it over ---


def test_a_parcel_nobody_scanned_within_a_day_was_never_inducted() -> None:
    story = Story(ADAS_PARCEL)
    assert K.NEVER_INDUCTED not in open_kinds(story, "05:00", day=1)
    assert open_kinds(story, "05:01", day=1) == {K.NEVER_INDUCTED}
    (found,) = story.scan(Kind.ACCEPT, AMS_ST, "08:00", day=1).over_time(K.NEVER_INDUCTED, day=1)
    assert (found.since, found.cleared_at) == (at("05:00", day=1), at("08:00", day=1))


def test_a_bag_has_until_its_first_flight_leaves() -> None:
    assert open_kinds(Story(ADAS_BAG), "09:01") == {K.NEVER_INDUCTED}
    assert open_kinds(Story(ADAS_BAG), "09:00") == set()


# --- silence ---


def test_a_bag_that_should_have_come_off_its_flight_is_silent_three_hours_after() -> None:
    story = rides_to_frankfurt().landed(LH991, "10:20")
    assert K.SILENT not in open_kinds(story, "13:20")
    (found,) = story.over_time(K.SILENT, "13:21")
    assert (found.subject, found.since, found.open) == (LH991.name, at("13:20"), True)
    assert story.scan(Kind.UNLOAD, FRA, "10:50").over_time(K.SILENT, "13:21") == ()
    assert story.scan(Kind.UNLOAD, FRA, "14:00").over_time(K.SILENT)[0].cleared_at == at("14:00")


def test_a_bag_that_was_at_the_hub_and_is_on_no_list_when_its_flight_left_is_silent_an_hour_after() -> None:
    story = rides_to_frankfurt().landed(LH991, "10:20").scan(Kind.SORT, FRA, "10:40").left(LH860, "11:00")
    assert K.SILENT not in open_kinds(story, "12:00")
    assert (K.SILENT, LH860.name) in [i.name for i in story.over_time(K.SILENT, "12:01")]
    assert story.loads(LH860, "10:50").over_time(K.SILENT, "12:01") == ()  # the handheld was only off line


def test_what_is_still_flying_is_not_silent() -> None:
    assert open_kinds(rides_to_frankfurt(), "10:30") == set()


# --- lying about ---


def test_it_dwells_when_it_lies_at_a_hub_past_its_departure_and_half_a_day() -> None:
    story = rides_to_frankfurt().landed(LH991, "10:20").scan(Kind.SORT, FRA, "10:40")
    assert K.DWELLING not in open_kinds(story, "22:40")
    assert K.DWELLING in open_kinds(story, "22:41")
    (found,) = story.loads(LH862, "08:00", day=1).over_time(K.DWELLING, day=1)
    assert (found.subject, found.since, found.cleared_at) == ("FRA", at("22:40"), at("08:00", day=1))


def test_what_is_stopped_there_does_not_dwell() -> None:
    story = Story(ADAS_PARCEL).scan(Kind.SORT, FRA, "10:40").scan(Kind.HOLD, FRA, "11:00", reason="customs")
    assert open_kinds(story, "09:00", day=3) == {K.HELD_AT_CUSTOMS, K.LATE}


def test_nor_what_waits_to_be_picked_up() -> None:
    story = Story(ADAS_PARCEL).scan(Kind.ARRIVE, OSL_ST, "15:10").scan(Kind.READY_FOR_PICKUP, OSL_ST, "16:00")
    assert K.DWELLING not in open_kinds(story, "09:00", day=6)


# --- holds ---


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("customs", K.HELD_AT_CUSTOMS),
        ("payment", K.HELD_FOR_PAYMENT),
        ("address", K.HELD_FOR_ADDRESS),
        ("security", K.HELD),
        (None, K.HELD),
    ],
)
def test_what_it_is_held_for_decides_who_must_act(reason: str | None, kind: IrregularityKind) -> None:
    story = Story(ADAS_PARCEL).scan(Kind.HOLD, FRA, "10:40", reason=reason)
    assert story.irregularities() == [(kind, "FRA")]
    assert story.scan(Kind.RELEASE, FRA, "12:00").irregularities() == []


def test_customs_letting_it_go_ends_their_hold() -> None:
    story = Story(ADAS_PARCEL).scan(Kind.CUSTOMS_IN, OSL, "13:00").scan(Kind.HOLD, OSL, "13:30", reason="customs")
    assert story.scan(Kind.CUSTOMS_OUT, OSL, "16:00").irregularities() == []


def test_while_it_is_held_nobody_promises_a_window() -> None:
    story = Story(ADAS_PARCEL).scan(Kind.SORT, FRA, "10:30")
    assert story.judged().eta is not None
    assert story.scan(Kind.HOLD, FRA, "10:40").judged().eta is None


# --- lists ---


def test_a_bag_loaded_where_it_does_not_belong_is_over_until_it_is_off_again() -> None:
    story = rides_to_frankfurt().scan(Kind.SORT, FRA, "10:30").scan(Kind.LOAD, FRA, "10:40", into="KL1765/2026-11-21")
    assert story.irregularities() == [(K.OVERAGE, "KL1765/2026-11-21")]
    assert story.scan(Kind.UNLOAD, FRA, "10:50").irregularities() == []
    assert story.scan(Kind.UNLOAD, OSL, "13:00").irregularities() == []


def test_not_seen_where_it_was_looked_for_is_a_shortage_until_it_is_seen() -> None:
    story = rides_to_frankfurt().scan(Kind.UNSEEN, FRA, "11:00")
    assert story.irregularities() == [(K.SHORTAGE, "FRA")]
    assert story.progress.facility == "AMS"  # to be missed somewhere is not to be there
    assert story.scan(Kind.UNLOAD, FRA, "11:30").irregularities() == []


# --- papers ---


def test_papers_are_missing_where_a_border_is_crossed_and_the_booking_does_not_say() -> None:
    bare = replace(ADAS_PARCEL, goods=Goods(contents="a lamp"))
    (found,) = Story(bare).over_time(K.PAPERS_MISSING)
    assert (found.since, found.why.values["papers"]) == (ADAS_PARCEL.booked_at, "HS, value")
    assert Story(bare).scan(Kind.CUSTOMS_OUT, OSL, "16:00").over_time(K.PAPERS_MISSING)[0].cleared_at == at("16:00")
    assert Story(ADAS_PARCEL).over_time(K.PAPERS_MISSING) == ()
    assert Story(replace(bare, destination="FRA")).over_time(K.PAPERS_MISSING) == ()  # NL to DE: no border for goods


# --- at the door ---

TRIED = (
    Story(ADAS_PARCEL).scan(Kind.OUT_FOR_DELIVERY, OSL_ST, "09:00").scan(Kind.ATTEMPT, OSL_ST, "10:00", reason="nobody")
)


def test_an_attempt_failed_until_it_goes_out_again_and_the_next_is_another() -> None:
    assert TRIED.irregularities() == [(K.ATTEMPT_FAILED, "1")]
    again = TRIED.scan(Kind.OUT_FOR_DELIVERY, OSL_ST, "09:00", day=1)
    assert again.irregularities(day=1) == []
    twice = again.scan(Kind.ATTEMPT, OSL_ST, "10:00", day=1, reason="nobody")
    assert [i.name for i in twice.found(day=1)] == [(K.ATTEMPT_FAILED, "1"), (K.ATTEMPT_FAILED, "2")]


def test_refused_is_for_the_shipper_until_it_is_sent_back() -> None:
    refused = TRIED.scan(Kind.ATTEMPT, OSL_ST, "10:05", reason="refused")
    assert (K.REFUSED, "2") in refused.irregularities()
    back = refused.scan(Kind.RETURN, OSL_ST, "16:00")
    assert back.irregularities() == [(K.RETURNED, "OSL-ST")]
    assert back.scan(Kind.DELIVER, AMS_ST, "10:00", day=3).irregularities(day=3) == []


def test_handed_over_elsewhere_until_it_is_handed_over_where_it_belongs() -> None:
    story = Story(ADAS_PARCEL).scan(Kind.DELIVER, OSL, "15:00")
    assert story.irregularities() == [(K.DELIVERED_ELSEWHERE, "OSL")]
    assert story.scan(Kind.DELIVER, OSL_ST, "18:00").irregularities() == []
    assert story.withdraws(story.last, "15:05").irregularities() == []


# --- damaged, lost ---


def test_damage_stays_until_a_person_closes_it() -> None:
    story = Story(ADAS_PARCEL).scan(Kind.DAMAGE, FRA, "10:40").scan(Kind.DELIVER, OSL_ST, "18:00")
    assert story.irregularities() == [(K.DAMAGED, "FRA")]


def declared(story: Story, kind: Kind, when: str, origin: str = "desk:ann") -> Story:
    told = story.scan(kind, FRA, when)
    return replace(told, events=(*story.events, replace(told.last, event_key=EventKey(origin, f"{kind}-{when}"))))


def test_only_the_desk_declares_a_piece_lost_and_a_scan_or_the_desk_finds_it() -> None:
    story = Story(ADAS_PARCEL).scan(Kind.SORT, FRA, "10:40")
    lost = declared(story, Kind.LOST, "12:00")
    assert lost.irregularities() == [(K.LOST, "FRA")]
    assert lost.scan(Kind.UNLOAD, OSL, "13:00").irregularities() == []
    assert declared(lost, Kind.FOUND, "13:00").irregularities() == []
    assert declared(story, Kind.LOST, "12:00", origin="dev:h-fra").irregularities() == []


# --- laws ---


@trade
@given(stories(), st.randoms(use_true_random=False))
def test_order_and_repeats_change_no_irregularity(events: tuple, chance: random.Random) -> None:
    story = Story(ADAS_PARCEL, events=events).left(LH991, "09:10").left(LH860, "11:00").landed(LH991, "10:30")
    heard = replace(story, events=tuple(as_heard(events, chance)))
    assert irregularities(heard.situation(day=2)) == irregularities(story.situation(day=2))


@trade
@given(stories(least=1), st.data())
def test_a_withdrawn_scan_leaves_the_world_as_if_it_had_not_been(events: tuple, data: st.DataObject) -> None:
    story = Story(ADAS_PARCEL, events=events).left(LH991, "09:10").left(RT700, "14:00")
    devices = [e for e in events if e.kind != Kind.VOID and not any(v.voids == e.event_key for v in events)]
    if not devices:
        return
    event = data.draw(st.sampled_from(devices))
    without = replace(story, events=tuple(e for e in events if e is not event))
    assert irregularities(story.withdraws(event, "23:30").situation(day=2)) == irregularities(without.situation(day=2))


@trade
@given(stories(), st.integers(11, 72))
def test_time_alone_changes_nothing_before_the_instant_we_said(events: tuple, hours: int) -> None:
    story = Story(ADAS_PARCEL, events=events).left(LH991, "09:10").left(LH860, "11:00")
    now = replace(story.situation(), now=at("00:00") + timedelta(hours=hours))
    again_at = look_again_after(now)
    until = again_at if again_at is not None else at("00:00", day=30)
    assert irregularities(replace(now, now=until)) == irregularities(now)


@trade
@given(stories())
def test_each_has_a_name_of_its_own_and_is_over_after_it_began(events: tuple) -> None:
    found = irregularities(Story(ADAS_PARCEL, events=events).left(LH991, "09:10").situation(day=2))
    assert len({i.name for i in found}) == len(found)
    assert all(i.cleared_at is None or i.cleared_at >= i.since for i in found)


@trade
@given(stories())
def test_what_is_only_asked_after_a_kind_of_handling_finds_nothing_before(events: tuple) -> None:
    situation = Story(ADAS_PARCEL, events=events).left(LH991, "09:10").cancelled(LH860, "10:00").situation(day=2)
    found = {rule: list(rule(situation)) for rule in RULES}
    assert not any(found[rule] for rule, kind in ONLY_AFTER.items() if kind not in situation.heard)


def test_the_page_on_irregularities_has_a_row_for_each_with_who_acts() -> None:
    page = (Path(__file__).parents[2] / "docs" / "irregularities.md").read_text()
    kinds = page.partition("\n## ")[0]  # incidents have a table of their own
    rows = {line.split("|")[1].strip(" `"): line for line in kinds.splitlines() if line.startswith("| `")}
    assert set(rows) == {kind.value for kind in IrregularityKind}
    for kind, duty in DUTIES.items():
        assert rows[kind.value].endswith(f"| {duty.actor} | {'yes' if duty.told else 'no'} |")
