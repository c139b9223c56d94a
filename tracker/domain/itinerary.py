"""The plan: a piece's chain of legs, as booked and as re-planned since. `timetable.py` finds the earliest."""

from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from tracker.domain.errors import BadItineraryError
from tracker.domain.handling import EventKey
from tracker.domain.network import Departure

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
    """Legs that join: each begins where the one before ended, or where the piece was when it was re-planned."""

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
    """New legs instead of those from one departure on; a fact in the log like any other."""

    missed: str | None  # or given up; None: no leg was ahead of it
    legs: tuple[Leg, ...]
    decided_at: datetime
    event_key: EventKey
    evidence: tuple[EventKey, ...] = ()  # the scans that showed it missed
    left: str | None = None  # the departure that left without it, or with it unplanned, if it rests on that
    stands: bool = True  # False: all of them were withdrawn


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What the forecast said of a connection of its plan; a fact in the log like any other."""

    inbound: str
    outbound: str
    chance: float  # that it is missed
    stands: bool  # it is an alert for the desk; False: the one before is taken back
    warned: bool  # customers are told of it too
    said_at: datetime
    event_key: EventKey


Rode = Callable[[str], bool]
"""Whether a piece went with this departure."""

Left = Callable[[str, datetime], bool]
"""Whether this departure had left by an instant."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What was planned at booking, every re-plan since, and what was foreseen of its connections. What is in force
    follows from what happened."""

    booked: Itinerary
    replans: tuple[Replan, ...] = ()
    foreseen: tuple[Foreseen, ...] = ()

    @property
    def departures(self) -> set[str]:
        """Every departure it was ever planned on."""
        chains = (self.booked.legs, *(replan.legs for replan in self.replans))
        return {leg.departure for legs in chains for leg in legs}

    def with_replan(self, replan: Replan) -> "Plan":
        """Keeps them in the order they were decided in; the same one twice is one."""
        kept = {known.event_key: known for known in (*self.replans, replan)}
        replans = tuple(sorted(kept.values(), key=lambda r: (r.decided_at, r.event_key)))
        return replace(self, replans=replans)

    def with_foreseen(self, said: Foreseen) -> "Plan":
        """Keeps them in the order they were said in; the same one twice is one."""
        kept = {known.event_key: known for known in (*self.foreseen, said)}
        return replace(self, foreseen=tuple(sorted(kept.values(), key=lambda f: (f.said_at, f.event_key))))

    def versions(self, rode: Rode, left: Left) -> tuple[Itinerary, ...]:
        """The itinerary at booking, then after each re-plan that stands; the last holds now.

        `rode` says of a departure whether the piece went with it after all: then the re-plan that assumed it was
        missed falls away; and so does one that assumed that a departure had `left` by then, if it had not.
        """
        return (self.booked, *(itinerary for _, itinerary in self._standing(rode, left)))

    def gave_up(self, departure: str, *, by: datetime, rode: Rode, left: Left) -> bool:
        """Whether it was not to go with this departure any more, by decision, at an instant."""
        before = [itinerary for replan, itinerary in self._standing(rode, left) if replan.decided_at < by]
        return bool(before) and not before[-1].rides(departure)

    def without(self, withdrawn: Container[EventKey]) -> "Plan":
        """What rests on withdrawn scans alone falls away, and so does what was undone itself."""
        replans = (
            replace(
                replan,
                stands=replan.event_key not in withdrawn
                and (not replan.evidence or not all(key in withdrawn for key in replan.evidence)),
            )
            for replan in self.replans
        )
        return replace(self, replans=tuple(replans))

    def _standing(self, rode: Rode, left: Left) -> Iterator[tuple[Replan, Itinerary]]:
        made = self.booked
        for replan in self.replans:
            missed = replan.missed
            if not replan.stands or (replan.left is not None and not left(replan.left, replan.decided_at)):
                continue
            if missed is None or (made.rides(missed) and not rode(missed)):
                made = Itinerary((made.before(missed) if missed else made.legs) + replan.legs)
                yield replan, made


def leg_on(departure: Departure) -> Leg:
    return Leg(departure.name, departure.origin, departure.destination, departure.departs_at, departure.arrives_at)


def joined(departures: Sequence[Departure], *, origin: str, destination: str) -> Itinerary:
    """The itinerary over departures somebody chose; BadItineraryError where they do not join in place and time."""
    place, since = origin, None
    for at, departure in enumerate(departures):
        if departure.origin != place or (since is not None and departure.leaves_at < since):
            raise BadItineraryError(f"{departure.name} does not go on from {place}", leg=at)
        if departure.cancelled:
            raise BadItineraryError(f"{departure.name} is cancelled", leg=at)
        place, since = departure.destination, departure.expected_arrival
    if place != destination:
        raise BadItineraryError(f"the last leg ends at {place}", leg=None)
    return Itinerary(tuple(leg_on(departure) for departure in departures))
