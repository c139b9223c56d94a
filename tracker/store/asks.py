"""What recipients asked for beyond what the log says: addresses, neighbours, places. Personal, and can be deleted."""

from collections.abc import Collection
from dataclasses import dataclass

import msgspec
import sqlalchemy as sa

from tracker.domain.handling import EventKey
from tracker.store.schema import asked


class AskedFor(msgspec.Struct, frozen=True, omit_defaults=True):
    """The personal part of an ask."""

    note: str = ""
    lines: tuple[str, ...] = ()
    city: str = ""
    postcode: str = ""
    country: str = ""


@dataclass(frozen=True, slots=True)
class AskRow:
    piece: int
    key: EventKey
    asked_for: AskedFor


class AskTables:
    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def keep(self, piece: int, key: EventKey, asked_for: AskedFor) -> None:
        row = {"piece": piece, "key": str(key), "details": msgspec.json.encode(asked_for).decode(), "open": True}
        self._connection.execute(sa.insert(asked).values(**row))

    def close(self, key: EventKey) -> None:
        """It was answered."""
        self._connection.execute(sa.update(asked).where(asked.c.key == str(key)).values(open=False))

    def of(self, key: EventKey) -> AskedFor:
        """What was asked for under this key; nothing where it was deleted."""
        query = sa.select(asked.c.details).where(asked.c.key == str(key))
        details = self._connection.execute(query).scalar()
        return msgspec.json.decode(details, type=AskedFor) if details is not None else AskedFor()

    def waiting(self, pieces: Collection[int] | None = None) -> list[AskRow]:
        """What nobody has answered yet, of these pieces or of all, in the order it was asked."""
        query = sa.select(asked).where(asked.c.open).order_by(asked.c.id)
        if pieces is not None:
            query = query.where(asked.c.piece.in_(list(pieces)))
        return [_row(row) for row in self._connection.execute(query)]


def _row(row: sa.Row[tuple[object, ...]]) -> AskRow:
    origin, _, key = str(row.key).partition("#")
    return AskRow(row.piece, EventKey(origin, key), msgspec.json.decode(row.details, type=AskedFor))
