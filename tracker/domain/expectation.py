"""What should happen to a piece next, and by when: the chain of handlings its plan implies."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from tracker.domain.eta import next_round
from tracker.domain.handling import Kind
from tracker.domain.itinerary import Leg
from tracker.domain.network import Mode
from tracker.domain.shipment import PieceKind
from tracker.domain.situation import Situation

TO_BE_SCANNED = timedelta(minutes=30)
"""How long after an arrival its pieces are scanned at the latest."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """One handling due at one place; `by` is the latest moment the plan allows, `into` the departure to go into."""

    kind: Kind
    facility: str
    by: datetime
    into: str | None = None


def chain(situation: Situation) -> tuple[Expectation, ...]:
    """Every handling from acceptance to delivery, by the plan in force.

    A parcel: accept, sort, load at its station; arrive or unload, sort and load at each place it changes; at the end
    out for delivery and deliver. A bag: check-in, sort, load; unload, transfer, load; unload, belt.
    """
    legs = situation.itinerary.legs
    piece = situation.piece
    if not legs:
        return ()
    steps = [
        Expectation(Kind.ACCEPT, piece.origin, legs[0].departs_at - timedelta(minutes=60)),
        Expectation(Kind.SORT, piece.origin, legs[0].departs_at - timedelta(minutes=30)),
        Expectation(Kind.LOAD, legs[0].origin, legs[0].departs_at, legs[0].departure),
    ]
    for inbound, outbound in pairwise(legs):
        steps += [
            _incoming(situation, inbound),
            Expectation(Kind.SORT, inbound.destination, outbound.departs_at - timedelta(minutes=15)),
            Expectation(Kind.LOAD, outbound.origin, outbound.departs_at, outbound.departure),
        ]
    last = _incoming(situation, legs[-1])
    steps.append(last)
    if piece.kind is PieceKind.PARCEL:
        # the van the window was reckoned with: from the arrival told, not from the last moment its scan is due
        known = situation.departure(legs[-1].departure)
        told = known.told if known is not None else legs[-1].arrives_at
        round_at = next_round(situation.facility(last.facility), arrives_at=told)
        steps.append(Expectation(Kind.OUT_FOR_DELIVERY, piece.destination, round_at))
    steps.append(Expectation(Kind.DELIVER, piece.destination, max(last.by, situation.due_by)))
    return tuple(steps)


def next_expected(situation: Situation) -> Expectation | None:
    """The first handling after the furthest one seen; None once delivered or where there is no plan."""
    if situation.delivered:
        return None
    steps = chain(situation)
    furthest = max((at for at, step in enumerate(steps) if _seen(situation, step)), default=-1)
    return steps[furthest + 1] if furthest + 1 < len(steps) else None


def _seen(situation: Situation, step: Expectation) -> bool:
    if step.into is not None:
        return situation.progress.load_on(step.into) is not None
    return situation.progress.seen(step.kind, step.facility) is not None


def _incoming(situation: Situation, leg: Leg) -> Expectation:
    known = situation.departure(leg.departure)
    kind = Kind.ARRIVE if known is not None and known.mode is Mode.ROAD else Kind.UNLOAD
    arrives_at = known.expected_arrival if known is not None else leg.arrives_at
    return Expectation(kind, leg.destination, arrives_at + TO_BE_SCANNED)
