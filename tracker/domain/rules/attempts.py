"""Attempts at a door: each by its number, and what came of it."""

from collections.abc import Iterator
from datetime import datetime

from tracker.domain.handling import Kind
from tracker.domain.situation import Situation
from tracker.domain.timeline import Mark

REFUSED = "refused"
"""The reason of an attempt at which the recipient would not take it."""


def attempts(situation: Situation) -> Iterator[tuple[int, Mark]]:
    """Every attempt in its order, numbered from 1."""
    made = sorted((m for m in situation.progress.marks if m.kind == Kind.ATTEMPT), key=lambda m: (m.first_at, m.key))
    return enumerate(made, start=1)


def next_of(situation: Situation, kinds: frozenset[Kind], after: datetime) -> datetime | None:
    """The first handling of one of these kinds after a moment."""
    found = (m.next_after(after) for m in situation.progress.marks if m.kind in kinds)
    return min((at for at in found if at is not None), default=None)
