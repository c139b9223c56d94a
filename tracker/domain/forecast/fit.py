"""Learns the tables from departures that are over: each is looked at again and again as it was known then."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from tracker.domain.forecast.board import MOOD_SETTLES, TURN, Board, Flown, Run, hear, news, rotate
from tracker.domain.forecast.tables import NEVER, POINTS, Key, Points, Tables, arrival_keys, departure_keys

LOOKS_AHEAD = 240
"""Minutes before its departure from which on a run is looked at."""

ENOUGH = 80
"""A case seen less often is left to the next, plainer one."""


def fit(day: Sequence[Flown], *, origin: str) -> Tables:
    """The tables of these days; the same for the same departures in any order."""
    runs = [replace(flown.run, previous=None, following=None) for flown in day]
    truth = {id(run): flown for run, flown in zip(runs, day, strict=True)}
    rotate(runs)
    turn = _turns(runs, truth)
    board = Board(runs, turn)
    leaving: _Seen = defaultdict(list)
    landing: _Seen = defaultdict(list)
    flying: _Seen = defaultdict(list)
    for now, waiting, under_way in _moments(board, truth):
        for run in waiting:
            flown = truth[id(run)]
            assert flown.left is not None
            plain = board.base(run, now)
            lands = NEVER if flown.landed is None else flown.landed - plain - run.block
            for key in departure_keys(board, run, now):
                leaving[key].append(flown.left - plain)
                landing[key].append(lands)
        for run in under_way:
            flown = truth[id(run)]
            assert run.left is not None
            lands = NEVER if flown.landed is None else flown.landed - run.left - run.block
            for key in arrival_keys(board, run, now):
                flying[key].append(lands)
    return Tables(origin, turn, _tables(leaving), _tables(landing), _tables(flying))


_Seen = defaultdict[Key, list[int]]


def _tables(seen: _Seen) -> dict[Key, Points]:
    return {key: _points(values) for key, values in sorted(seen.items()) if len(values) >= ENOUGH or len(key) == 1}


def _points(values: list[int]) -> Points:
    values = sorted(values)
    return tuple(values[(2 * at + 1) * len(values) // (2 * POINTS)] for at in range(POINTS))


def _turns(runs: Iterable[Run], truth: dict[int, Flown]) -> dict[str, int]:
    """How fast each carrier turns a vehicle that came in late: the median."""
    taken: defaultdict[str, list[int]] = defaultdict(list)
    for run in runs:
        left = truth[id(run)].left
        came = truth[id(run.previous)].landed if run.previous is not None else None
        if left is not None and came is not None and came + TURN > run.departs:
            taken[run.carrier].append(left - came)
    return {carrier: sorted(each)[len(each) // 2] for carrier, each in sorted(taken.items()) if len(each) >= 20}


def _moments(board: Board, truth: dict[int, Flown]) -> Iterator[tuple[int, list[Run], list[Run]]]:
    """The day as it went: every few minutes, what waited to leave and what was under way, with what was known."""
    runs = sorted(board.runs, key=lambda run: (run.departs, run.name))
    first = (runs[0].departs - LOOKS_AHEAD) // MOOD_SETTLES * MOOD_SETTLES
    last = runs[-1].departs + LOOKS_AHEAD
    agenda = sorted((each for run in runs for each in news(run, truth[id(run)])), key=lambda each: each.at)
    told = begun = 0
    open_runs: list[Run] = []
    for now in range(first, last, MOOD_SETTLES):
        while told < len(agenda) and agenda[told].at <= now:
            hear(agenda[told])
            told += 1
        board.tick(now)
        while begun < len(runs) and runs[begun].departs - LOOKS_AHEAD <= now:
            if truth[id(runs[begun])].left is not None:
                open_runs.append(runs[begun])
            begun += 1
        open_runs = [run for run in open_runs if run.landed is None and now < run.arrives + 2 * LOOKS_AHEAD]
        yield now, [run for run in open_runs if run.left is None], [run for run in open_runs if run.left is not None]
