"""The promise passed and the piece is not delivered, though it was handed over."""

from collections.abc import Iterator
from datetime import datetime

from tracker.domain.rules.irregularity import Irregularity, IrregularityKind
from tracker.domain.situation import Situation
from tracker.domain.why import Facts, because

PROMISE_PASSED = "It was promised by {due_by} and was not delivered then."


def check(situation: Situation) -> Iterator[Irregularity]:
    if not situation.progress.marks:
        return  # nobody handed it over: the promise did not begin
    due_by = situation.due_by
    delivered = situation.delivered
    passed = situation.now > due_by if delivered is None else delivered.first_at > due_by
    if passed:
        facts: Facts = {"facility": situation.piece.destination, "due_by": due_by}
        yield Irregularity(
            IrregularityKind.LATE,
            subject=due_by.date().isoformat(),
            since=due_by,
            why=because(PROMISE_PASSED, facts),
            evidence=(delivered.key,) if delivered else (),
            cleared_at=delivered.first_at if delivered else None,
        )


def look_again(situation: Situation) -> Iterator[datetime]:
    if situation.progress.marks and situation.delivered is None:
        yield situation.due_by
