"""What is known of a day's departures so far: plain arithmetic on timetable and news, before anything learned."""

import itertools
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple, assert_never

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE = timedelta(minutes=1)

TURN = 35
"""Minutes from gate-in to gate-out of a carrier nothing was learned of."""

MOOD_LOOKS_BACK = 90
"""Minutes of departures and landings that make up how a station is doing."""

MOOD_SETTLES = 10
"""Minutes between two looks at how all stations are doing."""

_PRIOR = 4  # so many movements of nothing unusual weigh in, so that one late aircraft is not the mood of a place
_OWN = 6  # and so many of the whole station with a carrier's own


def minutes(instant: datetime) -> int:
    """Whole minutes since 1970, UTC; seconds are dropped."""
    return (instant - _EPOCH) // _MINUTE


def instant(minutes: int) -> datetime:
    return _EPOCH + minutes * _MINUTE


@dataclass(slots=True, eq=False)
class Run:
    """One departure: what the timetable says, and what happened as far as it is known."""

    name: str
    carrier: str
    origin: str
    destination: str
    departs: int
    arrives: int
    tail: str = ""  # the vehicle, where it is known
    left: int | None = None
    landed: int | None = None
    cancelled: bool = False
    estimated: int | None = None  # when who runs it says that it leaves
    due: int | None = None  # and lands
    by_road: bool = False
    previous: "Run | None" = field(default=None, repr=False)  # the run that brings its vehicle here
    following: "Run | None" = field(default=None, repr=False)

    @property
    def block(self) -> int:
        """Minutes under way by the timetable."""
        return self.arrives - self.departs


class News(NamedTuple):
    """One thing that becomes known of a run at one minute."""

    at: int
    run: Run
    word: Literal["left", "landed", "cancelled"]


@dataclass(frozen=True, slots=True)
class Flown:
    """A run and what became of it: cancelled if it never left, diverted if it left and never landed."""

    run: Run
    left: int | None
    landed: int | None


def news(run: Run, flown: Flown) -> Iterator[News]:
    """What is heard of it and when: a gate-out and gate-in at their time, a cancellation when it should have left."""
    if flown.left is None:
        yield News(run.departs, run, "cancelled")
        return
    yield News(flown.left, run, "left")
    if flown.landed is not None:
        yield News(flown.landed, run, "landed")


def hear(heard: News) -> None:
    """The run knows it from now on."""
    match heard.word:
        case "left":
            heard.run.left = heard.at
        case "landed":
            heard.run.landed = heard.at
        case "cancelled":
            heard.run.cancelled = True
        case other:
            assert_never(other)


def rotate(runs: Iterable[Run]) -> None:
    """Links each run with the one that brings its vehicle: the same tail, ending where this begins."""
    by_tail: defaultdict[str, list[Run]] = defaultdict(list)
    for run in runs:
        if run.tail:
            by_tail[run.tail].append(run)
    for chain in by_tail.values():
        chain.sort(key=lambda run: (run.departs, run.name))
        for before, after in itertools.pairwise(chain):
            if before.destination == after.origin:
                before.following, after.previous = after, before


class Board:
    """The runs of a day and how the stations are doing; `tick` it every `MOOD_SETTLES` minutes."""

    def __init__(self, runs: Iterable[Run], turn: Mapping[str, int]) -> None:
        self.runs = tuple(runs)
        self._turn = turn
        self._out: defaultdict[str, list[Run]] = defaultdict(list)
        self._in: defaultdict[str, list[Run]] = defaultdict(list)
        for run in sorted(self.runs, key=lambda run: (run.departs, run.name)):
            self._out[run.origin].append(run)
        for run in sorted(self.runs, key=lambda run: (run.arrives, run.name)):
            self._in[run.destination].append(run)
        self._out_at = {place: [run.departs for run in found] for place, found in self._out.items()}
        self._in_at = {place: [run.arrives for run in found] for place, found in self._in.items()}
        self._out_mood: dict[str, dict[str, float]] = {}
        self._in_mood: dict[str, float] = {}

    def tick(self, now: int) -> None:
        """Looks again at how late each station runs: out of it by carrier, and under way towards it."""
        for place, found in self._out.items():
            at = self._out_at[place]
            recent = found[bisect_left(at, now - MOOD_LOOKS_BACK) : bisect_right(at, now - 1)]
            by_carrier: defaultdict[str, list[int]] = defaultdict(list)
            for run in recent:
                if not run.cancelled:
                    by_carrier[run.carrier].append(min((now if run.left is None else run.left) - run.departs, 120))
            late = [minutes for each in by_carrier.values() for minutes in each]
            whole = sum(late) / (len(late) + _PRIOR)
            moods = {c: (sum(each) + _OWN * whole) / (len(each) + _OWN) for c, each in by_carrier.items()}
            self._out_mood[place] = {"": whole, **moods}
        for place, found in self._in.items():
            at = self._in_at[place]
            recent = found[bisect_left(at, now - 2 * MOOD_LOOKS_BACK) : bisect_right(at, now + MOOD_LOOKS_BACK)]
            under_way = [
                run.landed - run.left - run.block
                for run in recent
                if run.left is not None and run.landed is not None and run.landed > now - MOOD_LOOKS_BACK
            ]
            self._in_mood[place] = sum(under_way) / (len(under_way) + _PRIOR)

    def lateness_out_of(self, run: Run) -> float:
        """Minutes by which departures like this one left its origin late of late."""
        moods = self._out_mood.get(run.origin, {})
        return moods.get(run.carrier, moods.get("", 0.0))

    def lateness_into(self, run: Run) -> float:
        """Minutes that runs into its destination took longer of late than the timetable gives them."""
        return self._in_mood.get(run.destination, 0.0)

    def turn(self, run: Run) -> int:
        return self._turn.get(run.carrier, TURN)

    def ready(self, run: Run, now: int) -> int | None:
        """When its vehicle can leave again; None where nothing is known of the run that brings it."""
        before = run.previous
        return None if before is None or before.cancelled else self.arrives(before, now) + self.turn(run)

    def departs(self, run: Run, now: int) -> int:
        """Left; or by the timetable, by when its vehicle is ready, and never in the past."""
        return run.left if run.left is not None else max(self.base(run, now), now)

    def base(self, run: Run, now: int) -> int:
        """When it should leave if only the timetable, who runs it and its vehicle had a say."""
        ready = self.ready(run, now)
        planned = run.departs if run.estimated is None else run.estimated
        return planned if ready is None else max(planned, ready)

    def arrives(self, run: Run, now: int) -> int:
        """Landed; or its departure and the time the timetable gives it under way, and never in the past."""
        return run.landed if run.landed is not None else max(self.departs(run, now) + run.block, now)
