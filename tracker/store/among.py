"""`column IN (…)` for any number of values with one statement, whose text never changes: it is compiled once."""

from collections.abc import Collection
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

WANTED = "wanted"
"""The parameter the values come as."""


class _Values(sa.types.TypeDecorator[Any]):
    """A list as one parameter: JSON on SQLite, an array on PostgreSQL."""

    impl = sa.Text
    cache_ok = True

    def __init__(self, of: type[sa.types.TypeEngine[Any]]) -> None:
        super().__init__()
        self.of = of

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        return dialect.type_descriptor(sa.ARRAY(self.of) if dialect.name == "postgresql" else sa.Text())

    def process_bind_param(self, value: Collection[Any] | None, dialect: sa.Dialect) -> Any:
        values = list(value or ())
        return values if dialect.name == "postgresql" else msgspec.json.encode(values).decode()


class _Among(FunctionElement[Any]):
    name = "among"
    type = sa.types.NULLTYPE  # as a Boolean SQLite would be asked whether it `= 1`, and would use no index
    inherit_cache = True


def among(column: sa.ColumnElement[Any], name: str = WANTED) -> sa.ColumnElement[bool]:
    """Whether `column` is one of the values given as the parameter `name` when the statement is executed."""
    of = sa.Text if isinstance(column.type, sa.Text) else sa.BigInteger
    return _Among(column, sa.bindparam(name, type_=_Values(of)))


@compiles(_Among)
def _in_json(element: Any, compiler: Any, **more: Any) -> str:
    column, wanted = (compiler.process(clause, **more) for clause in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({wanted}))"  # noqa: S608  # both are compiled already


@compiles(_Among, "postgresql")
def _in_array(element: Any, compiler: Any, **more: Any) -> str:
    column, wanted = (compiler.process(clause, **more) for clause in element.clauses)
    return f"{column} = ANY ({wanted})"
