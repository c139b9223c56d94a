"""Notices that are owed: written with the facts that caused them, kept whatever is folded again."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
import sqlalchemy as sa

from tracker.domain.notices import Notice
from tracker.store.schema import outbox


@dataclass(frozen=True, slots=True)
class OwedRow:
    id: str
    cause: str
    person: int
    piece: int
    notice: Notice
    channels: tuple[str, ...]
    owed_at: datetime
    expires_at: datetime
    outcome: str


class OwedNotices:
    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def owe(
        self,
        notice: Notice,
        *,
        person: int,
        piece: int,
        channels: tuple[str, ...],
        now: datetime,
        expires_at: datetime,
        muted: bool = False,
    ) -> bool:
        """Once for each cause and person; False when it was owed before. A muted one is kept and never sent."""
        there = sa.select(outbox.c.id).where(outbox.c.cause == notice.cause, outbox.c.person == person)
        if self._connection.execute(there).scalar() is not None:
            return False
        values = {
            "id": str(uuid.uuid4()),
            "cause": notice.cause,
            "person": person,
            "piece": piece,
            "kind": notice.kind.value,
            "notice": msgspec.json.encode(notice).decode(),
            "channels": msgspec.json.encode(channels).decode(),
            "owed_at": now,
            "expires_at": expires_at,
            "planned": muted,
            "outcome": "muted" if muted else "due",
        }
        self._connection.execute(sa.insert(outbox).values(**values))
        return True

    def unplanned(self, limit: int) -> list[OwedRow]:
        query = sa.select(outbox).where(~outbox.c.planned).order_by(outbox.c.owed_at, outbox.c.id).limit(limit)
        return [_owed(row) for row in self._connection.execute(query)]

    def planned(self, ids: Sequence[str]) -> None:
        self._connection.execute(sa.update(outbox).where(outbox.c.id.in_(ids)).values(planned=True))

    def find(self, id: str) -> OwedRow | None:
        row = self._connection.execute(sa.select(outbox).where(outbox.c.id == id)).one_or_none()
        return _owed(row) if row else None

    def outcome_of(self, cause: str, person: int) -> str | None:
        query = sa.select(outbox.c.outcome).where(outbox.c.cause == cause, outbox.c.person == person)
        return self._connection.execute(query).scalar()

    def told(self, id: str, outcome: str) -> None:
        self._connection.execute(sa.update(outbox).where(outbox.c.id == id).values(outcome=outcome))

    def about(self, piece: int) -> list[OwedRow]:
        query = sa.select(outbox).where(outbox.c.piece == piece).order_by(outbox.c.owed_at, outbox.c.id)
        return [_owed(row) for row in self._connection.execute(query)]

    def counts(self) -> dict[str, int]:
        rows = self._connection.execute(sa.select(outbox.c.outcome, sa.func.count()).group_by(outbox.c.outcome))
        by_outcome = {row[0]: row[1] for row in rows}
        return {"notices_due": sum(by_outcome.values()), "notices_sent": by_outcome.get("accepted", 0)}


def _owed(row: sa.Row[tuple[object, ...]]) -> OwedRow:
    return OwedRow(
        id=row.id,
        cause=row.cause,
        person=row.person,
        piece=row.piece,
        notice=msgspec.json.decode(row.notice, type=Notice),
        channels=tuple(msgspec.json.decode(row.channels, type=list[str])),
        owed_at=row.owed_at,
        expires_at=row.expires_at,
        outcome=row.outcome,
    )
