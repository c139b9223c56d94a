"""What providers said, and which addresses nothing is sent to, in the database."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from notify.delivery import Feedback
from notify.store.schema import feedback, suppressions


@dataclass(frozen=True, slots=True)
class Suppressed:
    """An address nothing is sent to; `until` None: until somebody takes it off the list."""

    cause: str
    since: datetime
    until: datetime | None


class FeedbackStore:
    """Each call is one transaction and may be repeated."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._reading = engine.execution_options(reading=True)

    def keep(self, said: Feedback, now: datetime) -> None:
        """Once for a provider's id; what it says again under one is not looked at."""
        with self._engine.begin() as tx:
            insert = postgresql.insert if tx.dialect.name == "postgresql" else sqlite.insert
            row = {
                "provider": said.provider,
                "id": said.id,
                "delivery": said.delivery,
                "said": said.said,
                "words": said.words,
                "heard_at": now,
            }
            tx.execute(insert(feedback).values(row).on_conflict_do_nothing())

    def suppressed(self, address: str, now: datetime) -> Suppressed | None:
        """Why nothing is sent to the address of this digest now; None when it may be."""
        s = suppressions.c
        query = sa.select(s.cause, s.since, s.until).where(s.address == address, s.since.isnot(None))
        with self._reading.connect() as tx:
            row = tx.execute(query).one_or_none()
        if row is None or (row.until is not None and row.until <= now):
            return None
        return Suppressed(row.cause, row.since, row.until)

    def forget(self, address: str) -> bool:
        """Something may be sent to the address of this digest again; whether it was on the list."""
        with self._engine.begin() as tx:
            return tx.execute(sa.delete(suppressions).where(suppressions.c.address == address)).rowcount > 0
