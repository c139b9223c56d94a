"""Dates without a year, and times without a date: read nearest to the moment they were received."""

import calendar
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from tracker.domain.bags.telegram import BadBagMessageError

MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")


def dated(text: str, near: date) -> date:
    """`12NOV` as the day of that name nearest to `near`; 29FEB in the nearest leap year."""
    day, month = text[:2], text[2:]
    if not (day.isdigit() and month in MONTHS):
        raise BadBagMessageError(f"{text[:20]!r}: expected a date like 12NOV")
    number = MONTHS.index(month) + 1
    years = [near.year + away for away in range(-8, 9)]
    if (number, int(day)) == (2, 29):
        years = [year for year in years if calendar.isleap(year)]
    try:
        return min((date(year, number, int(day)) for year in years), key=lambda on: (abs(on - near), on))
    except ValueError as wrong:
        raise BadBagMessageError(f"{text}: no such day") from wrong


def read_at(date_text: str, time_text: str, zone: str, near: datetime) -> datetime:
    """`12NOV`, `2110L`: an instant in UTC. L is local in this IANA zone, Z is UTC.

    Without a date it is the time of that name nearest to `near`.
    """
    digits, mark = time_text[:-1], time_text[-1]
    clock = time(int(digits[:2]), int(digits[2:4]), int(digits[4:6] or 0))
    there = ZoneInfo(zone) if mark == "L" else UTC
    today = near.astimezone(there).date()
    days = [dated(date_text, today)] if date_text else [today + timedelta(days=away) for away in (-1, 0, 1)]
    instants = [datetime.combine(day, clock, there).astimezone(UTC) for day in days]
    return min(instants, key=lambda instant: (abs(instant - near), instant))


def sent_at(stamp: str, near: datetime) -> datetime:
    """An envelope's DDHHMM, in UTC, in the month nearest to `near`."""
    day, clock = int(stamp[:2]), (int(stamp[2:4]), int(stamp[4:6]))
    here = near.astimezone(UTC)
    found: list[datetime] = []
    for away in (-1, 0, 1):
        month = here.month - 1 + away
        year, number = here.year + month // 12, month % 12 + 1
        try:
            found.append(datetime(year, number, day, *clock, tzinfo=UTC))
        except ValueError:
            continue  # the 31st of a month without one, or no time of day
    if not found:
        raise BadBagMessageError(f"the envelope's {stamp} is no day and time")
    return min(found, key=lambda instant: (abs(instant - near), instant))
