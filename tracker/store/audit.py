"""The audit chain: rows are added at its end, and the database takes no other change."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

import sqlalchemy as sa

from tracker.domain.chain import Head, Value, linked
from tracker.store.schema import audit

_WRITERS_LOCK = 0x4C534155
_AT_ONCE = 2000


class AuditChain:
    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def lock(self) -> None:
        """Taken before reading what the next row depends on, so that no two follow the same one."""
        if self._connection.dialect.name == "postgresql":
            self._connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_WRITERS_LOCK)))

    def head(self) -> Head:
        last = sa.select(audit.c.n, audit.c.hash).order_by(audit.c.n.desc()).limit(1)
        row = self._connection.execute(last).one_or_none()
        return Head() if row is None else Head(row.n, row.hash)

    def append(self, *, at: datetime, who: str, role: str, action: str, object: str, reason: str | None = None) -> Head:
        """Adds a row; it stands when the transaction commits, and not otherwise."""
        self.lock()
        said = {"at": _spelled(at), "who": who, "role": role, "action": action, "object": object, "reason": reason}
        row = linked(self.head(), said)
        self._connection.execute(sa.insert(audit).values({**row, "at": at}))
        return Head(int(row["n"] or 0), str(row["hash"]))

    def rows(self) -> Iterator[Mapping[str, Value]]:
        """The whole chain from its first row, some thousand at a time."""
        after = 0
        while True:
            some = sa.select(audit).where(audit.c.n > after).order_by(audit.c.n).limit(_AT_ONCE)
            found = [_row(row) for row in self._connection.execute(some)]
            yield from found
            if len(found) < _AT_ONCE:
                return
            after = int(found[-1]["n"] or 0)

    def newest(self, most: int, *, below: int | None = None) -> list[Mapping[str, Value]]:
        """The last rows, or the last before row `below`; the newest first."""
        query = sa.select(audit).order_by(audit.c.n.desc()).limit(most)
        if below is not None:
            query = query.where(audit.c.n < below)
        return [_row(row) for row in self._connection.execute(query)]

    def objects(self, who: str, action: str, since: datetime) -> set[str]:
        """What this one did this to, since then."""
        query = sa.select(audit.c.object).where(audit.c.who == who, audit.c.at >= since, audit.c.action == action)
        return set(self._connection.execute(query).scalars())

    def times(self, action: str, object: str, since: datetime) -> int:
        """How often this was done to it by anybody, since then."""
        query = sa.select(sa.func.count()).where(
            audit.c.at >= since, audit.c.action == action, audit.c.object == object
        )
        return int(self._connection.execute(query.select_from(audit)).scalar_one())


def _row(row: sa.Row[tuple[object, ...]]) -> Mapping[str, Value]:
    return {**row._mapping, "at": _spelled(row.at)}


def _spelled(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
