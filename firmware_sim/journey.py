"""The physical world of the demo: where each piece is, and who handles it when. Pure and seeded.

Departures leave and land when they really did; nobody tells the tracker but by scans. Staff load a piece on the
departure its plan names if it is on the floor before the doors close; else it stays, is found when the floor is
checked, and goes with whatever the plan says next.
"""

import heapq
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum

from tracker.domain.handling import Kind

PlanOf = Callable[[str], Sequence[str]]
"""The departures a piece is to ride now, in order: what staff read on their load lists."""

VanLeaves = Callable[[str, datetime], datetime]
"""When the first van leaves a station that can take a piece which arrived at this instant."""

AIR_DOORS = timedelta(minutes=15)  # loaded no later than this before it leaves
ROAD_DOORS = timedelta(minutes=3)
FLOOR_CHECKED_AFTER = timedelta(minutes=6)  # a scan from here on shows that a piece was left behind
LOOK_AGAIN = timedelta(minutes=6)
SCANNED_TWICE = 0.02  # how often a person doubts the beep and scans again


@dataclass(frozen=True, slots=True)
class Run:
    """One departure as it really happened."""

    name: str
    origin: str
    destination: str
    departs_at: datetime  # timetable
    arrives_at: datetime
    left_at: datetime  # the world
    landed_at: datetime
    by_road: bool = False

    @property
    def doors_close_at(self) -> datetime:
        return self.left_at - (ROAD_DOORS if self.by_road else AIR_DOORS)


@dataclass(frozen=True, slots=True)
class Freight:
    """A parcel or a bag as the world knows it: a number on a label, from here to there."""

    number: str
    is_bag: bool
    origin: str
    destination: str


@dataclass(frozen=True, slots=True)
class Handling:
    """Somebody points a scanner at a label. `is_card`: at that of a departure, not of a piece."""

    at: datetime
    facility: str
    kind: Kind
    code: str
    sym: str
    into: str | None = None
    sort_point: str | None = None
    x: Mapping[str, object] | None = None
    is_card: bool = False


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where a piece is: at a facility, aboard a departure, on a van (`out`), or handed over (`done`)."""

    facility: str | None = None
    aboard: str | None = None
    out: bool = False
    done: bool = False


class _Step(Enum):
    ACCEPT = 1
    SORT = 2
    SEEK = 3  # look at the load list
    LOAD = 4
    UNLOAD = 5
    CHECK_FLOOR = 6
    OUT = 7
    DELIVER = 8
    AGAIN = 9
    CARD = 10


@dataclass
class _Piece:
    freight: Freight
    chance: random.Random
    where: Whereabouts
    seen_at: datetime | None = None  # last scan at this place
    bound_for: str | None = None  # the departure it is about to be loaded on


@dataclass(order=True, slots=True)
class _Due:
    at: datetime
    order: int
    step: _Step = field(compare=False)
    number: str = field(compare=False, default="")
    handling: Handling | None = field(compare=False, default=None)


class World:
    """Plays one seed. The same seed, hand-ins and answers of `plan_of` give the same handlings to the microsecond."""

    def __init__(self, seed: int, *, van_leaves: VanLeaves) -> None:
        self._seed = seed
        self._van_leaves = van_leaves
        self._runs: dict[str, Run] = {}
        self._pieces: dict[str, _Piece] = {}
        self._due: list[_Due] = []
        self._order = 0
        self._entered = 0
        self._left_scanned_at: dict[str, datetime] = {}

    # --- what enters it ---

    def add_runs(self, runs: Iterable[Run]) -> None:
        self._runs.update((run.name, run) for run in runs)

    def hand_in(self, freight: Freight, *, at: datetime) -> None:
        """It is at its origin, at the counter, from `at` on."""
        piece = self._enter(freight, Whereabouts(facility=freight.origin))
        self._later(at + _minutes(piece, 0, 3), _Step.ACCEPT, freight.number)

    def go_on(self, freight: Freight, where: Whereabouts, *, at: datetime) -> None:
        """A piece that was under way when the simulator was stopped goes on from where it was."""
        piece = self._enter(freight, where)
        run = self._runs.get(where.aboard or "")
        if run is not None:
            self._watch([run.name], at)
            self._later(max(at, run.landed_at + _minutes(piece, 2, 6)), _Step.UNLOAD, freight.number)
        elif where.out:
            self._later(at + _minutes(piece, 15, 120), _Step.DELIVER, freight.number)
        elif where.facility == freight.destination:
            self._to_the_customer(piece, at)
        else:
            piece.where = Whereabouts(facility=where.facility or freight.origin)
            self._later(at + _minutes(piece, 1, 5), _Step.SORT, freight.number)

    # --- what may be asked ---

    @property
    def next_at(self) -> datetime | None:
        """When something happens next; None when every piece is handed over."""
        return self._due[0].at if self._due else None

    @property
    def under_way(self) -> int:
        return sum(not piece.where.done for piece in self._pieces.values())

    def where(self, number: str) -> Whereabouts:
        return self._pieces[number].where

    # --- playing ---

    def play(self, until: datetime, plan_of: PlanOf) -> list[Handling]:
        """Everything that happens by `until`, in order of time."""
        happened: list[Handling] = []
        while self._due and self._due[0].at <= until:
            due = heapq.heappop(self._due)
            handling = self._happen(due, plan_of)
            if handling is not None:
                happened.append(handling)
        return happened

    def _happen(self, due: _Due, plan_of: PlanOf) -> Handling | None:
        if due.handling is not None:
            return due.handling
        piece = self._pieces[due.number]
        match due.step:
            case _Step.ACCEPT:
                self._later(due.at + _minutes(piece, 4, 9), _Step.SORT, due.number)
                return self._scan(piece, due.at, Kind.ACCEPT)
            case _Step.SORT | _Step.CHECK_FLOOR:
                self._later(due.at + _minutes(piece, 1, 2), _Step.SEEK, due.number)
                return self._scan(piece, due.at, Kind.SORT)
            case _Step.SEEK:
                self._seek(piece, due.at, plan_of)
            case _Step.LOAD:
                return self._load(piece, due.at, plan_of)
            case _Step.UNLOAD:
                return self._unload(piece, due.at)
            case _Step.OUT:
                piece.where = Whereabouts(out=True)
                self._later(due.at + _minutes(piece, 40, 220), _Step.DELIVER, due.number)
                return self._scan(piece, due.at, Kind.OUT_FOR_DELIVERY, x={"stop": piece.chance.randint(1, 90)})
            case _Step.DELIVER:
                piece.where = Whereabouts(done=True)
                return self._scan(piece, due.at, Kind.DELIVER, x={"to": "recipient"})
        return None

    def _seek(self, piece: _Piece, at: datetime, plan_of: PlanOf) -> None:
        """Which departure does the load list name, and are its doors still open?"""
        number = piece.freight.number
        run = self._next_run(piece, at, plan_of)
        if run is None:
            self._later(at + LOOK_AGAIN, _Step.SEEK, number)
            return
        if at + timedelta(minutes=1) < run.doors_close_at:
            earliest = max(at + timedelta(minutes=1), run.doors_close_at - timedelta(minutes=35))
            piece.bound_for = run.name
            loaded_at = earliest + piece.chance.random() * (run.doors_close_at - earliest)
            self._later(loaded_at, _Step.LOAD, number)
            return
        shows_from = max(run.left_at, self._left_scanned_at[run.name]) + FLOOR_CHECKED_AFTER
        if piece.seen_at is not None and piece.seen_at >= shows_from:
            self._later(at + LOOK_AGAIN, _Step.SEEK, number)  # reported already; the new plan is on its way
        else:
            self._later(max(at, shows_from) + _minutes(piece, 1, 8), _Step.CHECK_FLOOR, number)

    def _next_run(self, piece: _Piece, at: datetime, plan_of: PlanOf) -> Run | None:
        plan = [name for name in plan_of(piece.freight.number) if name in self._runs]
        self._watch(plan, at)
        here = piece.where.facility
        return next((self._runs[name] for name in plan if self._runs[name].origin == here), None)

    def _load(self, piece: _Piece, at: datetime, plan_of: PlanOf) -> Handling | None:
        run = self._next_run(piece, at, plan_of)
        if run is None or run.name != piece.bound_for:
            self._later(at, _Step.SEEK, piece.freight.number)  # planned anew in the meantime
            return None
        scan = self._scan(piece, at, Kind.LOAD, into=run.name)
        piece.where = Whereabouts(aboard=run.name)
        wait = _minutes(piece, 2, 6) if run.by_road else _minutes(piece, 6, 14)
        self._later(run.landed_at + wait, _Step.UNLOAD, piece.freight.number)
        return scan

    def _unload(self, piece: _Piece, at: datetime) -> Handling:
        run = self._runs[piece.where.aboard or ""]
        piece.where = Whereabouts(facility=run.destination)
        if run.destination == piece.freight.destination:
            self._to_the_customer(piece, at)
        else:
            self._later(at + _minutes(piece, 4, 8), _Step.SORT, piece.freight.number)
        return self._scan(piece, at, Kind.ARRIVE if run.by_road else Kind.UNLOAD)

    def _to_the_customer(self, piece: _Piece, at: datetime) -> None:
        if piece.freight.is_bag:
            self._later(at + _minutes(piece, 5, 15), _Step.DELIVER, piece.freight.number)
            return
        van = self._van_leaves(piece.freight.destination, at)
        self._later(max(at + timedelta(minutes=5), van - _minutes(piece, 1, 15)), _Step.OUT, piece.freight.number)

    # --- cards of departures ---

    def _watch(self, plan: Iterable[str], at: datetime) -> None:
        """Ramp agents scan the card of every departure that somebody counts on, when it leaves and when it lands."""
        for name in plan:
            if name in self._left_scanned_at:
                continue
            run = self._runs[name]
            self._left_scanned_at[name] = left_at = max(at, run.left_at)
            for card_at, place, kind in (
                (left_at, run.origin, Kind.DEPART),
                (max(left_at, run.landed_at), run.destination, Kind.ARRIVE),
            ):
                card = Handling(card_at, place, kind, name, "code128", is_card=True)
                self._later(card_at, _Step.CARD, handling=card)

    # --- bookkeeping ---

    def _enter(self, freight: Freight, where: Whereabouts) -> _Piece:
        self._entered += 1
        piece = _Piece(freight, random.Random(f"{self._seed}/{self._entered}"), where)
        self._pieces[freight.number] = piece
        return piece

    def _later(self, at: datetime, step: _Step, number: str = "", *, handling: Handling | None = None) -> None:
        self._order += 1
        heapq.heappush(self._due, _Due(at, self._order, step, number, handling))

    def _scan(
        self,
        piece: _Piece,
        at: datetime,
        kind: Kind,
        *,
        into: str | None = None,
        x: Mapping[str, object] | None = None,
    ) -> Handling:
        at_the_end = kind in (Kind.OUT_FOR_DELIVERY, Kind.DELIVER)
        place = piece.freight.destination if at_the_end else piece.where.facility or piece.freight.origin
        sym = "itf" if piece.freight.is_bag else "code128"
        spot = _SPOTS[kind]
        scan = Handling(at, place, kind, piece.freight.number, sym, into, f"{place}-{spot}" if spot else None, x)
        piece.seen_at = at
        if piece.chance.random() < SCANNED_TWICE:
            again_at = at + timedelta(seconds=piece.chance.uniform(4, 15))
            again = Handling(again_at, place, kind, scan.code, sym, into, scan.sort_point, x)
            self._later(again_at, _Step.AGAIN, piece.freight.number, handling=again)
        return scan


_SPOTS = {
    Kind.ACCEPT: "C1",
    Kind.SORT: "S1",
    Kind.LOAD: "L1",
    Kind.ARRIVE: "A1",
    Kind.UNLOAD: "A1",
    Kind.OUT_FOR_DELIVERY: "V1",
    Kind.DELIVER: None,
}
"""Where in a building each handling is done: counter, sorter, dock out, dock in, vans."""


def _minutes(piece: _Piece, least: float, most: float) -> timedelta:
    return timedelta(minutes=piece.chance.uniform(least, most))
