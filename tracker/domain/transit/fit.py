"""Learns the tables from legs that are over, in any order."""

import math
from collections import defaultdict
from collections.abc import Sequence
from statistics import median

from tracker.domain.errors import LastscanError
from tracker.domain.transit.tables import POINTS, Case, Key, Ridden, Spread, Transit, keys

PRIOR = {"": 0, "mode": 5, "length": 10, "kinds": 20, "hour": 20, "weekday": 40, "from": 6, "to": 6, "lane": 3}
"""How many legs a level must have seen to be believed by half."""

PARTS = 5
"""The days are dealt into so many parts, to see each leg through the eyes of tables that do not know its day."""

ENOUGH = 80
"""A spread of fewer legs is left to the next, plainer one."""


class TooFewDaysError(LastscanError):
    """A confidence cannot be stated: the history has fewer than two days."""


def fit(history: Sequence[Ridden], *, origin: str) -> Transit:
    """The tables of these legs; the same in any order.

    Each level adds the median of what the coarser ones left over, drawn towards 0 as n / (n + PRIOR). The spread
    around them is that of legs of days that were left out when the levels were learned (cross-conformal prediction,
    Vovk 2015), so that it has what lies between days in it. Raises TooFewDaysError.
    """
    days = sorted({each.ride.departs_at.date() for each in history})
    if len(days) < 2:
        raise TooFewDaysError("the history has fewer than two days: nothing can be held against days it does not know")
    part = {day: at % PARTS for at, day in enumerate(days)}
    off: defaultdict[Key, list[float]] = defaultdict(list)
    for left_out in range(min(PARTS, len(days))):
        known = Transit(cases=_cases([each for each in history if part[each.ride.departs_at.date()] != left_out]))
        for each in history:
            if part[each.ride.departs_at.date()] == left_out:
                for key in known.spread_keys(each.ride):
                    off[key].append(each.off - known.centre(each.ride))
    spreads = {key: _spread(values) for key, values in sorted(off.items()) if len(values) >= ENOUGH or key == ""}
    return Transit(origin, _cases(history), spreads)


def _cases(history: Sequence[Ridden]) -> dict[Key, Case]:
    left = [each.off for each in history]
    cases: dict[Key, Case] = {}
    of = [{key.partition(" ")[0]: key for key in keys(each.ride)} for each in history]
    for level, prior in PRIOR.items():
        grouped: defaultdict[Key, list[float]] = defaultdict(list)
        for named, value in zip(of, left, strict=True):
            grouped[named[level]].append(value)
        found = {key: Case(drawn(median(values), len(values), prior), len(values)) for key, values in grouped.items()}
        left = [value - found[named[level]].adds for named, value in zip(of, left, strict=True)]
        cases |= found
    return dict(sorted(cases.items()))


def drawn(value: float, seen: int, prior: int) -> float:
    """Towards 0, which is what the coarser level says; never beyond either."""
    return value * (seen / (seen + prior))


def _spread(values: list[float]) -> Spread:
    """Points that a new leg stays within at least as often as they say, were it one of these."""
    values = sorted(values)
    count = len(values)

    def point(at: int) -> float:
        rank = (count + 1) * at / (POINTS + 1)
        rank = math.ceil(rank) if at > POINTS // 2 else math.floor(rank)
        return values[min(max(rank, 1), count) - 1]

    return tuple(point(at) for at in range(1, POINTS + 1))
