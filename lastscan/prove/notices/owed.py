"""What is owed: a table beside notify's own, with the promises of `tracker.outbox`."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from notify.owed import EXPIRED, OVERTAKEN, STANDS, OwedNotice, Recipient
from tracker.domain.network import Facility
from tracker.domain.notices import NOTICE_RULES, NoticeKind
from tracker.domain.rules.missed_connection import LEFT_BEHIND
from tracker.domain.shipment import PieceKind
from tracker.domain.why import Facts, because

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
"""By the business clock, which stands still: how soon a notice expires is proven elsewhere."""

KINDS = (NoticeKind.MISSED_CONNECTION, NoticeKind.DELIVERED)
"""In turn: one that must arrive, and one that must not come twice, where a provider forgets keys."""

FACTS: Facts = {"departure": "LH716/2026-11-21", "facility": "LEJ", "left_at": NOW, "seen_at": NOW}

metadata = sa.MetaData()
_owed = sa.Table(
    "owed",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("n", sa.Integer, nullable=False),
    sa.Column("planned", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("overtaken_at", sa.Float),  # by real time, in seconds since 1970
    sa.Column("outcome", sa.Text, nullable=False, server_default=""),
)
sa.Index("owed_unplanned", _owed.c.n, sqlite_where=~_owed.c.planned, postgresql_where=~_owed.c.planned)


def kind_of(n: int) -> NoticeKind:
    return KINDS[n % len(KINDS)]


def owe(engine: sa.Engine, count: int) -> None:
    """Makes the table, and so many notices, `n-0` and on."""
    metadata.create_all(engine)
    with engine.begin() as tx:
        tx.execute(sa.insert(_owed), [{"id": f"n-{n}", "n": n} for n in range(count)])


class Outbox:
    """A `notify.owed.Outbox`."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._reading = engine.execution_options(reading=True)

    def unplanned(self, limit: int = 500, *, by: datetime | None = None) -> list[OwedNotice]:
        query = sa.select(_owed.c.n).where(~_owed.c.planned).order_by(_owed.c.n).limit(limit)
        with self._reading.connect() as tx:
            return [_notice(n) for n in tx.execute(query).scalars()]

    def planned(self, ids: Sequence[str]) -> None:
        with self._engine.begin() as tx:
            tx.execute(sa.update(_owed).where(_owed.c.id.in_(sorted(ids))).values(planned=True))

    def notice(self, id: str) -> OwedNotice | None:
        return _notice(int(id.removeprefix("n-")))

    def verdict(self, id: str, now: datetime) -> str:
        with self._reading.connect() as tx:
            overtaken = tx.execute(sa.select(_owed.c.overtaken_at).where(_owed.c.id == id)).scalar()
        if overtaken is not None:
            return OVERTAKEN
        return STANDS if now <= NOW + timedelta(hours=1) else EXPIRED

    def told(self, outcomes: Sequence[tuple[str, str]]) -> None:
        write: Any = sa.update(_owed).where(_owed.c.id == sa.bindparam("_id")).values(outcome=sa.bindparam("ended"))
        with self._engine.begin() as tx:
            tx.execute(write, [{"_id": notice, "ended": outcome} for notice, outcome in outcomes])


def _notice(n: int) -> OwedNotice:
    kind, place = kind_of(n), Facility("LEJ")
    return OwedNotice(
        id=f"n-{n}",
        kind=kind,
        cause=f"{kind}:n-{n}",
        account="prove",
        number=f"N{n}",
        journey=1,
        seq=1,
        first_time=True,
        piece_kind=PieceKind.PARCEL,
        origin=place,
        destination=place,
        why=because(LEFT_BEHIND, FACTS),
        window=None,
        departure=None,
        withdraws=None,
        before=None,
        quotes=None,
        places={},
        owed_at=NOW,
        expires_at=NOW + timedelta(hours=1),
        urgency=NOTICE_RULES[kind].urgency,
        channels=("provider",),
        recipient=Recipient(f"p-{n}", "Ada", f"p{n}@example.org", None, "en", "UTC"),
    )
