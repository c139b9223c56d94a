"""Endpoints, what each is sent, and the log of the attempts, in the database."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from notify.channels.webhook.endpoint import KEPT_FOR, TEST, Attempt, Endpoint, Message, NewMessage, Wanted
from notify.delivery import State
from notify.routing import LEASE
from notify.store.schema import webhook_answers, webhook_attempts, webhook_messages, webhooks
from tracker.domain.notices import NoticeKind

RUNNING = ""
"""What `begin_answer` finds while the first is still being answered."""

_OPEN = (State.DUE, State.LEASED, State.RETRY)
_FIELDS = tuple(column for column in webhooks.c if column.name in Endpoint.__dataclass_fields__)


class WebhookStore:
    """Each call is one transaction. `now` is real time."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._reading = engine.execution_options(reading=True)

    # Endpoints

    def add(self, endpoint: Endpoint, *, most: int) -> bool:
        """False where the account has as many as it may."""
        row = {column.name: getattr(endpoint, column.name) for column in _FIELDS}
        row["kinds"] = json.dumps([str(kind) for kind in endpoint.kinds])
        with self._engine.begin() as tx:
            have = sa.select(sa.func.count()).select_from(webhooks).where(webhooks.c.account == endpoint.account)
            if tx.execute(have).scalar_one() >= most:
                return False
            tx.execute(sa.insert(webhooks).values(row))
        return True

    def of(self, account: str | None = None) -> list[Endpoint]:
        """Those of an account, or of all, the oldest first."""
        query = sa.select(*_FIELDS).order_by(webhooks.c.made_at, webhooks.c.id)
        if account is not None:
            query = query.where(webhooks.c.account == account)
        with self._reading.connect() as tx:
            return [_endpoint(row._mapping) for row in tx.execute(query)]

    def find(self, id: str) -> Endpoint | None:
        with self._reading.connect() as tx:
            row = tx.execute(sa.select(*_FIELDS).where(webhooks.c.id == id)).one_or_none()
        return _endpoint(row._mapping) if row is not None else None

    def remove(self, id: str) -> None:
        """With all it was sent and what came of it."""
        with self._engine.begin() as tx:
            tx.execute(sa.delete(webhook_attempts).where(webhook_attempts.c.webhook == id))
            tx.execute(sa.delete(webhook_messages).where(webhook_messages.c.webhook == id))
            tx.execute(sa.delete(webhooks).where(webhooks.c.id == id))

    def rotate(self, id: str, *, secret: str, old_until: datetime) -> None:
        values = {"old_secret": webhooks.c.secret, "secret": secret, "old_until": old_until}
        with self._engine.begin() as tx:
            tx.execute(sa.update(webhooks).where(webhooks.c.id == id).values(values))

    # Messages

    def put_down(self, messages: Sequence[NewMessage], now: datetime) -> int:
        """Adds those not yet known, due at once, and says how many were new. Those for an endpoint that is switched off
        are kept as failed, so that they can be replayed."""
        if not messages:
            return 0
        with self._engine.begin() as tx:
            off = set(tx.execute(sa.select(webhooks.c.id).where(webhooks.c.off_at.isnot(None))).scalars())
            insert = postgresql.insert if tx.dialect.name == "postgresql" else sqlite.insert
            added = 0
            for one in messages:
                row: dict[str, Any] = {field: getattr(one, field) for field in NewMessage.__dataclass_fields__}
                row |= {"made_at": now, "state": State.DUE, "due_at": now}
                if one.webhook in off and one.kind != TEST:
                    row |= {"state": State.FAILED, "due_at": None, "why": "the endpoint is switched off"}
                made = insert(webhook_messages).values(row).on_conflict_do_nothing().returning(webhook_messages.c.id)
                added += len(tx.execute(made).all())
        return added

    def claim(self, now: datetime) -> Message | None:
        """The message that is due longest, of an endpoint that nobody is sending to; leased to the caller.

        One at a time to an endpoint: one that is slow holds up nobody else, and hears in order unless it refuses. Only
        two notifiers that ask at the same instant may get two.
        """
        m = webhook_messages.c
        busy = webhook_messages.alias("busy")
        taken = sa.select(busy.c.webhook).where(busy.c.due_at <= now, busy.c.lease_until >= now)
        due = (
            sa.select(m.id)
            .where(m.due_at <= now, sa.or_(m.lease_until.is_(None), m.lease_until < now), m.webhook.not_in(taken))
            .order_by(m.due_at, m.made_at, m.id)
            .limit(1)
            .with_for_update(skip_locked=True)
            .scalar_subquery()
        )
        with self._reading.connect() as tx:  # mostly there is nothing, and to see that takes no lock
            if tx.execute(sa.select(m.id).where(m.due_at <= now).limit(1)).one_or_none() is None:
                return None
        values = {
            "state": State.LEASED,
            "fence": m.fence + 1,
            "attempts": m.attempts + 1,
            "rung": m.rung + 1,
            "lease_until": now + LEASE,
        }
        with self._engine.begin() as tx:
            row = tx.execute(
                sa.update(webhook_messages).where(m.id == due).values(values).returning(webhook_messages)
            ).one_or_none()
            if row is None:
                return None
            owner = tx.execute(sa.select(*_FIELDS).where(webhooks.c.id == row.webhook)).one_or_none()
            if owner is None:  # removed in this very moment
                tx.execute(sa.delete(webhook_messages).where(m.id == row.id))
                return None
        kept = {field: getattr(row, field) for field in Message.__dataclass_fields__ if field != "endpoint"}
        return Message(**kept, endpoint=_endpoint(owner._mapping))

    def hand(self, message: Message, now: datetime) -> bool:
        """Notes that from now on the endpoint may have it; False if somebody else took over."""
        m = webhook_messages.c
        at = sa.func.coalesce(m.handed_at, sa.bindparam("at", now, m.handed_at.type))
        ours = (m.id == message.id) & (m.fence == message.fence) & (m.lease_until >= now)
        with self._engine.begin() as tx:
            note = sa.update(webhook_messages).where(ours).values(handed_at=at, lease_until=now + LEASE)
            return tx.execute(note).rowcount == 1

    def settle(
        self,
        message: Message,
        *,
        state: State,
        why: str,
        due_at: datetime | None,
        handed_at: datetime | None,
        attempt: Attempt | None,
    ) -> None:
        """Writes what an attempt came to. It goes to the log even if somebody else has taken over; without an attempt
        the message stays on its rung."""
        m = webhook_messages.c
        rung = message.rung if attempt is not None else message.rung - 1
        values = {
            "state": state,
            "why": why,
            "due_at": due_at,
            "handed_at": handed_at,
            "rung": rung,
            "lease_until": None,
        }
        ours = (m.id == message.id) & (m.fence == message.fence)
        with self._engine.begin() as tx:
            tx.execute(sa.update(webhook_messages).where(ours).values(values))
            if attempt is not None:
                row = {
                    "message": attempt.message,
                    "attempt": attempt.attempt,
                    "webhook": message.endpoint.id,
                    "at": attempt.at,
                    "outcome": attempt.outcome,
                    "answer": attempt.answer,
                    "took_ms": attempt.took_ms,
                }
                tx.execute(sa.insert(webhook_attempts).values(row))

    def said(self, webhook: str, cause: str) -> bool | None:
        """Whether an endpoint may have been told of a cause; None while that is not decided."""
        m = webhook_messages.c
        query = sa.select(m.state, m.handed_at).where(m.webhook == webhook, m.cause == cause)
        with self._reading.connect() as tx:
            rows = tx.execute(query).all()
        if any(row.state == State.ACCEPTED or row.handed_at is not None for row in rows):
            return True
        return None if any(row.state in _OPEN for row in rows) else False

    def again(self, webhook: str, wanted: Wanted, now: datetime) -> int:
        """Makes messages due once more, under their ids and from the first rung; how many."""
        m = webhook_messages.c
        which = [m.webhook == webhook, m.state.not_in((State.DUE, State.LEASED, State.CANCELLED)), m.kind != TEST]
        if wanted.id is not None:
            which.append(m.id == wanted.id)
        if wanted.since is not None:
            which.append(m.made_at >= wanted.since)
        if wanted.until is not None:
            which.append(m.made_at < wanted.until)
        if wanted.kinds:
            which.append(m.kind.in_(wanted.kinds))
        if wanted.failed:
            which.append(m.state.in_((State.FAILED, State.UNKNOWN)))
        # What its owner asks for again is told again, whatever holds by now: `handed_at` says that it was let go once.
        values = {"state": State.DUE, "due_at": now, "rung": 0, "handed_at": now}
        with self._engine.begin() as tx:
            return tx.execute(sa.update(webhook_messages).where(*which).values(values)).rowcount

    # How an endpoint fares

    def fared(self, id: str, *, well: bool, now: datetime, gone: str | None, off_before: datetime) -> str | None:
        """Notes how an attempt went. The reason, if the endpoint is switched off by it: it is `gone`, or has been
        failing since before `off_before`. What it did not take is kept as failed, and one that fares well is on."""
        w = webhooks.c
        with self._engine.begin() as tx:
            if well:
                on = {"failing_since": None, "off_at": None, "off_why": "", "owner_told": False}
                troubled = sa.or_(w.failing_since.isnot(None), w.off_at.isnot(None))
                tx.execute(sa.update(webhooks).where(w.id == id, troubled).values(on))
                return None
            failing = sa.func.coalesce(w.failing_since, sa.bindparam("at", now, w.failing_since.type))
            since: datetime | None = tx.execute(
                sa.update(webhooks).where(w.id == id).values(failing_since=failing).returning(w.failing_since)
            ).scalar_one_or_none()
            why = gone or ("it took nothing for five days" if since is not None and since <= off_before else None)
            if why is None:
                return None
            off = sa.update(webhooks).where(w.id == id, w.off_at.is_(None)).values(off_at=now, off_why=why)
            if tx.execute(off).rowcount == 0:
                return None
            m = webhook_messages.c
            waiting = (m.webhook == id) & m.due_at.isnot(None) & m.lease_until.is_(None)
            values = {"state": State.FAILED, "due_at": None, "why": "the endpoint is switched off"}
            tx.execute(sa.update(webhook_messages).where(waiting).values(values))
            return why

    def owners_to_tell(self) -> list[Endpoint]:
        """Of endpoints that were switched off, and whose owner does not know yet."""
        w = webhooks.c
        query = sa.select(*_FIELDS).where(w.off_at.isnot(None), w.owner.isnot(None), ~w.owner_told)
        with self._reading.connect() as tx:
            return [_endpoint(row._mapping) for row in tx.execute(query)]

    def owner_told(self, endpoint: Endpoint) -> None:
        w = webhooks.c
        same = (w.id == endpoint.id) & (w.off_at == endpoint.off_at)
        with self._engine.begin() as tx:
            tx.execute(sa.update(webhooks).where(same).values(owner_told=True))

    # The log

    def attempts(
        self, webhook: str, *, limit: int, before: tuple[datetime, str] | None = None, message: str | None = None
    ) -> list[Attempt]:
        """The newest first; with `before`, an instant and a message, those older than that."""
        a, m = webhook_attempts.c, webhook_messages.c
        query = (
            sa.select(a.message, m.kind, a.attempt, a.at, a.outcome, a.answer, a.took_ms, m.state, m.due_at)
            .join(webhook_messages, m.id == a.message)
            .where(a.webhook == webhook)
            .order_by(a.at.desc(), a.message.desc())
            .limit(limit)
        )
        if before is not None:
            at, last = before
            query = query.where(sa.or_(a.at < at, sa.and_(a.at == at, a.message < last)))
        if message is not None:
            query = query.where(a.message == message)
        with self._reading.connect() as tx:
            return [Attempt(*row) for row in tx.execute(query)]

    def forget_old(self, now: datetime) -> None:
        """What nobody can replay any more. Messages still due are kept."""
        m = webhook_messages.c
        with self._engine.begin() as tx:
            tx.execute(sa.delete(webhook_attempts).where(webhook_attempts.c.at < now - KEPT_FOR))
            tx.execute(sa.delete(webhook_messages).where(m.made_at < now - KEPT_FOR, m.due_at.is_(None)))

    # Idempotency keys

    def begin_answer(
        self, account: str, key: str, *, digest: str, now: datetime, old: datetime
    ) -> tuple[str, str] | None:
        """Claims a key for the caller: None. Else the digest it came with before, and what was answered (RUNNING:
        nothing yet). Keys from before `old` are forgotten."""
        a = webhook_answers.c
        with self._engine.begin() as tx:
            tx.execute(sa.delete(webhook_answers).where(a.made_at < old))
            insert = postgresql.insert if tx.dialect.name == "postgresql" else sqlite.insert
            row = {"account": account, "key": key, "digest": digest, "made_at": now}
            made = insert(webhook_answers).values(row).on_conflict_do_nothing().returning(a.key)
            if tx.execute(made).one_or_none() is not None:
                return None
            found = tx.execute(sa.select(a.digest, a.answer).where(a.account == account, a.key == key)).one()
            return found.digest, found.answer or RUNNING

    def end_answer(self, account: str, key: str, answer: str | None) -> None:
        """What the same request is answered from now on; None: nothing was done, and the key is free again."""
        a = webhook_answers.c
        own = (a.account == account) & (a.key == key)
        with self._engine.begin() as tx:
            if answer is None:
                tx.execute(sa.delete(webhook_answers).where(own))
            else:
                tx.execute(sa.update(webhook_answers).where(own).values(answer=answer))


def _endpoint(row: Any) -> Endpoint:
    fields = {column.name: row[column.name] for column in _FIELDS}
    return Endpoint(**fields | {"kinds": tuple(NoticeKind(kind) for kind in json.loads(fields["kinds"]))})
