"""The day itself: news in the order of time, and what is decided of the bags that each of them touches."""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import NamedTuple

from lastscan.replay.files import BagPlan
from lastscan.replay.holding import HoldCase, Rider
from lastscan.replay.ways import Ways
from tracker.domain.forecast.alert import Alert, Threshold, follow
from tracker.domain.forecast.board import MOOD_SETTLES, Board, Flown, News, Run, hear, instant, news, rotate
from tracker.domain.forecast.outlook import Outlook
from tracker.domain.forecast.tables import Tables
from tracker.domain.hold import Aboard, LateComer, weight
from tracker.domain.itinerary import Leg

FIRST_LOOK = 180
"""Minutes before its first departure at which a bag's plan is looked at, news or not."""

LOST_TOUCH = 60
"""Minutes after which a run that has not landed by any estimate is no longer planned on."""

HOLD_DECIDED = 10
"""Minutes before its departure at which it is decided whether to hold it."""

MAY_BE_LATE = 0.05
"""The chance from which on a bag counts as one to hold for."""

NO_WAY = 12 * 60
"""Minutes later that stand for a bag for which the day has no other way."""

AT_RISK = "{inbound} should land at {facility} at {lands_at}, {departure} leave at {leaves_at}; it takes {minimum} min."
MISSED = "{departure} left {facility} at {left_at}; {inbound}, which brings it, had not come in {minimum} min before."
CANCELLED = "{departure} does not leave {facility}."
MADE = "{inbound} and {departure} now leave more than {minimum} min at {facility}."
ANOTHER_WAY = "It goes with {departure} instead, from {facility}."


class Kind(StrEnum):
    CONNECTION_AT_RISK = "connection_at_risk"
    MISSED_CONNECTION = "missed_connection"
    LEG_CANCELLED = "leg_cancelled"
    WITHDRAWN = "withdrawn"
    REPLANNED = "replanned"
    NOTICE = "notice"


class Decided(NamedTuple):
    """One thing decided at one minute; `leg` counts from one. A notice also says who is told, and for which cause."""

    at: int
    bag: str
    kind: Kind
    leg: int
    flight: str
    probability: float
    standing: bool  # whether an alert of the desk stands for the bag
    because: str
    new_legs: tuple[Leg, ...] = ()
    eta: int | None = None
    recipient: str = ""
    cause: str = ""


class Look(NamedTuple):
    """The chance of a booked connection as it was seen when its inbound left (`landed` false) or came in."""

    bag: str
    inbound: str
    outbound: str
    landed: bool
    chance: float


@dataclass(slots=True, eq=False)
class _Bag:
    place: int  # in the file
    plan: BagPlan
    legs: list[Run]
    at: int = 0  # the leg it has to catch next
    broken: bool = False  # a leg of its plan was missed or cancelled
    stranded: int | None = None  # the leg it has nothing to go with for
    alerts: dict[str, Alert] = field(default_factory=dict)  # by the departure it may miss

    @property
    def standing(self) -> bool:
        return self.broken or bool(self.alerts)


class Day:
    """Departures and bags of a day under a virtual clock. What happened later is never looked at: news is told to the
    board in its minute, all of a minute before anything is decided, and a bag is judged only when it is touched.

    The legs of each bag are departures of the day and join (`files.fitting`).
    """

    def __init__(
        self, flown: Sequence[Flown], bags: Iterable[BagPlan], tables: Tables, *, threshold: Threshold, minimum: int
    ) -> None:
        runs = [replace(each.run) for each in flown]
        rotate(runs)
        self._tables, self._threshold, self._minimum = tables, threshold, minimum
        self._board = Board(runs, tables.turn)
        self._runs = {run.name: run for run in runs}
        self._riders: defaultdict[str, dict[int, _Bag]] = defaultdict(dict)
        self._bags = [self._booked(place, plan) for place, plan in enumerate(bags)]
        self._agenda: defaultdict[int, list[News]] = defaultdict(list)
        for run, each in zip(runs, flown, strict=True):
            for heard in news(run, each):
                self._agenda[heard.at].append(heard)
        self._first_looks: defaultdict[int, list[_Bag]] = defaultdict(list)
        for bag in self._bags:
            self._first_looks[bag.legs[0].departs - FIRST_LOOK].append(bag)
        self._ways = Ways(runs, minimum)
        self._noticed: set[tuple[str, str]] = set()
        self._outlook = Outlook(tables, self._board, 0)
        self._due: defaultdict[int, list[Run]] = defaultdict(list)
        for name in sorted({leg for bag in self._bags for leg in bag.plan.legs[1:]}):
            self._due[self._runs[name].departs - HOLD_DECIDED].append(self._runs[name])
        self.looks: list[Look] = []
        self.holds: list[HoldCase] = []

    def run(self) -> Iterator[Decided]:
        """Everything that is decided, in order of time; a bag's in the order of the file within a minute."""
        moments = {*self._agenda, *self._first_looks, *self._due}
        if not moments:
            return
        waiting = sorted(self._runs.values(), key=lambda run: (run.departs, run.name))
        moments.update(range(min(moments) // MOOD_SETTLES * MOOD_SETTLES, max(moments), MOOD_SETTLES))
        for now in sorted(moments):
            self._outlook = Outlook(self._tables, self._board, now)
            heard = self._agenda.get(now, ())
            for each in heard:
                hear(each)
            touched = {bag.place: bag for bag in self._first_looks.get(now, ())}
            for each in heard:
                touched.update((bag.place, bag) for bag in self._concerned(each.run))
            if now % MOOD_SETTLES == 0:
                self._board.tick(now)
                waiting = [run for run in waiting if run.landed is None and not run.cancelled]
                for run in waiting:
                    if run.departs >= now:
                        break
                    if run.left is None or run.left + run.block < now:
                        touched.update((bag.place, bag) for bag in self._concerned(run))
            for _, bag in sorted(touched.items()):
                yield from self._judge(bag, now)
            for run in self._due.get(now, ()):
                self._weigh_holding(run, now)

    # --- news ---

    def _booked(self, place: int, plan: BagPlan) -> _Bag:
        bag = _Bag(place, plan, [self._runs[leg] for leg in plan.legs])
        for leg in bag.legs:
            self._riders[leg.name][place] = bag
        return bag

    def _concerned(self, run: Run) -> Iterator[_Bag]:
        """The bags on it, and on what its vehicle flies next."""
        following: Run | None = run
        while following is not None:
            yield from self._riders[following.name].values()
            following = following.following
            if following is not None and following.left is not None:
                break

    # --- judgement ---

    def _judge(self, bag: _Bag, now: int) -> Iterator[Decided]:
        if bag.stranded is not None:
            yield from self._replan(bag, bag.stranded, now)
        if bag.stranded is None:
            yield from self._catch_up(bag, now)
        if bag.stranded is not None:
            return
        for at in range(max(bag.at, 1), len(bag.legs)):
            yield from self._weigh(bag, at, now)

    def _catch_up(self, bag: _Bag, now: int) -> Iterator[Decided]:
        """What is certain by now: legs it has behind it, and legs that went or do not go without it."""
        at = bag.at
        while at < len(bag.legs):
            run, inbound = bag.legs[at], bag.legs[at - 1] if at else None
            missed = run.left is not None and inbound is not None and not self._made(inbound, run.left)
            if run.cancelled or missed:
                yield from self._break(bag, at, now, Kind.LEG_CANCELLED if run.cancelled else Kind.MISSED_CONNECTION)
                if bag.stranded is not None:
                    return
                continue
            if run.left is not None and at == bag.at:
                bag.at += 1
                yield from self._withdraw(bag, at, 0.0, now)
            at += 1

    def _made(self, inbound: Run, left: int) -> bool:
        return inbound.landed is not None and inbound.landed + self._minimum <= left

    def _break(self, bag: _Bag, at: int, now: int, kind: Kind) -> Iterator[Decided]:
        run, inbound = bag.legs[at], bag.legs[at - 1] if at else None
        bag.broken = True
        if kind is Kind.LEG_CANCELLED:
            why = CANCELLED.format(departure=run.name, facility=run.origin)
        else:
            assert inbound is not None
            assert run.left is not None
            why = self._told(MISSED, inbound, run, left_at=run.left)
        legs = self._way_on(bag, at, now)
        decided = Decided(now, bag.plan.bag, kind, at + 1, run.name, 1.0, True, why, legs, self._eta(self._on(legs)))
        yield decided
        yield from self._notice(bag, decided, kind)
        bag.stranded = at
        if legs:
            yield from self._replan(bag, at, now, legs, told=True)

    def _replan(
        self, bag: _Bag, at: int, now: int, legs: tuple[Leg, ...] = (), *, told: bool = False
    ) -> Iterator[Decided]:
        legs = legs or self._way_on(bag, at, now)
        if not legs:
            return
        missed = bag.legs[at]
        bag.stranded = None
        for run in bag.legs[at:]:
            self._riders[run.name].pop(bag.place, None)
            bag.alerts.pop(run.name, None)
        bag.legs[at:] = self._on(legs)
        for run in bag.legs[at:]:
            self._riders[run.name][bag.place] = bag
        why = ANOTHER_WAY.format(departure=legs[0].departure, facility=legs[0].origin)
        eta = self._eta(bag.legs)
        decided = Decided(now, bag.plan.bag, Kind.REPLANNED, at + 1, missed.name, 1.0, True, why, legs, eta)
        yield decided
        if not told:
            yield from self._notice(bag, decided, Kind.REPLANNED)

    def _weigh(self, bag: _Bag, at: int, now: int) -> Iterator[Decided]:
        """The chance that this leg will be missed: told to the desk, and to its owner when it is high."""
        inbound, run = bag.legs[at - 1], bag.legs[at]
        chance = self._outlook.missed(inbound, run, takes=(self._minimum,))
        self._look(bag, inbound, run, chance, now)
        before = bag.alerts.get(run.name)
        alert = follow(before, chance, self._threshold)
        if alert is None:
            yield from self._withdraw(bag, at, chance, now)
        elif alert is not before:
            bag.alerts[run.name] = alert
            kind = Kind.CONNECTION_AT_RISK
            legs = self._way_on(bag, at, now) if before is None else ()
            why, eta = self._risk(inbound, run), self._eta(bag.legs)
            decided = Decided(now, bag.plan.bag, kind, at + 1, run.name, chance, True, why, legs, eta)
            yield decided
            warned = before is not None and before.warned
            if alert.warned != warned:
                yield from self._notice(bag, decided, kind if alert.warned else Kind.WITHDRAWN)

    def _withdraw(self, bag: _Bag, at: int, chance: float, now: int) -> Iterator[Decided]:
        run = bag.legs[at]
        alert = bag.alerts.pop(run.name, None)
        if alert is None:
            return
        why, eta = self._told(MADE, bag.legs[at - 1], run), self._eta(bag.legs)
        decided = Decided(now, bag.plan.bag, Kind.WITHDRAWN, at + 1, run.name, chance, bag.standing, why, (), eta)
        yield decided
        if alert.warned:
            yield from self._notice(bag, decided, Kind.WITHDRAWN)

    def _weigh_holding(self, run: Run, now: int) -> None:
        late: list[tuple[str, LateComer]] = []
        aboard: list[Aboard] = []
        onward: list[tuple[_Bag, int]] = []
        for _, bag in sorted(self._riders[run.name].items()):
            at = bag.legs.index(run)
            inbound = bag.legs[at - 1] if at else None
            if inbound is not None and self._outlook.missed(inbound, run, takes=(self._minimum,)) >= MAY_BE_LATE:
                ready = tuple(moment + self._minimum for moment in self._outlook.arrival(inbound))
                late.append((inbound.name, LateComer(ready, weight(bag.plan.value), self._left_behind(bag, at, now))))
            elif at + 1 < len(bag.legs):
                onward.append((bag, at + 1))
            else:
                aboard.append(Aboard(weight(bag.plan.value)))
        if not late or run.left is not None or run.cancelled:
            return
        lands = self._outlook.lands(run) + self._minimum
        riders = []
        for bag, at in onward:
            spare = self._outlook.leaves(bag.legs[at]) - lands
            behind = self._left_behind(bag, at, now)
            riders.append(Rider(bag.legs[at].name, Aboard(weight(bag.plan.value), spare=spare, left_behind=behind)))
        leaves = self._outlook.departure(run)
        self.holds.append(HoldCase(run.name, leaves, tuple(late), tuple(aboard), tuple(riders)))

    def _left_behind(self, bag: _Bag, at: int, now: int) -> int:
        """Minutes later it comes where it goes, if it misses this leg."""
        way = self._on(self._way_on(bag, at, now))
        return max(self._outlook.lands(way[-1]) - self._outlook.lands(bag.legs[-1]), 0) if way else NO_WAY

    def _notice(self, bag: _Bag, decided: Decided, kind: Kind) -> Iterator[Decided]:
        """Once for each cause and person, however often it comes true."""
        piece = f"{bag.plan.bag}/1"
        about = f"{Kind.CONNECTION_AT_RISK}:{piece}" if kind is Kind.WITHDRAWN else piece
        cause = f"{kind}:{about}:{decided.flight}"
        told = (cause, bag.plan.recipient)
        if told not in self._noticed:
            self._noticed.add(told)
            yield decided._replace(kind=Kind.NOTICE, recipient=bag.plan.recipient, cause=cause)

    # --- what it is judged by ---

    def _look(self, bag: _Bag, inbound: Run, run: Run, chance: float, now: int) -> None:
        if now in (inbound.left, inbound.landed) and (inbound.name, run.name) in _pairs(bag.plan.legs):
            self.looks.append(Look(bag.plan.bag, inbound.name, run.name, now == inbound.landed, chance))

    def _risk(self, inbound: Run, run: Run) -> str:
        lands, leaves = self._outlook.lands(inbound), self._outlook.leaves(run)
        return self._told(AT_RISK, inbound, run, lands_at=lands, leaves_at=leaves)

    def _told(self, sentence: str, inbound: Run, run: Run, **minutes: int) -> str:
        instants = {name: instant(at).isoformat() for name, at in minutes.items()}
        return sentence.format(
            inbound=inbound.name, departure=run.name, facility=run.origin, minimum=self._minimum, **instants
        )

    def _eta(self, legs: Sequence[Run]) -> int | None:
        return self._outlook.lands(legs[-1]) if legs else None

    def _way_on(self, bag: _Bag, at: int, now: int) -> tuple[Leg, ...]:
        """The earliest way on without this leg, by the timetable and from when the bag can be there."""
        run, inbound = bag.legs[at], bag.legs[at - 1] if at else None
        ready = now
        if inbound is not None:
            lands = self._outlook.lands(inbound)
            if inbound.landed is None and inbound.left is not None and now > inbound.left + inbound.block + LOST_TOUCH:
                return ()
            ready = max(now, lands + self._minimum)
        return self._ways.first(run.origin, bag.legs[-1].destination, ready=ready, without=run)

    def _on(self, legs: Iterable[Leg]) -> list[Run]:
        return [self._runs[leg.departure] for leg in legs]


def _pairs(legs: tuple[str, ...]) -> Iterable[tuple[str, str]]:
    return itertools.pairwise(legs)
