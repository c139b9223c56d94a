"""How long a piece waits to be picked up, and when its recipient is reminded of it."""

from datetime import datetime, timedelta

from tracker.domain.handling import Kind
from tracker.domain.timeline import Mark, Progress, State

STORED_FOR = timedelta(days=7)
"""How long it is kept for its recipient; then it goes back to who sent it."""


def waiting(progress: Progress) -> Mark | None:
    """That it was laid ready, while it waits to be picked up."""
    return progress.reached(Kind.READY_FOR_PICKUP) if progress.state is State.READY_FOR_PICKUP else None


def kept_by(ready: Mark) -> datetime:
    """Until when it is kept."""
    return ready.first_at + STORED_FOR


def reminders(ready: Mark) -> tuple[datetime, datetime]:
    """At half time, and a day before it goes back."""
    return ready.first_at + STORED_FOR / 2, kept_by(ready) - timedelta(days=1)
