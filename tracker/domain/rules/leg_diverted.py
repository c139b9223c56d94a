"""A departure of its plan goes elsewhere: with the piece aboard, or before it was."""

from collections.abc import Iterator

from tracker.domain.itinerary import Leg
from tracker.domain.network import Departure
from tracker.domain.rules.disruptions import disruptions
from tracker.domain.rules.irregularity import Irregularity, IrregularityKind
from tracker.domain.situation import Situation
from tracker.domain.why import Facts, Why, because

DIVERTED = "{departure} from {facility} goes to {diverted_facility} instead of {destination}."


def check(situation: Situation) -> Iterator[Irregularity]:
    """Of one that left with nobody knowing whether the piece is aboard, other rules speak."""

    def why(leg: Leg, departure: Departure) -> Why | None:
        if departure.cancelled or departure.diverted_to is None:
            return None
        if departure.left_at is not None and not situation.rode(leg.departure):
            return None
        facts: Facts = {"departure": leg.departure, "facility": leg.origin, "destination": leg.destination}
        return because(DIVERTED, {**facts, "diverted_facility": departure.diverted_to})

    return disruptions(situation, IrregularityKind.LEG_DIVERTED, why)
