"""Facilities and departures."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import msgspec
import sqlalchemy as sa

from tracker.domain.network import Departure, Facility, Mode
from tracker.store.among import WANTED, among
from tracker.store.schema import departures, facilities, pieces, planned_rides
from tracker.store.settings import Meta


class KnownPlaces:
    """The facilities as last read: they seldom change, and everything asks for them. Safe to share between threads."""

    def __init__(self) -> None:
        self.last: tuple[str | None, dict[str, Facility]] | None = None


class NetworkTables:
    def __init__(self, connection: sa.Connection, places: KnownPlaces | None = None) -> None:
        self._connection = connection
        self._places = places or KnownPlaces()
        self._described = False  # here and perhaps never committed: not for others to know

    def facilities(self) -> dict[str, Facility]:
        """Every facility by its code. Not to be changed."""
        version = self._version()
        last = self._places.last
        if last is not None and last[0] == version and not self._described:
            return last[1]
        rows = self._connection.execute(sa.select(facilities.c.described))
        known = [msgspec.json.decode(row.described, type=Facility) for row in rows]
        found = {place.code: place for place in known}
        if not self._described:
            self._places.last = version, found
        return found

    def describe(self, place: Facility, *, complete: bool = True) -> None:
        """Adds a facility or says more about one that was only a name so far."""
        spelled = msgspec.json.encode(place).decode()
        where = facilities.c.code == place.code
        known = self._connection.execute(
            sa.update(facilities).where(where).values(described=spelled, complete=complete)
        )
        if known.rowcount == 0:
            self._connection.execute(
                sa.insert(facilities).values(code=place.code, described=spelled, complete=complete)
            )
        self._described = True
        Meta(self._connection).next_number(_FACILITIES_VERSION)

    def _version(self) -> str | None:
        return Meta(self._connection).get(_FACILITIES_VERSION)

    def know(self, code: str) -> None:
        """A site that nobody described works at once, in UTC, until somebody does."""
        if self._connection.execute(sa.select(facilities.c.code).where(facilities.c.code == code)).scalar() is None:
            self.describe(Facility(code), complete=False)

    def add_departures(self, added: Iterable[Departure]) -> int:
        """Adds those not known yet, by name; answers how many were new."""
        fresh = {d.name: d for d in added}
        known = set(self.departures(fresh))
        rows = [_row(d) for name, d in fresh.items() if name not in known]
        if rows:
            self._connection.execute(sa.insert(departures), rows)
        return len(rows)

    def departures(self, names: Iterable[str]) -> dict[str, Departure]:
        rows = self._connection.execute(_DEPARTURES, {WANTED: list(names)})
        return {row.name: _departure(row) for row in rows}

    def departures_after(self, name: str, limit: int) -> dict[str, Departure]:
        """The next in order of their names."""
        query = sa.select(departures).where(departures.c.name > name).order_by(departures.c.name).limit(limit)
        return {row.name: _departure(row) for row in self._connection.execute(query)}

    def timetable(self, *, since: datetime, until: datetime) -> list[Departure]:
        """All departures scheduled in this time, in order of departure."""
        due = departures.c.departs_at.between(since, until)
        query = sa.select(departures).where(due)
        rows = self._connection.execute(query.order_by(departures.c.departs_at, departures.c.name))
        return [_departure(row) for row in rows]

    def under_way(self, *, now: datetime, limit: int = 40) -> list[Departure]:
        """Those that left and have not arrived, then the next to go."""
        gone = sa.and_(departures.c.left_at.isnot(None), departures.c.landed_at.is_(None))
        soon = departures.c.departs_at.between(now - timedelta(hours=12), now + timedelta(hours=3))
        waiting = sa.and_(departures.c.left_at.is_(None), departures.c.departs_at > now)
        query = sa.select(departures).where(soon, sa.or_(gone, waiting))
        rows = self._connection.execute(
            query.order_by(departures.c.left_at.is_(None), departures.c.departs_at).limit(limit)
        )
        return [_departure(row) for row in rows]

    def happened(self, name: str, *, left_at: datetime | None, landed_at: datetime | None) -> None:
        values = {"left_at": left_at, "landed_at": landed_at}
        self._connection.execute(sa.update(departures).where(departures.c.name == name).values(**values))

    def rides(self, names: Sequence[str]) -> Mapping[str, int]:
        """How many pieces are planned on each of these."""
        counted: dict[str, int] = {}
        for at in range(0, len(names), 500):
            wanted = planned_rides.c.departure.in_(names[at : at + 500])
            query = sa.select(planned_rides.c.departure, sa.func.count()).where(wanted, planned_rides.c.in_force)
            counted.update(
                (row[0], row[1]) for row in self._connection.execute(query.group_by(planned_rides.c.departure))
            )
        return counted

    def load_of(self, departure: str) -> list[tuple[str, str]]:
        """Number and destination of every piece whose plan in force takes this departure."""
        joined = sa.join(planned_rides, pieces, planned_rides.c.piece == pieces.c.id)
        query = sa.select(pieces.c.number, pieces.c.destination).select_from(joined)
        aboard = query.where(planned_rides.c.departure == departure, planned_rides.c.in_force)
        return [(row.number, row.destination) for row in self._connection.execute(aboard.order_by(pieces.c.number))]

    def riders(self, names: Collection[str]) -> set[int]:
        """The pieces that were ever planned on one of these."""
        return set(self._connection.execute(_RIDERS, {WANTED: names}).scalars())


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
        "left_at": d.left_at,
        "landed_at": d.landed_at,
    }


def _departure(row: sa.Row[tuple[object, ...]]) -> Departure:
    planned = Departure(
        name=row.name,
        origin=row.origin,
        destination=row.destination,
        departs_at=row.departs_at,
        arrives_at=row.arrives_at,
        mode=Mode(row.mode),
        capacity=row.capacity,
        cutoff=timedelta(minutes=row.cutoff_min),
    )
    return replace(planned, left_at=row.left_at, landed_at=row.landed_at)


_FACILITIES_VERSION = "facilities"
_DEPARTURES = sa.select(departures).where(among(departures.c.name))
_RIDERS = sa.select(planned_rides.c.piece).where(among(planned_rides.c.departure))
