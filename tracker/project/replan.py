"""Another way for a piece that cannot go as planned: the earliest with room, written down as a fact of its own."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import msgspec
import structlog

from tracker.domain.handling import REPLANNER, EventKey, Kind
from tracker.domain.itinerary import Leg, Plan, Replan
from tracker.domain.timetable import Wish
from tracker.planning import Planning
from tracker.project.settle import Settled, Stuck, rides_of, settle_one
from tracker.store import Transaction
from tracker.store.bodies import PlannedLegs
from tracker.store.fact_log import NewFact
from tracker.store.timelines import KnownPiece

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Decision:
    """These legs from there on, instead of those from `missed` on."""

    of: Stuck
    missed: str | None
    legs: tuple[Leg, ...]

    @property
    def key(self) -> str:
        """Once for each leg it does without; it is another where the decision before does not stand any more."""
        situation = self.of.situation
        before = sum(r.missed == self.missed for r in situation.plan.replans)
        again = f":{before}" if before else ""
        return f"{situation.piece.name}:{self.missed or self.of.why.place}{again}"


def replan(tx: Transaction, planning: Planning, stuck: Sequence[Stuck]) -> tuple[list[Settled], list[KnownPiece]]:
    """Each as it stands with its new way, or without one where there is none; and those we tripped over.

    Room is given out in the order of their ranks, and of equals in this one. The decisions are written to the log
    here; the standings are not.
    """
    stuck = sorted(stuck, key=lambda each: -each.situation.progress.rank)
    freed = {each.known.id: rides_of(each.situation) for each in stuck if each.situation.plan.replans}
    tx.timelines.keep_rides(freed)  # what fell away takes no room, not even their own
    wishes = [
        Wish(each.known.id, each.why.place, piece.destination, each.why.ready_at, piece.service)
        for each in stuck
        for piece in (each.situation.piece,)
    ]
    ways = planning.plan(tx, wishes)
    decided = [
        decision
        for each in stuck
        if (way := ways[each.known.id]) is not None and (decision := _decided(each, way.legs)) is not None
    ]
    tx.log.lock()
    fresh = tx.log.append_new(REPLANNER, [_fact(decision) for decision in decided])
    plans = {
        decision.of.known.id: _with(decision)
        for decision in decided
        if decision.key in fresh  # or it is in the log already and comes with its own position
    }
    new = tx.network.departures({leg.departure for decision in decided for leg in decision.legs})
    known = {**stuck[0].situation.departures, **new}  # those of all, for they were folded together
    settled: list[Settled] = []
    tripped: list[KnownPiece] = []
    for each in stuck:
        plan = plans.get(each.known.id)
        try:
            situation = each.situation
            if plan is not None:
                situation = replace(situation, plan=plan, departures=known)
            settled.append(settle_one(each.known, situation, each.followed, each.said))
        except Exception:  # ours, about one piece: the decision is in the log and is folded with its own position
            log.exception("tripped over a piece with its new plan", piece=each.known.id)
            tripped.append(each.known)
    return settled, tripped


def _decided(each: Stuck, way: tuple[Leg, ...]) -> _Decision | None:
    """From the first leg on that differs from the plan; None where none does."""
    if each.why.instead_of is None:
        return _Decision(each, None, way)
    planned = each.situation.itinerary.legs
    ahead = planned[planned.index(each.why.instead_of) :]
    same = 0
    while same < min(len(ahead), len(way)) and ahead[same].departure == way[same].departure:
        same += 1
    return _Decision(each, ahead[same].departure, way[same:]) if same < len(ahead) else None


def _with(decision: _Decision) -> Plan:
    of = decision.of
    key = EventKey(REPLANNER, decision.key)
    return of.situation.plan.with_replan(
        Replan(decision.missed, decision.legs, of.situation.now, key, of.why.evidence, of.why.left)
    )


def _fact(decision: _Decision) -> NewFact:
    of, why = decision.of, decision.of.why
    planned = PlannedLegs(of.known.id, list(decision.legs), decision.missed, list(why.evidence), why.left)
    return NewFact(
        kind=Kind.REPLAN,
        code=of.situation.piece.number,
        facility=why.place,
        happened_at=of.situation.now,
        recorded_at=of.situation.now,
        key=decision.key,
        body=msgspec.json.encode(planned).decode(),
    )
