"""Who wants no more of what, in the database."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from notify.store.schema import opt_outs


class OptOutStore:
    """Addresses, by their digests, and the kinds they have left. Each call is one transaction and may be repeated."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._reading = engine.execution_options(reading=True)

    def add(self, *, address: str, kind: str, since: datetime) -> None:
        """Whoever left before has left since then."""
        with self._engine.begin() as tx:
            insert = postgresql.insert if tx.dialect.name == "postgresql" else sqlite.insert
            row = {"address": address, "kind": kind, "since": since}
            tx.execute(insert(opt_outs).values(row).on_conflict_do_nothing())

    def remove(self, *, address: str, kind: str) -> None:
        with self._engine.begin() as tx:
            tx.execute(sa.delete(opt_outs).where(opt_outs.c.address == address, opt_outs.c.kind == kind))

    def since(self, *, address: str, kind: str) -> datetime | None:
        """Since when this address has left this kind; None if it has not."""
        query = sa.select(opt_outs.c.since).where(opt_outs.c.address == address, opt_outs.c.kind == kind)
        with self._reading.connect() as tx:
            found: datetime | None = tx.execute(query).scalar_one_or_none()
        return found
