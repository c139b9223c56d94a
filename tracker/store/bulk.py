"""Many rows at once, as each database does it best."""

import json
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

Made = TypeVar("Made")


def per_dialect(make: Callable[[str], Made]) -> Callable[[sa.Connection], Made]:
    """A statement that each database spells in its own way, made once for each: to make one costs as much as to run it.

    `make` gets the dialect's name; it is not called again for a connection of the same dialect.
    """
    made = cache(make)
    return lambda connection: made(connection.dialect.name)


def matching(dialect: str, first: sa.Column[Any], second: sa.Column[Any]) -> sa.FromClause:
    """The rows of a table whose two columns are one of the `pairs` given, found by their index, one look-up a pair.

    `(a, b) IN (...)` would say the same, and SQLite reads the whole table for it.
    """
    if dialect == "postgresql":
        firsts = sa.bindparam("firsts", type_=postgresql.ARRAY(first.type))
        seconds = sa.bindparam("seconds", type_=postgresql.ARRAY(second.type))
        asked: Any = sa.func.unnest(firsts, seconds).table_valued("first", "second").render_derived()
        return sa.join(asked, first.table, sa.and_(first == asked.c.first, second == asked.c.second))
    asked = sa.func.json_each(sa.bindparam("pairs", type_=sa.Text)).table_valued("value")
    one = sa.func.json_extract(asked.c.value, "$[0]"), sa.func.json_extract(asked.c.value, "$[1]")
    return sa.join(asked, first.table, sa.and_(first == one[0], second == one[1]))


def pairs(connection: sa.Connection, wanted: Sequence[tuple[Any, Any]]) -> dict[str, Any]:
    """The parameters of a statement made of `matching`."""
    if connection.dialect.name == "postgresql":
        return {"firsts": [pair[0] for pair in wanted], "seconds": [pair[1] for pair in wanted]}
    return {"pairs": json.dumps(wanted)}


def upsert(dialect: str) -> Callable[[sa.Table], Any]:
    """An `insert` that knows ON CONFLICT."""
    return postgresql.insert if dialect == "postgresql" else sqlite.insert


def fill(connection: sa.Connection, table: sa.Table, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    """Inserts rows of values the driver takes as they are; all of them, or an error of SQLAlchemy's."""
    if connection.dialect.name == "postgresql":
        _copy(connection, table, columns, rows)
    else:
        names, marks = ", ".join(f'"{name}"' for name in columns), ", ".join("?" * len(columns))
        connection.exec_driver_sql(f"INSERT INTO {table.name} ({names}) VALUES ({marks})", list(rows))  # noqa: S608


def _copy(connection: sa.Connection, table: sa.Table, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    import psycopg  # an extra: who has no PostgreSQL need not have it

    names = ", ".join(f'"{name}"' for name in columns)
    command = f"COPY {table.name} ({names}) FROM STDIN"
    driver: psycopg.Connection[Any] | None = connection.connection.driver_connection
    assert driver is not None
    try:
        with driver.cursor() as cursor, cursor.copy(command.encode()) as copy:
            for row in rows:
                copy.write_row(row)
    except psycopg.Error as wrong:
        raise sa.exc.DBAPIError.instance(command, None, wrong, psycopg.Error, dialect=connection.dialect) from wrong
