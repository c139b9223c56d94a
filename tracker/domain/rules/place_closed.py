"""A place of its plan is closed when it should be handled there: the departure from there does not take it on."""

from collections.abc import Iterator
from datetime import datetime

from tracker.domain.handling import Kind
from tracker.domain.itinerary import Leg
from tracker.domain.network import Closure, Departure, Side
from tracker.domain.rules.irregularity import Irregularity, IrregularityKind
from tracker.domain.rules.onward import onward
from tracker.domain.situation import Situation
from tracker.domain.why import Facts, because

CLOSED = "{facility} is closed from {closed_from} to {closed_until}; {departure} does not take it on from there."


def check(situation: Situation) -> Iterator[Irregularity]:
    """The first leg of each of its plans, in turn, that a closure takes away. What a piece had gone on from before
    anybody knew of the closure, and a departure that left all the same, do not concern it."""
    if not any(situation.facility(leg.origin).closures for version in situation.versions for leg in version.legs):
        return
    told: set[str] = set()
    for itinerary in situation.versions:
        inbound = None
        for leg in itinerary.legs:
            departure = situation.departure(leg.departure)
            closure = _taken_by(situation, inbound, departure, leg) if departure is not None else None
            inbound = departure
            if closure is None or leg.departure in told:
                continue
            went_on_at = _went_on_at(situation, leg)
            if went_on_at is None or went_on_at > closure.known_at:
                told.add(leg.departure)
                named: Facts = {
                    "facility": leg.origin,
                    "closed_from": closure.since,
                    "closed_until": closure.said_until or closure.until,
                    "departure": leg.departure,
                }
                why, since = because(CLOSED, named), closure.known_at
                yield Irregularity(IrregularityKind.PLACE_CLOSED, leg.departure, since, why, cleared_at=went_on_at)
                break


def _taken_by(situation: Situation, inbound: Departure | None, departure: Departure, leg: Leg) -> Closure | None:
    """The closure in which it should leave, or in which it comes in and after which the departure is too soon.

    What was given up for a closure stays given up though it was opened sooner than was said then.
    """
    place = situation.facility(departure.origin)
    if not place.closures or not departure.takes_pieces or situation.rode(departure.name):
        return None
    leaves_at = departure.leaves_at
    in_force = leg in situation.itinerary.legs
    for closure in place.closures:
        until = closure.until if in_force else closure.said_until or closure.until
        if closure.since <= leaves_at < until:
            return closure
        if inbound is not None and closure.since <= inbound.expected_arrival < until <= leaves_at:
            comes = Side(inbound.carrier, inbound.destination_terminal)
            goes = Side(departure.carrier, departure.origin_terminal)
            if until + place.connection(comes, goes) > leaves_at:
                return closure
    return None


def _went_on_at(situation: Situation, leg: Leg) -> datetime | None:
    ended = [m for m in situation.progress.marks if m.kind in (Kind.DELIVER, Kind.RETURN)]
    return min((m.first_at for m in (*onward(situation, leg), *ended)), default=None)
