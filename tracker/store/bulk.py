"""Many rows at once, as each database does it best."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite


def matching(
    connection: sa.Connection, pairs: Sequence[tuple[Any, Any]], first: sa.Column[Any], second: sa.Column[Any]
) -> sa.FromClause:
    """The rows of a table whose two columns are one of these pairs, found by their index, one look-up a pair.

    `(a, b) IN (...)` would say the same, and SQLite reads the whole table for it.
    """
    if connection.dialect.name == "postgresql":
        firsts = sa.literal([pair[0] for pair in pairs], postgresql.ARRAY(first.type))
        seconds = sa.literal([pair[1] for pair in pairs], postgresql.ARRAY(second.type))
        asked: Any = sa.func.unnest(firsts, seconds).table_valued("first", "second").render_derived()
        return sa.join(asked, first.table, sa.and_(first == asked.c.first, second == asked.c.second))
    asked = sa.func.json_each(json.dumps(pairs)).table_valued("value")
    one = sa.func.json_extract(asked.c.value, "$[0]"), sa.func.json_extract(asked.c.value, "$[1]")
    return sa.join(asked, first.table, sa.and_(first == one[0], second == one[1]))


def upsert(connection: sa.Connection) -> Callable[[sa.Table], Any]:
    """An `insert` that knows ON CONFLICT."""
    return postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert


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
