"""The courier was at the door and could not hand it over."""

from collections.abc import Iterator

from tracker.domain.handling import Kind
from tracker.domain.rules.attempts import REFUSED, attempts, next_of
from tracker.domain.rules.irregularity import Irregularity, IrregularityKind
from tracker.domain.situation import Situation
from tracker.domain.why import because

NOT_HANDED_OVER = "It could not be handed over at {tried_at}."

_GOES_ON = frozenset({Kind.OUT_FOR_DELIVERY, Kind.READY_FOR_PICKUP, Kind.DELIVER, Kind.RETURN})


def check(situation: Situation) -> Iterator[Irregularity]:
    for number, attempt in attempts(situation):
        if attempt.reason != REFUSED:
            yield Irregularity(
                IrregularityKind.ATTEMPT_FAILED,
                subject=str(number),
                since=attempt.first_at,
                why=because(NOT_HANDED_OVER, {"facility": attempt.facility, "tried_at": attempt.first_at}),
                evidence=(attempt.key,),
                cleared_at=next_of(situation, _GOES_ON, attempt.last_at),
            )
