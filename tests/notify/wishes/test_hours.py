"""Quiet hours and the clocks of the world: none is told in them, none twice, none never."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notify.wishes.hours import SPREAD, Hours
from tests.notify.wishes.law import broken_at, broken_digests
from tests.notify.wishes.zones import FIRST, zones_that_differ

NAMED = ["Europe/Berlin", "Africa/Cairo", "America/Santiago", "America/Havana", "Australia/Lord_Howe", "Asia/Shanghai"]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_around_every_change_of_every_clock_none_in_quiet_hours_none_twice_none_missing():
    wrong = []
    for name, jumps in zones_that_differ().items():
        zone = ZoneInfo(name)
        for jump in jumps:
            turned = jump.astimezone(zone).time()
            wide, tight = Hours(zone), Hours(zone, time(21), turned)  # quiet until the clocks jump: the worst there is
            for minutes in (-600, -61, -30, -1, 0, 1, 29, 61, 700):
                wrong += broken_at(wide, jump + timedelta(minutes=minutes), SPREAD)
                wrong += broken_at(tight, jump + timedelta(minutes=minutes), SPREAD)
        for jump in jumps[::7]:
            wrong += broken_digests(Hours(zone), jump, SPREAD)
    assert wrong == []


def test_the_zones_that_differ_are_many_and_hold_the_strange_ones():
    many = zones_that_differ()
    assert len(many) > 80
    assert max(map(len, many.values())) > 40
    assert any(not jumps for jumps in many.values())


@given(
    zone=st.sampled_from([ZoneInfo(name) for name in NAMED]),
    at=st.integers(0, 21 * 365 * 24 * 3600).map(lambda s: FIRST + timedelta(seconds=s)),
    quiet_from=st.times(),
    quiet_until=st.times(),
    spread=st.timedeltas(timedelta(0), SPREAD),
)
def test_whatever_hours_somebody_keeps(zone, at, quiet_from, quiet_until, spread):
    hours = Hours(zone, quiet_from.replace(microsecond=0), quiet_until.replace(microsecond=0))
    told = hours.opens(at, spread)
    assert told >= at
    assert not hours.quiet(told)
    assert told == at or hours.quiet(at)
    day, goes_at = hours.digest(at, spread)
    assert goes_at > at
    assert not hours.quiet(goes_at)
    later, then = hours.digest(goes_at, spread)
    assert (later, then) > (day, goes_at)


@pytest.mark.parametrize(
    ("zone", "at", "told"),
    [
        ("Europe/Berlin", "2026-03-28 21:00", "2026-03-29 06:00"),  # 22:00 there; ten hours on the clock, nine pass
        ("Europe/Berlin", "2026-10-24 20:00", "2026-10-25 07:00"),
        ("Asia/Shanghai", "2026-11-21 13:00", "2026-11-22 00:00"),
        ("Australia/Lord_Howe", "2026-10-03 11:00", "2026-10-03 21:00"),  # half an hour is left out
        ("Australia/Lord_Howe", "2026-04-04 11:00", "2026-04-04 21:30"),
    ],
)
def test_a_night_in_which_the_clocks_change(zone, at, told):
    assert Hours(ZoneInfo(zone)).opens(utc(at)) == utc(told)


@pytest.mark.parametrize(("zone", "day"), [("Africa/Cairo", "2026-04-24"), ("America/Santiago", "2026-09-06")])
def test_a_day_without_midnight_begins_when_the_clocks_jump_over_it(zone, day):
    hours = Hours(ZoneInfo(zone), time(21), time(0, 30))
    begins_at = hours.begins(date.fromisoformat(day))
    assert begins_at.astimezone(hours.zone).time() == time(1)
    assert hours.day(begins_at - timedelta(seconds=1)) == date.fromisoformat(day) - timedelta(days=1)
    assert hours.opens(begins_at - timedelta(hours=1)) == begins_at  # quiet until a time that does not come


def test_havana_has_midnight_twice_and_begins_its_day_once():
    hours = Hours(ZoneInfo("America/Havana"), time(21), time(0, 30))
    assert hours.begins(date(2026, 11, 1)) == utc("2026-11-01 04:00")
    assert hours.opens(utc("2026-11-01 04:10")) == utc("2026-11-01 04:30")
    assert hours.opens(utc("2026-11-01 05:10")) == utc("2026-11-01 05:30")  # the clocks went back: quiet once more
    assert hours.digest(utc("2026-11-01 00:00")) == (date(2026, 11, 1), utc("2026-11-01 04:30"))
    assert hours.digest(utc("2026-11-01 04:30")) == (date(2026, 11, 2), utc("2026-11-02 05:30"))


def test_who_sets_one_time_for_both_is_never_quiet_and_gets_digests_at_eight():
    hours = Hours(ZoneInfo("Asia/Shanghai"), time(9), time(9))
    assert not any(hours.quiet(utc("2026-11-21 00:00") + timedelta(minutes=n)) for n in range(1440))
    assert hours.digest(utc("2026-11-21 00:00")) == (date(2026, 11, 22), utc("2026-11-22 00:00"))
    assert hours.digest(utc("2026-11-20 23:59")) == (date(2026, 11, 21), utc("2026-11-21 00:00"))


def test_quiet_hours_may_lie_in_the_day():
    hours = Hours(ZoneInfo("Asia/Shanghai"), time(9), time(17))
    assert hours.opens(utc("2026-11-21 02:00"), timedelta(minutes=5)) == utc("2026-11-21 09:05")
    assert hours.opens(utc("2026-11-21 12:00")) == utc("2026-11-21 12:00")
