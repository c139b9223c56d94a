"""Everything a rule may look at when it judges a piece: values only, and the instant of judgement."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from tracker.domain.handling import Kind
from tracker.domain.itinerary import Itinerary, Plan
from tracker.domain.network import Departure, Facility
from tracker.domain.shipment import Piece
from tracker.domain.timeline import Mark, Progress
from tracker.domain.transit.tables import NO_HISTORY, Transit


@dataclass(frozen=True)  # without slots: what many rules ask for is worked out once
class Situation:
    """One piece, its plan, what happened, and the departures of all its planned legs as known now."""

    piece: Piece
    plan: Plan
    progress: Progress
    departures: Mapping[str, Departure]
    facilities: Mapping[str, Facility]
    now: datetime
    transit: Transit = NO_HISTORY

    def departure(self, name: str) -> Departure | None:
        return self.departures.get(name)

    def rode(self, departure: str) -> bool:
        known = self.departures.get(departure)
        if known is not None and known.cancelled:
            return False  # whatever was loaded into it is taken off again
        return self.progress.rode(departure, left_at=known.left_at if known else None)

    @cached_property
    def versions(self) -> tuple[Itinerary, ...]:
        return self.plan.versions(self.rode)

    @property
    def itinerary(self) -> Itinerary:
        """The plan in force."""
        return self.versions[-1]

    @property
    def delivered(self) -> Mark | None:
        return self.progress.delivered

    @property
    def over(self) -> bool:
        """Whether its journey by plan has ended: handed over, or sent back."""
        return any(m.kind in (Kind.DELIVER, Kind.RETURN) for m in self.progress.marks)

    def facility(self, code: str) -> Facility:
        return self.facilities.get(code) or Facility(code)
