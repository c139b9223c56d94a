"""Opening the database: what every connection must hold to, on SQLite and on PostgreSQL."""

import re
import sqlite3
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BUSY_S = 10
_LONGEST_LOG_PAGES = (
    20_000  # 80 MB: the tracker sees to it long before (`checkpoint`), and a commit only if it does not
)


def micros(instant: datetime) -> int:
    """An instant as the database keeps it: microseconds since 1970. ValueError without a zone."""
    if instant.tzinfo is None:
        raise ValueError(f"{instant}: an instant needs its zone")
    since = instant - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def escaped(text: str) -> str:
    """Text from strangers as the database keeps it; see `Exact`."""
    if "\\" in text or "\0" in text:
        return text.replace("\\", "\\\\").replace("\0", "\\0")
    return text


class Instant(sa.types.TypeDecorator[datetime]):
    """An instant, kept as microseconds since 1970 in UTC; comes back aware, in UTC, to the microsecond."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> int | None:
        return None if value is None else micros(value)

    def process_result_value(self, value: int | None, dialect: sa.Dialect) -> datetime | None:
        return None if value is None else _EPOCH + timedelta(microseconds=value)


class Exact(sa.types.TypeDecorator[str]):
    """Text from strangers, kept to the letter: PostgreSQL's text holds no NUL, so it is escaped with a backslash."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> str | None:
        return None if value is None else escaped(value)

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> str | None:
        if value is None or "\\" not in value:
            return value
        return re.sub(r"\\(.)", lambda escaped: "\0" if escaped[1] == "0" else escaped[1], value)


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Several that open a new file at once are told "locked" without any wait: only one can turn it to WAL."""
    give_up_at = time.monotonic() + BUSY_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > give_up_at:
                raise
            time.sleep(0.01)


def sqlite_url(path: Path) -> str:
    return f"sqlite:///{path}"


def open_engine(url: str) -> sa.Engine:
    """An engine on this database.

    SQLite: write-ahead log, flushed at each commit, foreign keys held, and every transaction begins IMMEDIATE unless
    its connection has the execution option `reading`: two read-then-write transactions can then not lose an update.
    """
    if not url.startswith("sqlite"):
        if url.startswith(("postgres://", "postgresql://")):
            url = "postgresql+psycopg://" + url.split("://", 1)[1]
        return sa.create_engine(url, pool_pre_ping=True)
    engine = sa.create_engine(url, connect_args={"timeout": BUSY_S})

    @event.listens_for(engine, "connect")
    def _settle(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the begin event below says BEGIN, not the driver
        for pragma in (
            "busy_timeout=10000",
            "synchronous=FULL",
            "foreign_keys=ON",
            f"wal_autocheckpoint={_LONGEST_LOG_PAGES}",
        ):
            connection.execute(f"PRAGMA {pragma}")
        _write_ahead(connection)

    @event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        reading = connection.get_execution_options().get("reading", False)
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine
