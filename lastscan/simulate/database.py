"""The one database: the shipped engine and schema over memory, whose commits may be refused, or kept and denied."""

import functools
import sqlite3
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from lastscan.simulate.carrier import DEPARTURES, KEYS, LATE_BOOKINGS, NUMBERS, PLACES, SITES, booking_of
from lastscan.simulate.events import DAWN, VirtualTime
from lastscan.simulate.faults import Faults
from notify.store.schema import metadata as notify_metadata
from tracker.booking import Bookings
from tracker.clock import Clock, StoppedClock
from tracker.store import Store
from tracker.store.engine import open_engine
from tracker.store.schema import metadata as tracker_metadata

ACCOUNT = "demo"


class _Connection(sqlite3.Connection):
    """The only one there is: everybody's transactions pass through it one after the other."""

    on_commit: Callable[[Callable[[], None]], None] | None = None

    def commit(self) -> None:
        if self.on_commit is not None and self.in_transaction:
            self.on_commit(super().commit)
        else:
            super().commit()

    def close(self) -> None:
        """Whatever becomes of those who use it, the database stays."""
        if self.in_transaction:
            self.rollback()


@functools.cache
def _opened() -> tuple[_Connection, sa.Engine]:
    connection = sqlite3.connect(":memory:", factory=_Connection, check_same_thread=False)
    engine = open_engine("sqlite://")
    sa.event.listen(engine, "do_connect", lambda *_: connection)
    return connection, engine


@functools.cache
def _new_day() -> sqlite3.Connection:
    """The database at dawn: devices registered, all pieces booked, nothing scanned."""
    connection, engine = _opened()
    connection.on_commit = None
    tracker_metadata.create_all(engine)
    notify_metadata.create_all(engine)
    store = Store(engine)
    with store.writing() as tx:
        for place in PLACES:
            tx.network.describe(place)
        tx.network.keep_departures(DEPARTURES)
        for dev, key in KEYS.items():
            registered_at = DAWN - timedelta(days=30)
            tx.devices.add(dev, site=SITES[dev], password_hash="", mac_key=key, now=registered_at)
    for number in NUMBERS[:-LATE_BOOKINGS]:
        _book(connection, store, StoppedClock(DAWN), number)
    return _copy_of(connection)


def _copy_of(connection: sqlite3.Connection) -> sqlite3.Connection:
    copy = sqlite3.connect(":memory:")
    connection.backup(copy)
    return copy


def _book(connection: sqlite3.Connection, store: Store, clock: Clock, number: str) -> None:
    Bookings(store, clock).book(booking_of(number), account=ACCOUNT, idempotency_key=number)
    # Pseudonyms are drawn by the system's generator. Nobody has seen this one yet: let it be the same in each replay.
    connection.execute("UPDATE people SET pseudonym = 'of ' || email WHERE email IS NOT NULL")


class Database:
    """`before` and `after` are asked at each commit of anybody: they may raise what kills whoever commits."""

    def __init__(self, time: VirtualTime, faults: Faults, counts: Counter[str]) -> None:
        dawn = _new_day()
        self.connection, self.engine = _opened()
        self.connection.on_commit = None
        dawn.backup(self.connection)
        self.before: Callable[[], None] = lambda: None
        self.after: Callable[[], None] = lambda: None
        self.commits = 0
        self._faults = faults
        self._counts = counts
        self._chance = time.chance("database")
        self.connection.on_commit = self._commit

    def opened(self) -> Store:
        """As a process opens it when it starts, with nothing remembered."""
        return Store(self.engine)

    def heal(self) -> None:
        self._faults = self._faults.only(())

    def book(self, number: str, clock: Clock) -> None:
        """As the shipper's own system does: under one key, again and again until it is answered."""
        _book(self.connection, self.opened(), clock, number)

    def ask(self, query: str, *values: Any) -> list[Any]:
        """What is committed, past all shipped code."""
        return self.connection.execute(query, values).fetchall()

    def backup(self) -> sqlite3.Connection:
        return _copy_of(self.connection)

    def restore(self, backup: sqlite3.Connection, now: datetime) -> int:
        """Puts an older database in place of this one; the generation it has from then on."""
        with self.opened().reading() as tx:
            replaced = tx.meta.generation
        backup.backup(self.connection)
        self.connection.on_commit = None
        with self.opened().writing() as tx:
            generation = tx.meta.raise_generation(now, above=replaced)
        self.connection.on_commit = self._commit
        return generation

    def _commit(self, really: Callable[[], None]) -> None:
        self.before()
        strikes = self._chance.random()
        if strikes < self._faults.refuse:
            self._counts["refused"] += 1
            self.connection.rollback()
            raise sqlite3.OperationalError("disk I/O error")
        really()
        self.commits += 1
        if strikes > 1 - self._faults.unknown:
            self._counts["unknown"] += 1
            raise sqlite3.OperationalError("the server closed the connection unexpectedly")
        self.after()
