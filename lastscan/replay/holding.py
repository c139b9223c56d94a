"""What the advice to hold departures was worth, in weighted minutes, against never holding, always, and hindsight."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tracker.domain.forecast.board import Flown
from tracker.domain.forecast.tables import Points, median
from tracker.domain.hold import WAITS, Aboard, LateComer, advice, held


@dataclass(frozen=True, slots=True)
class Rider:
    """A bag aboard that has another connection to catch."""

    onward: str
    aboard: Aboard


@dataclass(frozen=True, slots=True)
class HoldCase:
    """A departure that is about to leave while bags for it may come late, as it was known then."""

    departure: str
    leaves: Points  # if nobody holds it
    late: tuple[tuple[str, LateComer], ...]  # by the departure that brings it
    aboard: tuple[Aboard, ...]  # who has nothing further to catch
    riders: tuple[Rider, ...]


def regret(cases: Iterable[HoldCase], flown: Sequence[Flown], *, minimum: int, others: int) -> dict[str, Any]:
    """The cost of each policy beyond what hindsight would have chosen, over all departures with a bag that may be late.

    `others` pieces of ordinary customers are aboard each that the file does not name. Always holding waits for the last
    bag that comes within half an hour.
    """
    truth = {each.run.name: each for each in flown}
    total = dict.fromkeys(("never", "always", "advice"), 0.0)
    departures = advised = 0
    for case in cases:
        outbound = truth[case.departure]
        if outbound.left is None:
            continue
        departures += 1
        unnamed = Aboard(1.0, others)
        known = (*case.aboard, *(rider.aboard for rider in case.riders), unnamed)
        chosen = advice(case.leaves, [piece for _, piece in case.late], known).wait
        advised += chosen > 0
        costs = {wait: _cost(case, outbound, truth, unnamed, wait=wait, minimum=minimum) for wait in WAITS}
        best = min(cost for cost, _ in costs.values())
        most = max(caught for _, caught in costs.values())
        last = min(wait for wait, (_, caught) in costs.items() if caught == most)
        for policy, wait in (("never", 0), ("always", last), ("advice", chosen)):
            total[policy] += costs[wait][0] - best
    return {
        "departures": departures,
        "held": advised,
        "regret": {policy: round(cost) for policy, cost in total.items()},
    }


def _cost(
    case: HoldCase, outbound: Flown, truth: dict[str, Flown], unnamed: Aboard, *, wait: int, minimum: int
) -> tuple[float, int]:
    """What this wait did cost, and how many late comers it caught."""
    assert outbound.left is not None
    then = held(outbound.left, planned=median(case.leaves), wait=wait)
    waited = then - outbound.left
    cost, caught = unnamed.weight * unnamed.pieces * waited, 0
    for inbound, piece in case.late:
        landed = truth[inbound].landed
        makes_it = landed is not None and landed + minimum <= then
        caught += makes_it
        cost += piece.weight * (waited if makes_it else piece.left_behind)
    for group in case.aboard:
        cost += group.weight * group.pieces * waited
    for rider in case.riders:
        onward = truth[rider.onward]
        slack = onward.left - outbound.landed - minimum if onward.left and outbound.landed else None
        breaks = slack is not None and waited > slack
        cost += rider.aboard.weight * (rider.aboard.left_behind if breaks else waited)
    return cost, caught
