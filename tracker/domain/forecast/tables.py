"""What days gone by taught: small tables of how far off the plain arithmetic of the board was, case by case."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tracker.domain.forecast.board import Board, Run

POINTS = 24
"""A distribution is this many equally likely values, in order."""

Points = tuple[int, ...]
Key = tuple[int, ...]

NEVER = 24 * 60
"""Minutes late that stand for a run that does not come at all (diverted)."""

_READY = (-15, 1, 15, 40, 80)  # when its vehicle is ready after the timetable's departure
_AGE = (-180, -120, -75, -45, -20, -5, 1, 6, 16, 31, 61, 121)  # now after the plain departure
_OUT_MOOD = (4.0, 10.0, 18.0, 30.0)
_TO_GO = (-30, -10, 0, 10, 20, 40, 80)  # until the plain arrival, reversed: now after it
_IN_MOOD = (-12.0, -6.0, -1.0, 5.0)
_BLOCK = (95, 160)


def _bin(value: float, edges: tuple[float, ...]) -> int:
    place = 0
    for edge in edges:
        if value < edge:
            break
        place += 1
    return place


def departure_keys(board: Board, run: Run, now: int) -> tuple[Key, ...]:
    """The cases a departure that has not left falls in, the most telling first."""
    ready = board.ready(run, now)
    vehicle = _bin(ready - run.departs, _READY) if ready is not None else 0
    age = _bin(now - board.base(run, now), _AGE)
    mood = _bin(board.lateness_out_of(run), _OUT_MOOD)
    return (vehicle, age, mood), (age, mood), (age,)


def arrival_keys(board: Board, run: Run, now: int) -> tuple[Key, ...]:
    """The same for one that is under way."""
    assert run.left is not None
    to_go = _bin(now - (run.left + run.block), _TO_GO)
    mood, block = _bin(board.lateness_into(run), _IN_MOOD), _bin(run.block, _BLOCK)
    late = _bin(run.left - run.departs, (20,))
    return (to_go, mood, block, late), (to_go, mood, block), (to_go, mood), (to_go,)


def median(points: Points) -> int:
    return points[len(points) // 2]


@dataclass(frozen=True, slots=True)
class Tables:
    """Learned by `fit`. Values are minutes after what the board's arithmetic says."""

    origin: str = ""  # where the days come from, and their licence
    turn: Mapping[str, int] = field(default_factory=dict)  # carrier -> least minutes between gate-in and gate-out
    leaving: Mapping[Key, Points] = field(default_factory=dict)  # a departure that has not left: its gate-out
    landing: Mapping[Key, Points] = field(default_factory=dict)  # one that has not left: its gate-in
    flying: Mapping[Key, Points] = field(default_factory=dict)  # one that is under way: its gate-in
