"""Where the tracker's SQLAlchemy lives, and nowhere else in the tracker.

`Store.writing()` is the unit of everything that is kept: all of it, or none.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError

from tracker.domain.errors import StoreError, UnkeepableError
from tracker.store.booked import BookedShipments
from tracker.store.device_registry import DeviceRegistry
from tracker.store.fact_log import FactLog
from tracker.store.network import NetworkTables
from tracker.store.owed import OwedNotices
from tracker.store.settings import Meta
from tracker.store.timelines import Timelines


class Transaction:
    """One transaction, and the tables seen through it."""

    def __init__(self, connection: sa.Connection) -> None:
        self.connection = connection
        self.meta = Meta(connection)
        self.log = FactLog(connection)
        self.devices = DeviceRegistry(connection)
        self.network = NetworkTables(connection)
        self.booked = BookedShipments(connection)
        self.timelines = Timelines(connection)
        self.owed = OwedNotices(connection)


class Store:
    """The tracker's database; safe to share between threads, each transaction on its own connection."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine

    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        """Commits at the end, flushed to disk; rolls back on any error.

        Raises StoreError where it cannot commit now, UnkeepableError where it never will.
        """
        try:
            with self.engine.begin() as connection:
                yield Transaction(connection)
        except (DataError, IntegrityError, ProgrammingError) as wrong:
            raise UnkeepableError(f"the database cannot hold it: {wrong.orig}") from wrong
        except DBAPIError as wrong:
            raise StoreError(f"the database did not take it: {wrong.orig}") from wrong

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """One consistent view; nothing written in it is kept."""
        try:
            with self.engine.connect().execution_options(reading=True) as connection:
                yield Transaction(connection)
        except DBAPIError as wrong:
            raise StoreError(f"the database did not answer: {wrong.orig}") from wrong

    def close(self) -> None:
        self.engine.dispose()
