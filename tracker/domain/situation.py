"""Everything a rule may look at when it judges a piece: values only, and the instant of judgement."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from functools import cached_property
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from tracker.domain.handling import Kind
from tracker.domain.itinerary import Itinerary, Plan
from tracker.domain.network import Departure, Facility
from tracker.domain.shipment import Piece
from tracker.domain.timeline import Mark, Progress
from tracker.domain.transit.tables import NO_HISTORY, Transit

T = TypeVar("T")

END_OF_DAY = time(21)
"""When the last van is back, local time."""


@dataclass(frozen=True)  # without slots: what many rules ask for is worked out once
class Situation:
    """One piece, its plan, what happened, and as known now the departures of all its planned legs and those it was
    loaded on."""

    piece: Piece
    plan: Plan
    progress: Progress
    departures: Mapping[str, Departure]
    facilities: Mapping[str, Facility]
    now: datetime
    transit: Transit = NO_HISTORY
    _ridden: dict[str, bool] = field(default_factory=dict, init=False, repr=False, compare=False)
    _answers: dict[Any, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def departure(self, name: str) -> Departure | None:
        return self.departures.get(name)

    def rode(self, departure: str) -> bool:
        """Whether the piece went with it, as far as is known."""
        if departure not in self._ridden:
            known = self.departures.get(departure)
            # Whatever was loaded into a departure that is cancelled is taken off again.
            cancelled, left_at = (known.cancelled, known.left_at) if known is not None else (False, None)
            self._ridden[departure] = not cancelled and self.progress.rode(departure, left_at=left_at)
        return self._ridden[departure]

    def once(self, ask: Callable[["Situation"], T]) -> T:
        """What a function of this situation answers, worked out the first time it is asked for."""
        if ask not in self._answers:
            self._answers[ask] = ask(self)
        answer: T = self._answers[ask]
        return answer

    def left(self, departure: str, by: datetime) -> bool:
        """Whether it left by an instant, as is known now; of one that no timetable has nobody takes that back."""
        known = self.departures.get(departure)
        return known is None or (known.left_at is not None and known.left_at <= by)

    @cached_property
    def versions(self) -> tuple[Itinerary, ...]:
        return self.plan.versions(self.rode, self.left)

    @property
    def itinerary(self) -> Itinerary:
        """The plan in force."""
        return self.versions[-1]

    @cached_property
    def heard(self) -> frozenset[str]:
        """The kinds of all that was ever said of it."""
        return frozenset([m.kind for m in (*self.progress.marks, *self.progress.remarks)])

    @cached_property
    def delivered(self) -> Mark | None:
        return self.progress.delivered

    @property
    def not_before(self) -> datetime | None:
        """The beginning of the day its recipient asked for and was granted, where it is handed over."""
        wish = self.progress.wish
        return self._at_its_end(wish.on, time(0)) if wish is not None and wish.on is not None else None

    @property
    def due_by(self) -> datetime:
        """When it should be handed over by: as promised, or on the day its recipient asked for instead."""
        wish, promised = self.progress.wish, self.piece.promise.due_by
        if wish is None or wish.on is None:
            return promised
        return max(promised, self._at_its_end(wish.on, END_OF_DAY))

    def local_day(self, instant: datetime) -> date:
        """What day it is where the piece is handed over."""
        return instant.astimezone(ZoneInfo(self.facility(self.piece.destination).zone)).date()

    def _at_its_end(self, day: date, hour: time) -> datetime:
        return datetime.combine(day, hour, ZoneInfo(self.facility(self.piece.destination).zone)).astimezone(UTC)

    @cached_property
    def withdrawn(self) -> bool:
        """Whether who booked it said that it does not travel."""
        return any(m.kind == Kind.WITHDRAW for m in self.progress.remarks)

    @cached_property
    def over(self) -> bool:
        """Whether its journey by plan has ended: handed over, sent back, or withdrawn before."""
        return self.withdrawn or any(m.kind in (Kind.DELIVER, Kind.RETURN) for m in self.progress.marks)

    def facility(self, code: str) -> Facility:
        return self.facilities.get(code) or Facility(code)
