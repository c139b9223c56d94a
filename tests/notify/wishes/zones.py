"""Every zone the world has, and every change of its clocks from 2020 to 2040."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

FIRST, LAST = datetime(2020, 1, 1, tzinfo=UTC), datetime(2041, 1, 1, tzinfo=UTC)
_STEP = timedelta(days=7)  # no zone changes its clocks twice in a week


def changes(zone: ZoneInfo) -> Iterator[datetime]:
    """The instants at which its clocks jump, to the second."""
    at = FIRST
    while at < LAST:
        if at.astimezone(zone).utcoffset() != (at + _STEP).astimezone(zone).utcoffset():
            early, late = at, at + _STEP
            while late - early > timedelta(seconds=1):
                middle = early + (late - early) // 2
                same = middle.astimezone(zone).utcoffset() == early.astimezone(zone).utcoffset()
                early, late = (middle, late) if same else (early, middle)
            yield late.replace(microsecond=0)
        at += _STEP


@cache
def zones_that_differ() -> dict[str, tuple[datetime, ...]]:
    """One zone, by name, for all whose clocks go alike in those years, and its changes."""
    alike: dict[tuple[object, ...], tuple[str, tuple[datetime, ...]]] = {}
    for name in sorted(available_timezones() - {"localtime", "Factory"}):
        zone = ZoneInfo(name)
        jumps = tuple(changes(zone))
        faces = tuple(at.astimezone(zone).utcoffset() for at in (FIRST, *jumps))
        alike.setdefault((jumps, faces), (name, jumps))
    return dict(alike.values())
