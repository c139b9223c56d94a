"""A departure left without the piece that was planned on it.

Certain only by evidence: the piece was seen elsewhere after the departure had left, or the linehaul it came in on was
still under way at that moment. A load scan that is merely not here yet proves nothing: the handheld may be off line.
"""

from collections.abc import Iterator
from datetime import datetime

from tracker.domain.handling import EventKey, Kind
from tracker.domain.itinerary import Itinerary, Leg
from tracker.domain.network import Departure
from tracker.domain.rules.irregularity import Irregularity, IrregularityKind
from tracker.domain.situation import Situation
from tracker.domain.timeline import GRACE
from tracker.domain.why import Facts, Why, because

STILL_COMING_IN = "{departure} left {facility} at {left_at}; {inbound}, which brings it, was still under way."
LEFT_BEHIND = "{departure} left {facility} at {left_at} without it: it was still there at {seen_at}."
SEEN_BEFORE = "{departure} left {facility} at {left_at} without it: at {seen_at} it was still at {seen_facility}."


def check(situation: Situation) -> Iterator[Irregularity]:
    told: set[str] = set()
    for itinerary in situation.versions:
        missed = _first_missed(situation, itinerary)
        if missed is not None and missed.subject not in told:
            told.add(missed.subject)
            yield missed


def _first_missed(situation: Situation, itinerary: Itinerary) -> Irregularity | None:
    """The legs after it are missed in consequence: one cause, one irregularity."""
    for leg in itinerary.legs:
        departure = situation.departure(leg.departure)
        if departure is None or departure.left_at is None or departure.left_at > situation.now:
            continue
        found = (
            None
            if situation.rode(leg.departure)
            else _evidence(situation, itinerary, leg, departure, departure.left_at)
        )
        if found is not None:
            why, evidence = found
            return Irregularity(
                IrregularityKind.MISSED_CONNECTION,
                subject=leg.departure,
                since=departure.left_at,
                why=why,
                evidence=evidence,
                cleared_at=_went_on(situation, leg, departure.left_at),
            )
    return None


def _evidence(
    situation: Situation, itinerary: Itinerary, leg: Leg, departure: Departure, left_at: datetime
) -> tuple[Why, tuple[EventKey, ...]] | None:
    facts: Facts = {"departure": departure.name, "facility": leg.origin, "left_at": left_at}
    behind = situation.progress.left_behind(leg.origin, departure.name, left_at=left_at)
    if behind is not None:
        return because(LEFT_BEHIND, {**facts, "seen_at": behind.last_at}), (behind.key,)
    earlier = itinerary.before(leg.departure)
    upstream = {inbound.origin for inbound in earlier} - {leg.origin}
    seen = [m for m in situation.progress.marks if m.facility in upstream and m.last_at > left_at + GRACE]
    if seen:
        last = max(seen, key=lambda m: m.last_at)
        return because(SEEN_BEFORE, {**facts, "seen_at": last.last_at, "seen_facility": last.facility}), (last.key,)
    inbound = situation.departure(earlier[-1].departure) if earlier else None
    if inbound is not None and inbound.left_at is not None and inbound.expected_arrival > left_at:
        load = situation.progress.load_on(inbound.name)
        if load is not None and situation.rode(inbound.name):
            return because(STILL_COMING_IN, {**facts, "inbound": inbound.name}), (load.key,)
    return None


def _went_on(situation: Situation, leg: Leg, left_at: datetime) -> datetime | None:
    """When it left on something else, or turned up further along."""
    further = {later.destination for version in situation.versions for later in version.legs} - {leg.origin}
    further -= {earlier.origin for version in situation.versions for earlier in version.before(leg.departure)}
    on = [
        m.last_at
        for m in situation.progress.marks
        if m.last_at > left_at
        and ((m.kind == Kind.LOAD and m.facility == leg.origin and m.into != leg.departure) or m.facility in further)
    ]
    return min(on, default=None)
