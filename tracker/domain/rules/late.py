"""The promise passed and the piece is not delivered."""

from collections.abc import Iterator

from tracker.domain.rules.irregularity import Irregularity, IrregularityKind
from tracker.domain.situation import Situation
from tracker.domain.why import Facts, because

PROMISE_PASSED = "It was promised by {due_by} and was not delivered then."


def check(situation: Situation) -> Iterator[Irregularity]:
    due_by = situation.piece.promise.due_by
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
