"""The log of facts: append only, read by position; and what was put aside."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from tracker.domain.handling import EventKey, HandlingEvent
from tracker.store.schema import fact_details, facts, quarantine, readers, refused, streams

PROJECT = "project"
"""The reader that folds the log."""

_WRITERS_LOCK = 0x4C534E31


@dataclass(frozen=True, slots=True)
class Stream:
    """One source of facts: a device's journal epoch, a desk user, a feed, an account."""

    id: int
    origin: str
    epoch: str
    upto: int  # every q <= upto is committed
    highest: int  # the highest q ever committed or refused


@dataclass(frozen=True, slots=True)
class NewFact:
    """A fact about to be appended. `q` for scans, `key` for everything else."""

    kind: str
    code: str
    facility: str
    happened_at: datetime
    recorded_at: datetime
    q: int | None = None
    key: str | None = None
    sym: str | None = None
    sort_point: str | None = None
    into: str | None = None
    reason: str | None = None
    voids: tuple[str, int] | None = None
    operator: str | None = None
    estimated: bool = False
    error_ms: int = 0
    wall: int | None = None
    mono: int | None = None
    boot: int | None = None
    digest: bytes | None = None
    body: str | None = None
    x: str | None = None  # personal: kept beside the log, can be deleted
    lat: float | None = None
    lon: float | None = None


@dataclass(frozen=True, slots=True)
class KeptFact:
    """A fact as the log has it: what the fold needs, and where it stands."""

    pos: int
    event: HandlingEvent
    sym: str | None
    body: str | None


@dataclass(frozen=True, slots=True)
class PutAside:
    """Something a device sent that is not in the log, with the reason."""

    id: int
    topic: str
    why: str
    detail: str
    payload: bytes
    heard_at: datetime
    times: int


class FactLog:
    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def lock(self) -> None:
        """Taken before appending, so that positions become visible in the order they were given."""
        if self._connection.dialect.name == "postgresql":
            self._connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_WRITERS_LOCK)))

    # streams and watermarks

    def stream(self, origin: str, epoch: str = "") -> Stream:
        """The stream of this name, made when it is new; its row is locked until the transaction ends."""
        query = sa.select(streams).where(streams.c.origin == origin, streams.c.epoch == epoch)
        row = self._connection.execute(query.with_for_update()).one_or_none()
        if row is None:
            made = self._connection.execute(
                sa.insert(streams).values(origin=origin, epoch=epoch).returning(streams.c.id)
            )
            return Stream(made.scalar_one(), origin, epoch, 0, 0)
        return Stream(row.id, row.origin, row.epoch, row.upto, row.highest)

    def streams_of(self, origin: str) -> list[Stream]:
        rows = self._connection.execute(sa.select(streams).where(streams.c.origin == origin))
        return [Stream(row.id, row.origin, row.epoch, row.upto, row.highest) for row in rows]

    def digests(self, stream: Stream, qs: Sequence[int]) -> dict[int, bytes]:
        """Of these numbers, those already committed, with the digest of what was committed."""
        if not qs or min(qs) > stream.highest:
            return {}
        query = sa.select(facts.c.q, facts.c.digest).where(facts.c.stream == stream.id, facts.c.q.in_(qs))
        return {row.q: row.digest for row in self._connection.execute(query)}

    def refused(self, stream: Stream, qs: Sequence[int]) -> set[int]:
        """Of these numbers, those that came as no record before."""
        if not qs or min(qs) > stream.highest:
            return set()
        query = sa.select(refused.c.q).where(refused.c.stream == stream.id, refused.c.q.in_(qs))
        return set(self._connection.execute(query).scalars())

    def refuse(self, stream: Stream, q: int) -> None:
        """Counts a record that was no record as committed; it lies in quarantine."""
        self._connection.execute(sa.insert(refused).values(stream=stream.id, q=q))

    def move_watermark(self, stream: Stream, *, new: Iterable[int]) -> Stream:
        """To the highest number with no gap below, given what this transaction added."""
        added = sorted(new)
        highest = max([stream.highest, *added])
        upto = stream.upto
        for q in added:
            if q == upto + 1:
                upto = q
        if upto < highest:
            upto = self._gapless(stream, upto)
        self._connection.execute(sa.update(streams).where(streams.c.id == stream.id).values(upto=upto, highest=highest))
        return Stream(stream.id, stream.origin, stream.epoch, upto, highest)

    def gaps(self, stream: Stream, *, last: int, most: int = 64) -> list[tuple[int, int]]:
        """The ranges of numbers missing above the watermark up to `last`, both ends included."""
        held = self._above(stream, stream.upto)
        missing: list[tuple[int, int]] = []
        at = stream.upto + 1
        for q in [*(q for q in held if q <= last), last + 1]:
            if q > at:
                missing.append((at, q - 1))
                if len(missing) == most:
                    break
            at = q + 1
        return missing

    def _gapless(self, stream: Stream, upto: int) -> int:
        for q in self._above(stream, upto):
            if q != upto + 1:
                break
            upto = q
        return upto

    def _above(self, stream: Stream, upto: int) -> list[int]:
        kept = sa.select(facts.c.q).where(facts.c.stream == stream.id, facts.c.q > upto)
        turned = sa.select(refused.c.q).where(refused.c.stream == stream.id, refused.c.q > upto)
        return sorted(self._connection.execute(sa.union(kept, turned)).scalars())

    # appending

    def append(self, stream: Stream, new: Sequence[NewFact]) -> None:
        """Adds scans that are known not to be there yet."""
        if not new:
            return
        self._connection.execute(sa.insert(facts), [_row(stream, fact) for fact in new])
        self._keep_details(stream, [fact for fact in new if fact.q is not None and _has_details(fact)])

    def append_once(self, origin: str, fact: NewFact) -> int | None:
        """Adds a fact under its key and answers its position; None when that key is there already."""
        stream = self.stream(origin)
        there = sa.select(facts.c.pos).where(facts.c.stream == stream.id, facts.c.key == fact.key)
        if self._connection.execute(there).scalar() is not None:
            return None
        row = _row(stream, fact)
        return int(self._connection.execute(sa.insert(facts).values(**row).returning(facts.c.pos)).scalar_one())

    def _keep_details(self, stream: Stream, new: Sequence[NewFact]) -> None:
        if not new:
            return
        query = sa.select(facts.c.pos, facts.c.q).where(facts.c.stream == stream.id, facts.c.q.in_([f.q for f in new]))
        positions = {row.q: row.pos for row in self._connection.execute(query)}
        rows = [{"pos": positions[f.q], "x": f.x, "lat": f.lat, "lon": f.lon} for f in new if f.q is not None]
        self._connection.execute(sa.insert(fact_details), rows)

    # reading

    def after(self, pos: int, limit: int) -> list[KeptFact]:
        """The next facts, in the order they were committed."""
        return self._read(_WITH_STREAM.where(facts.c.pos > pos).order_by(facts.c.pos).limit(limit))

    def at(self, positions: Sequence[int]) -> list[KeptFact]:
        return self._read(_WITH_STREAM.where(facts.c.pos.in_(positions)).order_by(facts.c.pos))

    def of(self, table: sa.Table, column: sa.Column[Any], value: int | str) -> list[KeptFact]:
        """The facts attached to one piece or departure."""
        return self._read(_WITH_STREAM.join(table, table.c.pos == facts.c.pos).where(column == value))

    def head(self) -> int:
        """The position of the last fact; 0 when there is none."""
        return self._connection.execute(sa.select(sa.func.max(facts.c.pos))).scalar() or 0

    def scans_by_facility(self) -> dict[str, int]:
        query = sa.select(facts.c.facility, sa.func.count()).where(facts.c.q.isnot(None)).group_by(facts.c.facility)
        return {row[0]: row[1] for row in self._connection.execute(query)}

    def latest_scans(self, limit: int) -> list[KeptFact]:
        """The scans committed last, newest first."""
        return self._read(_WITH_STREAM.where(facts.c.q.isnot(None)).order_by(facts.c.pos.desc()).limit(limit))

    def exported(self, after: int, limit: int = 5000) -> list[sa.Row[Any]]:
        """Committed scans as `lastscan log export` prints them, in the order they were committed."""
        query = (
            sa.select(facts, streams.c.origin, streams.c.epoch)
            .join(streams, streams.c.id == facts.c.stream)
            .where(facts.c.q.isnot(None), facts.c.pos > after)
            .order_by(facts.c.pos)
            .limit(limit)
        )
        return list(self._connection.execute(query))

    def _read(self, query: sa.Select[Any]) -> list[KeptFact]:
        return [_kept(row) for row in self._connection.execute(query)]

    # readers

    def position(self, reader: str) -> int:
        return self._connection.execute(sa.select(readers.c.position).where(readers.c.name == reader)).scalar() or 0

    def claim(self, reader: str) -> int:
        """How far this reader is; nobody else can move it until the transaction ends."""
        query = sa.select(readers.c.position).where(readers.c.name == reader).with_for_update()
        position = self._connection.execute(query).scalar()
        if position is None:  # another may be making the row at this moment: whoever is second waits for the first
            insert = postgresql.insert if self._connection.dialect.name == "postgresql" else sqlite.insert
            self._connection.execute(insert(readers).values(name=reader, position=0).on_conflict_do_nothing())
            position = self._connection.execute(query).scalar()
        return position or 0

    def move(self, reader: str, position: int) -> None:
        moved = self._connection.execute(sa.update(readers).where(readers.c.name == reader).values(position=position))
        if moved.rowcount == 0:
            self._connection.execute(sa.insert(readers).values(name=reader, position=position))

    # quarantine

    def put_aside(
        self, *, topic: str, why: str, detail: str, payload: bytes, heard_at: datetime, essence: bytes | None = None
    ) -> bool:
        """Keeps what is not understood. The same again is counted, not stored again; True when new.

        The same is what has the same `essence`; without one, the same bytes.
        """
        names = "\0".join((topic, why, detail)).encode(errors="backslashreplace")
        digest = hashlib.sha256(names + b"\0" + (payload if essence is None else essence)).digest()
        counted = self._connection.execute(
            sa.update(quarantine).where(quarantine.c.digest == digest).values(times=quarantine.c.times + 1)
        )
        if counted.rowcount:
            return False
        self._connection.execute(
            sa.insert(quarantine).values(
                topic=topic[:200].replace("\0", "?"),
                why=why,
                detail=detail[:500].replace("\0", "?"),
                payload=payload,
                digest=digest,
                heard_at=heard_at,
            )
        )
        return True

    def aside(self, limit: int = 100) -> list[PutAside]:
        """What lies in quarantine, newest first."""
        rows = self._connection.execute(sa.select(quarantine).order_by(quarantine.c.id.desc()).limit(limit))
        return [PutAside(r.id, r.topic, r.why, r.detail, r.payload, r.heard_at, r.times) for r in rows]

    def count_aside(self) -> int:
        return self._connection.execute(sa.select(sa.func.count()).select_from(quarantine)).scalar_one()


_WITH_STREAM = sa.select(facts, streams.c.origin, streams.c.epoch).join(streams, streams.c.id == facts.c.stream)


def _has_details(fact: NewFact) -> bool:
    return fact.x is not None or fact.lat is not None or fact.lon is not None


def _row(stream: Stream, fact: NewFact) -> dict[str, Any]:
    voids = fact.voids or (None, None)
    return {
        "stream": stream.id,
        "q": fact.q,
        "key": fact.key,
        "kind": fact.kind,
        "code": fact.code,
        "sym": fact.sym,
        "facility": fact.facility,
        "sort_point": fact.sort_point,
        "into": fact.into,
        "reason": fact.reason,
        "void_epoch": voids[0],
        "void_q": voids[1],
        "operator": fact.operator,
        "happened_at": fact.happened_at,
        "recorded_at": fact.recorded_at,
        "estimated": fact.estimated,
        "error_ms": fact.error_ms,
        "wall": fact.wall,
        "mono": fact.mono,
        "boot": fact.boot,
        "digest": fact.digest,
        "body": fact.body,
    }


def _kept(row: sa.Row[Any]) -> KeptFact:
    key = f"{row.epoch}:{row.q}" if row.q is not None else row.key
    voids = EventKey(row.origin, f"{row.void_epoch}:{row.void_q}") if row.void_q is not None else None
    event = HandlingEvent(
        happened_at=row.happened_at,
        event_key=EventKey(row.origin, key),
        kind=row.kind,
        facility=row.facility,
        code=row.code,
        recorded_at=row.recorded_at,
        sort_point=row.sort_point,
        into=row.into,
        reason=row.reason,
        voids=voids,
        estimated=row.estimated,
        error_ms=row.error_ms,
        operator=row.operator,
    )
    return KeptFact(row.pos, event, row.sym, row.body)
