"""Facilities and departures."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import msgspec
import sqlalchemy as sa

from tracker.domain.movements import Known
from tracker.domain.network import ClosureWord, Departure, Facility, Mode, closures
from tracker.store.among import WANTED, among
from tracker.store.bulk import upsert
from tracker.store.engine import Instant
from tracker.store.schema import closures as closure_words
from tracker.store.schema import departure_aliases, departures, facilities, feeds, pieces, planned_rides, timelines
from tracker.store.settings import Meta

_DEPARTURES_VERSION, _FACILITIES_VERSION = "departures_version", "facilities_version"


@dataclass(frozen=True, slots=True)
class FeedRow:
    """Somebody who may tell us of departures and bags."""

    name: str
    password_hash: str
    made_at: datetime
    revoked_at: datetime | None


MOST_DEPARTURES = 10_000
"""How many departures are kept in memory."""


class KnownNetwork:
    """Facilities and departures as last read, each with the version they are true of: everything asks for them, and
    they change seldom beside that. Only what is committed is kept here. Safe to share between threads: a dictionary
    belongs to one version for ever."""

    def __init__(self) -> None:
        self.facilities: tuple[int, dict[str, Facility]] = (-1, {})
        self.departures: tuple[int, dict[str, Departure]] = (-1, {})


class NetworkTables:
    def __init__(self, connection: sa.Connection, known: KnownNetwork | None = None) -> None:
        self._connection = connection
        self._known = known or KnownNetwork()
        self._before: tuple[int, int] | None = None  # the versions when this transaction first changed something
        self._versions: tuple[int, int] | None = None  # as read in this transaction

    def facilities(self) -> dict[str, Facility]:
        """Every facility by its code. Not to be changed."""
        version = self.versions()[1]
        committed = version == self.committed_versions()[1]
        of_version, known = self._known.facilities
        if of_version == version and committed:
            return known
        rows = self._connection.execute(sa.select(facilities.c.described))
        read = [msgspec.json.decode(row.described, type=Facility) for row in rows]
        found = {place.code: place for place in read}
        for code, words in self._closure_words().items():
            found[code] = replace(found.get(code) or Facility(code), closures=closures(words))
        if committed:
            self._known.facilities = version, found
        return found

    def describe(self, place: Facility, *, complete: bool = True) -> None:
        """Adds a facility or says more about one that was only a name so far."""
        self._changed(_FACILITIES_VERSION)
        spelled = msgspec.json.encode(place).decode()
        where = facilities.c.code == place.code
        known = self._connection.execute(
            sa.update(facilities).where(where).values(described=spelled, complete=complete)
        )
        if known.rowcount == 0:
            self._connection.execute(
                sa.insert(facilities).values(code=place.code, described=spelled, complete=complete)
            )

    def _closure_words(self) -> dict[str, list[ClosureWord]]:
        found: dict[str, list[ClosureWord]] = {}
        for row in self._connection.execute(sa.select(closure_words).order_by(closure_words.c.pos)):
            closed = (row.since, row.until) if row.since is not None else None
            found.setdefault(row.facility, []).append(ClosureWord(row.said_at, closed, row.reason))
        return found

    def hear_of_closures(self, words: Sequence[tuple[int, str, ClosureWord]]) -> None:
        """What was decided about places: position in the log, place, and what. The same again changes nothing."""
        if not words:
            return
        rows = [
            {
                "pos": pos,
                "facility": place,
                "said_at": word.said_at,
                "since": word.closed[0] if word.closed is not None else None,
                "until": word.closed[1] if word.closed is not None else None,
                "reason": word.reason,
            }
            for pos, place, word in words
        ]
        known = set(self._connection.execute(_KNOWN_CLOSURES, {WANTED: [row["pos"] for row in rows]}).scalars())
        new = [row for row in rows if row["pos"] not in known]
        if new:
            self._changed(_FACILITIES_VERSION)
            self._connection.execute(sa.insert(closure_words), new)

    def planned_through(self, places: Collection[str], *, since: datetime, until: datetime) -> sa.Select[tuple[int]]:
        """The pieces that were ever planned on a departure that leaves one of these places between two instants."""
        leaving = sa.and_(
            departures.c.origin.in_(list(places)), departures.c.leaves_at >= since, departures.c.leaves_at < until
        )
        joined = sa.join(planned_rides, departures, departures.c.name == planned_rides.c.departure)
        return sa.select(planned_rides.c.piece).select_from(joined).where(leaving)

    def know(self, code: str) -> None:
        """A site that nobody described works at once, in UTC, until somebody does."""
        if self._connection.execute(sa.select(facilities.c.code).where(facilities.c.code == code)).scalar() is None:
            self.describe(Facility(code), complete=False)

    def keep_departures(self, kept: Sequence[Departure]) -> tuple[int, int]:
        """Adds these, or changes what the timetable says of those known already; answers how many were new and how
        many changed. What happened to them is no matter of the timetable and stays as it is."""
        rows = [_row(d) for d in kept]
        if not rows:
            return 0, 0
        before = self._count()
        version = self._changed()
        adding = upsert(self._connection.dialect.name)(departures)
        given = adding.excluded
        leaves_at = sa.func.coalesce(departures.c.left_at, departures.c.estimated_departure, given.departs_at)
        self._connection.execute(
            adding.on_conflict_do_update(
                index_elements=[departures.c.name],
                set_={**{name: given[name] for name in _PLANNED}, "leaves_at": leaves_at, "version": given.version},
                where=sa.or_(*(departures.c[name].is_distinct_from(given[name]) for name in _PLANNED)),
            ),
            [{**row, "version": version} for row in rows],
        )
        added = self._count() - before
        touched = sa.select(sa.func.count()).where(departures.c.version == version)
        return added, self._connection.execute(touched).scalar_one() - added

    def keep_aliases(self, aliases: Mapping[str, str]) -> None:
        """Other names, each of a departure that is known: the marketing names of a code share."""
        if not aliases:
            return
        adding = upsert(self._connection.dialect.name)(departure_aliases)
        self._connection.execute(
            adding.on_conflict_do_update(
                index_elements=[departure_aliases.c.alias], set_={"departure": adding.excluded.departure}
            ),
            [{"alias": alias, "departure": name} for alias, name in aliases.items()],
        )

    def known_as(self, names: Collection[str]) -> dict[str, str]:
        """The departure each of these names means, its own or an alias; without those that mean none."""
        wanted = {WANTED: list(names)}
        return {row[0]: row[1] for query in (_ALIASES, _NAMES) for row in self._connection.execute(query, wanted)}

    def origins(self, names: Collection[str]) -> dict[str, str]:
        """Where each of these departures begins that is known."""
        return {row.name: row.origin for row in self._connection.execute(_ORIGINS, {WANTED: list(names)})}

    def departures(self, names: Iterable[str]) -> dict[str, Departure]:
        """Those of these departures that are known."""
        kept = self._kept_departures()
        found = {name: kept.get(name) for name in names}
        lacking = [name for name, departure in found.items() if departure is None]
        if lacking:
            read = {row.name: _departure(row) for row in self._connection.execute(_DEPARTURES, {WANTED: lacking})}
            found |= read
            kept |= read
        return {name: departure for name, departure in found.items() if departure is not None}

    def _kept_departures(self) -> dict[str, Departure]:
        """What is kept in memory of the version this transaction sees: to be added to, by any thread at any time."""
        if self.uncommitted:
            return {}
        version = self.versions()[0]
        of_version, kept = self._known.departures
        if of_version > version:  # of a transaction that began later
            return {}
        if of_version < version or len(kept) > MOST_DEPARTURES:
            kept = dict(kept) if len(kept) <= MOST_DEPARTURES else {}
            if kept:
                for name in self._connection.execute(_CHANGED, {"version": of_version}).scalars():
                    kept.pop(name, None)
            self._known.departures = version, kept
        return kept

    def departures_after(self, name: str, limit: int) -> dict[str, Departure]:
        """The next in order of their names."""
        query = sa.select(departures).where(departures.c.name > name).order_by(departures.c.name).limit(limit)
        return {row.name: _departure(row) for row in self._connection.execute(query)}

    def timetable(self, *, since: datetime, until: datetime) -> list[Departure]:
        """All departures that leave from `since` to before `until`, as far as is known."""
        due = sa.and_(departures.c.leaves_at >= since, departures.c.leaves_at < until)
        query = sa.select(departures).where(due).order_by(departures.c.leaves_at, departures.c.name)
        return [_departure(row) for row in self._connection.execute(query).all()]

    # who tells us of departures

    def add_feed(self, name: str, *, key_digest: str, password_hash: str, now: datetime) -> bool:
        """False when there is one of this name."""
        row = {"name": name, "key_digest": key_digest, "password_hash": password_hash, "made_at": now}
        made = upsert(self._connection.dialect.name)(feeds).values(**row)
        return self._connection.execute(made.on_conflict_do_nothing()).rowcount > 0

    def revoke_feed(self, name: str, *, now: datetime) -> bool:
        where = (feeds.c.name == name) & feeds.c.revoked_at.is_(None)
        return self._connection.execute(sa.update(feeds).where(where).values(revoked_at=now)).rowcount > 0

    def feed_of(self, key_digest: str) -> str | None:
        where = (feeds.c.key_digest == key_digest) & feeds.c.revoked_at.is_(None)
        return self._connection.execute(sa.select(feeds.c.name).where(where)).scalar()

    def feeds(self) -> list[FeedRow]:
        rows = self._connection.execute(sa.select(feeds).order_by(feeds.c.name))
        return [FeedRow(row.name, row.password_hash, row.made_at, row.revoked_at) for row in rows]

    # what changed, for those who keep the timetable in mind

    def versions(self) -> tuple[int, int]:
        """Of departures and of facilities: another number after each change."""
        if self._versions is None:
            kept = Meta(self._connection).get_all((_DEPARTURES_VERSION, _FACILITIES_VERSION))
            self._versions = int(kept.get(_DEPARTURES_VERSION, 0)), int(kept.get(_FACILITIES_VERSION, 0))
        return self._versions

    def changed_since(self, version: int) -> list[Departure]:
        rows = self._connection.execute(sa.select(departures).where(departures.c.version > version))
        return [_departure(row) for row in rows]

    @property
    def uncommitted(self) -> bool:
        """Whether this transaction changes the network, so that what it sees may yet be undone."""
        return self._before is not None

    def committed_versions(self) -> tuple[int, int]:
        """The versions up to which nothing this transaction sees can be undone."""
        return self._before or self.versions()

    def _changed(self, what: str = _DEPARTURES_VERSION) -> int:
        """The version under which a change is kept."""
        self._before = self._before or self.versions()
        self._versions = None
        return Meta(self._connection).next_number(what) + 1

    def _count(self) -> int:
        return self._connection.execute(sa.select(sa.func.count()).select_from(departures)).scalar_one()

    def under_way(self, *, now: datetime, limit: int = 40) -> list[Departure]:
        """Those that left and have not arrived, then the next to go."""
        gone = sa.and_(departures.c.left_at.isnot(None), departures.c.landed_at.is_(None))
        soon = departures.c.leaves_at.between(now - timedelta(hours=12), now + timedelta(hours=3))
        waiting = sa.and_(departures.c.left_at.is_(None), departures.c.leaves_at > now, ~departures.c.cancelled)
        query = sa.select(departures).where(soon, sa.or_(gone, waiting))
        rows = self._connection.execute(
            query.order_by(departures.c.left_at.is_(None), departures.c.leaves_at).limit(limit)
        )
        return [_departure(row) for row in rows]

    def happened(self, known: Mapping[str, Known]) -> None:
        """What has come of these departures: estimates, actual times, cancelled, diverted, their tails."""
        if not known:
            return
        leaves_at = sa.func.coalesce(
            sa.bindparam("left_at", type_=Instant), sa.bindparam("estimated_departure", type_=Instant)
        )
        self._connection.execute(
            sa.update(departures)
            .where(departures.c.name == sa.bindparam("named"))
            .values(
                **{name: sa.bindparam(name) for name in _STATE},
                leaves_at=sa.func.coalesce(leaves_at, departures.c.departs_at),
                version=self._changed(),
            ),
            [{"named": name, **{field: getattr(state, field) for field in _STATE}} for name, state in known.items()],
        )

    def room(self, names: Collection[str]) -> dict[str, int]:
        """How many pieces each of these departures still takes."""
        wanted = {WANTED: list(names)}
        free = {row.name: row.capacity for row in self._connection.execute(_CAPACITIES, wanted)}
        for name, rides in self._connection.execute(_RIDES, wanted):
            free[name] -= rides
        return free

    def connections(self, *, since: datetime, until: datetime) -> set[tuple[str, str]]:
        """Inbound and outbound of every connection that plans in force take at departures which should leave from
        `since` to before `until`, and have not."""
        query = _CONNECTIONS.with_only_columns(_INBOUND.c.name, _OUTBOUND.c.name).distinct()
        due = query.where(_OUTBOUND.c.leaves_at >= since, _OUTBOUND.c.leaves_at < until)
        return {(row[0], row[1]) for row in self._connection.execute(due)}

    def connecting(self, outbounds: Collection[str]) -> list[tuple[int, str, str]]:
        """The pieces that plans in force put on one of these from another: piece, inbound, outbound."""
        rows = self._connection.execute(_CONNECTING, {WANTED: outbounds})
        return [(row[0], row[1], row[2]) for row in rows]

    def last_due(self, *, since: datetime, now: datetime) -> dict[str, datetime]:
        """When the last departure with pieces for each facility came in there, by plan or as it happened."""
        came_at = sa.func.coalesce(departures.c.landed_at, departures.c.estimated_arrival, departures.c.arrives_at)
        query = (
            sa.select(departures.c.destination, sa.func.max(came_at, type_=Instant()))
            .join(planned_rides, (planned_rides.c.departure == departures.c.name) & planned_rides.c.in_force)
            .where(departures.c.leaves_at >= since, came_at <= now, ~departures.c.cancelled)
        )
        return {row[0]: row[1] for row in self._connection.execute(query.group_by(departures.c.destination))}

    def load_of(self, departure: str) -> list[tuple[int, str, str, int]]:
        """Id, number, destination and rank of every piece whose plan in force takes this departure, the highest rank
        first."""
        joined = sa.join(planned_rides, pieces, planned_rides.c.piece == pieces.c.id)
        joined = sa.outerjoin(joined, timelines, timelines.c.piece == pieces.c.id)
        rank = sa.func.coalesce(timelines.c.rank, 0).label("rank")
        query = sa.select(pieces.c.id, pieces.c.number, pieces.c.destination, rank).select_from(joined)
        aboard = query.where(planned_rides.c.departure == departure, planned_rides.c.in_force)
        rows = self._connection.execute(aboard.order_by(rank.desc(), pieces.c.number))
        return [(row[0], row[1], row[2], row[3]) for row in rows]

    def riders(self, names: Collection[str]) -> set[int]:
        """The pieces that were ever planned on one of these."""
        return set(self._connection.execute(_RIDERS, {WANTED: names}).scalars())


_PLANNED = (
    "origin",
    "destination",
    "mode",
    "departs_at",
    "arrives_at",
    "capacity",
    "cutoff_min",
    "origin_terminal",
    "destination_terminal",
    "services",
    "planned_tail",
)
"""What the timetable says."""

_STATE = (
    "tail",
    "estimated_departure",
    "estimated_arrival",
    "left_at",
    "landed_at",
    "cancelled",
    "diverted_to",
    "disrupted_at",
    "told_arrival",
)
"""What is known since."""


def _row(d: Departure) -> dict[str, object]:
    return {
        "name": d.name,
        "origin": d.origin,
        "destination": d.destination,
        "mode": d.mode.value,
        "departs_at": d.departs_at,
        "arrives_at": d.arrives_at,
        "capacity": d.capacity,
        "cutoff_min": int(d.cutoff.total_seconds() // 60),
        "origin_terminal": d.origin_terminal,
        "destination_terminal": d.destination_terminal,
        "services": " ".join(d.services),
        "planned_tail": d.tail,
        "leaves_at": d.departs_at,
    }


def _departure(row: sa.Row[tuple[object, ...]]) -> Departure:
    return Departure(
        name=row.name,
        origin=row.origin,
        destination=row.destination,
        departs_at=row.departs_at,
        arrives_at=row.arrives_at,
        mode=Mode(row.mode),
        capacity=row.capacity,
        cutoff=timedelta(minutes=row.cutoff_min),
        origin_terminal=row.origin_terminal,
        destination_terminal=row.destination_terminal,
        services=tuple(row.services.split()),
        **{**{name: getattr(row, name) for name in _STATE}, "tail": row.tail or row.planned_tail},
    )


_KNOWN_CLOSURES = sa.select(closure_words.c.pos).where(among(closure_words.c.pos))
_DEPARTURES = sa.select(departures).where(among(departures.c.name))
_CHANGED = sa.select(departures.c.name).where(departures.c.version > sa.bindparam("version"))
_NAMES = sa.select(departures.c.name, departures.c.name.label("same")).where(among(departures.c.name))
_ALIASES = sa.select(departure_aliases).where(among(departure_aliases.c.alias))
_ORIGINS = sa.select(departures.c.name, departures.c.origin).where(among(departures.c.name))
_CAPACITIES = sa.select(departures.c.name, departures.c.capacity).where(among(departures.c.name))
_RIDES = (
    sa.select(planned_rides.c.departure, sa.func.count())
    .where(among(planned_rides.c.departure), planned_rides.c.in_force)
    .group_by(planned_rides.c.departure)
)
_INBOUND, _OUTBOUND = departures.alias("inbound"), departures.alias("outbound")
_COMES, _GOES = planned_rides.alias("comes"), planned_rides.alias("goes")
_CONNECTIONS = (
    sa.select(_GOES.c.piece, _INBOUND.c.name, _OUTBOUND.c.name)
    .select_from(_OUTBOUND)
    .join(_GOES, (_GOES.c.departure == _OUTBOUND.c.name) & _GOES.c.in_force)
    .join(_COMES, (_COMES.c.piece == _GOES.c.piece) & _COMES.c.in_force)
    .join(_INBOUND, _INBOUND.c.name == _COMES.c.departure)
    .where(
        _OUTBOUND.c.left_at.is_(None),
        _OUTBOUND.c.disrupted_at.is_(None),
        _INBOUND.c.disrupted_at.is_(None),
        _INBOUND.c.destination == _OUTBOUND.c.origin,
        _INBOUND.c.departs_at < _OUTBOUND.c.departs_at,
    )
)
_CONNECTING = _CONNECTIONS.where(among(_OUTBOUND.c.name)).order_by(_GOES.c.piece)
_RIDERS = sa.select(planned_rides.c.piece).where(among(planned_rides.c.departure))
