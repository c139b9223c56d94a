"""Folds and judges the pieces a batch touched, and writes what changed about them: all of them together.

What can go wrong for one piece is worked out piece by piece, from values alone, before anything is written: a mistake
of ours costs the others nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from tracker import transit
from tracker.containers import told
from tracker.domain.containment import Followed, follow, put_into
from tracker.domain.errors import MistakeError, UnkeepableError
from tracker.domain.follows import MAIL, told_to_followers
from tracker.domain.handling import HandlingEvent
from tracker.domain.itinerary import Itinerary, Plan
from tracker.domain.judge import TRY_AGAIN, Stranded, judge, judge_again_at, may_be_stranded, stranded
from tracker.domain.network import Departure
from tracker.domain.notices import ASKED_FOR_LATER, Judgement, Notice, Said
from tracker.domain.owed import notices_owed
from tracker.domain.rules import breaking
from tracker.domain.situation import Situation
from tracker.domain.timeline import START, Progress, advance, comes_after, progress, timeline
from tracker.folding import known_of, plan_of
from tracker.project.match import News
from tracker.store import Transaction
from tracker.store.fact_log import KeptFact
from tracker.store.owed import Debt
from tracker.store.timelines import Judged, KnownPiece, Spelled, Standing, spelled

log = structlog.get_logger()

# Ours, about one piece: it must not hold up all the others. Its facts are kept, and attached to it.
TRIPPED = "tripped over a piece; it is folded from all its facts the next time"


@dataclass(frozen=True, slots=True)
class Settled:
    """One piece as it stands now, beside how it stood before."""

    known: KnownPiece
    situation: Situation
    judgement: Judgement
    spelled: Spelled
    before: Judgement | None
    again_at: datetime | None
    owed: tuple[Notice, ...]  # and not owed before
    why: Stranded | None  # it cannot go as planned
    followed: Followed | None = None  # into its containers; None where it is and was in none, or went on

    @property
    def changed(self) -> bool:
        return self.known.stale or self.spelled != self.known.spelled


@dataclass(frozen=True, slots=True)
class Stuck:
    """One piece with its news that cannot go as planned; it is judged when another way was looked for."""

    known: KnownPiece
    situation: Situation
    why: Stranded
    followed: Followed | None = None
    said: tuple[Said, ...] = ()  # to its consignee, before


@dataclass(frozen=True, slots=True)
class _Folded:
    known: KnownPiece
    progress: Progress
    plan: Plan
    followed: Followed | None = None


def fold(
    tx: Transaction, news: Mapping[int, News], *, facts: Mapping[int, Sequence[KeptFact]] | None = None, now: datetime
) -> tuple[list[Settled], list[Stuck], list[KnownPiece]]:
    """How each of these pieces stands with its news, those that need another way, and those we tripped over. Writes
    nothing.

    `facts`: all that belongs to each piece; it is then folded from them alone, whatever was known, and none is stuck.
    """
    folded: list[_Folded] = []
    tripped: list[KnownPiece] = []
    anew: list[KnownPiece] = []
    inside = tx.containers.inside(news.keys()) if facts is None else frozenset(news)
    for known in tx.timelines.known(news.keys(), with_legs=facts is not None):
        try:
            on = _go_on(known, news[known.id]) if known.id not in inside else None
        except Exception:
            log.exception(TRIPPED, piece=known.id)
            tripped.append(known)
            continue
        if on is None:
            anew.append(known)
        elif not _known_already(on, news[known.id], now):
            folded.append(on)
    all_facts = facts if facts is not None else tx.log.of_pieces([known.id for known in anew]) if anew else {}
    containers = told(tx, (fact.event for each in all_facts.values() for fact in each))
    for known in anew:
        try:
            folded.append(folded_from(known, all_facts[known.id], containers, inside=known.id in inside))
        except Exception:
            log.exception(TRIPPED, piece=known.id)
            tripped.append(known)
    departures = tx.network.departures({name for each in folded for name in each.plan.departures | each.progress.runs})
    places, learned = tx.network.facilities(), transit.in_force(tx)
    said = tx.owed.said([each.known.id for each in folded])
    settled: list[Settled] = []
    stuck: list[Stuck] = []
    for each in folded:
        situation = Situation(each.known.piece, each.plan, each.progress, departures, places, now, learned)
        try:
            one, why, heard = None, None, said.get(each.known.id, ())
            if facts is None and may_be_stranded(situation):
                why = stranded(situation, breaking(situation))
            if why is None:
                one = settle_one(each.known, situation, each.followed, heard, again=facts is not None)
                why = one.why if facts is None else None
            if why is not None:
                stuck.append(Stuck(each.known, situation, why, each.followed, heard))
            elif one is not None:
                settled.append(one)
        except Exception:
            log.exception(TRIPPED, piece=each.known.id)
            tripped.append(each.known)
    return settled, stuck, tripped


def rides_of(situation: Situation) -> dict[str, bool]:
    """Every departure a piece was ever planned on or loaded into, and whether that is in force."""
    in_force = {leg.departure for leg in situation.itinerary.legs} if not situation.withdrawn else set()
    return {name: name in in_force for name in situation.plan.departures | situation.progress.runs}


def settle_one(
    known: KnownPiece,
    situation: Situation,
    followed: Followed | None = None,
    said: tuple[Said, ...] = (),
    *,
    again: bool = False,
) -> Settled:
    judgement = judge(situation)
    written = spelled(Standing(situation.progress, situation.plan, judgement), before=known.spelled)
    before = None if again else _judged_before(known, judgement, written)
    piece, zone = situation.piece, situation.facility(situation.piece.destination).zone
    owed = notices_owed(before, judgement, piece, now=situation.now, zone=zone, said=said)
    known_by = {each.notice.cause for each in said}
    new = tuple(notice for notice in owed if notice.cause not in known_by)
    why = stranded(situation, judgement.irregularities)
    again_at = judge_again_at(situation, why)
    return Settled(known, situation, judgement, written, before, again_at, new, why, followed)


def _go_on(known: KnownPiece, news: News) -> _Folded | None:
    """On from where it was; None when something came late or was withdrawn, or nothing is known to go on from."""
    if known.spelled is None or known.stale:
        return None
    if any(put_into(event) is not None for event in news.events):
        return None
    folded = known.spelled.read_progress
    for event in sorted(news.events, key=lambda event: event.order):
        if not comes_after(folded, event):
            return None
        folded = advance(folded, event)
    if news.replans and folded.withdrawals:  # what they rest on may be withdrawn
        return None
    plan = known.plan
    for replan in news.replans:
        plan = plan.with_replan(replan)
    for foreseen in news.foreseen:
        plan = plan.with_foreseen(foreseen)
    return _Folded(known, folded, plan)


def _known_already(on: _Folded, news: News, now: datetime) -> bool:
    """Whether all that is new of it are re-plans it was judged with when they were decided, and nothing else is due."""
    if not news.replans or news.events or news.foreseen or news.anew or on.plan != on.known.plan:
        return False
    return on.known.again_at is None or on.known.again_at > now


def folded_from(
    known: KnownPiece,
    facts: Sequence[KeptFact],
    containers: Mapping[str, Sequence[HandlingEvent]],
    *,
    inside: bool = False,
) -> _Folded:
    """Progress and plan by these facts alone and by those of containers; `inside`: it was in one until now."""
    followed = follow((fact.event for fact in facts), containers)
    new = followed if followed.reached or inside else None
    all_told = timeline(followed.events)
    booked = known.booked if known.booked is not None else known.plan.booked
    return _Folded(known, progress(all_told), plan_of(booked, facts, all_told), new)


def _judged_before(known: KnownPiece, judgement: Judgement, written: Spelled) -> Judgement | None:
    if known.spelled is None:
        return None
    if known.spelled.judgement == written.judgement:
        return judgement
    return known.spelled.read_judgement(START)  # what was owed then depends on no progress


# writing


def keep(tx: Transaction, settled: Sequence[Settled], *, now: datetime, again: bool = False) -> None:
    """Writes what changed. `again`: these facts were judged before, and what they owe was owed then; nobody is told,
    and what is derived is compared row by row.

    Should the database refuse it, piece by piece, so that it is only the one it refuses.
    """
    try:
        with tx.part():
            _keep(tx, settled, again=again)
    except (MistakeError, UnkeepableError) as wrong:
        if len(settled) < 2:
            for each in settled:
                log.error("a piece cannot be kept; it is folded from all its facts the next time", why=str(wrong))
                mistrust(tx, [each.known], now=now)
            return
        for each in settled:
            keep(tx, [each], now=now, again=again)


def _keep(tx: Transaction, settled: Sequence[Settled], *, again: bool) -> None:
    changed = [each for each in settled if each.changed]
    tx.timelines.keep([_judged(each) for each in changed])
    later = [each for each in settled if not each.changed and each.again_at != each.known.again_at]
    tx.timelines.judge_later({each.known.id: each.again_at for each in later if not (again and each.known.again_at)})
    followed = {each.known.id: each.followed for each in settled if each.followed is not None}
    if followed:
        tx.containers.keep(followed)
    moved = [each for each in settled if again or each.known.spelled is None or _rides_otherwise(each.situation)]
    if moved:
        tx.timelines.keep_rides({each.known.id: rides_of(each.situation) for each in moved})
    wrong = [each for each in settled if again or _went_wrong(each)]
    if wrong:
        tx.timelines.keep_irregularities({each.known.id: each.judgement for each in wrong})
    _owe(tx, [each for each in settled if each.owed], muted=again)
    tx.timelines.tell_readers([each.known.id for each in changed])


def _rides_otherwise(situation: Situation) -> bool:
    """Whether what it rides may be another than it was booked on."""
    planned = situation.plan
    return bool(planned.replans) or situation.withdrawn or not situation.progress.runs <= planned.departures


def _judged(each: Settled) -> Judged:
    reached = each.situation.progress
    return Judged(each.known.id, reached.state, reached.facility, each.spelled, each.again_at, rank=reached.rank)


def _went_wrong(each: Settled) -> bool:
    return each.judgement.irregularities != (each.before.irregularities if each.before else ())


def _owe(tx: Transaction, settled: Sequence[Settled], *, muted: bool) -> None:
    if not settled:
        return
    people = tx.booked.consignees([each.known.id for each in settled])
    followers = tx.follows.followers([each.known.id for each in settled])
    debts = []
    for each in settled:
        consignee, channels = people[each.known.id]
        now = each.situation.now
        for notice in each.owed:
            by = tuple(name for name in notice.rule.channels if name in channels or name == ASKED_FOR_LATER)
            debts.append(Debt(notice, consignee.id, consignee.pseudonym, each.known.id, by, now, notice.ends(now)))
            for one in followers.get(each.known.id, ()):
                has_it = MAIL in channels and (one.email or "").casefold() == (consignee.email or "").casefold()
                if told_to_followers(notice.kind, one.kinds) and not has_it:
                    to_one = (one.person, one.pseudonym, each.known.id, (MAIL,), now, notice.ends(now))
                    debts.append(Debt(notice, *to_one, beside=True))
    tx.owed.owe(debts, muted=muted)


def mistrust(tx: Transaction, tripped: Sequence[KnownPiece], *, now: datetime) -> None:
    """What is known of them stays and is shown, and is folded from all their facts the next time."""
    tx.timelines.mistrust([known.id for known in tripped if known.spelled is not None], again_at=now + TRY_AGAIN)
    nothing = Standing(START, Plan(Itinerary()), Judgement(START))
    tx.timelines.keep(
        [
            Judged(known.id, START.state, None, spelled(nothing), now + TRY_AGAIN, stale=True)
            for known in tripped
            if known.spelled is None
        ]
    )


# departures


def happened(tx: Transaction, departures: Mapping[str, Departure], facts: Mapping[str, Sequence[KeptFact]]) -> set[int]:
    """What has come of them, by the scans of their cards and by those who run them; the pieces of those for which that
    changed."""
    found = {name: known_of(departure, facts[name]) for name, departure in departures.items()}
    moved = {name: known for name, known in found.items() if known.of(departures[name]) != departures[name]}
    tx.network.happened(moved)
    return tx.network.riders(moved) if moved else set()
