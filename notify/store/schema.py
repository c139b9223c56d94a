"""The tables notify owns: deliveries and lanes, which change, proofs, which never do, and what people wish.

The migrations are the tracker's, one history for one database; a test there holds the two together.
"""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, MetaData, Table, Text

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Instant(sa.types.TypeDecorator[datetime]):
    """An instant, kept as microseconds since 1970 in UTC; comes back aware, in UTC, to the microsecond."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> int | None:
        return None if value is None else micros(value)

    def process_result_value(self, value: int | None, dialect: sa.Dialect) -> datetime | None:
        return None if value is None else _EPOCH + timedelta(microseconds=value)


def micros(at: datetime) -> int:
    if at.tzinfo is None:
        raise ValueError(f"{at}: an instant needs its zone")
    return (at - _EPOCH) // timedelta(microseconds=1)


metadata = MetaData()

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Text, primary_key=True),  # the key a provider sees, in every attempt, for life
    Column("notice", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("person", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("thread", Text, nullable=False),
    Column("owed_at", Instant, nullable=False),
    Column("shared", sa.Boolean, nullable=False, server_default=sa.false()),
    Column("priority", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("due_at", Instant),  # real time, as all here; null: nothing is left to do
    Column("lease_until", Instant),
    Column("fence", Integer, nullable=False, server_default="0"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("handed_at", Instant),  # when a provider may first have got it
    Column("planned_at", Instant, nullable=False),
    Column("settled_at", Instant),
    Column("why", Text, nullable=False, server_default=""),
    Column("answer", Text, nullable=False, server_default=""),  # the provider's last words
    Column("provider_id", Text, nullable=False, server_default=""),  # its own name for it
    Column("reported", Text, nullable=False, server_default=""),  # the state the tracker was told last
    Column("address", Text, nullable=False, server_default=""),  # digest, as in `wishes`; empty: there is none
    Column("number", Text, nullable=False, server_default=""),  # of the piece it is about
    Column("not_before", Instant),  # business time; while it is set, `due_at` is not
    Column("held", Text, nullable=False, server_default=""),  # what it waited for last, before it was first told
    Column("told_at", Instant),  # business time of `handed_at`, which the caps go by
    Column("letter", Text),  # the key of the joined letter it goes in
    Column("incident", Text, nullable=False, server_default=""),  # it is told with others of the same
    sa.UniqueConstraint("notice", "channel"),
)
_OPEN = deliveries.c.due_at.isnot(None)
Index("deliveries_due", deliveries.c.channel, deliveries.c.priority, deliveries.c.due_at, deliveries.c.id,
      sqlite_where=_OPEN, postgresql_where=_OPEN)  # fmt: skip
Index("deliveries_thread", deliveries.c.thread, sqlite_where=_OPEN, postgresql_where=_OPEN)
_WAITS, _JOINS = deliveries.c.not_before.isnot(None), sa.and_(_OPEN, deliveries.c.held != "")
Index("deliveries_held", deliveries.c.not_before, sqlite_where=_WAITS, postgresql_where=_WAITS)
Index("deliveries_join", deliveries.c.address, deliveries.c.channel, sqlite_where=_JOINS, postgresql_where=_JOINS)
Index("deliveries_told", deliveries.c.address, deliveries.c.told_at)
Index("deliveries_cause", deliveries.c.cause, deliveries.c.person)
Index("deliveries_unreported", deliveries.c.settled_at,
      sqlite_where=deliveries.c.reported != deliveries.c.state,
      postgresql_where=deliveries.c.reported != deliveries.c.state)  # fmt: skip

lanes = Table(
    "lanes",
    metadata,
    Column("channel", Text, primary_key=True),
    Column("spent_until", Instant),  # its tokens are
    Column("failures", Integer, nullable=False, server_default="0"),  # in a row
    Column("rests_until", Instant),
)

proofs = Table(
    "proofs",
    metadata,
    Column("n", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
    Column("notice", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("delivery", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("person", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("answer", Text, nullable=False),
    Column("address", Text, nullable=False),  # HMAC, so that the ledger holds nobody's address
    Column("language", Text, nullable=False),
    Column("body_sha256", Text, nullable=False),  # empty where nothing was sent
    Column("evidence", Text, nullable=False),
    Column("provider_id", Text, nullable=False),
    Column("program", Text, nullable=False),
    Column("prev", Text, nullable=False, unique=True),  # a chain cannot fork
    Column("hash", Text, nullable=False),
    sa.UniqueConstraint("delivery", "attempt"),
)

feedback = Table(
    "feedback",
    metadata,
    Column("provider", Text, primary_key=True),
    Column("id", Text, primary_key=True),  # the provider's
    Column("delivery", Text, nullable=False),
    Column("said", Text, nullable=False),
    Column("words", Text, nullable=False),
    Column("heard_at", Instant, nullable=False),
    Column("heeded", Boolean, nullable=False, server_default=sa.false()),
)
Index("feedback_unheeded", feedback.c.heard_at, sqlite_where=~feedback.c.heeded, postgresql_where=~feedback.c.heeded)

suppressions = Table(
    "suppressions",
    metadata,
    Column("address", Text, primary_key=True),  # HMAC, as in a proof
    Column("cause", Text, nullable=False),
    Column("since", Instant),  # null: only counted so far
    Column("until", Instant),
    Column("returned", Integer, nullable=False, server_default="0"),  # times in a row
)

wishes = Table(
    "wishes",
    metadata,
    Column("address", Text, primary_key=True),  # HMAC, as in a proof, under a key of its own
    Column("language", Text),  # null, here and below: as everybody who says nothing
    Column("zone", Text),
    Column("quiet_from", Integer),  # minutes since midnight by the clocks there
    Column("quiet_until", Integer),
    Column("paused_until", Instant),  # business time
    Column("everywhere", Boolean, nullable=False, server_default=sa.false()),
    Column("stopped", Boolean, nullable=False, server_default=sa.false()),  # the number answered STOP
    Column("changed_at", Instant, nullable=False),
)

switched_off = Table(
    "switched_off",
    metadata,
    Column("address", Text, primary_key=True),
    Column("kind", Text, primary_key=True),  # the one that is left; others may go with it
    Column("channel", Text, primary_key=True),
    Column("since", Instant, nullable=False),
)

mutes = Table(
    "mutes",
    metadata,
    Column("address", Text, primary_key=True),
    Column("piece", Text, primary_key=True),  # number/journey
    Column("since", Instant, nullable=False),
)

# Webhooks: machines of shippers, each told beside the person and apart from what the person is told.

webhooks = Table(
    "webhooks",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account", Text, nullable=False, index=True),
    Column("url", Text, nullable=False),
    Column("kinds", Text, nullable=False),  # JSON; empty: all that go by webhook
    Column("secret", Text, nullable=False),
    Column("old_secret", Text),
    Column("old_until", Instant),
    Column("owner", Text),  # a mail address, told when it is switched off
    Column("language", Text, nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("failing_since", Instant),
    Column("off_at", Instant),
    Column("off_why", Text, nullable=False, server_default=""),
    Column("owner_told", Boolean, nullable=False, server_default=sa.false()),
)

webhook_messages = Table(
    "webhook_messages",
    metadata,
    Column("id", Text, primary_key=True),  # the webhook-id, in every attempt and every replay
    Column("webhook", Text, nullable=False),
    Column("notice", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("withdraws", Text),
    Column("kind", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("state", Text, nullable=False),
    Column("why", Text, nullable=False, server_default=""),
    Column("due_at", Instant),
    Column("lease_until", Instant),
    Column("fence", Integer, nullable=False, server_default="0"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("rung", Integer, nullable=False, server_default="0"),  # of the ladder; a replay begins anew
    Column("handed_at", Instant),
    sa.UniqueConstraint("webhook", "notice"),
)
Index("webhook_messages_due", webhook_messages.c.due_at,
      sqlite_where=webhook_messages.c.due_at.isnot(None),
      postgresql_where=webhook_messages.c.due_at.isnot(None))  # fmt: skip
Index("webhook_messages_made", webhook_messages.c.webhook, webhook_messages.c.made_at)
Index("webhook_messages_old", webhook_messages.c.made_at)

webhook_attempts = Table(
    "webhook_attempts",
    metadata,
    Column("message", Text, primary_key=True),
    Column("attempt", Integer, primary_key=True),
    Column("webhook", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("answer", Text, nullable=False),
    Column("took_ms", Integer, nullable=False),
)
Index("webhook_attempts_made", webhook_attempts.c.webhook, webhook_attempts.c.at)
Index("webhook_attempts_old", webhook_attempts.c.at)

webhook_answers = Table(
    "webhook_answers",
    metadata,
    Column("account", Text, primary_key=True),
    Column("key", Text, primary_key=True),  # the caller's Idempotency-Key
    Column("digest", Text, nullable=False),  # of method, path and body
    Column("answer", Text),  # null while the first is being answered
    Column("made_at", Instant, nullable=False),
)

push_subscriptions = Table(
    "push_subscriptions",
    metadata,
    Column("person", Text, primary_key=True),  # the pseudonym
    Column("endpoint", Text, nullable=False, index=True),
    Column("p256dh", Text, nullable=False),
    Column("auth", Text, nullable=False),
    Column("made_at", Instant, nullable=False),
)
