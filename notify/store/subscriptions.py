"""Which browser shows what to whom, in the database."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from notify.channels.push.subscription import Subscription
from notify.store.schema import push_subscriptions

_s = push_subscriptions.c


class Subscriptions:
    """One browser a person: the one that asked last. Each call is one transaction and may be repeated."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._reading = engine.execution_options(reading=True)

    def keep(self, person: str, subscription: Subscription, now: datetime) -> None:
        """In the place of one this person had before."""
        row = {
            "person": person,
            "endpoint": subscription.endpoint,
            "p256dh": subscription.p256dh,
            "auth": subscription.auth,
            "made_at": now,
        }
        with self._engine.begin() as tx:
            insert = postgresql.insert if tx.dialect.name == "postgresql" else sqlite.insert
            tx.execute(
                insert(push_subscriptions).values(row).on_conflict_do_update(index_elements=["person"], set_=row)
            )

    def of(self, person: str) -> Subscription | None:
        return self._find(_s.person == person)

    def at(self, endpoint: str) -> Subscription | None:
        return self._find(_s.endpoint == endpoint)

    def drop(self, endpoint: str) -> None:
        with self._engine.begin() as tx:
            tx.execute(sa.delete(push_subscriptions).where(_s.endpoint == endpoint))

    def _find(self, which: sa.ColumnElement[bool]) -> Subscription | None:
        query = sa.select(_s.endpoint, _s.p256dh, _s.auth).where(which).limit(1)
        with self._reading.connect() as tx:
            row = tx.execute(query).one_or_none()
        return Subscription(*row) if row is not None else None
