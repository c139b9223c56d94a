"""The reader that keeps timelines, irregularities and the outbox in step with the log."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

import structlog

from tracker.clock import Clock
from tracker.domain.network import ClosureWord
from tracker.planning import Planning
from tracker.project import match, settle
from tracker.project.match import Matched, News
from tracker.project.replan import replan
from tracker.store import Store, Transaction
from tracker.store.fact_log import PROJECT
from tracker.store.settings import JUDGED_AT

log = structlog.get_logger()

_SET_BACK = timedelta(minutes=5)  # less is two machines that differ
_MINDED_EVERY = timedelta(minutes=5)

JUDGED_AT_ONCE = 100
"""How many are judged again in one transaction: whoever else writes, waits for no more."""


class Projector:
    """Keeps what is derived in step with the log. May be killed at any instant; several do no harm to each other."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._planning = Planning()
        self._minded_at: datetime | None = None

    def step(self, limit: int = 500) -> int:
        """Takes the next facts of the log, at most `limit`; answers how many there were."""
        with self._store.reading() as tx:
            if tx.log.head() <= tx.log.position(PROJECT):
                return 0
        self._mind_the_clock()
        with self._store.writing() as tx:
            facts = tx.log.after(tx.log.claim(PROJECT), limit)
            if not facts:
                return 0
            found = match.match(tx, facts)
            match.keep(tx, found)
            _claim(tx, found)
            for piece in tx.containers.concerned(found.containers):
                found.touch(piece)
            _look_again_through(tx, found.closed, self._clock.now())
            work_off(tx, self._planning, found.news, departed=found.departed, now=self._clock.now())
            tx.log.move(PROJECT, facts[-1].pos)
            return len(facts)

    def judge_due(self, limit: int = JUDGED_AT_ONCE) -> int:
        """Judges again the pieces for which time alone may have changed something, and takes in what waited for a
        departure that is in the timetable by now; answers how many there were of both."""
        self._mind_the_clock()
        with self._store.reading() as tx:
            now = self._clock.now()
            if not tx.timelines.due_for_judgement(now, 1) and not tx.timelines.cards_of_new_departures(1):
                return 0
        with self._store.writing() as tx:
            tx.log.claim(PROJECT)  # or another projector's fold of the same piece could be lost
            waiting = tx.timelines.cards_of_new_departures(limit)
            departed = match.claim(tx, waiting).departed if waiting else ()
            now = self._clock.now()
            due = tx.timelines.due_for_judgement(now, limit)
            work_off(tx, self._planning, {piece: News() for piece in due}, departed=departed, now=now)
            return len(due) + len(waiting)

    def _mind_the_clock(self) -> None:
        """Has every piece under way judged again after our clock was set back by more than `_SET_BACK`: what was judged
        while it was ahead rests on an hour that has not come. The latest hour is kept every five minutes.
        """
        now = self._clock.now()
        if self._minded_at is not None and self._minded_at <= now < self._minded_at + _MINDED_EVERY:
            return
        with self._store.writing() as tx:
            tx.log.claim(PROJECT)
            kept = tx.meta.get(JUDGED_AT)
            latest = datetime.fromisoformat(kept) if kept else now
            if now < latest - _SET_BACK:
                log.warning("our clock was set back; what is under way is judged again", by=str(latest - now))
                tx.timelines.judge_all_under_way(now)
            if kept is None or now > latest or now < latest - _SET_BACK:
                tx.meta.put(JUDGED_AT, now.isoformat())
        self._minded_at = now


def work_off(
    tx: Transaction,
    planning: Planning,
    news: Mapping[int, News],
    *,
    departed: Collection[str] = (),
    now: datetime,
) -> None:
    """Folds and judges the pieces with news and those planned on what departed, and keeps what came of it."""
    touched = dict(news)
    for piece in _riders(tx, departed):
        touched.setdefault(piece, News()).anew = True
    if not touched:
        return
    settled, stuck, tripped = settle.fold(tx, touched, now=now)
    settle.keep(tx, settled, now=now)  # room is counted by what is kept: first everybody else, then who is stuck
    if stuck:
        found, tripped_with_it = replan(tx, planning, stuck)
        settle.keep(tx, found, now=now)
        tripped += tripped_with_it
    settle.mistrust(tx, tripped, now=now)


def _claim(tx: Transaction, found: Matched) -> None:
    """Scans made before the booking came find their piece now."""
    if not found.booked:
        return
    waiting = tx.timelines.waiting(tx.booked.names_of(found.booked))
    if waiting:
        for piece, news in match.claim(tx, waiting).news.items():
            found.touch(piece).events.extend(news.events)


AFTER_A_CLOSURE = timedelta(days=1)
"""How long after a place opens again its departures may still be too soon for who came in before."""


def _look_again_through(tx: Transaction, closed: Sequence[tuple[int, str, ClosureWord]], now: datetime) -> None:
    """Whoever is planned through a place that closes, or opens again, is judged anew: in turns, by and by."""
    places = tx.network.facilities() if closed else {}
    for code in {place for _, place, _ in closed}:
        words = [word.closed for _, place, word in closed if place == code and word.closed is not None]
        spans = [*words, *((c.since, c.until) for c in places[code].closures)]
        until = max((until for _, until in spans), default=now) + AFTER_A_CLOSURE
        tx.timelines.judge_soon(tx.network.planned_through([code], since=now, until=until), now=now)


def _riders(tx: Transaction, departed: Collection[str]) -> set[int]:
    """Every piece ever planned on a departure of which we know more now."""
    if not departed:
        return set()
    return settle.happened(tx, tx.network.departures(departed), tx.log.of_departures(departed))
