"""A departure of its plan is cancelled, and the piece has not gone on without it."""

from collections.abc import Iterator

from tracker.domain.itinerary import Leg
from tracker.domain.network import Departure
from tracker.domain.rules.disruptions import disruptions
from tracker.domain.rules.irregularity import Irregularity, IrregularityKind
from tracker.domain.situation import Situation
from tracker.domain.why import Why, because

CANCELLED = "{departure}, which should have left {facility} at {departs_at}, is cancelled."


def check(situation: Situation) -> Iterator[Irregularity]:
    def why(leg: Leg, departure: Departure) -> Why | None:
        if not departure.cancelled:
            return None
        return because(
            CANCELLED, {"departure": leg.departure, "facility": leg.origin, "departs_at": departure.departs_at}
        )

    return disruptions(situation, IrregularityKind.LEG_CANCELLED, why)
