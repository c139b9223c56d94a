"""The log of facts: append only, read by position; and what was put aside."""

import hashlib
import itertools
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from tracker.domain.handling import Decided, EventKey, HandlingEvent, said_by_desk
from tracker.domain.incidents import Heard
from tracker.store.among import WANTED, among
from tracker.store.bodies import StaffDecided
from tracker.store.bulk import fill, matching, pairs, per_dialect, upsert
from tracker.store.engine import escaped, micros
from tracker.store.schema import (
    container_facts,
    departure_facts,
    fact_details,
    facts,
    gap_incidents,
    piece_facts,
    quarantine,
    readers,
    refused,
    streams,
)

PROJECT = "project"
"""The reader that folds the log."""

_WRITERS_LOCK = 0x4C534E31

MOST_EMPTY = 8
"""Streams of one origin that were only spoken of: greetings bear no signature, and each may name another epoch."""

_HOUR = 3_600_000_000  # in microseconds

ScanKey = tuple[int, int]
"""One scan: the id of its stream, and its number in it."""


@dataclass(frozen=True, slots=True)
class Stream:
    """One source of facts: a device's journal epoch, a desk user, a feed, an account."""

    id: int  # 0 for one that is not kept
    origin: str
    epoch: str
    upto: int  # every q <= upto is committed
    highest: int  # the highest q ever committed or refused

    @property
    def name(self) -> tuple[str, str]:
        return self.origin, self.epoch

    @property
    def is_kept(self) -> bool:
        return self.id != 0


class NewFact(msgspec.Struct, frozen=True, kw_only=True):
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

    @property
    def has_details(self) -> bool:
        return self.x is not None or self.lat is not None or self.lon is not None


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


@dataclass(frozen=True, slots=True)
class NewAside:
    """Something to be put aside. The same is what has the same `essence`; without one, the same bytes."""

    topic: str
    why: str
    detail: str
    payload: bytes
    heard_at: datetime
    essence: bytes | None = None

    @property
    def digest(self) -> bytes:
        names = "\0".join((self.topic, self.why, self.detail)).encode(errors="backslashreplace")
        return hashlib.sha256(names + b"\0" + (self.payload if self.essence is None else self.essence)).digest()


class FactLog:
    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def lock(self) -> None:
        """Taken before appending, so that positions become visible in the order they were given."""
        if self._connection.dialect.name == "postgresql":
            self._connection.execute(_LOCK)

    # streams and watermarks

    def stream(self, origin: str, epoch: str = "") -> Stream:
        """The stream of this name, made when it is new; its row is locked until the transaction ends."""
        return self.streams([(origin, epoch)])[origin, epoch]

    def streams(self, names: Collection[tuple[str, str]]) -> dict[tuple[str, str], Stream]:
        """The streams of these origins and epochs, made when they are new.

        Their rows are locked until the transaction ends, in the order of their names, so that no two writers can wait
        for each other.
        """
        found = self._known(names)
        if new := sorted(set(names) - found.keys()):
            rows = [{"origin": origin, "epoch": epoch} for origin, epoch in new]
            self._connection.execute(_new_streams(self._connection), rows)
            found |= self._known(new)
        return found

    def streams_spoken_of(self, names: Collection[tuple[str, str]]) -> dict[tuple[str, str], Stream]:
        """As `streams`, for those of which nothing came as yet: an origin that has `MOST_EMPTY` of them gets no more.

        Those that it does not get are answered as empty, and are not kept.
        """
        found = self._known(names)
        new = sorted(set(names) - found.keys())
        if not new:
            return found
        empty = sa.select(streams.c.origin, sa.func.count()).where(
            streams.c.origin.in_({origin for origin, _ in new}), streams.c.highest == 0
        )
        counts = Counter({row[0]: row[1] for row in self._connection.execute(empty.group_by(streams.c.origin))})
        fitting: set[tuple[str, str]] = set()
        for name in new:
            counts[name[0]] += 1
            if counts[name[0]] <= MOST_EMPTY:
                fitting.add(name)
            else:
                found[name] = Stream(0, *name, upto=0, highest=0)
        return found | self.streams(fitting) if fitting else found

    def _known(self, names: Collection[tuple[str, str]]) -> dict[tuple[str, str], Stream]:
        if not names:
            return {}
        rows = self._connection.execute(_streams(self._connection), pairs(self._connection, sorted(names)))
        return {stream.name: stream for stream in map(_stream, rows)}

    def streams_of(self, origin: str) -> list[Stream]:
        rows = self._connection.execute(sa.select(streams).where(streams.c.origin == origin))
        return [_stream(row) for row in rows]

    def digests(self, asked: Sequence[ScanKey]) -> dict[ScanKey, bytes]:
        """Of these scans, those already committed, with the digest of what was committed."""
        if not asked:
            return {}
        rows = self._connection.execute(_digests(self._connection), pairs(self._connection, asked))
        return {(row.stream, row.q): row.digest for row in rows}

    def refused(self, asked: Sequence[ScanKey]) -> set[ScanKey]:
        """Of these numbers, those that came as no record before."""
        if not asked:
            return set()
        rows = self._connection.execute(_refused(self._connection), pairs(self._connection, asked))
        return {(row.stream, row.q) for row in rows}

    def refuse(self, new: Collection[ScanKey]) -> None:
        """Counts records that were none as committed; they lie in quarantine."""
        if new:
            self._connection.execute(sa.insert(refused), [{"stream": stream, "q": q} for stream, q in sorted(new)])

    def move_watermarks(self, new: Mapping[Stream, Collection[int]]) -> list[Stream]:
        """Each to the highest number with no gap below, given what this transaction added to it.

        What people have written off is no gap once something that did come stands behind it.
        """
        moved = [self._moved(stream, sorted(added)) for stream, added in new.items()]
        if moved:
            rows = [{"moved": stream.id, "upto": stream.upto, "highest": stream.highest} for stream in moved]
            self._connection.execute(_MOVE, rows)
        return moved

    def _moved(self, stream: Stream, added: Sequence[int]) -> Stream:
        upto = stream.upto
        for q in added:
            if q == upto + 1:
                upto = q
        highest = max([stream.highest, *added])
        if upto < highest:  # where a gap closed or was written off, what lies above may follow without one
            written_off = self.written_off(stream, after=upto)
            if upto > stream.upto or written_off:
                upto = self._gapless(stream, upto, written_off)
        return replace(stream, upto=upto, highest=highest)

    def missing(self, stream: Stream, first: int, last: int, *, most: int = 64) -> list[tuple[int, int]]:
        """The first ranges in between of which no number came, both ends included."""
        missing: list[tuple[int, int]] = []
        at = first
        for q in itertools.chain(itertools.takewhile(last.__ge__, self._above(stream, first - 1)), [last + 1]):
            if q > at:
                missing.append((at, q - 1))
                if len(missing) == most:
                    break
            at = q + 1
        return missing

    def _gapless(self, stream: Stream, upto: int, written_off: Sequence[tuple[int, int]]) -> int:
        for q in self._above(stream, upto):
            if q > _past(written_off, upto) + 1:
                break
            upto = q
        return upto

    def written_off(self, stream: Stream, *, after: int = 0) -> list[tuple[int, int]]:
        """The ranges that end above `after` and that people have decided not to wait for."""
        decided = (gap_incidents.c.stream == stream.id) & gap_incidents.c.closed_by.isnot(None)
        query = sa.select(gap_incidents.c.first, gap_incidents.c.last).where(decided, gap_incidents.c.last > after)
        return [(row.first, row.last) for row in self._connection.execute(query.order_by(gap_incidents.c.first))]

    def _above(self, stream: Stream, upto: int) -> Iterator[int]:
        """The numbers held above this one, in order; read as far as somebody asks."""
        while True:
            kept = sa.select(facts.c.q).where(facts.c.stream == stream.id, facts.c.q > upto)
            turned = sa.select(refused.c.q).where(refused.c.stream == stream.id, refused.c.q > upto)
            query = sa.union(kept, turned).order_by("q").limit(_AT_A_TIME)
            held = self._connection.execute(query).scalars().all()
            yield from held
            if len(held) < _AT_A_TIME:
                return
            upto = held[-1]

    # appending

    def append(self, new: Sequence[tuple[Stream, NewFact]]) -> None:
        """Adds scans that are known not to be there yet; UnkeepableError at the end where one is. Needs `lock`."""
        if not new:
            return
        fill(self._connection, facts, _COLUMNS, [_row(stream, fact) for stream, fact in new])
        details = [
            {"of_stream": stream.id, "of_q": fact.q, "new_x": fact.x, "new_lat": fact.lat, "new_lon": fact.lon}
            for stream, fact in new
            if fact.has_details
        ]
        if details:
            self._connection.execute(_KEEP_DETAILS, details)

    def append_once(self, origin: str, fact: NewFact) -> int | None:
        """Adds a fact under its key and answers its position; None when that key is there already. Needs `lock`."""
        stream = self.stream(origin)
        there = sa.select(facts.c.pos).where(facts.c.stream == stream.id, facts.c.key == fact.key)
        if self._connection.execute(there).scalar() is not None:
            return None
        fill(self._connection, facts, _COLUMNS, [_row(stream, fact)])
        return int(self._connection.execute(there).scalar_one())

    def keyed(self, origin: str, key: str) -> bytes | None:
        """The digest of the fact that has this key; None when none has."""
        query = sa.select(facts.c.digest).join(streams, streams.c.id == facts.c.stream)
        return self._connection.execute(query.where(streams.c.origin == origin, facts.c.key == key)).scalar()

    def append_new(self, origin: str, new: Sequence[NewFact]) -> set[str]:
        """Adds those whose key is not there yet and answers their keys. Needs `lock`."""
        if not new:
            return set()
        stream = self.stream(origin)
        keyed = {fact.key: fact for fact in new if fact.key is not None}
        asked = {"of_stream": stream.id, WANTED: list(keyed)}
        for key in self._connection.execute(_KEYS_THERE, asked).scalars():
            del keyed[key]
        if keyed:
            fill(self._connection, facts, _COLUMNS, [_row(stream, fact) for fact in keyed.values()])
        return set(keyed)

    # reading

    def after(self, pos: int, limit: int) -> list[KeptFact]:
        """The next facts, in the order they were committed."""
        return self._read(_AFTER, {"after": pos, "most": limit})

    def at(self, positions: Collection[int]) -> list[KeptFact]:
        return self._read(_AT, {WANTED: positions})

    def beside(self, pos: int) -> str | None:
        """What a device sent beside a scan, as JSON. Personal; None where there was nothing, or it was deleted."""
        return self._connection.execute(sa.select(fact_details.c.x).where(fact_details.c.pos == pos)).scalar()

    def of_pieces(self, pieces: Collection[int]) -> dict[int, list[KeptFact]]:
        """The facts attached to each of these pieces."""
        return self._attached(_OF_PIECES, pieces)

    def of_departures(self, names: Collection[str]) -> dict[str, list[KeptFact]]:
        """The facts attached to each of these departures."""
        return self._attached(_OF_DEPARTURES, names)

    def of_containers(self, names: Collection[str], *, first: datetime, last: datetime) -> dict[str, list[KeptFact]]:
        """The facts attached to each of these containers that happened from the first to the last of these moments."""
        return self._attached(_OF_CONTAINERS, names, {"first": first, "last": last})

    def _attached(
        self, query: sa.Select[Any], owners: Collection[Any], values: Mapping[str, Any] | None = None
    ) -> dict[Any, list[KeptFact]]:
        found: dict[Any, list[KeptFact]] = {owner: [] for owner in owners}
        for row in self._connection.execute(query, {WANTED: owners, **(values or {})}).all():
            found[row.owner].append(_kept(row))
        return found

    def said_by(self, origin: str) -> list[KeptFact]:
        """All facts of one origin that has no devices' numbers, such as a rule, in the order they were committed."""
        decided = _WITH_STREAM.where(streams.c.origin == origin, facts.c.key.isnot(None))
        return self._read(decided.order_by(facts.c.pos))

    def head(self) -> int:
        """The position of the last fact; 0 when there is none."""
        return self._connection.execute(_HEAD).scalar() or 0

    def scans_by_facility(self) -> dict[str, int]:
        query = sa.select(facts.c.facility, sa.func.count()).where(facts.c.q.isnot(None)).group_by(facts.c.facility)
        return {row[0]: row[1] for row in self._connection.execute(query)}

    def heard_of(self, latest: int) -> dict[str, Heard]:
        """When each facility was heard of last and how often each hour, by the latest facts."""
        hour = sa.type_coerce(facts.c.recorded_at, sa.BigInteger) // _HOUR
        query = sa.select(facts.c.facility, hour.label("hour"), sa.func.count(), sa.func.max(facts.c.recorded_at))
        recent = query.where(facts.c.pos > self.head() - latest, facts.c.q.isnot(None))
        found: dict[str, Heard] = {}
        for place, hours, scans, last_at in self._connection.execute(recent.group_by(facts.c.facility, "hour")):
            before = found.get(place, Heard(last_at, {}))
            at = datetime.fromtimestamp(hours * 3600, UTC)
            found[place] = Heard(max(before.last_at, last_at), {**before.by_hour, at: scans})
        return found

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

    def _read(self, query: sa.Select[Any], values: dict[str, Any] | None = None) -> list[KeptFact]:
        return [_kept(row) for row in self._connection.execute(query, values).all()]

    # readers

    def position(self, reader: str) -> int:
        return self._connection.execute(_POSITION, {"reader": reader}).scalar() or 0

    def claim(self, reader: str) -> int:
        """How far this reader is; nobody else can move it until the transaction ends."""
        position = self._connection.execute(_CLAIM, {"reader": reader}).scalar()
        if position is None:  # another may be making the row at this moment: whoever is second waits for the first
            made = upsert(self._connection.dialect.name)(readers).values(name=reader, position=0)
            self._connection.execute(made.on_conflict_do_nothing())
            position = self._connection.execute(_CLAIM, {"reader": reader}).scalar()
        return position or 0

    def move(self, reader: str, position: int) -> None:
        moved = self._connection.execute(_MOVE_READER, {"reader": reader, "to": position})
        if moved.rowcount == 0:
            self._connection.execute(sa.insert(readers).values(name=reader, position=position))

    # quarantine

    def put_aside(self, things: Sequence[NewAside]) -> list[NewAside]:
        """Keeps what is not understood; answers what is new. The same again is counted, not stored again."""
        if not things:
            return []
        digests = [thing.digest for thing in things]
        known = set(self._connection.execute(_ASIDE_THERE, {"digests": digests}).scalars())
        times = Counter(digests)
        first = dict(reversed(list(zip(digests, things, strict=True))))
        rows = [
            {
                "topic": first[digest].topic[:200].replace("\0", "?"),
                "why": first[digest].why,
                "detail": first[digest].detail[:500].replace("\0", "?"),
                "payload": first[digest].payload,
                "digest": digest,
                "heard_at": first[digest].heard_at,
                "times": count,
            }
            for digest, count in times.items()
        ]
        self._connection.execute(_put_aside(self._connection), rows)
        return [first[digest] for digest in times if digest not in known]

    def aside(self, limit: int = 100) -> list[PutAside]:
        """What lies in quarantine, newest first."""
        rows = self._connection.execute(sa.select(quarantine).order_by(quarantine.c.id.desc()).limit(limit))
        return [PutAside(r.id, r.topic, r.why, r.detail, r.payload, r.heard_at, r.times) for r in rows]

    def count_aside(self) -> int:
        return self._connection.execute(sa.select(sa.func.count()).select_from(quarantine)).scalar_one()


_KEPT = (
    "pos", "q", "key", "happened_at", "kind", "facility", "code", "recorded_at", "sort_point", "into", "reason",
    "void_epoch", "void_q", "estimated", "error_ms", "operator", "sym", "body",
)  # fmt: skip
_WITH_STREAM = sa.select(streams.c.origin, streams.c.epoch, *(facts.c[name] for name in _KEPT)).join_from(
    facts, streams, streams.c.id == facts.c.stream
)
_AFTER = _WITH_STREAM.where(facts.c.pos > sa.bindparam("after")).order_by(facts.c.pos).limit(sa.bindparam("most"))
_AT = _WITH_STREAM.where(among(facts.c.pos)).order_by(facts.c.pos)
_OF_PIECES = (
    _WITH_STREAM.add_columns(piece_facts.c.piece.label("owner"))
    .join(piece_facts, piece_facts.c.pos == facts.c.pos)
    .where(among(piece_facts.c.piece))
)
_OF_DEPARTURES = (
    _WITH_STREAM.add_columns(departure_facts.c.departure.label("owner"))
    .join(departure_facts, departure_facts.c.pos == facts.c.pos)
    .where(among(departure_facts.c.departure))
)
_OF_CONTAINERS = (
    _WITH_STREAM.add_columns(container_facts.c.container.label("owner"))
    .join(container_facts, container_facts.c.pos == facts.c.pos)
    .where(
        among(container_facts.c.container),
        container_facts.c.happened_at >= sa.bindparam("first", type_=container_facts.c.happened_at.type),
        container_facts.c.happened_at <= sa.bindparam("last", type_=container_facts.c.happened_at.type),
    )
)


def _past(ranges: Sequence[tuple[int, int]], upto: int) -> int:
    """Where one gets to from `upto` through ranges that follow without a gap."""
    for first, last in ranges:
        if first <= upto + 1:
            upto = max(upto, last)
    return upto


_AT_A_TIME = 1000

_MOVE = (
    sa.update(streams)
    .where(streams.c.id == sa.bindparam("moved"))
    .values(upto=sa.bindparam("upto"), highest=sa.bindparam("highest"))
)

_KEEP_DETAILS = sa.insert(fact_details).from_select(
    ["pos", "x", "lat", "lon"],
    sa.select(
        facts.c.pos,
        sa.cast(sa.bindparam("new_x"), sa.Text),
        sa.cast(sa.bindparam("new_lat"), sa.Float),
        sa.cast(sa.bindparam("new_lon"), sa.Float),
    ).where(facts.c.stream == sa.bindparam("of_stream"), facts.c.q == sa.bindparam("of_q")),
)

_COLUMNS = [column.name for column in facts.columns if column.name != "pos"]


def _row(stream: Stream, fact: NewFact) -> tuple[Any, ...]:
    """The values of `_COLUMNS` as the driver takes them: a million of them a minute pass here."""
    void_epoch, void_q = fact.voids or (None, None)
    return (
        stream.id,
        fact.q,
        fact.key,
        escaped(fact.kind),
        escaped(fact.code),
        fact.sym and escaped(fact.sym),
        fact.facility,
        fact.sort_point and escaped(fact.sort_point),
        fact.into and escaped(fact.into),
        fact.reason and escaped(fact.reason),
        void_epoch,
        void_q,
        fact.operator and escaped(fact.operator),
        micros(fact.happened_at),
        micros(fact.recorded_at),
        fact.estimated,
        fact.error_ms,
        fact.wall,
        fact.mono,
        fact.boot,
        fact.digest,
        fact.body,
    )


def _stream(row: sa.Row[Any]) -> Stream:
    return Stream(row.id, row.origin, row.epoch, row.upto, row.highest)


def _kept(row: sa.Row[Any]) -> KeptFact:
    (
        origin, epoch, pos, q, key, happened_at, kind, facility, code, recorded_at, sort_point, into, reason,
        void_epoch, void_q, estimated, error_ms, operator, sym, body, *_,
    ) = tuple(row)  # fmt: skip
    event_key = EventKey(origin, f"{epoch}:{q}" if q is not None else key)
    voids, decided = EventKey(origin, f"{void_epoch}:{void_q}") if void_q is not None else None, None
    if body is not None and said_by_desk(event_key):
        said = msgspec.json.decode(body, type=StaffDecided)
        decided, voids = Decided(said.role, said.reason, said.rank), said.voids
    event = HandlingEvent(
        happened_at,
        event_key,
        kind,
        facility,
        code,
        recorded_at,
        sort_point,
        into,
        reason,
        voids,
        estimated,
        error_ms,
        operator,
        decided,
    )
    return KeptFact(pos, event, sym, body)


_LOCK = sa.select(sa.func.pg_advisory_xact_lock(_WRITERS_LOCK))
_HEAD = sa.select(sa.func.max(facts.c.pos))
_POSITION = sa.select(readers.c.position).where(readers.c.name == sa.bindparam("reader"))
_CLAIM = _POSITION.with_for_update()
_MOVE_READER = sa.update(readers).where(readers.c.name == sa.bindparam("reader")).values(position=sa.bindparam("to"))
_ASIDE_THERE = sa.select(quarantine.c.digest).where(
    quarantine.c.digest.in_(sa.bindparam("digests", expanding=True, type_=quarantine.c.digest.type))
)
_KEYS_THERE = sa.select(facts.c.key).where(facts.c.stream == sa.bindparam("of_stream"), among(facts.c.key))


@per_dialect
def _streams(dialect: str) -> sa.Select[Any]:
    asked = sa.select(streams).select_from(matching(dialect, streams.c.origin, streams.c.epoch))
    return asked.order_by(streams.c.origin, streams.c.epoch).with_for_update(of=streams)


@per_dialect
def _new_streams(dialect: str) -> Any:
    return upsert(dialect)(streams).on_conflict_do_nothing()


@per_dialect
def _digests(dialect: str) -> sa.Select[Any]:
    return sa.select(facts.c.stream, facts.c.q, facts.c.digest).select_from(
        matching(dialect, facts.c.stream, facts.c.q)
    )


@per_dialect
def _refused(dialect: str) -> sa.Select[Any]:
    return sa.select(refused.c.stream, refused.c.q).select_from(matching(dialect, refused.c.stream, refused.c.q))


@per_dialect
def _put_aside(dialect: str) -> Any:
    """Adds, or counts what is there once more."""
    insert = upsert(dialect)(quarantine)
    again = {"times": quarantine.c.times + insert.excluded.times}
    return insert.on_conflict_do_update(index_elements=["digest"], set_=again)
