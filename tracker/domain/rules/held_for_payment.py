"""The piece waits for a payment."""

from collections.abc import Iterator

from tracker.domain.rules.holds import holds
from tracker.domain.rules.irregularity import Irregularity, IrregularityKind
from tracker.domain.situation import Situation
from tracker.domain.why import because

UNPAID = "It waits at {facility} for a payment since {held_at}."


def check(situation: Situation) -> Iterator[Irregularity]:
    return holds(situation, IrregularityKind.HELD_FOR_PAYMENT, lambda facts: because(UNPAID, facts))
