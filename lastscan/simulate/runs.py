"""Many seeds, one report; and the smallest run that still fails."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import structlog

from lastscan.simulate.world import Orders, Outcome, play

AT_ONCE = 25  # seeds handed to a process


@dataclass(frozen=True, slots=True)
class Violation:
    """What did not hold, and under which seed and faults it comes again."""

    seed: int
    invariant: str
    why: str
    faults: tuple[str, ...]


@dataclass
class Report:
    """Sums over all seeds played."""

    seeds: int = 0
    virtual_hours: float = 0.0
    scans: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    violations: list[Violation] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        self.seeds += 1
        self.virtual_hours += outcome.hours
        self.scans += outcome.scans
        self.counts += outcome.counts
        if outcome.broken is not None:
            invariant, why = outcome.broken.invariant, str(outcome.broken)
            self.violations.append(Violation(outcome.seed, invariant, why, tuple(outcome.faults.on)))

    def join(self, other: "Report") -> None:
        self.seeds += other.seeds
        self.virtual_hours += other.virtual_hours
        self.scans += other.scans
        self.counts += other.counts
        self.violations += other.violations


def simulate(orders: Sequence[Orders]) -> Report:
    """Plays each in turn, in this process."""
    report = Report()
    with mistakes_heard() as tripped:
        for each in orders:
            report.add(_heard(play(each), tripped))
    return report


def simulate_on(processes: int, orders: Sequence[Orders], progress: Callable[[Report], None]) -> Report:
    """Plays them on several processors; `progress` hears of the sums now and then."""
    report = Report()
    shares = [orders[at : at + AT_ONCE] for at in range(0, len(orders), AT_ONCE)]
    if processes == 1 or len(shares) == 1:
        done: Iterator[Report] = map(simulate, shares)
        for part in done:
            report.join(part)
            progress(report)
        return report
    with ProcessPoolExecutor(processes) as pool:
        for part in pool.map(simulate, shares):
            report.join(part)
            progress(report)
    return report


def shrink(orders: Orders) -> Orders:
    """With fewer pieces and fewer faults, as long as it still fails; each fault alone is needed for that."""
    with mistakes_heard() as tripped:

        def fails(smaller: Orders) -> bool:
            return _heard(play(smaller), tripped).broken is not None

        faults = orders.faults or _heard(play(orders), tripped).faults
        smallest = replace(orders, faults=faults)
        for pieces in range(orders.pieces):
            if fails(fewer := replace(smallest, pieces=pieces)):
                smallest = fewer
                break
        for name in faults.on:
            assert smallest.faults is not None
            without = smallest.faults.only(set(smallest.faults.on) - {name})
            if fails(fewer := replace(smallest, faults=without)):
                smallest = fewer
    return smallest


@contextmanager
def mistakes_heard() -> Iterator[list[str]]:
    """Nothing is logged; but where the shipped code catches a mistake of its own and goes on, that is heard."""
    tripped: list[str] = []

    def hear(_logger: Any, _method: str, event: Any) -> Any:
        if event.get("exc_info"):
            tripped.append(str(event.get("event")))
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(processors=[hear], wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    try:
        yield tripped
    finally:
        structlog.configure(**before)


def _heard(outcome: Outcome, tripped: list[str]) -> Outcome:
    if tripped and outcome.broken is None:
        outcome.trip(tripped[0])
    tripped.clear()
    return outcome
