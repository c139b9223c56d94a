"""What the projection made of the log: progress, plan and judgement of each piece, and when to judge it again."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache, lru_cache
from typing import Any

import msgspec
import sqlalchemy as sa

from tracker.domain.incidents import Trouble
from tracker.domain.itinerary import Itinerary, Leg, Plan
from tracker.domain.notices import Judgement
from tracker.domain.rules import IrregularityKind
from tracker.domain.shipment import Goods, Piece, PieceKind, Promise
from tracker.domain.timeline import START, Progress, State
from tracker.store.among import WANTED, among
from tracker.store.bulk import upsert
from tracker.store.engine import micros
from tracker.store.schema import (
    UNKNOWN_DEPARTURE,
    container_facts,
    contents,
    departure_facts,
    departures,
    facts,
    irregularities,
    piece_facts,
    pieces,
    planned_rides,
    timelines,
    unmatched,
    updates,
)


@dataclass(frozen=True, slots=True)
class Standing:
    """One piece as it was judged last."""

    progress: Progress
    plan: Plan
    judgement: Judgement


@dataclass(frozen=True, slots=True)
class Spelled:
    """A standing as its row has it. The same standing is always spelled the same."""

    progress: str
    plan: str
    judgement: str  # but its progress, which stands beside it

    @property
    def read_progress(self) -> Progress:
        return msgspec.json.decode(self.progress, type=Progress)

    @property
    def read_plan(self) -> Plan:
        return _plan(self.plan)

    def read_judgement(self, progress: Progress) -> Judgement:
        return replace(msgspec.json.decode(self.judgement, type=Judgement), progress=progress)

    @property
    def standing(self) -> Standing:
        progress = self.read_progress
        return Standing(progress, self.read_plan, self.read_judgement(progress))


def spelled(standing: Standing, *, before: Spelled | None = None) -> Spelled:
    """`before`: how it was spelled last; a plan that did not change since is taken from there."""
    plan = before.plan if before is not None and before.read_plan == standing.plan else None
    return Spelled(
        _encode(standing.progress).decode(),
        plan or _encode(standing.plan).decode(),
        _encode(replace(standing.judgement, progress=START)).decode(),
    )


@dataclass(frozen=True, slots=True)
class KnownPiece:
    """A piece and how it was judged last; `spelled` is None until it was judged once."""

    id: int
    piece: Piece
    spelled: Spelled | None
    stale: bool  # the last fold tripped: fold it from all its facts
    again_at: datetime | None
    booked_legs: str | None  # spelled; read only where it is folded from all its facts

    @property
    def booked(self) -> Itinerary | None:
        return _booked(self.booked_legs) if self.booked_legs is not None else None

    @property
    def plan(self) -> Plan:
        if self.spelled is not None:
            return self.spelled.read_plan
        return Plan(self.booked or Itinerary())


@dataclass(frozen=True, slots=True)
class Judged:
    """What is to be kept of a piece."""

    piece: int
    state: State
    facility: str | None
    spelled: Spelled
    again_at: datetime | None
    stale: bool = False
    rank: int = 0


# Pieces that go the same way on the same day have the same plan, so few are read anew.


@lru_cache(4096)
def _plan(text: str) -> Plan:
    return msgspec.json.decode(text, type=Plan)


@lru_cache(4096)
def _booked(text: str) -> Itinerary:
    return Itinerary(tuple(msgspec.json.decode(text, type=list[Leg])))


_encode = msgspec.json.Encoder().encode


class Timelines:
    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    # which facts belong to what

    def attach(self, rows: Sequence[tuple[int, int]]) -> None:
        """Facts to pieces, by position; what is there already stays."""
        self._insert_once(piece_facts, [{"piece": piece, "pos": pos} for piece, pos in rows])

    def detach(self, rows: Sequence[tuple[int, int]]) -> None:
        self._delete(piece_facts, [{"piece": piece, "pos": pos} for piece, pos in rows])

    def attach_cards(self, rows: Sequence[tuple[str, int]]) -> None:
        """Facts to departures, by position."""
        self._insert_once(departure_facts, [{"departure": departure, "pos": pos} for departure, pos in rows])

    def detach_cards(self, rows: Sequence[tuple[str, int]]) -> None:
        self._delete(departure_facts, [{"departure": departure, "pos": pos} for departure, pos in rows])

    def leave_unmatched(self, rows: Sequence[tuple[str, int, str]]) -> None:
        """Facts that belong to nothing we know: under which number, by position, and why."""
        self._insert_once(unmatched, [{"number": number[:64], "pos": pos, "why": why} for number, pos, why in rows])

    def waiting(self, numbers: Collection[str]) -> list[int]:
        """The facts that wait under these numbers."""
        return list(self._connection.execute(_WAITING, {WANTED: numbers}).scalars())

    def wait_no_longer(self, rows: Sequence[tuple[str, int]]) -> None:
        self._delete(unmatched, [{"number": number[:64], "pos": pos} for number, pos in rows])

    def cards_of_new_departures(self, limit: int) -> list[int]:
        """Facts that waited for a departure which is in the timetable by now."""
        return list(self._connection.execute(_CARDS_WAITING.limit(limit)).scalars())

    def unmatched_after(self, number: str, pos: int, limit: int) -> list[tuple[str, int, str]]:
        """Who waits, in order of number and position."""
        beyond = sa.tuple_(unmatched.c.number, unmatched.c.pos) > sa.tuple_(sa.literal(number), sa.literal(pos))
        query = sa.select(unmatched).where(beyond).order_by(unmatched.c.number, unmatched.c.pos).limit(limit)
        return [(row.number, row.pos, row.why) for row in self._connection.execute(query)]

    def unmatched(self, limit: int = 100) -> list[sa.Row[Any]]:
        """Facts that belong to no piece we know, newest first: number, why, and the fact."""
        joined = sa.join(unmatched, facts, unmatched.c.pos == facts.c.pos)
        query = sa.select(unmatched.c.number, unmatched.c.why, facts).select_from(joined).where(~_OF_A_CONTAINER_IN_USE)
        return list(self._connection.execute(query.order_by(facts.c.pos.desc()).limit(limit)))

    # standings

    def known(self, of: Collection[int], *, with_legs: bool = False) -> list[KnownPiece]:
        """These pieces, each with how it was judged last, in order; with the legs it was booked on when asked for."""
        query = _KNOWN_LEGS if with_legs else _KNOWN
        return [_known(row) for row in self._connection.execute(query, {WANTED: of}).all()]

    def progress(self, of: Collection[int]) -> dict[int, Progress]:
        """How far each of these pieces has come, where it was judged once."""
        rows = self._connection.execute(_PROGRESS, {WANTED: of})
        return {row.piece: msgspec.json.decode(row.progress, type=Progress) for row in rows}

    def over_on(self, departure: str) -> list[tuple[str, str]]:
        """Number and destination of the pieces that are on a departure which is not on their plan."""
        return [(row.number, row.destination) for row in self._connection.execute(_OVER, {"departure": departure})]

    def standing(self, piece: int) -> Standing | None:
        row = self._connection.execute(_STANDING, {WANTED: piece}).one_or_none()
        return Spelled(*row).standing if row is not None else None

    def keep(self, judged: Sequence[Judged]) -> None:
        """Replaces what was known."""
        if judged:
            rows = [
                {
                    "piece": each.piece,
                    "state": each.state.value,
                    "facility": each.facility,
                    "rank": each.rank,
                    "progress": each.spelled.progress,
                    "plan": each.spelled.plan,
                    "judgement": each.spelled.judgement,
                    "judge_again_at": each.again_at,
                    "stale": each.stale,
                }
                for each in judged
            ]
            self._connection.execute(_upsert(self._connection.dialect.name, timelines), rows)

    def keep_rides(self, plans: Mapping[int, Mapping[str, bool]]) -> None:
        """Which departures each piece takes room on: every one it was ever planned on, and whether that is in force.

        A booking says so at once, or the next would be given the same room.
        """
        names = {name for rides in plans.values() for name in rides}
        if not plans:
            return
        rows = self._connection.execute(_RIDES, {"departures": names, "pieces": plans.keys()}).all()
        known = {(row.departure, row.piece): row.in_force for row in rows}
        wanted = [
            {"departure": name, "piece": piece, "in_force": in_force}
            for piece, rides in plans.items()
            for name, in_force in rides.items()
            if known.get((name, piece)) is not in_force
        ]
        if wanted:
            self._connection.execute(_upsert(self._connection.dialect.name, planned_rides), wanted)

    def keep_irregularities(self, judgements: Mapping[int, Judgement]) -> None:
        """Replaces what was wrong with these pieces."""
        known: dict[int, set[tuple[object, ...]]] = {piece: set() for piece in judgements}
        for row in self._connection.execute(_IRREGULARITIES, {WANTED: judgements.keys()}).all():
            known[row.piece].add((row.kind, row.subject, row.since, row.cleared_at))
        wanted = {
            piece: {(i.kind.value, i.subject, i.since, i.cleared_at) for i in judgement.irregularities}
            for piece, judgement in judgements.items()
        }
        changed = [piece for piece in wanted if wanted[piece] != known[piece]]
        if not changed:
            return
        self._connection.execute(_FORGET_IRREGULARITIES, {WANTED: changed})
        rows = [
            {"piece": piece, "kind": i.kind.value, "subject": i.subject, "since": i.since, "cleared_at": i.cleared_at}
            for piece in changed
            for i in {i.name: i for i in judgements[piece].irregularities}.values()
        ]
        if rows:
            self._connection.execute(sa.insert(irregularities), rows)

    def mistrust(self, pieces: Sequence[int], *, again_at: datetime) -> None:
        """What is known of them stays and is shown, and is folded from all their facts the next time."""
        if pieces:
            self._connection.execute(_MISTRUST, {WANTED: pieces, "again_at": again_at})

    def judge_later(self, when: Mapping[int, datetime | None]) -> None:
        """When each piece is to be judged again, where nothing else of it changed."""
        if when:
            rows = [{"id": piece, "again_at": again_at} for piece, again_at in when.items()]
            self._connection.execute(_JUDGE_LATER, rows)

    def judge_soon(self, which: sa.Select[tuple[int]], *, now: datetime) -> None:
        """These pieces are due for judgement now, those of a higher rank first."""
        moment = sa.literal(micros(now), sa.BigInteger()) - timelines.c.rank
        due = sa.or_(timelines.c.judge_again_at.is_(None), timelines.c.judge_again_at > now)
        where = sa.and_(timelines.c.piece.in_(which), due)
        self._connection.execute(sa.update(timelines).where(where).values(judge_again_at=moment))

    def troubles(self) -> list[Trouble]:
        """Every irregularity that is open."""
        rows = self._connection.execute(_TROUBLED)
        judged = ((row.number, msgspec.json.decode(row.judgement, type=Judgement)) for row in rows)
        return [Trouble(number, i) for number, judgement in judged for i in judgement.irregularities if i.open]

    def with_open(self, kind: IrregularityKind) -> set[str]:
        """What irregularities of this kind are open about."""
        still = (irregularities.c.kind == kind.value) & irregularities.c.cleared_at.is_(None)
        return set(self._connection.execute(sa.select(irregularities.c.subject).where(still).distinct()).scalars())

    def due_for_judgement(self, now: datetime, limit: int) -> list[int]:
        return list(self._connection.execute(_DUE, {"now": now, "most": limit}).scalars())

    def judge_all_under_way(self, now: datetime) -> None:
        """All that is not delivered is due by now."""
        later = timelines.c.judge_again_at.is_(None) | (timelines.c.judge_again_at > now)
        under_way = timelines.c.state != State.DELIVERED.value
        self._connection.execute(sa.update(timelines).where(under_way, later).values(judge_again_at=now))

    def due_among(self, pieces: Collection[int], now: datetime) -> list[int]:
        """Which of these pieces are due for judgement by now."""
        query = sa.select(timelines.c.piece).where(among(timelines.c.piece), timelines.c.judge_again_at <= now)
        return list(self._connection.execute(query, {WANTED: pieces}).scalars())

    def due_since(self, now: datetime) -> datetime | None:
        """Since when a judgement is due that was not made yet; None when there is none."""
        query = sa.select(sa.func.min(timelines.c.judge_again_at)).where(timelines.c.judge_again_at <= now)
        return self._connection.execute(query).scalar()

    def digest(self) -> dict[int, tuple[str, str, str]]:
        """Everything folded, piece by piece, to compare with."""
        rows = self._connection.execute(sa.select(timelines))
        return {row.piece: (row.progress, row.plan, row.judgement) for row in rows}

    # counts and examples

    def counts(self) -> dict[str, int]:
        by_state = dict(self._pairs(sa.select(timelines.c.state, sa.func.count()).group_by(timelines.c.state)))
        delivered = by_state.get(State.DELIVERED.value, 0)
        waiting = by_state.get(State.BOOKED.value, 0)
        missed = sa.select(sa.func.count()).where(irregularities.c.kind == "missed_connection")
        lost_track = sa.select(sa.func.count(sa.distinct(unmatched.c.pos))).where(~_OF_A_CONTAINER_IN_USE)
        return {
            "delivered": delivered,
            "moving": sum(by_state.values()) - delivered - waiting,
            "booked": waiting,
            "missed_connections": self._connection.execute(missed).scalar_one(),
            "unmatched": self._connection.execute(lost_track).scalar_one(),
        }

    def examples(self) -> dict[str, str]:
        """A delivered parcel, one under way, and a bag that missed a connection, where there are such: the newest."""
        on_the_way = timelines.c.state.notin_([State.DELIVERED.value, State.BOOKED.value])
        missed = pieces.c.id.in_(sa.select(irregularities.c.piece).where(irregularities.c.kind == "missed_connection"))
        bag = pieces.c.kind == PieceKind.BAG.value
        wanted = {
            "delivered": sa.and_(timelines.c.state == State.DELIVERED.value, ~bag, ~missed),
            "moving": sa.and_(on_the_way, ~bag),
            "missed": sa.and_(missed, bag),
        }
        found: dict[str, str] = {}
        for name, where in wanted.items():
            query = sa.select(pieces.c.number).join(timelines, timelines.c.piece == pieces.c.id).where(where)
            number = self._connection.execute(query.order_by(pieces.c.id.desc()).limit(1)).scalar()
            if number is not None:
                found[name] = number
        return found

    def here(self) -> dict[str, int]:
        """How many undelivered pieces were last seen at each facility."""
        query = sa.select(timelines.c.facility, sa.func.count()).where(
            timelines.c.facility.isnot(None), timelines.c.state != State.DELIVERED.value
        )
        return dict(self._pairs(query.group_by(timelines.c.facility)))

    def _pairs(self, query: sa.Select[Any]) -> list[tuple[str, int]]:
        return [(row[0], row[1]) for row in self._connection.execute(query)]

    # the update log

    def tell_readers(self, pieces: Sequence[int]) -> None:
        if pieces:
            self._connection.execute(sa.insert(updates), [{"piece": piece} for piece in pieces])

    def updates_after(self, seq: int, limit: int) -> list[tuple[int, str]]:
        """Which pieces changed, by number, after this place in the log of updates."""
        return [(row[0], row[1]) for row in self._connection.execute(_UPDATES_AFTER, {"after": seq, "most": limit})]

    def last_update(self) -> int:
        return self._connection.execute(_LAST_UPDATE).scalar() or 0

    def _insert_once(self, table: sa.Table, rows: Sequence[dict[str, Any]]) -> None:
        if rows:
            self._connection.execute(_once(self._connection.dialect.name, table), rows)

    def _delete(self, table: sa.Table, rows: Sequence[dict[str, Any]]) -> None:
        """The rows of a table with two keys."""
        if rows:
            matching = [table.c[name] == sa.bindparam(f"its_{name}") for name in rows[0]]
            where = [{f"its_{name}": value for name, value in row.items()} for row in rows]
            self._connection.execute(sa.delete(table).where(*matching), where)


# Statements are made once for each kind of database: to make one costs as much as to run it.


@cache
def _once(dialect: str, table: sa.Table) -> Any:
    """An insert that leaves a row which is there."""
    return upsert(dialect)(table).on_conflict_do_nothing()


@cache
def _upsert(dialect: str, table: sa.Table) -> Any:
    """An insert that brings a row up to date which is there."""
    made = upsert(dialect)(table)
    changed = {column.name: made.excluded[column.name] for column in table.c if not column.primary_key}
    return made.on_conflict_do_update(index_elements=table.primary_key, set_=changed)


def _known(row: sa.Row[Any]) -> KnownPiece:
    (
        key, number, journey, kind, origin, destination, booked_at, due_by, service, contents, hs, value_minor,
        currency, progress, plan, judgement, stale, again_at, booked_legs,
    ) = tuple(row)  # fmt: skip
    goods = Goods(contents, hs, value_minor, currency)
    piece = Piece(number, journey, PieceKind(kind), origin, destination, booked_at, Promise(due_by), goods, service)
    kept = Spelled(progress, plan, judgement) if progress is not None else None
    return KnownPiece(key, piece, kept, bool(stale), again_at, booked_legs)


_BOOKED = (
    "id", "number", "journey", "kind", "origin", "destination", "booked_at", "due_by", "service", "contents", "hs",
    "value_minor", "currency",
)  # fmt: skip


def _knowing(booked_legs: sa.ColumnElement[Any]) -> sa.Select[Any]:
    booked = [pieces.c[name] for name in _BOOKED]
    judged = [timelines.c[name] for name in ("progress", "plan", "judgement", "stale", "judge_again_at")]
    return (
        sa.select(*booked, *judged, booked_legs)
        .select_from(sa.outerjoin(pieces, timelines, timelines.c.piece == pieces.c.id))
        .where(among(pieces.c.id))
        .order_by(pieces.c.id)
    )


_KNOWN = _knowing(sa.case((sa.or_(timelines.c.piece.is_(None), timelines.c.stale), pieces.c.booked_legs)))
_KNOWN_LEGS = _knowing(pieces.c.booked_legs)
_STANDING = sa.select(timelines.c.progress, timelines.c.plan, timelines.c.judgement).where(
    timelines.c.piece == sa.bindparam(WANTED)
)
_TROUBLED = (
    sa.select(pieces.c.number, timelines.c.judgement)
    .join(timelines, timelines.c.piece == pieces.c.id)
    .where(pieces.c.id.in_(sa.select(irregularities.c.piece).where(irregularities.c.cleared_at.is_(None))))
)
_UPDATES_AFTER = (
    sa.select(updates.c.seq, pieces.c.number)
    .join(pieces, pieces.c.id == updates.c.piece)
    .where(updates.c.seq > sa.bindparam("after"))
    .order_by(updates.c.seq)
    .limit(sa.bindparam("most"))
)
_LAST_UPDATE = sa.select(sa.func.max(updates.c.seq))
_PROGRESS = sa.select(timelines.c.piece, timelines.c.progress).where(among(timelines.c.piece))
_OVER = (
    sa.select(pieces.c.number, pieces.c.destination)
    .join(irregularities, irregularities.c.piece == pieces.c.id)
    .where(
        irregularities.c.subject == sa.bindparam("departure"),
        irregularities.c.kind == IrregularityKind.OVERAGE.value,
        irregularities.c.cleared_at.is_(None),
    )
    .order_by(pieces.c.number)
)
_JUDGE_LATER = (
    sa.update(timelines)
    .where(timelines.c.piece == sa.bindparam("id"))
    .values(judge_again_at=sa.bindparam("again_at", type_=timelines.c.judge_again_at.type))
)
_DUE = (
    sa.select(timelines.c.piece)
    .where(timelines.c.judge_again_at <= sa.bindparam("now", type_=timelines.c.judge_again_at.type))
    .order_by(timelines.c.judge_again_at)
    .limit(sa.bindparam("most"))
)
_MISTRUST = (
    sa.update(timelines)
    .where(among(timelines.c.piece))
    .values(stale=True, judge_again_at=sa.bindparam("again_at", type_=timelines.c.judge_again_at.type))
)
_RIDES = sa.select(planned_rides).where(
    among(planned_rides.c.departure, "departures"), among(planned_rides.c.piece, "pieces")
)
_IRREGULARITIES = sa.select(irregularities).where(among(irregularities.c.piece))
_FORGET_IRREGULARITIES = sa.delete(irregularities).where(among(irregularities.c.piece))
# An SSCC that nobody booked waits, for it may be booked yet; a container with pieces in it is no riddle to anybody.
_OF_A_CONTAINER_IN_USE = sa.exists().where(
    container_facts.c.pos == unmatched.c.pos, contents.c.container == container_facts.c.container
)
_WAITING = sa.select(unmatched.c.pos).distinct().where(among(unmatched.c.number)).order_by(unmatched.c.pos)
_CARDS_WAITING = (
    sa.select(unmatched.c.pos)
    .join(departures, departures.c.name == unmatched.c.number)
    .where(unmatched.c.why == sa.literal_column(f"'{UNKNOWN_DEPARTURE}'"))  # spelled out, for its index to be used
)
