"""A departure left without the piece that was planned on it.

Certain only by evidence: the piece was seen there, or at a place before, after the departure had left; or the linehaul
it came in on was still under way at that moment. A load scan that is merely not here yet proves nothing: the handheld
may be off line. Nor does a scan whose time is only estimated, nor one made when the piece was further and came back.
"""

from collections.abc import Iterator
from datetime import datetime

from tracker.domain.handling import EventKey, Kind
from tracker.domain.itinerary import Itinerary, Leg
from tracker.domain.network import Departure
from tracker.domain.rules.irregularity import Irregularity, IrregularityKind
from tracker.domain.rules.onward import onward
from tracker.domain.situation import Situation
from tracker.domain.why import Facts, Why, because

STILL_COMING_IN = "{departure} left {facility} at {left_at}; {inbound}, which brings it, was still under way."
LEFT_BEHIND = "{departure} left {facility} at {left_at} without it: it was still there at {seen_at}."
SEEN_BEFORE = "{departure} left {facility} at {left_at} without it: at {seen_at} it was still at {seen_facility}."


def check(situation: Situation) -> Iterator[Irregularity]:
    """One for each cause: the legs after a missed one are missed in consequence, unless it caught up with its plan."""
    told: set[str] = set()
    versions = situation.versions
    for at, itinerary in enumerate(versions):
        then = versions[at + 1] if at + 1 < len(versions) else None
        for missed in _missed(situation, itinerary):
            if missed.subject not in told:
                told.add(missed.subject)
                yield missed
            replanned = then is not None and not then.rides(missed.subject)
            if missed.open or replanned:
                break


def _missed(situation: Situation, itinerary: Itinerary) -> Iterator[Irregularity]:
    for leg in itinerary.legs:
        departure = situation.departure(leg.departure)
        if departure is None or departure.left_at is None or departure.left_at > situation.now:
            continue
        if situation.rode(leg.departure) or _over_by(situation, departure.left_at):
            continue
        if situation.plan.gave_up(leg.departure, by=departure.left_at, rode=situation.rode, left=situation.left):
            continue
        found = _evidence(situation, itinerary, leg, departure, departure.left_at)
        if found is not None:
            why, evidence = found
            yield Irregularity(
                IrregularityKind.MISSED_CONNECTION,
                subject=leg.departure,
                since=departure.left_at,
                why=why,
                evidence=evidence,
                cleared_at=_went_on(situation, leg, departure.left_at),
            )


def _over_by(situation: Situation, moment: datetime) -> bool:
    """Whether its journey by plan had ended by then: handed over, or sent back."""
    ends = (Kind.DELIVER, Kind.RETURN)
    return any(m.kind in ends and m.first_at <= moment for m in situation.progress.marks)


def _evidence(
    situation: Situation, itinerary: Itinerary, leg: Leg, departure: Departure, left_at: datetime
) -> tuple[Why, tuple[EventKey, ...]] | None:
    facts: Facts = {"departure": departure.name, "facility": leg.origin, "left_at": left_at}
    earlier = itinerary.before(leg.departure)
    upstream = frozenset(inbound.origin for inbound in earlier) - {leg.origin}
    later = itinerary.legs[len(earlier) :]
    seen = situation.progress.seen_short_of(
        departure.name,
        left_at=left_at,
        origin=leg.origin,
        before=upstream,
        further=frozenset(onward.destination for onward in later) - upstream - {leg.origin},
    )
    here = min((m for m in seen if m.facility == leg.origin), key=lambda m: m.last_at, default=None)
    if here is not None:
        return because(LEFT_BEHIND, {**facts, "seen_at": here.last_at}), (here.key,)
    if seen:
        last = max(seen, key=lambda m: m.last_at)
        return because(SEEN_BEFORE, {**facts, "seen_at": last.last_at, "seen_facility": last.facility}), (last.key,)
    inbound = situation.departure(earlier[-1].departure) if earlier else None
    if inbound is not None and _still_coming_in(situation, inbound, left_at=left_at):
        load = situation.progress.load_on(inbound.name)
        evidence = (load.key,) if load is not None else ()
        return because(STILL_COMING_IN, {**facts, "inbound": inbound.name}), evidence
    return None


def _still_coming_in(situation: Situation, inbound: Departure, *, left_at: datetime) -> bool:
    """Whether the piece was under way on `inbound` at that moment, and cannot have been anything else."""
    if inbound.left_at is None or inbound.soonest_arrival <= left_at or not situation.rode(inbound.name):
        return False
    came_in = inbound.left_at
    there = [m for m in situation.progress.marks if m.facility == inbound.destination and m.last_at > came_in]
    return not any(m.first_at <= left_at or (m.estimated and inbound.landed_at is None) for m in there)


def _went_on(situation: Situation, leg: Leg, left_at: datetime) -> datetime | None:
    """When it left on something else, or turned up further along."""
    on = (m.next_after(left_at) for m in onward(situation, leg))
    return min((moment for moment in on if moment is not None), default=None)
