"""How each provider stands, the same for all notifiers: what it was sent, and whether it rests."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from notify.pace import RESTS_AFTER, RESTS_FOR
from notify.store.schema import lanes


@dataclass(frozen=True, slots=True)
class Lane:
    """The way to one provider."""

    channel: str
    spent_until: datetime | None = None
    failures: int = 0
    rests_until: datetime | None = None

    def rests(self, now: datetime) -> bool:
        return self.rests_until is not None and now < self.rests_until

    def heard(self, answers: Iterable[bool], now: datetime) -> "Lane":
        """After these answers, oldest first: whether it said yes or no, or failed to."""
        failures = self.failures
        for answered in answers:
            failures = 0 if answered else failures + 1
        if failures < RESTS_AFTER:
            return replace(self, failures=failures, rests_until=None)
        # One failure after its rest is enough for the next one.
        return replace(self, failures=RESTS_AFTER - 1, rests_until=now + RESTS_FOR)


def lane_of(tx: sa.Connection, channel: str, *, to_change: bool = False) -> Lane:
    """As it stands; `to_change`: nobody else changes it before this transaction ends."""
    query = sa.select(lanes).where(lanes.c.channel == channel)
    row = tx.execute(query.with_for_update() if to_change else query).one_or_none()
    return Lane(channel) if row is None else Lane(row.channel, row.spent_until, row.failures, row.rests_until)


def keep_lane(tx: sa.Connection, lane: Lane) -> None:
    insert = postgresql.insert if tx.dialect.name == "postgresql" else sqlite.insert
    row = {"spent_until": lane.spent_until, "failures": lane.failures, "rests_until": lane.rests_until}
    write = insert(lanes).values(channel=lane.channel, **row)
    tx.execute(write.on_conflict_do_update(index_elements=["channel"], set_=row))
