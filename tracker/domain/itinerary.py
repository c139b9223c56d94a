"""The plan: a piece's chain of legs, and the earliest way through the timetable."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from tracker.domain.handling import EventKey
from tracker.domain.network import Departure, Facility

HORIZON = timedelta(days=3)
"""How far ahead a way through the timetable is looked for."""


@dataclass(frozen=True, slots=True)
class Leg:
    """One piece's ride on one departure, with the times the timetable gave when it was planned."""

    departure: str
    origin: str
    destination: str
    departs_at: datetime
    arrives_at: datetime


@dataclass(frozen=True, slots=True)
class Itinerary:
    """Legs that join: each begins where the one before ended."""

    legs: tuple[Leg, ...] = ()

    def passes(self, facility: str) -> bool:
        return any(facility in (leg.origin, leg.destination) for leg in self.legs)

    def rides(self, departure: str) -> bool:
        return any(leg.departure == departure for leg in self.legs)

    def before(self, departure: str) -> tuple[Leg, ...]:
        """The legs before the one on this departure; all of them when it is not on it."""
        names = [leg.departure for leg in self.legs]
        return self.legs[: names.index(departure)] if departure in names else self.legs

    @property
    def arrives_at(self) -> datetime | None:
        return self.legs[-1].arrives_at if self.legs else None


@dataclass(frozen=True, slots=True)
class Replan:
    """New legs from where a departure was missed; a fact in the log like any other."""

    missed: str
    legs: tuple[Leg, ...]
    decided_at: datetime
    event_key: EventKey


@dataclass(frozen=True, slots=True)
class Plan:
    """What was planned at booking and every re-plan since. What is in force follows from what happened."""

    booked: Itinerary
    replans: tuple[Replan, ...] = ()

    def with_replan(self, replan: Replan) -> "Plan":
        """Keeps them in the order they were decided in; the same one twice is one."""
        kept = {known.event_key: known for known in (*self.replans, replan)}
        return Plan(self.booked, tuple(sorted(kept.values(), key=lambda r: (r.decided_at, r.event_key))))

    def in_force(self, rode: Callable[[str], bool]) -> Itinerary:
        """The legs that hold now. `rode` says of a departure whether the piece went with it after all:
        then the re-plan that assumed it was missed falls away."""
        return self.versions(rode)[-1]

    def versions(self, rode: Callable[[str], bool]) -> tuple[Itinerary, ...]:
        """The itinerary at booking, then after each re-plan that stands."""
        made = [self.booked]
        for replan in self.replans:
            if made[-1].rides(replan.missed) and not rode(replan.missed):
                made.append(Itinerary(made[-1].before(replan.missed) + replan.legs))
        return tuple(made)


def leg_on(departure: Departure) -> Leg:
    return Leg(departure.name, departure.origin, departure.destination, departure.departs_at, departure.arrives_at)


def earliest(
    departures: Iterable[Departure],
    facilities: Mapping[str, Facility],
    *,
    origin: str,
    destination: str,
    ready_at: datetime,
    room: Callable[[str], int] = lambda departure: 1,
    pieces: int = 1,
) -> Itinerary | None:
    """The itinerary that arrives first, or None where there is no way.

    `departures` come in order of departure (the connection scan of Dibbelt and others, 2013). A piece catches one
    when it is at the origin by its cut-off, or has its minimum connection time there if it came in on another leg;
    a departure that has left, or has less than `pieces` of `room`, is passed over.
    """
    if origin == destination:
        return Itinerary()
    there: dict[str, datetime] = {origin: ready_at}
    came_by: dict[str, Departure] = {}
    for departure in departures:
        if destination in there and departure.departs_at >= there[destination]:
            break
        since = there.get(departure.origin)
        if since is None or departure.left_at is not None:
            continue
        handling = departure.cutoff
        if departure.origin in came_by and departure.origin in facilities:
            handling = max(handling, facilities[departure.origin].minimum_connection)
        if since + handling > departure.departs_at or room(departure.name) < pieces:
            continue
        known = there.get(departure.destination)
        if known is None or departure.arrives_at < known:
            there[departure.destination] = departure.arrives_at
            came_by[departure.destination] = departure
    if destination not in came_by:
        return None
    legs: list[Leg] = []
    place = destination
    while place != origin:
        legs.append(leg_on(came_by[place]))
        place = came_by[place].origin
    return Itinerary(tuple(reversed(legs)))
