"""What a recipient may ask for, until when, and why not."""

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.world import ADAS_BAG, ADAS_PARCEL, AMS_ST, OSL_ST, Story, at
from tracker.domain.asks import Ask, Closed, Offer, Outcome, Word, offers
from tracker.domain.eta import eta
from tracker.domain.handling import ANSWERER, EventKey, HandlingEvent, Kind
from tracker.domain.shipment import Goods

ON_ITS_WAY = Story(ADAS_PARCEL).scan(Kind.ACCEPT, AMS_ST, "05:17")


def offered(story: Story, when: str, *, day: int = 0, service: str = "standard") -> dict[Ask, Offer]:
    return {offer.ask: offer for offer in offers(story.situation(when, day=day), service=service)}


def answered(story: Story, reason: str, when: datetime, *, origin: str = ANSWERER) -> Story:
    event = HandlingEvent(
        when, EventKey(origin, "1"), Kind.ANSWER, AMS_ST.code, story.piece.number, when, reason=reason
    )
    return replace(story, events=(*story.events, event))


words = st.builds(
    Word,
    st.sampled_from(Ask),
    st.none() | st.dates(),
    st.none() | st.sampled_from(Outcome),
    st.none() | st.sampled_from(Closed),
)


@given(words)
def test_what_is_spelled_is_read_again(word: Word) -> None:
    assert Word.parse(str(word)) == word


@given(st.text())
def test_anything_else_is_no_word_or_one_that_is_spelled(said: str) -> None:
    read = Word.parse(said)
    assert read is None or read.ask in Ask


def test_a_parcel_under_way_has_everything_and_each_its_time() -> None:
    there = offered(ON_ITS_WAY, "06:00")
    assert set(there) == set(Ask) - {Ask.MISSING_BAG}
    assert all(offer.open for offer in there.values())
    redirect, day = there[Ask.REDIRECT].until, there[Ask.OTHER_DAY].until
    assert redirect is not None
    assert day is not None
    assert redirect < day
    after = offered(ON_ITS_WAY, redirect.strftime("%H:%M"), day=(redirect.date() - at("00:00").date()).days)
    assert after[Ask.REDIRECT].open
    late = offers(replace(ON_ITS_WAY.situation("06:00"), now=redirect + timedelta(seconds=1)), service="standard")
    assert {offer.ask: offer.closed for offer in late}[Ask.REDIRECT] is Closed.TOO_LATE


@pytest.mark.parametrize(
    ("last", "why"),
    [
        (Kind.OUT_FOR_DELIVERY, Closed.ON_THE_VAN),
        (Kind.DELIVER, Closed.HANDED_OVER),
        (Kind.RETURN, Closed.GOING_BACK),
    ],
)
def test_what_has_happened_closes_all_of_it_and_says_so(last: Kind, why: Closed) -> None:
    there = offered(ON_ITS_WAY.scan(last, OSL_ST, "07:00"), "07:01")
    assert {offer.closed for offer in there.values()} == {why}


def test_after_an_attempt_it_may_be_asked_again_until_the_next_round() -> None:
    story = ON_ITS_WAY.scan(Kind.OUT_FOR_DELIVERY, OSL_ST, "15:23").scan(Kind.ATTEMPT, OSL_ST, "16:29")
    assert offered(story, "16:40")[Ask.NEIGHBOUR].open


def test_the_service_and_the_value_close_some() -> None:
    assert offered(ON_ITS_WAY, "06:00", service="express")[Ask.REDIRECT].closed is Closed.NOT_OFFERED
    assert offered(ON_ITS_WAY, "06:00", service="registered")[Ask.NEIGHBOUR].closed is Closed.NOT_OFFERED
    dear = replace(ON_ITS_WAY, piece=replace(ADAS_PARCEL, goods=Goods(value_minor=50_000, currency="EUR")))
    assert offered(dear, "06:00")[Ask.SAFE_PLACE].closed is Closed.VALUABLE
    assert offered(dear, "06:00")[Ask.PICKUP].open


def test_a_bag_can_be_reported_once_its_last_flight_is_in_and_for_21_days() -> None:
    story = Story(ADAS_BAG)
    assert offered(story, "00:10")[Ask.MISSING_BAG].closed is Closed.NOT_YET
    assert offered(story, "23:00")[Ask.MISSING_BAG].open
    assert offered(story, "23:00", day=22)[Ask.MISSING_BAG].closed is Closed.TOO_LATE


def test_what_waits_for_an_answer_is_not_asked_twice() -> None:
    there = offers(ON_ITS_WAY.situation("06:00"), service="standard", waiting={Ask.RETURN})
    assert {offer.ask for offer in there if offer.closed is Closed.ASKED} == {Ask.RETURN}


def test_another_day_moves_window_and_promise_and_a_device_cannot_say_so() -> None:
    before = ON_ITS_WAY.situation("06:00")
    day = offered(ON_ITS_WAY, "06:00")[Ask.OTHER_DAY].days[2]
    said = f"granted other_day {day}"
    after = answered(ON_ITS_WAY, said, at("05:30")).situation("06:00")
    window = eta(after)
    assert window is not None
    assert after.local_day(window.earliest) == after.local_day(window.latest) == day
    assert after.local_day(after.due_by) == day
    assert before.due_by == ADAS_PARCEL.promise.due_by
    for origin in ("dev:h-1", "feed:x", "customer:ada"):
        assert eta(answered(ON_ITS_WAY, said, at("05:30"), origin=origin).situation("06:00")) == eta(before)


def test_what_is_to_be_fetched_is_ready_sooner_than_a_van_would_bring_it() -> None:
    ready, brought = (
        eta(answered(ON_ITS_WAY, "granted pickup", at("05:30")).situation("06:00")),
        eta(ON_ITS_WAY.situation("06:00")),
    )
    assert ready is not None
    assert brought is not None
    assert ready.earliest <= brought.earliest
    assert ready.latest < brought.latest


def test_a_refusal_changes_nothing_and_the_last_grant_counts() -> None:
    story = answered(ON_ITS_WAY, "refused other_day 2030-01-01 too_late", at("05:30"))
    assert story.situation("06:00").progress.wish is None
    assert date(2030, 1, 1) > at("06:00").date()
