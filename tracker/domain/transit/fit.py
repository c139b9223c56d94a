"""Learns the tables from legs that are over, in any order."""

import math
from collections import defaultdict
from collections.abc import Sequence

from tracker.domain.errors import LastscanError
from tracker.domain.transit.tables import POINTS, Case, Key, Ridden, Spread, Transit, keys

PRIOR = {
    "": 0,
    "length": 5,
    "pace": 5,
    "kinds": 10,
    "hour": 10,
    "area": 4,
    "from": 3,
    "to": 3,
    "lane": 2,
    "run": 2,
}
"""How many legs a level must have seen to be believed by half."""

ROUNDS = 8
"""The levels are gone over so often, each in the light of what the others add: more change next to nothing."""

PARTS = 5
"""The days are dealt into so many parts, to see each leg through the eyes of tables that do not know its day."""

ENOUGH = 80
"""A spread of fewer legs is left to the next, plainer one."""


class TooFewDaysError(LastscanError):
    """A confidence cannot be stated: the history has fewer than two days."""


def fit(history: Sequence[Ridden], *, origin: str, areas: Sequence[int] = ()) -> Transit:
    """The tables of these legs; the same in any order. `areas`: as `Transit.areas` has it.

    Each level adds the mean of what all others leave over, drawn towards 0 as n / (n + PRIOR) (backfitting, Buja,
    Hastie and Tibshirani 1989). The spread around them is that of legs of days that were left out when the levels
    were learned (cross-conformal prediction, Vovk 2015), so that it has what lies between days in it. Raises
    TooFewDaysError.
    """
    days = sorted({each.ride.departs_at.date() for each in history})
    if len(days) < 2:
        raise TooFewDaysError("the history has fewer than two days: nothing can be held against days it does not know")
    part = {day: at % PARTS for at, day in enumerate(days)}
    off: defaultdict[Key, list[float]] = defaultdict(list)
    for left_out in range(min(PARTS, len(days))):
        rest = [each for each in history if part[each.ride.departs_at.date()] != left_out]
        known = Transit(cases=_cases(rest, areas), areas=tuple(areas))
        for each in history:
            if part[each.ride.departs_at.date()] == left_out:
                for key in known.spread_keys(each.ride):
                    off[key].append(each.off - known.centre(each.ride))
    spreads = {key: _spread(values) for key, values in sorted(off.items()) if len(values) >= ENOUGH or key == ""}
    return Transit(origin, _cases(history, areas), spreads, tuple(areas))


def _cases(history: Sequence[Ridden], areas: Sequence[int]) -> dict[Key, Case]:
    left = [each.off for each in history]
    weight = [math.sqrt(each.ride.planned) for each in history]  # a long leg that is misjudged costs more minutes
    members: defaultdict[Key, list[int]] = defaultdict(list)
    for level in zip(*(keys(each.ride, areas) for each in history), strict=True):  # all of one before the next
        for at, key in enumerate(level):
            members[key].append(at)
    adds = dict.fromkeys(members, 0.0)
    for _ in range(ROUNDS):
        for key, legs in members.items():
            # fsum rounds once, so that the order of the legs does not show
            mean = math.fsum(weight[at] * left[at] for at in legs) / math.fsum(weight[at] for at in legs)
            found = drawn(adds[key] + mean, len(legs), PRIOR[key.partition(" ")[0]])
            for at in legs:
                left[at] += adds[key] - found
            adds[key] = found
    return {key: Case(adds[key], len(legs)) for key, legs in sorted(members.items())}


def drawn(value: float, seen: int, prior: int) -> float:
    """Towards 0, where the level adds nothing; never beyond either."""
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
