"""What must hold at any instant, in any zone, whatever its clocks do: none in quiet hours, none twice, none missing."""

from datetime import UTC, date, datetime, timedelta

from notify.wishes.hours import Hours

A_MINUTE = timedelta(minutes=1)
LONGEST = timedelta(hours=27)
"""A day and night of quiet hours, should the clocks go back in it."""


def broken_at(hours: Hours, at: datetime, spread: timedelta) -> list[str]:
    """What is wrong with when somebody is told who would be told at this instant; nothing, it is hoped."""
    told, soonest = hours.opens(at, spread), hours.opens(at)
    quiet = hours.quiet(at)
    rules = {
        "in quiet hours": not hours.quiet(told) and not hours.quiet(soonest),
        "before it was owed": told >= soonest >= at,
        "held without a reason": quiet or told == at,
        "held for longer than quiet hours last": not quiet or hours.quiet(soonest - A_MINUTE),
        "missing": told - at <= LONGEST,
        "not in UTC": told.tzinfo is UTC,
        "told at two times": told == hours.opens(at, spread),
    }
    return [f"{hours.zone.key} {at:%Y-%m-%d %H:%M:%S}: {what}" for what, holds in rules.items() if not holds]


def broken_digests(hours: Hours, around: datetime, spread: timedelta) -> list[str]:
    """Five digests in a row: one each local day, on it, outside quiet hours, none left out."""
    at, days, wrong = around - timedelta(days=2), list[date](), []
    for _ in range(5):
        day, goes_at = hours.digest(at, spread)
        if goes_at <= at or hours.quiet(goes_at) or hours.day(goes_at) != day:
            wrong.append(f"{hours.zone.key}: the digest of {day} goes at {goes_at}")
        days.append(day)
        at = goes_at
    if days != [days[0] + timedelta(days=n) for n in range(5)]:
        wrong.append(f"{hours.zone.key}: digests of {days}")
    return wrong
