"""The piece waits because its address cannot be used."""

from collections.abc import Iterator

from tracker.domain.rules.holds import holds
from tracker.domain.rules.irregularity import Irregularity, IrregularityKind
from tracker.domain.situation import Situation
from tracker.domain.why import because

NO_SUCH_DOOR = "It waits at {facility} since {held_at}, for its address cannot be used as it stands."


def check(situation: Situation) -> Iterator[Irregularity]:
    return holds(situation, IrregularityKind.HELD_FOR_ADDRESS, lambda facts: because(NO_SUCH_DOOR, facts))
