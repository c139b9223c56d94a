"""The timetable, prepared for one question: how does a piece get there first?

The connection scan of Dibbelt, Pajor, Strasser and Wagner (2013): departures in the order in which they leave, each
looked at once. Kept by days, so that what changes touches one day.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Collection, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from tracker.domain.itinerary import HORIZON, Itinerary, Leg, leg_on
from tracker.domain.network import Departure, Facility, Side

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_DAY = 86_400_000_000
_NEVER = 1 << 62

MOST_ANSWERS = 1000
"""How many different questions are remembered until something changes."""

Room = Callable[[Sequence[str]], Mapping[str, int]]
"""How many pieces each of these departures still takes."""


class Wish(NamedTuple):
    """That pieces should get from one place to another. Wishes of one name are one wish."""

    name: int
    origin: str
    destination: str
    ready_at: datetime
    service: str = "standard"
    pieces: int = 1


class _Run(NamedTuple):
    """One departure as the scan reads it: instants in microseconds since 1970."""

    leaves: int
    gate: int  # its outbound side: departures that connect alike
    arrival: int  # its inbound side
    lands: int
    leg: Leg
    services: tuple[str, ...]


@dataclass(slots=True)
class _Arrival:
    """Where departures of one kind come in, and how long from there to each outbound side of that place."""

    place: str
    side: Side
    onward: list[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class _Gate:
    """Departures of one place that connect alike."""

    number: int
    side: Side
    cutoff: timedelta


class Timetable:
    """What may be planned on, and the search over it. Not safe to change while somebody searches."""

    def __init__(self, facilities: Mapping[str, Facility], departures: Iterable[Departure] = ()) -> None:
        self._facilities = facilities
        self._days: dict[int, list[_Run]] = {}
        self._known: dict[str, _Run] = {}
        self._gates: dict[str, list[_Gate]] = defaultdict(list)
        self._gate_numbers: dict[tuple[str, Side, timedelta], int] = {}
        self._arrivals: list[_Arrival] = []
        self._arrival_numbers: dict[tuple[str, Side], int] = {}
        self._answered: dict[tuple[str, datetime, str, frozenset[str]], dict[str, Itinerary | None]] = {}
        self.know(departures)

    def __len__(self) -> int:
        return len(self._known)

    def know(self, departures: Iterable[Departure]) -> None:
        """Adds these, or what is new about them; those that take no pieces any more are forgotten."""
        latest = {departure.name: departure for departure in departures}
        if latest:
            self._answered.clear()
        for name in latest:
            self.forget(name)
        added: dict[int, list[_Run]] = defaultdict(list)
        for departure in latest.values():
            if departure.takes_pieces and self._place(departure.origin).works_at(departure.leaves_at):
                run = self._known[departure.name] = self._prepared(departure)
                added[run.leaves // _DAY].append(run)
        for day, runs in added.items():
            self._days[day] = sorted([*self._days.get(day, ()), *runs], key=_in_turn)

    def forget(self, name: str) -> None:
        run = self._known.pop(name, None)
        if run is not None:
            self._answered.clear()
            runs = self._days[run.leaves // _DAY]
            at = bisect_left(runs, run.leaves, key=_leaves)
            while runs[at] is not run:
                at += 1
            del runs[at]

    def forget_day(self, day: date) -> None:
        self._answered.clear()
        for run in self._days.pop(_ordinal(day), []):
            del self._known[run.leg.departure]

    def days(self, wish: Wish) -> list[date]:
        """The days, in UTC, on which a piece with this wish may leave."""
        ready_at = self.handled_from(wish)
        return [(ready_at + timedelta(days=n)).date() for n in range(HORIZON.days + 1)]

    def handled_from(self, wish: Wish) -> datetime:
        """From when on a piece with this wish is handled where it is, in UTC."""
        return self._place(wish.origin).handled_from(wish.ready_at).astimezone(UTC)

    def way(self, wish: Wish, *, full: Container[str] = ()) -> Itinerary | None:
        """The itinerary that arrives first, or None where there is no way within the horizon."""
        return self.ways(wish, {wish.destination}, full=full)[wish.destination]

    def ways(
        self, wish: Wish, destinations: Collection[str], *, full: Container[str] = ()
    ) -> dict[str, Itinerary | None]:
        """The earliest way to each of these from where the wish begins.

        A piece catches a departure when it is there by the cut-off, and if it came in on another leg also the least
        connection time after that one's expected arrival. Departures that are `full`, or take another service only, are
        passed over.
        """
        ready = _micros(self.handled_from(wish))
        last = ready + HORIZON // _MICROSECOND
        boards = [_NEVER] * len(self._gate_numbers)  # from when on a piece could leave by each outbound side
        by: list[_Run | None] = [None] * len(boards)  # the run it came in on to do so
        landed = [_NEVER] * len(self._arrivals)
        before: dict[str, _Run | None] = {}
        first: dict[str, _Run] = {}
        for gate in self._gates.get(wish.origin, ()):
            boards[gate.number] = ready + gate.cutoff // _MICROSECOND
        wanted = set(destinations) - {wish.origin}
        open_ones = set(wanted)
        stop = last if wanted else ready
        arrivals, service = self._arrivals, wish.service
        for day in range(ready // _DAY, last // _DAY + 1):
            runs = self._days.get(day, [])
            if ready // _DAY == day:
                runs = runs[bisect_left(runs, ready, key=_leaves) :]
            for run in runs:
                leaves, gate_number, arrival_number, lands, leg, services = run
                if leaves >= stop:
                    break
                if boards[gate_number] > leaves or lands >= landed[arrival_number]:
                    continue
                if leg.departure in full or (services and service not in services):
                    continue
                landed[arrival_number] = lands
                before[leg.departure] = by[gate_number]
                arrival = arrivals[arrival_number]
                if arrival.place in wanted:
                    known = first.get(arrival.place)
                    if known is None or lands < known.lands:
                        first[arrival.place] = run
                        open_ones.discard(arrival.place)
                        if not open_ones:
                            stop = min(stop, max(found.lands for found in first.values()))
                handled = self._handled_from(arrival.place, lands)
                for onward, takes in arrival.onward:
                    if handled + takes < boards[onward]:
                        boards[onward] = handled + takes
                        by[onward] = run
            if stop < (day + 1) * _DAY:
                break
        found = {place: _chain(first[place], before) if place in first else None for place in destinations}
        return {**found, **({wish.origin: Itinerary()} if wish.origin in found else {})}

    def ways_again(
        self, wish: Wish, destinations: Collection[str], *, full: frozenset[str]
    ) -> dict[str, Itinerary | None]:
        """As `ways`, and at once where the same was asked before: when a hub closes, thousands ask alike."""
        asked = wish.origin, self.handled_from(wish), wish.service, full
        if len(self._answered) >= MOST_ANSWERS:
            self._answered.clear()
        known = self._answered.setdefault(asked, {})
        new = set(destinations) - known.keys()
        if new:
            known.update(self.ways(wish, new, full=full))
        return {place: known[place] for place in destinations}

    def _place(self, code: str) -> Facility:
        return self._facilities.get(code) or Facility(code)

    def _handled_from(self, code: str, lands: int) -> int:
        place = self._facilities.get(code)
        if place is None or place.never_rests:
            return lands
        return _micros(place.handled_from(_EPOCH + timedelta(microseconds=lands)))

    def _prepared(self, departure: Departure) -> _Run:
        return _Run(
            leaves=_micros(departure.leaves_at),
            gate=self._gate(departure),
            arrival=self._arrival(departure),
            lands=_micros(departure.expected_arrival),
            leg=leg_on(departure),
            services=departure.services,
        )

    def _gate(self, departure: Departure) -> int:
        place = self._place(departure.origin)
        side = Side(
            departure.carrier if any(rule.outbound_carrier for rule in place.connections) else None,
            departure.origin_terminal if any(rule.outbound_terminal for rule in place.connections) else None,
        )
        name = (departure.origin, side, departure.cutoff)
        if name not in self._gate_numbers:
            gate = _Gate(len(self._gate_numbers), side, departure.cutoff)
            self._gate_numbers[name] = gate.number
            self._gates[departure.origin].append(gate)
            for arrival in self._arrivals:
                if arrival.place == departure.origin:
                    arrival.onward.append(self._onward(place, arrival.side, gate))
        return self._gate_numbers[name]

    def _arrival(self, departure: Departure) -> int:
        place = self._place(departure.destination)
        side = Side(
            departure.carrier if any(rule.inbound_carrier for rule in place.connections) else None,
            departure.destination_terminal if any(rule.inbound_terminal for rule in place.connections) else None,
        )
        name = (departure.destination, side)
        if name not in self._arrival_numbers:
            onward = [self._onward(place, side, gate) for gate in self._gates[departure.destination]]
            self._arrival_numbers[name] = len(self._arrivals)
            self._arrivals.append(_Arrival(departure.destination, side, onward))
        return self._arrival_numbers[name]

    @staticmethod
    def _onward(place: Facility, inbound: Side, gate: _Gate) -> tuple[int, int]:
        least = max(place.connection(inbound, gate.side), gate.cutoff)
        return gate.number, least // _MICROSECOND


def plan(timetable: Timetable, wishes: Iterable[Wish], room: Room) -> dict[int, Itinerary | None]:
    """The earliest way for each wish, with room on each leg for all its pieces; None where there is none.

    First come, first served: who stands earlier takes the room. One search serves all that wait at one place.
    """
    alike: dict[tuple[str, datetime, str, int], list[Wish]] = defaultdict(list)
    for wish in wishes:
        alike[(wish.origin, timetable.handled_from(wish), wish.service, wish.pieces)].append(wish)
    left: dict[str, int] = {}
    found: dict[int, Itinerary | None] = {}
    for waiting in alike.values():
        while waiting:
            pieces = waiting[0].pieces
            full = {name for name, free in left.items() if free < pieces}
            ways = timetable.ways_again(waiting[0], {wish.destination for wish in waiting}, full=frozenset(full))
            legs = {leg.departure for way in ways.values() if way is not None for leg in way.legs}
            left.update(room(sorted(legs - left.keys())))
            again = []
            for wish in waiting:
                way = ways[wish.destination]
                names = [leg.departure for leg in way.legs] if way is not None else []
                if any(left[name] < pieces for name in names):
                    again.append(wish)
                    continue
                found[wish.name] = way
                for name in names:
                    left[name] -= pieces
            waiting = again
    return found


def _chain(last: _Run, before: Mapping[str, _Run | None]) -> Itinerary:
    legs = [last.leg]
    run = before[last.leg.departure]
    while run is not None:
        legs.append(run.leg)
        run = before[run.leg.departure]
    return Itinerary(tuple(reversed(legs)))


def _leaves(run: _Run) -> int:
    return run.leaves


def _in_turn(run: _Run) -> tuple[int, str]:
    """Of two that leave at one instant the same always comes first, however they became known."""
    return run.leaves, run.leg.departure


def _micros(instant: datetime) -> int:
    return (instant - _EPOCH) // _MICROSECOND


def _ordinal(day: date) -> int:
    return day.toordinal() - _EPOCH.toordinal()
