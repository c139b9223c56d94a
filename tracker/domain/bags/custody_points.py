"""IATA Resolution 753: who had the bag at the four points where it changes hands, and how often that was seen.

In force since June 2018: airlines show custody when a bag is accepted, loaded, transferred between carriers and
returned to its passenger. The resolution's text is sold; the points are as public summaries of it name them.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from tracker.domain.handling import EventKey, HandlingEvent, Kind
from tracker.domain.itinerary import Itinerary


class Point(StrEnum):
    ACCEPTED = "accepted"  # from the passenger
    LOADED = "loaded"  # onto each of its flights
    TRANSFERRED = "transferred"  # seen where one carrier hands it to another
    RETURNED = "returned"  # to the passenger


SEEN_BY = {
    Point.ACCEPTED: frozenset({Kind.ACCEPT}),
    Point.LOADED: frozenset({Kind.LOAD}),
    Point.TRANSFERRED: frozenset({Kind.UNLOAD, Kind.SORT}),
    Point.RETURNED: frozenset({Kind.DELIVER}),
}


@dataclass(frozen=True, slots=True)
class CustodyPoint:
    """One point a bag had to pass, and the fact that showed it there; None where nobody saw it."""

    point: Point
    facility: str
    departure: str  # the flight it concerns: the one it leaves with, or came with where it is returned
    shown_by: EventKey | None


def custody_points(
    itinerary: Itinerary, standing: Iterable[HandlingEvent], is_flight: Callable[[str], bool]
) -> tuple[CustodyPoint, ...]:
    """The points on this bag's way in order; none where it does not fly.

    `standing`: the events of its timeline that count, in their order. `is_flight` says of a departure by its name
    whether it goes by air.
    """
    legs = [leg for leg in itinerary.legs if is_flight(leg.departure)]
    if not legs:
        return ()
    events = list(standing)

    def at(point: Point, facility: str, departure: str, into: str = "") -> CustodyPoint:
        fits = (e for e in events if e.kind in SEEN_BY[point] and (e.facility == facility or e.into == into != ""))
        found = next(fits, None)
        return CustodyPoint(point, facility, departure, found.event_key if found else None)

    points = [at(Point.ACCEPTED, itinerary.legs[0].origin, legs[0].departure)]
    for number, leg in enumerate(legs):
        if number > 0 and carrier(legs[number - 1].departure) != carrier(leg.departure):
            points.append(at(Point.TRANSFERRED, leg.origin, leg.departure))
        points.append(at(Point.LOADED, leg.origin, leg.departure, into=leg.departure))
    points.append(at(Point.RETURNED, itinerary.legs[-1].destination, legs[-1].departure))
    return tuple(points)


@dataclass(frozen=True, slots=True)
class Share:
    """How many bags should have been seen at a point, and how many were."""

    facility: str
    departure: str
    point: Point
    due: int
    seen: int


def shares(points: Iterable[CustodyPoint]) -> tuple[Share, ...]:
    """By station, flight and point, in that order."""
    due: Counter[tuple[str, str, Point]] = Counter()
    seen: Counter[tuple[str, str, Point]] = Counter()
    for one in points:
        name = (one.facility, one.departure, one.point)
        due[name] += 1
        seen[name] += one.shown_by is not None
    order = list(Point)
    names = sorted(due, key=lambda name: (name[0], name[1], order.index(name[2])))
    return tuple(Share(*name, due[name], seen[name]) for name in names)


def carrier(departure: str) -> str:
    """The carrier's letters of a departure's name: LH of `LH716/2026-11-12`."""
    found = re.match(r"[A-Z0-9]{2}[A-Z]?(?=\d)", departure)
    return found[0] if found else departure
