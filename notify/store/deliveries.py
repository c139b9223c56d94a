"""Deliveries and proofs in the database: who may send what now, and what became of it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from notify.delivery import SETTLED, Counts, Delivery, Planned, Settlement, State
from notify.proofs import FIRST, Link, Proof, first_broken, seal
from notify.routing import LEASE
from notify.store.schema import deliveries, proofs

_CHAIN_LOCK = 0x6E6F7469  # any number, the same for all who append to the ledger

_HELD = tuple(column for column in deliveries.c if column.name in Delivery.__dataclass_fields__)
_PROVEN = tuple(column for column in proofs.c if column.name in Proof.__dataclass_fields__)


class DeliveryStore:
    """Deliveries and proofs in one database, for as many dispatchers as like.

    Each call is one transaction. `now` is real time: leases and the ladder do not follow a demo's clock.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._reading = engine.execution_options(reading=True)

    # Planning

    def plan(self, planned: Sequence[Planned], now: datetime) -> int:
        """Adds those not yet known, due at once, and says how many were new."""
        if not planned:
            return 0
        with self._engine.begin() as tx:
            return sum(self._add(tx, one, now) for one in planned)

    def _add(self, tx: sa.Connection, planned: Planned, now: datetime) -> int:
        insert = postgresql.insert if tx.dialect.name == "postgresql" else sqlite.insert
        row = {
            "id": planned.id,
            "notice": planned.notice,
            "channel": planned.channel,
            "cause": planned.cause,
            "person": planned.person,
            "kind": planned.kind,
            "priority": planned.priority,
            "state": State.DUE,
            "due_at": now,
            "planned_at": now,
        }
        added = insert(deliveries).values(row).on_conflict_do_nothing().returning(deliveries.c.id)
        return len(tx.execute(added).all())

    # Claiming, handing over, settling

    def claim(self, now: datetime) -> Delivery | None:
        """The most pressing delivery that is due and that nobody holds, leased to the caller; None if there is none.

        Whoever asks at the same time gets another one. A lease that ran out is claimed like the rest.
        """
        d = deliveries.c
        due = (
            sa.select(d.id)
            .where(d.due_at <= now, sa.or_(d.lease_until.is_(None), d.lease_until < now))
            .order_by(d.priority, d.due_at, d.id)
            .limit(1)
            .with_for_update(skip_locked=True)  # SQLite has begun IMMEDIATE and compiles this to nothing
            .scalar_subquery()
        )
        claim = (
            sa.update(deliveries)
            .where(d.id == due)
            .values(state=State.LEASED, fence=d.fence + 1, attempts=d.attempts + 1, lease_until=now + LEASE)
            .returning(*_HELD)
        )
        with self._engine.begin() as tx:
            row = tx.execute(claim).one_or_none()
        return _delivery(row._mapping) if row is not None else None

    def hand(self, delivery: Delivery, now: datetime) -> bool:
        """Notes that from now on the person may have it, and lengthens the lease; False if it is no longer ours.

        It comes before the first byte of the message: a crash after it leaves an open question, never a lost one.
        """
        d = deliveries.c
        note = (
            sa.update(deliveries)
            .where(d.id == delivery.id, d.fence == delivery.fence, d.lease_until >= now)
            .values(handed_at=sa.func.coalesce(d.handed_at, sa.bindparam("at", now, d.handed_at.type)))
            .values(lease_until=now + LEASE)
        )
        with self._engine.begin() as tx:
            return tx.execute(note).rowcount == 1

    def settle(self, delivery: Delivery, settlement: Settlement, proof: Proof, now: datetime) -> bool:
        """Writes what the attempt came to, with its proof; False, the proof kept all the same, if it was taken over."""
        d = deliveries.c
        values: dict[str, Any] = {
            "state": settlement.state,
            "why": settlement.why,
            "answer": settlement.answer,
            "due_at": settlement.due_at,
            "handed_at": settlement.handed_at,
            "lease_until": None,
            "settled_at": now,
        }
        if settlement.then is not None:
            values["reported"] = settlement.state  # the notice goes on by another channel: nothing to report yet
        write = sa.update(deliveries).where(d.id == delivery.id, d.fence == delivery.fence).values(values)
        with self._engine.begin() as tx:
            ours = tx.execute(write).rowcount == 1
            if ours and settlement.then is not None:
                self._add(tx, settlement.then, now)
            self._append(tx, proof)
        return ours

    def _append(self, tx: sa.Connection, proof: Proof) -> None:
        if tx.dialect.name == "postgresql":
            tx.execute(sa.select(sa.func.pg_advisory_xact_lock(_CHAIN_LOCK)))
        last = tx.execute(sa.select(proofs.c.pos, proofs.c.hash).order_by(proofs.c.pos.desc()).limit(1)).one_or_none()
        link = seal(proof, pos=last.pos + 1 if last else 1, prev=last.hash if last else FIRST)
        row = {column.name: getattr(proof, column.name) for column in _PROVEN}
        tx.execute(sa.insert(proofs).values(row | {"pos": link.pos, "prev": link.prev, "hash": link.hash}))

    # What the tracker hears

    def unreported(self, limit: int = 500) -> list[tuple[str, str, State]]:
        """Delivery, notice and state of what was settled and the tracker has not been told."""
        d = deliveries.c
        query = (
            sa.select(d.id, d.notice, d.state)
            .where(d.reported != d.state, d.state.in_(SETTLED))
            .order_by(d.settled_at)
            .limit(limit)
        )
        with self._reading.connect() as tx:
            return [(row.id, row.notice, State(row.state)) for row in tx.execute(query)]

    def reported(self, id: str, state: State) -> None:
        with self._engine.begin() as tx:
            tx.execute(sa.update(deliveries).where(deliveries.c.id == id).values(reported=state))

    def said(self, *, cause: str, person: str) -> Literal["said", "undecided", "unsaid"]:
        """Whether a person may have been told something; undecided while somebody is about to tell it."""
        d = deliveries.c
        query = sa.select(d.state, d.handed_at).where(d.cause == cause, d.person == person)
        with self._reading.connect() as tx:
            rows = tx.execute(query).all()
        if any(row.state == State.ACCEPTED for row in rows):
            return "said"
        if any(row.state == State.LEASED for row in rows):
            return "undecided"
        return "said" if any(row.handed_at is not None for row in rows) else "unsaid"

    # Figures

    def idle(self, now: datetime) -> bool:
        """Nothing is due by now, in anybody's hands, or unreported."""
        d = deliveries.c
        busy = sa.or_(d.due_at <= now, sa.and_(d.reported != d.state, d.state.in_(SETTLED)))
        with self._reading.connect() as tx:
            return tx.execute(sa.select(d.id).where(busy).limit(1)).one_or_none() is None

    def oldest_due(self) -> datetime | None:
        """When the delivery that has waited longest was, or will be, due; None when nothing is left to send."""
        with self._reading.connect() as tx:
            found: datetime | None = tx.execute(sa.select(sa.func.min(deliveries.c.due_at))).scalar()
        return found

    def counts(self) -> Counts:
        d, p = deliveries.c, proofs.c
        by_state = sa.select(d.notice, d.state, d.due_at.isnot(None).label("open"))
        doubled = (
            sa.select(sa.func.count())
            .where(p.outcome == State.ACCEPTED)
            .group_by(p.cause, p.person, p.channel)
            .having(sa.func.count() > 1)
        )
        with self._reading.connect() as tx:
            notices: dict[str, set[str]] = {}
            for row in tx.execute(by_state):
                notices.setdefault(row.notice, set()).add("open" if row.open else row.state)
            twice = len(tx.execute(doubled).all())
        ends = [_end(states) for states in notices.values()]
        return Counts(
            notices_due=len(ends) - ends.count(State.CANCELLED) - ends.count(State.OPTED_OUT),
            notices_sent=ends.count(State.ACCEPTED),
            notices_doubled=twice,
            notices_failed=ends.count(State.FAILED),
            notices_unknown=ends.count(State.UNKNOWN),
            notices_waiting=ends.count("open"),
            notices_cancelled=ends.count(State.CANCELLED),
            notices_expired=ends.count(State.EXPIRED),
            notices_opted_out=ends.count(State.OPTED_OUT),
        )

    # Proofs

    def proofs(self) -> list[Link]:
        """The whole ledger, oldest first."""
        with self._reading.connect() as tx:
            rows = tx.execute(sa.select(proofs).order_by(proofs.c.pos)).mappings().all()
        return [
            Link(row["pos"], Proof(**{column.name: row[column] for column in _PROVEN}), row["prev"], row["hash"])
            for row in rows
        ]

    def first_broken_proof(self) -> int | None:
        """None while every proof is what was written."""
        return first_broken(self.proofs())


def _end(states: set[str]) -> str:
    """What a notice has come to over all its channels."""
    best_first = (State.ACCEPTED, "open", State.UNKNOWN, State.FAILED, State.EXPIRED, State.OPTED_OUT)
    return next((state for state in best_first if state in states), State.CANCELLED)


def _delivery(row: Any) -> Delivery:
    fields = {column.name: row[column.name] for column in _HELD}
    return Delivery(**(fields | {"state": State(fields["state"])}))
