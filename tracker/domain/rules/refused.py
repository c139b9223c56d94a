"""The recipient would not take it."""

from collections.abc import Iterator

from tracker.domain.handling import Kind
from tracker.domain.rules.attempts import REFUSED, attempts, next_of
from tracker.domain.rules.irregularity import Irregularity, IrregularityKind
from tracker.domain.situation import Situation
from tracker.domain.why import because

NOT_WANTED = "The recipient did not take it at {tried_at}."

_SETTLED = frozenset({Kind.RETURN, Kind.DELIVER})


def check(situation: Situation) -> Iterator[Irregularity]:
    for number, attempt in attempts(situation):
        if attempt.reason == REFUSED:
            yield Irregularity(
                IrregularityKind.REFUSED,
                subject=str(number),
                since=attempt.first_at,
                why=because(NOT_WANTED, {"facility": attempt.facility, "tried_at": attempt.first_at}),
                evidence=(attempt.key,),
                cleared_at=next_of(situation, _SETTLED, attempt.last_at),
            )
