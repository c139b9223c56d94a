"""How much is too much: what is held back, until when, and what passes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notify.wishes.caps import AN_ADDRESS_A_DAY, AN_ADDRESS_AN_HOUR, DAY, HOUR, Asked, Told, too_much

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
ASKED = Asked(NOON, NOON - timedelta(hours=12), "ada", "email", "LS1", now=False, must=False)
URGENT, MUST = replace(ASKED, now=True), replace(ASKED, must=True)


def told(*hours_ago: float, channel: str = "email", address: str = "ada", piece: str = "LS9") -> list[Told]:
    return [Told(NOON - timedelta(hours=ago), address, channel, frozenset({piece})) for ago in hours_ago]


@pytest.mark.parametrize(
    ("asked", "before", "passes"),
    [
        (ASKED, told(2, 3), True),
        (ASKED, told(2, 3, 4), False),
        (ASKED, told(2, 3, 13, 14), True),  # of yesterday
        (ASKED, told(2, 3) + told(4, channel="sms", address="+49"), False),  # all channels count
        (URGENT, told(2, 3, 4, 5, 6), True),
        (URGENT, told(2, 3, 4, 5, 6, 7), False),
        (MUST, told(2, 3, 4, 5, 6, 7, 8), True),
        (replace(URGENT, number="LS9"), told(1.5, 2, 3, 4, 5), True),
    ],
)
def test_a_day(asked, before, passes):
    found = too_much(asked, before)
    assert (found is None) is passes
    assert found is None or found.until is None  # it joins the next digest


def test_one_piece_may_not_fill_a_day_even_if_it_is_urgent():
    letters = [Told(NOON - timedelta(hours=n), "ada", "email", frozenset({"LS1", "LS2"})) for n in range(2, 7)]
    assert too_much(replace(URGENT, number="LS1"), letters) is None
    assert too_much(replace(URGENT, number="LS1"), [*letters, *told(8)]) is not None


def test_one_text_message_to_a_number_in_ten_minutes():
    text = replace(URGENT, channel="sms", address="+49")
    before = [Told(NOON - timedelta(minutes=4), "+49", "sms", frozenset())]
    found = too_much(text, before)
    assert found is not None
    assert found.until == NOON + timedelta(minutes=6)
    assert too_much(replace(text, at=NOON + timedelta(minutes=6)), before) is None
    assert too_much(replace(text, must=True), before) is None
    assert too_much(replace(text, address="+86"), before) is None


times = st.lists(st.integers(0, 26 * 60).map(lambda m: NOON - timedelta(minutes=m)), max_size=60)


@given(times, st.booleans(), st.booleans())
def test_nothing_passes_five_an_hour_and_twenty_a_day_to_one_address(at, now, must):
    letters = [Told(one, "ada", "email", frozenset({"LS9"})) for one in at]
    found = too_much(replace(ASKED, now=now, must=must), letters)
    hour, day = (sum(one > NOON - span for one in at) for span in (HOUR, DAY))
    if hour >= AN_ADDRESS_AN_HOUR or day >= AN_ADDRESS_A_DAY:
        assert found is not None
        assert found.until is not None
        assert found.until > NOON


@given(st.integers(1, 80), st.integers(1, 30))
def test_however_many_come_no_hour_holds_six_and_no_day_twenty_one(many, minutes):
    """A victim entered on everything: each waits as told, and none is lost."""
    waiting = [(NOON + timedelta(minutes=minutes * n), n) for n in range(many)]
    letters: list[Told] = []
    while waiting:
        waiting.sort()
        at, n = waiting.pop(0)
        found = too_much(replace(MUST, at=at, day_began=at - DAY), letters)
        if found is None:
            letters.append(Told(at, "ada", "email", frozenset()))
        else:
            assert found.until is not None
            assert found.until > at
            waiting.append((found.until, n))
    sent = [one.at for one in letters]
    assert len(sent) == many
    for span, most in ((HOUR, AN_ADDRESS_AN_HOUR), (DAY, AN_ADDRESS_A_DAY)):
        assert all(sum(at <= other < at + span for other in sent) <= most for at in sent)
