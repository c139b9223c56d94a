"""What customers hear of a piece beside its connections: each thing once, when it is news, and put right once."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.laws import stories, trade
from tests.world import ADAS_BAG, ADAS_PARCEL, AMS_ST, FRA, LH860, LH862, LH991, OSL_ST, RT100, RT700, Story, at
from tracker.domain import pickup
from tracker.domain.eta import Eta
from tracker.domain.handling import Decided, EventKey, HandlingEvent, Kind
from tracker.domain.judge import judge_again_at, stranded
from tracker.domain.notices import Judgement, Notice, NoticeKind, Said, Urgency
from tracker.domain.owed import CORRECTED, STOOD, TOLD_A_DAY, notices_owed, stands
from tracker.domain.staff import Role
from tracker.domain.timeline import Progress, State
from tracker.domain.why import because

K = NoticeKind
HANDED_IN = Story(ADAS_PARCEL).scan(Kind.ACCEPT, AMS_ST, "06:00")
OUT = HANDED_IN.scan(Kind.OUT_FOR_DELIVERY, OSL_ST, "15:30")
READY = HANDED_IN.scan(Kind.READY_FOR_PICKUP, OSL_ST, "15:30")


def kinds(story: Story, when: str = "16:00", *, day: int = 0, said: tuple[Said, ...] = ()) -> list[NoticeKind]:
    return [notice.kind for notice in story.owes(None, when, day=day, said=said)]


def told(*notices: Notice, outcome: str = "accepted", when: datetime | None = None) -> tuple[Said, ...]:
    return tuple(Said(notice, when or at("16:00"), outcome) for notice in notices)


# --- how it stands ---


def test_it_is_booked_until_somebody_scans_it() -> None:
    assert kinds(Story(ADAS_PARCEL), "05:30") == [K.BOOKED]
    assert kinds(HANDED_IN, "06:30") == [K.PICKED_UP]


@pytest.mark.parametrize(
    ("reason", "kind"),
    [("customs", K.CUSTOMS_HOLD), ("payment", K.PAYMENT_DUE), ("address", K.ADDRESS_PROBLEM)],
)
def test_who_can_end_a_hold_hears_of_each_one(reason: str, kind: NoticeKind) -> None:
    held = HANDED_IN.scan(Kind.HOLD, FRA, "10:40", reason=reason)
    again = held.scan(Kind.RELEASE, FRA, "11:00").scan(Kind.HOLD, FRA, "11:30", reason=reason)
    causes = [n.cause for story in (held, again) for n in story.owes(None, "12:00") if n.kind is kind]
    assert causes == [f"{kind}:{ADAS_PARCEL.name}:FRA:{number}" for number in (1, 2)]


def test_a_release_is_told_to_who_was_told_of_the_hold() -> None:
    held = HANDED_IN.scan(Kind.HOLD, FRA, "10:40", reason="customs")
    released = held.scan(Kind.RELEASE, FRA, "11:00")
    (hold,) = (n for n in held.owes(None, "10:50") if n.kind is K.CUSTOMS_HOLD)
    (news,) = (n for n in released.owes(None, "11:30", said=told(hold)) if n.kind is K.CUSTOMS_RELEASED)
    assert news.withdraws == hold.cause
    assert K.CUSTOMS_RELEASED not in kinds(released, "11:30")


def test_at_the_counter_they_are_reminded_at_half_time_and_a_day_before_it_goes_back() -> None:
    ready = pickup.waiting(READY.progress)
    assert ready is not None
    first, second = pickup.reminders(ready)
    assert kinds(READY) == [K.READY_FOR_PICKUP]
    situation = READY.situation("16:00")
    assert judge_again_at(situation, stranded(situation, READY.judged("16:00").irregularities)) is not None
    causes = [
        [n.cause for n in notices_owed(None, READY.judged(), ADAS_PARCEL, now=moment) if n.kind is K.PICKUP_REMINDER]
        for moment in (first - timedelta(seconds=1), first, second, pickup.kept_by(ready))
    ]
    named = f"pickup_reminder:{ADAS_PARCEL.name}:OSL-ST"
    assert causes == [[], [f"{named}:1"], [f"{named}:2"], []]


def test_an_attempt_says_when_it_is_tried_again_and_a_refusal_does_not() -> None:
    tried = OUT.scan(Kind.ATTEMPT, OSL_ST, "16:30").owes(None, "16:40")
    refused = OUT.scan(Kind.ATTEMPT, OSL_ST, "16:30", reason="refused").owes(None, "16:40")
    for owed, has_window in ((tried, True), (refused, False)):
        (notice,) = (n for n in owed if n.kind is K.DELIVERY_ATTEMPTED)
        assert (notice.cause, notice.window is not None) == (
            f"delivery_attempted:{ADAS_PARCEL.name}:attempt1",
            has_window,
        )


def test_what_came_back_to_its_sender_was_returned_and_not_delivered() -> None:
    back = OUT.scan(Kind.RETURN, OSL_ST, "17:00")
    assert kinds(back, "17:30") == [K.RETURNING]
    assert kinds(back.scan(Kind.DELIVER, AMS_ST, "12:00", day=2), "13:00", day=2) == [K.RETURNED]


def test_damage_is_told_even_after_it_was_handed_over() -> None:
    broken = HANDED_IN.scan(Kind.DAMAGE, FRA, "10:40").scan(Kind.DELIVER, OSL_ST, "16:00")
    assert kinds(broken, "16:30") == [K.DELIVERED, K.DAMAGED]


def says(story: Story, kind: Kind, when: str) -> Story:
    """A word of the desk."""
    made = story.scan(kind, FRA, when)
    key = EventKey("desk:ada", f"{kind}-{when}")
    word = replace(made.last, event_key=key, decided=Decided(Role.SUPERVISOR, "looked everywhere"))
    return replace(made, events=(*story.events, word))


def test_who_was_told_that_it_is_lost_hears_once_that_it_was_found() -> None:
    lost = says(HANDED_IN, Kind.LOST, "12:00")
    (notice,) = (n for n in lost.owes(None, "12:30") if n.kind is K.LOST)
    found = says(lost, Kind.FOUND, "14:00")
    said = told(notice)
    (news,) = (n for n in found.owes(None, "14:30", said=said) if n.kind is K.CORRECTION)
    assert (news.withdraws, news.urgency) == (notice.cause, Urgency.NOW)
    assert stands(news, found.judged("14:30"), ADAS_PARCEL, now=at("14:30"))


# --- windows ---


def at_hours(begins: float, ends: float) -> Judgement:
    """Under way, and expected between these hours of our Saturday."""
    progress = replace(HANDED_IN.progress, state=State.MOVING)
    eta = Eta(at("00:00") + timedelta(hours=begins), at("00:00") + timedelta(hours=ends), because("It is so."))
    return Judgement(progress, eta=eta)


def moves(judged: Judgement, said: tuple[Said, ...], now: datetime) -> Notice | None:
    owed = notices_owed(None, judged, ADAS_PARCEL, now=now, zone="Europe/Oslo", said=said)
    return next((notice for notice in owed if notice.kind is K.ETA_CHANGED), None)


def booked_for(begins: float, ends: float) -> tuple[Said, ...]:
    judged = at_hours(begins, ends)
    return told(*notices_owed(None, replace(judged, progress=Progress()), ADAS_PARCEL, now=at("05:00"))) + told(
        *notices_owed(None, judged, ADAS_PARCEL, now=at("06:00"))
    )


BOOKED = booked_for(12, 16)


@pytest.mark.parametrize(
    ("begins", "ends", "is_news"),
    [(12, 16, False), (13, 17, False), (13, 15, False), (14, 18, True), (10, 14, True), (12, 17.99, False)],
)
def test_a_window_is_news_when_it_leaves_the_one_they_were_told(begins: float, ends: float, is_news: bool) -> None:
    notice = moves(at_hours(begins, ends), BOOKED, at("10:00"))
    assert (notice is not None) == is_news
    if notice is not None:
        assert notice.before == (at("12:00"), at("16:00"))
        assert notice.cause == f"eta_changed:{ADAS_PARCEL.name}:r1"
        assert (notice.urgency, notice.not_before) == (Urgency.NOW, at("10:00") + STOOD)


def test_a_window_after_the_promise_is_told_as_late_and_not_twice() -> None:
    judged = at_hours(36, 40)
    owed = notices_owed(None, judged, ADAS_PARCEL, now=at("10:00"), zone="Europe/Oslo", said=BOOKED)
    (late,) = (notice for notice in owed if notice.kind in (K.LATE_PREDICTED, K.ETA_CHANGED))
    assert (late.kind, late.not_before) == (K.LATE_PREDICTED, at("10:00") + STOOD)
    assert moves(judged, (*BOOKED, *told(late)), at("11:00")) is None


def test_a_window_that_goes_back_before_it_was_told_is_not_told() -> None:
    first = moves(at_hours(15, 19), BOOKED, at("10:00"))
    assert first is not None
    waits = (*BOOKED, *told(first, outcome="due", when=at("10:00")))
    assert moves(at_hours(15, 19), waits, at("10:05")) is None
    assert moves(at_hours(12, 16), waits, at("10:05")) is None
    assert not stands(first, at_hours(12, 16), ADAS_PARCEL, now=at("10:10"))
    assert stands(first, at_hours(15, 19), ADAS_PARCEL, now=at("10:10"))


def test_there_and_back_again_are_two_pieces_of_news() -> None:
    first = moves(at_hours(15, 19), BOOKED, at("10:00"))
    assert first is not None
    back = moves(at_hours(12, 16), (*BOOKED, *told(first)), at("11:00"))
    assert back is not None
    assert (back.cause[-2:], back.before) == ("r2", (at("15:00"), at("19:00")))


def test_after_three_in_a_day_the_next_waits() -> None:
    said = BOOKED
    for number in range(TOLD_A_DAY):
        notice = moves(at_hours(15 + 3 * (number % 2), 19 + 3 * (number % 2)), said, at(f"1{number}:00"))
        assert notice is not None
        said = (*said, *told(notice, when=at(f"1{number}:00")))
    waits = moves(at_hours(18, 22), said, at("14:00"))
    assert waits is not None
    assert waits.not_before == at("10:00", day=1)


@given(st.lists(st.tuples(st.integers(8, 30), st.sampled_from(["accepted", "cancelled", "due"])), max_size=12))
@trade
def test_however_a_window_flutters_each_message_is_news_against_the_one_before(
    steps: list[tuple[int, str]],
) -> None:
    said, shown = BOOKED, (at("12:00"), at("16:00"))
    for minute, (hour, outcome) in enumerate(steps):
        now = at("07:00") + timedelta(minutes=minute)
        notice = moves(at_hours(hour, hour + 4), said, now)
        if notice is None or notice.window is None:
            continue
        assert notice.before == shown
        assert abs(notice.window[0] - shown[0]) >= timedelta(hours=2) or notice.window[1].day != shown[1].day
        said = (*said, *told(notice, outcome=outcome, when=now))
        shown = notice.window if outcome == "accepted" else shown


def test_who_knows_that_it_is_late_is_not_told_again_when_the_promise_passes() -> None:
    due_by = ADAS_PARCEL.promise.due_by
    late = HANDED_IN.judged("23:30", day=1)
    owed = notices_owed(None, late, ADAS_PARCEL, now=due_by + timedelta(hours=1))
    (notice,) = (n for n in owed if n.kind is K.LATE)
    assert notice.cause == f"late:{ADAS_PARCEL.name}:{due_by.date()}"
    knows = told(replace(notice, kind=K.ETA_CHANGED, cause="eta_changed:x:r1", window=(due_by + STOOD, due_by + STOOD)))
    again = notices_owed(None, late, ADAS_PARCEL, now=due_by + timedelta(hours=1), said=knows)
    assert K.LATE not in [n.kind for n in again]


def test_who_is_told_that_the_plan_broke_is_not_told_beside_that_it_is_late() -> None:
    missed = HANDED_IN.loads(RT100, "06:20").left(LH860, "11:00").scan(Kind.SORT, FRA, "11:20")
    assert K.MISSED_CONNECTION in kinds(missed, "23:30")
    assert not {K.LATE, K.LATE_PREDICTED} & {*kinds(missed, "23:30")}


def test_another_way_is_told_apart_only_where_the_miss_could_not_say_it() -> None:
    missed = HANDED_IN.left(LH991, "09:00").left(LH860, "11:00").scan(Kind.SORT, FRA, "11:20").landed(LH991, "10:20")
    (miss,) = (n for n in missed.owes(None, "12:00") if n.kind is K.MISSED_CONNECTION)
    way = missed.replanned(LH860 if LH860.name in miss.cause else LH991, LH862, RT700)
    assert K.REPLANNED in kinds(way, "12:30", said=told(replace(miss, departure=None)))
    assert K.REPLANNED not in kinds(way, "12:30", said=told(replace(miss, departure=LH862.name)))
    assert K.REPLANNED not in kinds(way, "12:30")


# --- corrections ---


def test_who_was_told_of_a_hand_over_that_was_withdrawn_is_told_so_once_and_at_once() -> None:
    there = OUT.scan(Kind.DELIVER, OSL_ST, "16:00")
    (notice,) = there.owes(None, "16:01")
    slip = there.withdraws(there.last, "16:10")
    said = told(notice)
    (news,) = (n for n in slip.owes(None, "16:11", said=said) if n.kind is K.CORRECTION)
    assert (news.withdraws, news.urgency) == (notice.cause, Urgency.NOW)
    assert news.quotes is not None
    assert (news.quotes.why, news.quotes.said_at) == (notice.why, at("16:00"))
    again = slip.owes(None, "16:12", said=(*said, *told(news)))
    assert [n.cause for n in again if n.kind is K.CORRECTION] == [news.cause]


def test_what_another_scan_shows_too_is_not_corrected() -> None:
    there = OUT.scan(Kind.DELIVER, OSL_ST, "16:00", device="h-one").scan(Kind.DELIVER, OSL_ST, "16:01", device="h-two")
    (notice,) = there.owes(None, "16:02")
    slip = there.withdraws(there.last, "16:10")
    assert K.CORRECTION not in kinds(slip, "16:11", said=told(notice))


def test_what_was_never_told_is_not_corrected() -> None:
    there = OUT.scan(Kind.DELIVER, OSL_ST, "16:00")
    (notice,) = there.owes(None, "16:01")
    slip = there.withdraws(there.last, "16:10")
    for outcome in ("cancelled", "expired", "failed", "opted_out", "muted"):
        assert K.CORRECTION not in kinds(slip, "16:11", said=told(notice, outcome=outcome))


def test_after_a_correction_the_true_hand_over_is_told_and_only_if_that_was() -> None:
    there = OUT.scan(Kind.DELIVER, OSL_ST, "16:00")
    (notice,) = there.owes(None, "16:01")
    slip = there.withdraws(there.last, "16:10")
    said = told(notice)
    (wrong,) = (n for n in slip.owes(None, "16:11", said=said) if n.kind is K.CORRECTION)
    at_last = slip.scan(Kind.DELIVER, OSL_ST, "17:00")
    (again,) = (n for n in at_last.owes(None, "17:01", said=(*said, *told(wrong))) if n.kind is K.DELIVERED)
    assert (again.cause, again.withdraws) == (f"{notice.cause}~2", wrong.cause)
    assert not stands(wrong, at_last.judged("17:01"), ADAS_PARCEL, now=at("17:01"))


def test_what_was_cancelled_before_it_was_told_and_comes_true_is_told() -> None:
    there = OUT.scan(Kind.DELIVER, OSL_ST, "16:00")
    (notice,) = there.owes(None, "16:01")
    at_last = there.withdraws(there.last, "16:10").scan(Kind.DELIVER, OSL_ST, "17:00")
    (again,) = (n for n in at_last.owes(None, "17:01", said=told(notice, outcome="cancelled")) if n.kind is K.DELIVERED)
    assert (again.cause, again.withdraws) == (f"{notice.cause}~2", None)


@given(stories(least=1, voids=False), st.data())
@trade
def test_the_misinformed_are_told_once_and_nobody_else(events: tuple[HandlingEvent, ...], data: st.DataObject) -> None:
    """Whatever is withdrawn: who was told what it showed, and nothing else shows, hears of it once."""
    story = Story(ADAS_PARCEL, events=events)
    owed = [n for n in story.owes(None, "23:00", day=1) if n.withdraws is None]
    outcomes = {n.cause: data.draw(st.sampled_from(["accepted", "unknown", "cancelled", "failed"])) for n in owed}
    said = tuple(Said(n, at("12:00"), outcomes[n.cause]) for n in owed)
    wrong = data.draw(st.sampled_from(events))
    slip = story.withdraws(wrong, "23:30")
    after = slip.judged("23:40", day=1)
    news = slip.owes(story, "23:40", day=1, said=said)
    corrected = [n.withdraws for n in news if n.kind is K.CORRECTION]
    misinformed = [
        each.notice.cause
        for each in said
        if each.told
        and each.notice.kind in CORRECTED
        and wrong.event_key in each.notice.evidence
        and not _so(slip, each.notice)
    ]
    lost_and_found = [c for c in corrected if c is not None and c.startswith("lost:")]
    assert sorted(c for c in corrected if c not in lost_and_found) == sorted(misinformed)
    for each in (n for n in news if n.kind is K.CORRECTION):
        assert stands(each, after, ADAS_PARCEL, now=at("23:40", day=1))


def _so(story: Story, notice: Notice) -> bool:
    """Whether a scan that stands shows the same."""
    shows = {
        K.PICKED_UP: Kind.ACCEPT,
        K.OUT_FOR_DELIVERY: Kind.OUT_FOR_DELIVERY,
        K.DELIVERED: Kind.DELIVER,
        K.READY_FOR_PICKUP: Kind.READY_FOR_PICKUP,
        K.PICKUP_REMINDER: Kind.READY_FOR_PICKUP,
        K.DELIVERY_ATTEMPTED: Kind.ATTEMPT,
        K.DAMAGED: Kind.DAMAGE,
        K.RETURNING: Kind.RETURN,
        K.RETURNED: Kind.RETURN,
    }
    kind = shows.get(notice.kind, Kind.HOLD)
    standing = [event for event in story.timeline.standing if event.kind == kind]
    match notice.kind:
        case K.READY_FOR_PICKUP | K.PICKUP_REMINDER | K.DAMAGED | K.CUSTOMS_HOLD | K.PAYMENT_DUE | K.ADDRESS_PROBLEM:
            return any(event.facility in notice.cause.split(":") for event in standing)
        case K.OUT_FOR_DELIVERY:
            return story.judged().out_on is not None and str(story.judged().out_on) in notice.cause
        case _:
            return bool(standing)


def test_a_bag_on_the_belt_is_told_as_such() -> None:
    (notice,) = Story(ADAS_BAG).scan(Kind.DELIVER, OSL_ST, "13:30").owes(None, "13:40")
    assert (notice.kind, notice.why.sentence.startswith("It was put on the belt")) == (K.DELIVERED, True)
