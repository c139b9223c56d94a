"""Is it worth holding a departure for the pieces that come late? What each wait costs and gains, in weighted minutes.

A weighted minute is one piece of an ordinary customer in the ordinary service, a minute later where it goes. The value
of customers and the service they paid for weigh on both sides: of those who would be left behind, and of those aboard
who would wait, some of whom have a connection of their own to catch. To hold is not to leave before an instant: a
departure that is late anyway waits less, or not at all.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from tracker.domain.forecast.tables import Points, median

WAITS = (0, 5, 10, 15, 20, 25, 30)
"""Minutes a departure may be held by."""

ORDINARY = 50
"""The value of a customer of whom nothing is known, of 0 to 100."""


def weight(value: int = ORDINARY, *, service: float = 1.0) -> float:
    """What a piece's minute weighs: 1 for an ordinary customer, 2 for the most valued, times the service's factor.

    Nobody weighs nothing: the least valued count a fifth.
    """
    return max(value / ORDINARY, 0.2) * service


@dataclass(frozen=True, slots=True)
class LateComer:
    """A piece that may not make it by the planned departure."""

    ready: Points  # when it could leave, in order: its inbound and the minimum connection time
    weight: float
    left_behind: int  # minutes later it is at its destination if it goes by the next way


@dataclass(frozen=True, slots=True)
class Aboard:
    """Pieces that are there in time and would wait, `pieces` of them alike."""

    weight: float
    pieces: int = 1
    spare: int | None = None  # minutes of delay their own next connection bears; None: they have none to catch
    left_behind: int = 0  # minutes later they are at their destination if they miss it


@dataclass(frozen=True, slots=True)
class Choice:
    """One wait: what it is expected to cost, and how many late comers to catch. Not holding is one too."""

    wait: int
    cost: float
    caught: float


def choices(leaves: Points, late: Sequence[LateComer], aboard: Sequence[Aboard]) -> tuple[Choice, ...]:
    """Every wait, shortest first, counted from the median of when it `leaves` if nobody holds it."""
    return tuple(_choice(leaves, wait, late, aboard) for wait in WAITS)


def advice(leaves: Points, late: Sequence[LateComer], aboard: Sequence[Aboard]) -> Choice:
    """The wait that costs least; the shorter one of equals."""
    return min(choices(leaves, late, aboard), key=lambda choice: (choice.cost, choice.wait))


def held(left: int, *, planned: int, wait: int) -> int:
    """When it leaves that would have left by itself at `left`, if it is held until `wait` minutes after `planned`."""
    return max(left, planned + wait) if wait else left


def _choice(leaves: Points, wait: int, late: Sequence[LateComer], aboard: Sequence[Aboard]) -> Choice:
    cost = caught = 0.0
    planned = median(leaves)
    for left in leaves:
        then = held(left, planned=planned, wait=wait)
        for piece in late:
            makes_it = bisect_right(piece.ready, then) / len(piece.ready)
            caught += makes_it
            cost += piece.weight * ((1 - makes_it) * piece.left_behind + makes_it * (then - left))
        for group in aboard:
            breaks = group.spare is not None and then - left > group.spare
            cost += group.weight * group.pieces * (group.left_behind if breaks else then - left)
    return Choice(wait, cost / len(leaves), caught / len(leaves))
