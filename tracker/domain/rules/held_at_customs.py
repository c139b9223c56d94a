"""Customs hold the piece."""

from collections.abc import Iterator

from tracker.domain.rules.holds import holds
from tracker.domain.rules.irregularity import Irregularity, IrregularityKind
from tracker.domain.situation import Situation
from tracker.domain.why import because

BY_CUSTOMS = "Customs at {facility} hold it since {held_at}."


def check(situation: Situation) -> Iterator[Irregularity]:
    return holds(situation, IrregularityKind.HELD_AT_CUSTOMS, lambda facts: because(BY_CUSTOMS, facts))
