"""Windows held against deliveries: each piece is judged again as it stood at a few moments of its way, by the facts
that had happened by then, and what came is looked up. Reads only; a rebuilt log answers the same."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from tracker import transit
from tracker.containers import told
from tracker.domain.handling import HandlingEvent, Kind
from tracker.domain.judge import judge
from tracker.domain.situation import Situation
from tracker.folding import known_of
from tracker.project.settle import folded_from
from tracker.store import Store, Transaction
from tracker.store.fact_log import KeptFact
from tracker.store.timelines import KnownPiece

MOMENTS = (Kind.ACCEPT, Kind.LOAD, Kind.OUT_FOR_DELIVERY)
"""After the last handling of each of these kinds a window is looked at."""

AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Held:
    """What came of the windows shown after one kind of handling, of one stated confidence (None: none was stated)."""

    after: str
    stated: float | None
    windows: int
    within: int
    before: int
    late: int
    on_another_day: int  # than the window names, where the piece went

    @property
    def covered(self) -> float:
        return self.within / self.windows


def held(store: Store) -> list[Held]:
    """Over all pieces that were delivered and had a window."""
    counts: defaultdict[tuple[str, float | None], list[tuple[bool, bool, bool]]] = defaultdict(list)
    last = 0
    while True:
        with store.reading() as tx:
            ids = tx.booked.pieces_after(last, AT_ONCE)
            if not ids:
                break
            facts = tx.log.of_pieces(ids)
            containers = told(tx, (fact.event for each in facts.values() for fact in each))
            for known in tx.timelines.known(ids, with_legs=True):
                for after, stated, came in _of_piece(tx, known, facts[known.id], containers):
                    counts[after, stated].append(came)
            last = ids[-1]
    return [_counted(after, stated, counts[after, stated]) for after, stated in sorted(counts, key=_by_moment)]


def _of_piece(
    tx: Transaction,
    known: KnownPiece,
    facts: Sequence[KeptFact],
    containers: Mapping[str, Sequence[HandlingEvent]],
) -> Iterator[tuple[str, float | None, tuple[bool, bool, bool]]]:
    whole = folded_from(known, facts, containers)
    delivered = whole.progress.delivered
    if delivered is None:
        return
    names = whole.plan.departures | whole.progress.runs
    departures, heard, places = tx.network.departures(names), tx.log.of_departures(names), tx.network.facilities()
    for kind in MOMENTS:
        moment = max((mark.last_at for mark in whole.progress.marks if mark.kind == kind), default=None)
        if moment is None or moment >= delivered.first_at:
            continue
        then = {name: known_of(each, _until(heard[name], moment)).of(each) for name, each in departures.items()}
        boxes = {name: [event for event in each if event.happened_at <= moment] for name, each in containers.items()}
        folded = folded_from(known, _until(facts, moment), boxes)
        situation = Situation(known.piece, folded.plan, folded.progress, then, places, moment, transit.in_force(tx))
        window = judge(situation).eta
        if window is None:
            continue
        came = delivered.first_at
        zone = ZoneInfo(situation.facility(known.piece.destination).zone)
        days = [at.astimezone(zone).date() for at in (window.earliest, came, window.latest)]
        yield kind, window.confidence, (came < window.earliest, came > window.latest, days != sorted(days))


def _until(facts: Sequence[KeptFact], moment: datetime) -> list[KeptFact]:
    return [fact for fact in facts if fact.event.happened_at <= moment]


def _by_moment(key: tuple[str, float | None]) -> tuple[int, float]:
    return MOMENTS.index(Kind(key[0])), key[1] or 0.0


def _counted(after: str, stated: float | None, came: Sequence[tuple[bool, bool, bool]]) -> Held:
    before, late, other_day = (sum(each[at] for each in came) for at in range(3))
    return Held(str(after), stated, len(came), len(came) - before - late, before, late, other_day)
