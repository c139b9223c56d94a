"""Another way for a piece that missed its departure: the earliest with room, written down as a fact of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import msgspec
import structlog

from tracker.domain.handling import REPLANNER, EventKey, Kind
from tracker.domain.itinerary import Itinerary, Leg, Plan, Replan
from tracker.domain.judge import leg_to_replan, ready_again_at
from tracker.domain.network import Departure
from tracker.domain.rules import IrregularityKind
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
    """Each as it stands with its new way, or as it stood where there is none.

    Room is given out in the order of their ranks, and of equals in this one. The decisions are written to the log
    here; the standings are not.
    """
    stuck = sorted(stuck, key=lambda waiting: -waiting[0].situation.progress.rank)
    freed = {each.known.id: each.rides for each, _ in stuck if each.situation.plan.replans}
    tx.timelines.keep_rides(freed)  # what fell away takes no room, not even their own
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
            Replan(
                leg.departure, way.legs, each.situation.now, EventKey(REPLANNER, _key(each, leg)), _evidence(each, leg)
            )
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
        found = settle_one(each.known, replace(each.situation, plan=plan, departures=departures))
        return replace(found, followed=each.followed)
    except Exception:  # ours, about one piece: the decision is in the log and is folded with its own position
        log.exception("tripped over a piece with its new plan", piece=each.known.id)
        return each


def _decision(each: Settled, leg: Leg, way: Itinerary) -> NewFact:
    planned = PlannedLegs(each.known.id, list(way.legs), leg.departure, list(_evidence(each, leg)))
    return NewFact(
        kind=Kind.REPLAN,
        code=each.situation.piece.number,
        facility=leg.origin,
        happened_at=each.situation.now,
        recorded_at=each.situation.now,
        key=_key(each, leg),
        body=msgspec.json.encode(planned).decode(),
    )


def _key(each: Settled, leg: Leg) -> str:
    """Once for each miss: shown anew by other scans, when all that showed it were withdrawn, it is another."""
    withdrawn = sum(replan.missed == leg.departure and not replan.stands for replan in each.situation.plan.replans)
    again = f":{withdrawn}" if withdrawn else ""
    return f"{each.situation.piece.name}:{leg.departure}{again}"


def _evidence(each: Settled, leg: Leg) -> tuple[EventKey, ...]:
    """The scans that show that it missed this leg; none where the leg was cancelled."""
    found = each.judgement.irregularities
    missed = (i for i in found if i.kind is IrregularityKind.MISSED_CONNECTION and i.subject == leg.departure)
    return next((i.evidence for i in missed if i.open), ())
