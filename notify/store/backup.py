"""What notify must know of a restored database that its backup could not: who was told after it was made."""

from datetime import datetime

import sqlalchemy as sa

from notify.store.schema import (
    deliveries,
    feedback,
    mutes,
    proofs,
    push_subscriptions,
    suppressions,
    switched_off,
    webhook_answers,
    webhook_attempts,
    webhook_messages,
    webhooks,
    wishes,
)

DEVICES = (push_subscriptions, webhooks, webhook_messages, webhook_attempts, webhook_answers)


def take_over(before: sa.Connection, restored: sa.Connection) -> bool:
    """Deliveries, proofs, wishes, webhooks and subscriptions as in `before`, the later self of what was restored.

    False, and nothing is done, where its proofs do not go on from those of the backup.
    """
    last = restored.execute(sa.select(proofs.c.n, proofs.c.hash).order_by(proofs.c.n.desc()).limit(1)).one_or_none()
    if last is not None:
        same = before.execute(sa.select(proofs.c.hash).where(proofs.c.n == last.n)).scalar_one_or_none()
        if same != last.hash:
            return False
    for table in (deliveries, proofs, feedback, suppressions, wishes, switched_off, mutes, *DEVICES):
        restored.execute(sa.delete(table))
        rows = [dict(row._mapping) for row in before.execute(sa.select(table))]
        if rows:
            restored.execute(sa.insert(table), rows)
    return True


def doubt(restored: sa.Connection, since: datetime) -> int:
    """Where nobody can say what was sent after `since`: whatever was still to be sent may have arrived.

    What people act on is then sent once more under the same key, everything else is not; how many are in doubt.
    """
    d = deliveries.c
    held = sa.update(deliveries).where(sa.or_(d.due_at.isnot(None), d.not_before.isnot(None)), d.handed_at.is_(None))
    return restored.execute(held.values(handed_at=since)).rowcount
