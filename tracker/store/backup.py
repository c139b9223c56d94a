"""Everything in the database, out and in again, whichever database it is.

Out: rows as they stand at one instant, while others go on writing. In: all of them or none, in the place of what was
there, which is put aside and not thrown away.
"""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from tracker.domain.errors import LastscanError, StoreError
from tracker.store.audit import AuditChain
from tracker.store.engine import open_engine, sqlite_url
from tracker.store.migrations import known_schemas, schema_of, upgrade
from tracker.store.schema import (
    audit,
    devices,
    facts,
    incidents,
    invitations,
    outbox,
    people,
    pieces,
    staff,
    staff_challenges,
    staff_links,
    staff_passkeys,
    staff_recovery,
    staff_sessions,
)
from tracker.store.settings import NUMBER_KEY, NUMBERED, Meta

NUMBERS_SKIPPED = 100_000
"""How many numbers a restore leaves out where nobody can say which were given out after the backup."""

_AT_ONCE = 5000
_LEDGER = "alembic_version"

Row = Sequence[Any]


class InUseError(LastscanError):
    """Somebody has the database open: stop `lastscan up` and every role of it first."""


class UnknownSchemaError(LastscanError):
    """The backup was made by a later version of Lastscan: install that one, then restore."""


@dataclass(frozen=True, slots=True)
class Table:
    """What one table is called and what stands in each row, in this order."""

    name: str
    columns: tuple[str, ...]


class Moment:
    """The database at one instant, however long reading it takes. Rows hold numbers, text, truth values and bytes."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self._reflected = _reflect(connection)
        schema = schema_of(connection)
        if schema is None:
            raise StoreError("there is nothing to back up: this database holds nothing of Lastscan")
        self.schema = schema
        self.generation = Meta(connection).generation

    @property
    def tables(self) -> list[Table]:
        """Each after those it refers to."""
        return [
            Table(str(table.name), tuple(str(column.name) for column in table.columns)) for table in self._reflected
        ]

    def rows(self, table: Table) -> Iterator[Sequence[Row]]:
        """All of them, some thousand at a time."""
        of = next(known for known in self._reflected if known.name == table.name)
        found = self._connection.execution_options(yield_per=_AT_ONCE).execute(sa.select(of))
        yield from (list(map(tuple, some)) for some in found.partitions())


@contextmanager
def moment(engine: sa.Engine) -> Iterator[Moment]:
    """One consistent view of everything. Nobody waits for it: writers go on, and are not seen."""
    options: dict[str, Any] = {"reading": True}
    if engine.dialect.name == "postgresql":
        options |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    try:
        with engine.connect().execution_options(**options) as connection:
            yield Moment(connection)
    except DBAPIError as wrong:
        raise StoreError(f"the database did not answer: {wrong.orig}") from wrong


def _reflect(connection: sa.Connection) -> list[sa.Table]:
    found = sa.MetaData()
    found.reflect(connection)
    return [table for table in found.sorted_tables if table.name != _LEDGER]


class Refilled:
    """An empty database of one schema that is being filled; `before` is what stood in its place, to be read only.

    There is no `before` where nothing stood, or where it `replaces` something that cannot be read any more.
    """

    def __init__(self, connection: sa.Connection, before: sa.Connection | None, *, replaces: bool) -> None:
        self.connection = connection
        self.before = before
        self.replaces = replaces
        self._into = {table.name: table for table in _reflect(connection)}

    def fill(self, table: Table, rows: Iterator[Sequence[Any]]) -> int:
        """Adds all rows, and says how many there were. Bytes and truth values may come as they were written out."""
        into = self._into.get(table.name)
        if into is None or not set(table.columns) <= set(into.columns.keys()):
            raise StoreError(f"this version of Lastscan has no table {table.name} of that form")
        kinds = [into.columns[name].type for name in table.columns]
        logical = [at for at, kind in enumerate(kinds) if isinstance(kind, sa.Boolean)]
        counted = 0

        def as_kept() -> Iterator[tuple[Any, ...]]:
            nonlocal counted
            for row in rows:
                counted += 1
                kept = list(row)
                for at in logical:
                    kept[at] = bool(kept[at])
                yield tuple(kept)

        if self.connection.dialect.name == "postgresql":
            self._copy(into, table.columns, as_kept())
        else:
            self._insert(into, table.columns, as_kept())
        return counted

    def binary(self, table: Table) -> list[int]:
        """Which columns hold bytes."""
        into = self._into.get(table.name)
        return [
            at
            for at, name in enumerate(table.columns)
            if into is not None and name in into.columns and isinstance(into.columns[name].type, sa.LargeBinary)
        ]

    def _insert(self, into: sa.Table, columns: Sequence[str], rows: Iterator[tuple[Any, ...]]) -> None:
        spelled = into.insert().compile(self.connection, column_keys=list(columns)).string
        driver = self.connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        order = spelled.partition("(")[2].partition(")")[0].replace('"', "").split(", ")
        assert order == list(columns)
        driver.executemany(spelled, rows)

    def _copy(self, into: sa.Table, columns: Sequence[str], rows: Iterator[tuple[Any, ...]]) -> None:
        prepare = self.connection.dialect.identifier_preparer
        named = ", ".join(prepare.quote(name) for name in columns)
        driver: Any = self.connection.connection.driver_connection
        with driver.cursor() as cursor, cursor.copy(f"COPY {prepare.format_table(into)} ({named}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        for column in into.primary_key.columns:
            if column.server_default is not None:  # a row number: the next one comes after the last
                last = sa.select(sa.func.max(column)).scalar_subquery()
                sequence = sa.func.pg_get_serial_sequence(prepare.format_table(into), column.name)
                self.connection.execute(sa.select(sa.func.setval(sequence, last)).where(last.isnot(None)))


@contextmanager
def refilled(url: str, *, schema: str, aside: str) -> Iterator[Refilled]:
    """An empty database in the place of this one, which is put aside whole when the block ends, and only then.

    A SQLite file goes into a folder `aside` beside it; on PostgreSQL everything is moved to a schema of that
    name. Raises InUseError while anybody has the database open, UnknownSchemaError for a later schema; on any error
    the database is as it was.
    """
    if schema not in known_schemas():
        raise UnknownSchemaError(f"the backup has schema {schema} of a later version of Lastscan; install that one")
    engine = open_engine(url)
    try:
        if engine.dialect.name == "sqlite":
            with _another_file(Path(engine.url.database or ""), schema, aside) as fresh:
                yield fresh
        else:
            with _another_schema(engine, schema, aside) as fresh:
                yield fresh
    except DBAPIError as wrong:
        raise StoreError(f"the database did not take it: {wrong.orig}") from wrong
    finally:
        engine.dispose()


@contextmanager
def _another_file(path: Path, schema: str, aside: str) -> Iterator[Refilled]:
    was_there, readable = path.exists(), path.exists() and _alone(path) and _whole(path)
    fresh = path.with_name(path.name + ".restoring")
    parts = [fresh.with_name(fresh.name + end) for end in ("", "-wal", "-shm", "-journal")]
    for left in parts:
        left.unlink(missing_ok=True)
    os.close(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    new, old = open_engine(sqlite_url(fresh)), open_engine(sqlite_url(path))
    try:
        with ExitStack() as reading, new.begin() as connection:
            before = reading.enter_context(old.connect().execution_options(reading=True)) if readable else None
            upgrade(connection, schema)
            known = before if before is not None and schema_of(before) is not None else None
            yield Refilled(connection, known, replaces=was_there)
            upgrade(connection)
        new.dispose()
        old.dispose()
        _alone(fresh)
        if readable:
            _alone(path)
        if was_there:
            folder = path.parent / aside
            folder.mkdir(mode=0o700, exist_ok=True)
            os.link(path, folder / path.name)
            for end in ("-wal", "-shm"):  # of a database that could not be read
                with suppress(FileNotFoundError):
                    os.replace(f"{path}{end}", folder / f"{path.name}{end}")
        os.replace(fresh, path)  # there is no moment without a database
    finally:
        new.dispose()
        old.dispose()
        for left in parts:
            left.unlink(missing_ok=True)


def _alone(path: Path) -> bool:
    """Folds the write-ahead log into its file, which SQLite does only where nobody else has it open.

    False for what is no database any more; InUseError while others have it.
    """
    connection = sqlite3.connect(path, timeout=0, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.OperationalError as locked:
        raise InUseError(f"{path} is in use: stop lastscan first") from locked
    except sqlite3.DatabaseError:
        return False
    finally:
        connection.close()
    return True


def _whole(path: Path) -> bool:
    with closing(sqlite3.connect(path)) as connection:
        try:
            said: tuple[str] = connection.execute("PRAGMA quick_check(1)").fetchone()
        except sqlite3.DatabaseError:
            return False
    return said == ("ok",)


@contextmanager
def _another_schema(engine: sa.Engine, schema: str, aside: str) -> Iterator[Refilled]:
    others = sa.text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
        "AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
    )
    with ExitStack() as reading, engine.begin() as connection:
        if connection.execute(others).scalar():
            raise InUseError("somebody is connected to the database: stop lastscan on every machine first")
        before = None
        if schema_of(connection) is not None:
            # Until we commit, others see the old tables under their old name.
            before = reading.enter_context(engine.connect().execution_options(postgresql_readonly=True))
            before.execute(sa.select(1))
            quoted = connection.dialect.identifier_preparer.quote
            here = quoted(connection.execute(sa.select(sa.func.current_schema())).scalar_one())
            connection.exec_driver_sql(f"ALTER SCHEMA {here} RENAME TO {quoted(aside)}")
            connection.exec_driver_sql(f"CREATE SCHEMA {here}")
        upgrade(connection, schema)
        yield Refilled(connection, before, replaces=before is not None)
        upgrade(connection)
        reading.close()


# What a restored database must know that its backup could not


@dataclass(frozen=True, slots=True)
class Since:
    """What was learned from the database that stood there before, if that was the backup's own later self."""

    known: bool
    generation: int


def step_ahead(restored: Refilled, now: datetime) -> Since:
    """Raises the generation, and sees to it that what happened after the backup is neither forgotten nor done twice.

    Where the database before can be read and is the same installation later on, its notices, numbers given out,
    revoked devices, accounts of staff and audit are taken over. Otherwise `NUMBERS_SKIPPED` numbers are left out.
    Nobody of staff stays signed in, and no phone that was invited is invited any more: it may have come meanwhile.
    """
    fresh, before = Meta(restored.connection), restored.before
    earlier = Meta(before) if before is not None else None
    generation = fresh.raise_generation(now, above=earlier.generation if earlier else 0)
    for table in (staff_sessions, staff_links, staff_challenges, invitations):
        restored.connection.execute(sa.delete(table))
    if before is None or earlier is None or not _is_later(before, restored.connection):
        numbered = int(fresh.get(NUMBERED) or 0)
        if numbered:
            fresh.skip_numbers(NUMBERED, numbered + NUMBERS_SKIPPED)
        return Since(known=False, generation=generation)
    fresh.skip_numbers(NUMBERED, int(earlier.get(NUMBERED) or 0))
    _take_over_outbox(before, restored.connection)
    _take_over_incidents(before, restored.connection)
    _take_over_staff(before, restored.connection)
    _take_over_audit(before, restored.connection)
    for row in before.execute(sa.select(devices.c.dev, devices.c.revoked_at).where(devices.c.revoked_at.isnot(None))):
        still = sa.update(devices).where(devices.c.dev == row.dev, devices.c.revoked_at.is_(None))
        restored.connection.execute(still.values(revoked_at=row.revoked_at))
    return Since(known=True, generation=generation)


def _take_over_incidents(before: sa.Connection, restored: sa.Connection) -> None:
    """What notices wait with, and what support decided of it, is as it was last."""
    restored.execute(sa.delete(incidents))
    for row in before.execute(sa.select(incidents)):
        restored.execute(sa.insert(incidents).values(**row._mapping))


def _take_over_staff(before: sa.Connection, restored: sa.Connection) -> None:
    """Whoever was revoked or given another role after the backup stays so."""
    for table in (staff_passkeys, staff_recovery, staff):
        restored.execute(sa.delete(table))
    for table in (staff, staff_passkeys, staff_recovery):
        for row in before.execute(sa.select(table)):
            restored.execute(sa.insert(table).values(**row._mapping))


def _take_over_audit(before: sa.Connection, restored: sa.Connection) -> None:
    """What was done after the backup goes on the chain where it was, if it is the same chain."""
    head = AuditChain(restored).head()
    same = before.execute(sa.select(audit.c.hash).where(audit.c.n == head.n)).scalar()
    if head.n and same != head.hash:
        return
    for row in before.execute(sa.select(audit).where(audit.c.n > head.n).order_by(audit.c.n)):
        restored.execute(sa.insert(audit).values(**row._mapping))


def _is_later(before: sa.Connection, restored: sa.Connection) -> bool:
    keys = [Meta(each).get(NUMBER_KEY) for each in (before, restored)]
    heads = [each.execute(sa.select(sa.func.max(facts.c.pos))).scalar() or 0 for each in (before, restored)]
    return keys[0] == keys[1] and heads[0] >= heads[1]


def _take_over_outbox(before: sa.Connection, restored: sa.Connection) -> None:
    """Notices are owed once for each cause and person: whoever was told after the backup is not told again."""
    there = set(restored.execute(sa.select(outbox.c.id)).scalars())
    known_pieces = set(restored.execute(sa.select(pieces.c.id)).scalars())
    known_people = set(restored.execute(sa.select(people.c.id)).scalars())
    for row in before.execute(sa.select(outbox)):
        if row.id in there:
            ended = {"planned": row.planned, "outcome": row.outcome}
            restored.execute(sa.update(outbox).where(outbox.c.id == row.id).values(**ended))
        elif row.piece in known_pieces and row.person in known_people:
            restored.execute(sa.insert(outbox).values(**row._mapping))
