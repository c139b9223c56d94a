"""What recipients asked for beyond what the log says: addresses, neighbours, places. Personal, and can be deleted."""

from collections.abc import Collection
from dataclasses import dataclass

import msgspec
import sqlalchemy as sa

from tracker.domain.handling import EventKey
from tracker.store.schema import asked, pieces


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
    ask: str
    asked_for: AskedFor


class AskTables:
    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def keep(self, piece: int, key: EventKey, ask: str, asked_for: AskedFor) -> None:
        row = {"piece": piece, "key": str(key), "ask": ask, "details": msgspec.json.encode(asked_for).decode()}
        self._connection.execute(sa.insert(asked).values(**row))

    def close(self, key: EventKey, outcome: str) -> None:
        """It was answered so."""
        self._connection.execute(sa.update(asked).where(asked.c.key == str(key)).values(outcome=outcome))

    def granted(self, numbers: Collection[str], among_asks: Collection[str]) -> dict[str, tuple[str, str]]:
        """For each of these numbers the ask of these kinds that was granted last, and the note beside it."""
        query = (
            sa.select(pieces.c.number, asked.c.ask, asked.c.details)
            .join(pieces, pieces.c.id == asked.c.piece)
            .where(pieces.c.number.in_(list(numbers)), asked.c.ask.in_(list(among_asks)), asked.c.outcome == "granted")
            .order_by(asked.c.id)
        )
        rows = self._connection.execute(query) if numbers else ()
        return {row.number: (row.ask, msgspec.json.decode(row.details, type=AskedFor).note) for row in rows}

    def waiting(self, pieces: Collection[int] | None = None) -> list[AskRow]:
        """What nobody has answered yet, of these pieces or of all, in the order it was asked."""
        query = sa.select(asked).where(asked.c.outcome.is_(None)).order_by(asked.c.id)
        if pieces is not None:
            query = query.where(asked.c.piece.in_(list(pieces)))
        return [_row(row) for row in self._connection.execute(query)]


def _row(row: sa.Row[tuple[object, ...]]) -> AskRow:
    origin, _, key = str(row.key).partition("#")
    details = msgspec.json.decode(row.details, type=AskedFor)
    return AskRow(row.piece, EventKey(origin, key), row.ask, details)
