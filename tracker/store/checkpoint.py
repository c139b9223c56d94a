"""Moving what is committed from SQLite's write-ahead log into the database, beside the writers instead of inside them.

A writer whose commit makes the log long enough does that work itself, and everybody behind it waits: a quarter of a
second and more. A connection of its own does it while others write. If it does not keep up, a writer steps in after
all (`open_engine` says when), so the log stays bounded.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
import structlog

log = structlog.get_logger()

LONG_LOG_PAGES = 8192
"""A log this long (32 MB) is begun anew, even if writers must be held up for the moment that takes."""

_EVERY_S = 1.0
_HOLD_UP_MS = 20


@contextmanager
def checkpointing(engine: sa.Engine) -> Iterator[None]:
    """Looks after the write-ahead log of this database while it lasts; where that is PostgreSQL, does nothing."""
    path = engine.url.database
    if engine.dialect.name != "sqlite" or not path:
        yield
        return
    stop = threading.Event()
    thread = threading.Thread(target=_keep_short, args=(path, stop), name="checkpoint", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def checkpoint(connection: sqlite3.Connection) -> int:
    """Moves over what is committed so far; answers the pages in the log, most of which may have been moved."""
    _, pages, _ = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    if pages >= LONG_LOG_PAGES:
        # While somebody always writes, PASSIVE never moves all of it, and the log would grow for ever.
        connection.execute("PRAGMA wal_checkpoint(RESTART)")
    return int(pages)


def _keep_short(path: str, stop: threading.Event) -> None:
    connection = sqlite3.connect(path, isolation_level=None, timeout=_HOLD_UP_MS / 1000)
    while not stop.wait(_EVERY_S):
        try:
            checkpoint(connection)
        except sqlite3.Error as wrong:
            log.warning("cannot checkpoint; a writer will", why=str(wrong))
    connection.close()
