"""Somebody stopped the piece where it is, for damage, security, on request, or without a word."""

from collections.abc import Iterator

from tracker.domain.rules.holds import holds
from tracker.domain.rules.irregularity import Irregularity, IrregularityKind
from tracker.domain.situation import Situation
from tracker.domain.why import because

HELD = "It is held at {facility} since {held_at}."


def check(situation: Situation) -> Iterator[Irregularity]:
    return holds(situation, IrregularityKind.HELD, lambda facts: because(HELD, facts))
