"""Another way for a piece that missed its departure: the earliest with room, written down as a fact of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import msgspec
import structlog

from tracker.domain.handling import REPLANNER, EventKey, Kind
from tracker.domain.itinerary import Itinerary, Leg, Plan, Replan
from tracker.domain.judge import leg_to_replan, ready_again_at
from tracker.domain.network import Departure
from tracker.domain.timetable import Wish
from tracker.planning import Planning
from tracker.project.settle import Settled, settle_one
from tracker.store import Transaction
from tracker.store.bodies import PlannedLegs
from tracker.store.fact_log import NewFact

log = structlog.get_logger()


def missed(settled: Settled) -> Leg | None:
    """The leg a piece needs another way from."""
    situation = settled.situation
    return None if situation.delivered else leg_to_replan(situation, settled.judgement.irregularities)


def replan(tx: Transaction, planning: Planning, stuck: Sequence[tuple[Settled, Leg]]) -> list[Settled]:
    """Each as it stands with its new way, or as it stood where there is none. Room is given out in this order.

    The decisions are written to the log here; the standings are not.
    """
    wishes = [
        Wish(each.known.id, leg.origin, each.situation.piece.destination, ready_again_at(each.situation, leg))
        for each, leg in stuck
    ]
    ways = planning.plan(tx, wishes)
    decided = [(each, leg, way) for each, leg in stuck if (way := ways[each.known.id]) is not None]
    tx.log.lock()
    fresh = tx.log.append_new(REPLANNER, [_decision(each, leg, way) for each, leg, way in decided])
    plans = {
        each.known.id: each.situation.plan.with_replan(
            Replan(leg.departure, way.legs, each.situation.now, EventKey(REPLANNER, _key(each, leg)))
        )
        for each, leg, way in decided
        if _key(each, leg) in fresh  # or it is in the log already and comes with its own position
    }
    departures = tx.network.departures({name for plan in plans.values() for name in plan.departures})
    return [_settled(each, plans.get(each.known.id), departures) for each, _ in stuck]


def _settled(each: Settled, plan: Plan | None, departures: Mapping[str, Departure]) -> Settled:
    if plan is None:
        return each
    try:
        return settle_one(each.known, replace(each.situation, plan=plan, departures=departures))
    except Exception:  # ours, about one piece: the decision is in the log and is folded with its own position
        log.exception("tripped over a piece with its new plan", piece=each.known.id)
        return each


def _decision(each: Settled, leg: Leg, way: Itinerary) -> NewFact:
    return NewFact(
        kind=Kind.REPLAN,
        code=each.situation.piece.number,
        facility=leg.origin,
        happened_at=each.situation.now,
        recorded_at=each.situation.now,
        key=_key(each, leg),
        body=msgspec.json.encode(PlannedLegs(each.known.id, leg.departure, list(way.legs))).decode(),
    )


def _key(each: Settled, leg: Leg) -> str:
    return f"{each.situation.piece.name}:{leg.departure}"
