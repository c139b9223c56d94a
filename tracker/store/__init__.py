"""Where the tracker's SQLAlchemy lives, and nowhere else in the tracker.

`Store.writing()` is the unit of everything that is kept: all of it, or none.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as BusyError

from tracker.domain.errors import MistakeError, StoreError, UnkeepableError
from tracker.store.asks import AskTables
from tracker.store.audit import AuditChain
from tracker.store.booked import BookedShipments
from tracker.store.callers import CallerTables
from tracker.store.cases import CaseTables
from tracker.store.containers import Containers
from tracker.store.device_registry import DeviceRegistry
from tracker.store.engine import BUSY_S
from tracker.store.fact_log import FactLog
from tracker.store.follows import Follows
from tracker.store.gaps import Gaps
from tracker.store.network import KnownNetwork, NetworkTables
from tracker.store.owed import OwedNotices
from tracker.store.settings import Meta
from tracker.store.staff import StaffTables
from tracker.store.storms import StormTables
from tracker.store.timelines import Timelines
from tracker.store.viewers import Viewers


class Transaction:
    """One transaction, and the tables seen through it."""

    def __init__(self, connection: sa.Connection, network: KnownNetwork | None = None) -> None:
        self.connection = connection
        self.meta = Meta(connection)
        self.log = FactLog(connection)
        self.gaps = Gaps(connection)
        self.devices = DeviceRegistry(connection)
        self.network = NetworkTables(connection, network)
        self.booked = BookedShipments(connection)
        self.timelines = Timelines(connection)
        self.containers = Containers(connection)
        self.owed = OwedNotices(connection)
        self.viewers = Viewers(connection)
        self.follows = Follows(connection)
        self.staff = StaffTables(connection)
        self.audit = AuditChain(connection)
        self.asks = AskTables(connection)
        self.cases = CaseTables(connection)
        self.storms = StormTables(connection)
        self.callers = CallerTables(connection)

    @contextmanager
    def part(self) -> Iterator[None]:
        """A part that may fail for itself, its writes undone, those before it standing.

        Raises MistakeError for a mistake of ours, UnkeepableError where the database will never hold it. Anything else
        the database says ends the whole transaction, as always.
        """
        try:
            with self.connection.begin_nested():
                yield
        except (DataError, IntegrityError, ProgrammingError) as wrong:
            raise UnkeepableError(f"the database cannot hold it: {wrong.orig}") from wrong
        except (SQLAlchemyError, StoreError):
            raise
        except Exception as wrong:
            raise MistakeError(f"{type(wrong).__name__}: {wrong}") from wrong


class Store:
    """The tracker's database; safe to share between threads, each transaction on its own connection."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self._network = KnownNetwork()
        # SQLite has one writer, and does not queue: who waits asks again now and then, and one who writes batch after
        # batch is always there first. So those who share a store take turns before they ask.
        self._turn = threading.Lock() if engine.dialect.name == "sqlite" else None
        self._reading: dict[str, Any] = {"reading": True}
        if engine.dialect.name == "postgresql":  # which else shows each statement another moment
            self._reading |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}

    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        """Commits at the end, flushed to disk; rolls back on any error.

        On SQLite the threads of a store write in turns. Raises StoreError where it cannot commit now, UnkeepableError
        where it never will.
        """
        try:
            with self._in_turn(), self.engine.begin() as connection:
                yield Transaction(connection, self._network)
        except (DataError, IntegrityError, ProgrammingError) as wrong:
            raise UnkeepableError(f"the database cannot hold it: {wrong.orig}") from wrong
        except DBAPIError as wrong:
            raise StoreError(f"the database did not take it: {wrong.orig}") from wrong
        except BusyError as wrong:
            raise StoreError(f"no connection to the database is free: {wrong}") from wrong

    @contextmanager
    def _in_turn(self) -> Iterator[None]:
        mine = self._turn is not None and self._turn.acquire(timeout=BUSY_S)  # if not, the database says why
        try:
            yield
        finally:
            if self._turn is not None and mine:
                self._turn.release()

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """One consistent view; nothing written in it is kept."""
        try:
            with self.engine.connect().execution_options(**self._reading) as connection:
                yield Transaction(connection, self._network)
        except DBAPIError as wrong:
            raise StoreError(f"the database did not answer: {wrong.orig}") from wrong
        except BusyError as wrong:
            raise StoreError(f"no connection to the database is free: {wrong}") from wrong

    def close(self) -> None:
        self.engine.dispose()
