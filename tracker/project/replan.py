"""Another way for a piece that missed its departure: the earliest with room, written down as a fact of its own."""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import msgspec
import structlog

from tracker.domain.errors import MistakeError, UnkeepableError
from tracker.domain.handling import EventKey, Kind
from tracker.domain.itinerary import HORIZON, Itinerary, Leg, Replan, earliest
from tracker.domain.judge import leg_to_replan, ready_again_at
from tracker.domain.network import Departure
from tracker.project.settle import Settled, departures_of, settle_one
from tracker.store import Transaction
from tracker.store.bodies import PlannedLegs
from tracker.store.fact_log import NewFact

log = structlog.get_logger()

RULE = "rule:replan"
"""The origin of these facts."""


def missed(settled: Settled) -> Leg | None:
    """The leg a piece needs another way from."""
    situation = settled.situation
    return None if situation.delivered else leg_to_replan(situation, settled.judgement.irregularities)


def replan(tx: Transaction, stuck: Sequence[tuple[Settled, Leg]]) -> list[Settled]:
    """Each as it stands with its new way, or as it stood where there is none. Room is given out in this order.

    The decision is written to the log here; the standing is not.
    """
    ways = _Ways(tx, stuck)
    settled = []
    for each, leg in stuck:
        try:
            with tx.part():
                settled.append(_replan(tx, ways, each, leg))
        except (MistakeError, UnkeepableError) as wrong:
            log.error("tripped while looking for another way", piece=each.known.id, why=str(wrong))
            settled.append(each)
    return settled


class _Ways:
    """The timetable that a batch of re-plans looks through, and the room left on it."""

    def __init__(self, tx: Transaction, stuck: Sequence[tuple[Settled, Leg]]) -> None:
        ready = [ready_again_at(each.situation, leg) for each, leg in stuck]
        self._timetable = tx.network.timetable(since=min(ready), until=max(ready) + HORIZON)
        self._leaving = [departure.departs_at for departure in self._timetable]
        self._room = Counter({departure.name: departure.capacity for departure in self._timetable})
        self._room.subtract(tx.network.rides([departure.name for departure in self._timetable]))

    def find(self, settled: Settled, *, origin: str, ready_at: datetime) -> Itinerary | None:
        return earliest(
            self._after(ready_at),
            settled.situation.facilities,
            origin=origin,
            destination=settled.situation.piece.destination,
            ready_at=ready_at,
            room=self._room.__getitem__,
        )

    def _after(self, ready_at: datetime) -> Sequence[Departure]:
        first = bisect_left(self._leaving, ready_at)
        return self._timetable[first : bisect_right(self._leaving, ready_at + HORIZON)]

    def moved(self, before: Itinerary, after: Itinerary) -> None:
        """A piece gives its room back on the one way, and takes it on the other."""
        self._room.update({leg.departure: 1 for leg in before.legs})
        self._room.subtract({leg.departure: 1 for leg in after.legs})


def _replan(tx: Transaction, ways: _Ways, settled: Settled, leg: Leg) -> Settled:
    situation = settled.situation
    found = ways.find(settled, origin=leg.origin, ready_at=ready_again_at(situation, leg))
    if found is None:
        log.warning("no way left", piece=situation.piece.number, missed=leg.departure)
        return settled
    key = f"{situation.piece.name}:{leg.departure}"
    decided = NewFact(
        kind=Kind.REPLAN,
        code=situation.piece.number,
        facility=leg.origin,
        happened_at=situation.now,
        recorded_at=situation.now,
        key=key,
        body=msgspec.json.encode(PlannedLegs(settled.known.id, leg.departure, list(found.legs))).decode(),
    )
    tx.log.lock()
    if tx.log.append_once(RULE, decided) is None:
        return settled  # it is in the log already and comes with its own position
    plan = situation.plan.with_replan(Replan(leg.departure, found.legs, situation.now, EventKey(RULE, key)))
    departures = {**situation.departures, **tx.network.departures(departures_of(plan) - situation.departures.keys())}
    after = settle_one(settled.known, replace(situation, plan=plan, departures=departures))
    ways.moved(situation.itinerary, after.situation.itinerary)
    return after
