"""Reads the log by position, folds and judges what it touches, and writes what is owed: all of it, or none."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec
import structlog

from tracker.clock import Clock
from tracker.domain.errors import MistakeError
from tracker.domain.handling import EventKey, HandlingEvent, Kind
from tracker.domain.ids import MATCHING, Candidate, identify
from tracker.domain.itinerary import HORIZON, Itinerary, Plan, Replan, earliest
from tracker.domain.judge import TRY_AGAIN, judge, judge_again_at, leg_to_replan, ready_again_at
from tracker.domain.network import Facility
from tracker.domain.notices import NOTICE_RULES, Judgement, notices_owed
from tracker.domain.situation import Situation
from tracker.domain.timeline import Progress, advance, comes_after, progress, timeline
from tracker.store import Store, Transaction
from tracker.store.bodies import BookedPieces, PlannedLegs
from tracker.store.fact_log import PROJECT, KeptFact, NewFact
from tracker.store.schema import departure_facts, piece_facts
from tracker.store.settings import TOLD_UPTO
from tracker.store.timelines import Standing

log = structlog.get_logger()


@dataclass
class _Touched:
    """One piece, and what this batch brought it."""

    events: list[HandlingEvent] = field(default_factory=list)
    replans: list[Replan] = field(default_factory=list)


@dataclass
class _Round:
    """What one transaction works with."""

    tx: Transaction
    facilities: dict[str, Facility]
    touched: dict[int, _Touched] = field(default_factory=dict)
    departed: set[str] = field(default_factory=set)
    muted: bool = False  # these facts were judged before: what they owe was owed then, what was decided is in the log

    def touch(self, piece: int) -> _Touched:
        return self.touched.setdefault(piece, _Touched())


class Projector:
    """Keeps timelines, irregularities and the outbox in step with the log. May be killed at any instant."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def step(self, limit: int = 500) -> int:
        """Takes the next facts of the log, at most `limit`; answers how many there were."""
        with self._store.reading() as tx:
            if tx.log.head() <= tx.log.position(PROJECT):
                return 0
        with self._store.writing() as tx:
            told_upto = tx.told_upto
            facts = tx.log.after(tx.log.claim(PROJECT), limit)
            if not facts:
                return 0
            muted = facts[0].pos <= told_upto
            if muted:  # what is new waits for the next round: it must not be muted with the old
                facts = [fact for fact in facts if fact.pos <= told_upto]
            work = _Round(tx, tx.network.facilities(), muted=muted)
            for fact in facts:
                self._sort_in(work, fact)
            self._settle(work)
            tx.log.move(PROJECT, facts[-1].pos)
            return len(facts)

    def judge_due(self, limit: int = 500) -> int:
        """Judges again the pieces for which time alone may have changed something; answers how many there were."""
        now = self._clock.now()
        with self._store.reading() as tx:
            if not tx.timelines.due_for_judgement(now, 1):
                return 0
        with self._store.writing() as tx:
            tx.log.claim(PROJECT)  # or another projector's fold of the same piece could be lost
            if tx.folding_again:
                return 0
            work = _Round(tx, tx.network.facilities())
            due = tx.timelines.due_for_judgement(now, limit)
            for piece in due:
                work.touch(piece)
            self._settle(work)
            return len(due)

    # where a fact belongs

    def _sort_in(self, work: _Round, fact: KeptFact) -> None:
        match fact.event.kind:
            case Kind.BOOK:
                for piece in msgspec.json.decode(fact.body or "{}", type=BookedPieces).pieces:
                    work.tx.timelines.attach(piece, fact.pos)
                    work.touch(piece)
                    self._claim_unmatched(work, piece)
            case Kind.REPLAN:
                planned = msgspec.json.decode(fact.body or "{}", type=PlannedLegs)
                work.tx.timelines.attach(planned.piece, fact.pos)
                work.touch(planned.piece).replans.append(_replan(planned, fact.event))
            case _:
                self._match(work, fact)

    def _match(self, work: _Round, fact: KeptFact) -> None:
        """To exactly one piece or departure, or to nothing: never attached by guess."""
        candidates = identify(fact.event.code, fact.sym, MATCHING)
        found: set[int] = set()
        for candidate in candidates:
            if candidate.scheme == "departure":
                if candidate.number in work.tx.network.departures([candidate.number]):
                    work.tx.timelines.attach_departure(candidate.number, fact.pos)
                    work.departed.add(candidate.number)
                    return
                continue
            for scheme, number in candidate.aliases:
                found.update(work.tx.booked.match(scheme, number, fact.event.happened_at))
        if len(found) == 1:
            piece = found.pop()
            work.tx.timelines.attach(piece, fact.pos)
            work.touch(piece).events.append(fact.event)
            return
        known = candidates and identify(fact.event.code, fact.sym)
        why = "ambiguous" if found else ("unknown number" if known else "no number we know the form of")
        for number in _numbers(fact, candidates):
            work.tx.timelines.leave_unmatched(number, fact.pos, why)

    def _claim_unmatched(self, work: _Round, piece: int) -> None:
        """Scans made before the booking came find their piece now."""
        waiting = {pos for _, name in work.tx.booked.aliases(piece) for pos in work.tx.timelines.take_unmatched(name)}
        for fact in work.tx.log.at(sorted(waiting)):
            self._match(work, fact)

    # folding and judging

    def _settle(self, work: _Round) -> None:
        for name in sorted(work.departed):
            self._fold_departure(work, name)
        for piece in sorted(work.touched):
            try:
                with work.tx.part():
                    self._settle_piece(work, piece, work.touched[piece])
            except MistakeError:
                # Ours, about one piece: it must not hold up all the others. Its facts are kept, and attached to it.
                log.exception("tripped over a piece; it is folded from all its facts the next time", piece=piece)
                work.tx.timelines.mistrust(piece, judge_again_at=self._clock.now() + TRY_AGAIN)

    def _fold_departure(self, work: _Round, name: str) -> None:
        """When it left and landed, from the scans of its card; every piece planned on it is judged again."""
        departure = work.tx.network.departures([name])[name]
        facts = work.tx.log.of(departure_facts, departure_facts.c.departure, name)
        seen = progress(timeline(fact.event for fact in facts))
        left = seen.seen(Kind.DEPART, departure.origin)
        landed = seen.seen(Kind.ARRIVE, departure.destination)
        left_at = left.first_at if left else None
        # A landing only known by when we heard of it may be hours old: taken at its word it would call pieces late.
        landed_at = landed.first_at if landed and not landed.estimated else None
        if (left_at, landed_at) == (departure.left_at, departure.landed_at):
            return
        work.tx.network.happened(name, left_at=left_at, landed_at=landed_at)
        for piece in work.tx.network.riders(name):
            work.touch(piece)

    def _settle_piece(self, work: _Round, id: int, news: _Touched) -> None:
        piece, booked_legs = work.tx.booked.piece(id)
        before = work.tx.timelines.standing(id)
        known = before.progress if before and not before.stale else None
        plan = before.plan if before else Plan(Itinerary(booked_legs))
        for replan in news.replans if known else self._all_replans(work, id):
            plan = plan.with_replan(replan)
        now = self._clock.now()
        situation = Situation(
            piece=piece,
            plan=plan,
            progress=self._fold(work, id, known, news.events),
            departures=work.tx.network.departures(_departures_of(plan)),
            facilities=work.facilities,
            now=now,
        )
        judgement = judge(situation)
        situation, judgement = self._replan(work, id, situation, judgement)
        standing = Standing(situation.progress, situation.plan, judgement)
        again_at = judge_again_at(situation, judgement)
        if before == standing:
            work.tx.timelines.judge_later(id, again_at)
            return
        work.tx.timelines.keep(
            id,
            standing,
            judge_again_at=again_at,
            ridden={leg.departure for leg in situation.itinerary.legs},
            ever=_departures_of(situation.plan),
        )
        self._owe(work, id, situation, before.judgement if before else None, judgement)
        work.tx.timelines.tell_readers(id)

    def _all_replans(self, work: _Round, id: int) -> list[Replan]:
        facts = [f for f in work.tx.log.of(piece_facts, piece_facts.c.piece, id) if f.event.kind == Kind.REPLAN]
        return [_replan(msgspec.json.decode(f.body or "{}", type=PlannedLegs), f.event) for f in facts]

    def _fold(self, work: _Round, id: int, known: Progress | None, events: Sequence[HandlingEvent]) -> Progress:
        """On from where it was; or from all its facts, when something came late or was withdrawn, or all is new."""
        if known is None:
            return progress(timeline(fact.event for fact in work.tx.log.of(piece_facts, piece_facts.c.piece, id)))
        folded = known
        for event in sorted(events, key=lambda e: e.order):
            if not comes_after(folded, event):
                facts = work.tx.log.of(piece_facts, piece_facts.c.piece, id)
                return progress(timeline(fact.event for fact in facts))
            folded = advance(folded, event)
        return folded

    def _replan(self, work: _Round, id: int, situation: Situation, judgement: Judgement) -> tuple[Situation, Judgement]:
        """Gives a piece that missed its departure the next way with room, as a fact of its own."""
        leg = leg_to_replan(situation, judgement.irregularities)
        if leg is None or situation.delivered or work.muted:
            return situation, judgement
        ready_at = ready_again_at(situation, leg)
        timetable = work.tx.network.timetable(since=ready_at, until=ready_at + HORIZON)
        rides = work.tx.network.rides([departure.name for departure in timetable])
        capacity = {departure.name: departure.capacity for departure in timetable}
        found = earliest(
            timetable,
            work.facilities,
            origin=leg.origin,
            destination=situation.piece.destination,
            ready_at=ready_at,
            room=lambda name: capacity[name] - rides.get(name, 0),
        )
        if found is None:
            log.warning("no way left", piece=situation.piece.number, missed=leg.departure)
            return situation, judgement
        planned = PlannedLegs(id, leg.departure, list(found.legs))
        key = f"{situation.piece.name}:{leg.departure}"
        fact = NewFact(
            kind=Kind.REPLAN,
            code=situation.piece.number,
            facility=leg.origin,
            happened_at=situation.now,
            recorded_at=situation.now,
            key=key,
            body=msgspec.json.encode(planned).decode(),
        )
        work.tx.log.lock()
        if work.tx.log.append_once("rule:replan", fact) is None:
            return situation, judgement  # it is in the log already and comes with its own position
        replan = Replan(leg.departure, found.legs, situation.now, EventKey("rule:replan", key))
        plan = situation.plan.with_replan(replan)
        replanned = Situation(
            piece=situation.piece,
            plan=plan,
            progress=situation.progress,
            departures=work.tx.network.departures(_departures_of(plan)),
            facilities=work.facilities,
            now=situation.now,
        )
        return replanned, judge(replanned)

    def _owe(self, work: _Round, id: int, situation: Situation, before: Judgement | None, after: Judgement) -> None:
        owed = notices_owed(before, after, situation.piece)
        if not owed:
            return
        consignee, channels = work.tx.booked.consignee(id)
        for notice in owed:
            rule = NOTICE_RULES[notice.kind]
            work.tx.owed.owe(
                notice,
                person=consignee.id,
                piece=id,
                channels=tuple(channel for channel in rule.channels if channel in channels),
                now=situation.now,
                expires_at=situation.now + rule.expires_after,
                muted=work.muted,
            )


def rebuild(store: Store, clock: Clock) -> dict[int, tuple[str, str]]:
    """Throws away all that is derived and folds the log again.

    Answers the pieces for which something differs, with what it was and what it is: none, if all is well.
    """
    projector = Projector(store, clock)
    while projector.step() or projector.judge_due():
        pass
    with store.writing() as tx:
        tx.log.claim(PROJECT)
        before = tx.timelines.digest()
        tx.meta.put(TOLD_UPTO, str(tx.log.position(PROJECT)))
        tx.timelines.throw_away()
        tx.network.forget_what_happened()
    while projector.step() or projector.judge_due():
        pass
    with store.reading() as tx:
        after = tx.timelines.digest()
    return {
        piece: (str(before.get(piece)), str(after.get(piece)))
        for piece in sorted(before.keys() | after.keys())
        if before.get(piece) != after.get(piece)
    }


def _departures_of(plan: Plan) -> set[str]:
    chains = (plan.booked.legs, *(replan.legs for replan in plan.replans))
    return {leg.departure for legs in chains for leg in legs}


def _replan(planned: PlannedLegs, event: HandlingEvent) -> Replan:
    return Replan(planned.missed, tuple(planned.legs), event.happened_at, event.event_key)


def _numbers(fact: KeptFact, candidates: Sequence[Candidate]) -> list[str]:
    found = [candidate.number for candidate in candidates if candidate.scheme != "departure"]
    return list(dict.fromkeys(found)) or [fact.event.code.replace("\0", "")[:64]]
