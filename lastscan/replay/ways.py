"""The ways on through the day's timetable, for bags that lost theirs."""

from collections.abc import Iterable
from datetime import timedelta

from tracker.domain.forecast.board import Run, instant
from tracker.domain.itinerary import Leg
from tracker.domain.network import Departure, Facility
from tracker.domain.timetable import Timetable, Wish


class Ways:
    """The departures of a day, less those that left or do not leave, as far as their runs know."""

    def __init__(self, runs: Iterable[Run], minimum: int) -> None:
        self._runs = {run.name: run for run in runs}
        places = {place for run in self._runs.values() for place in (run.origin, run.destination)}
        facilities = {p: Facility(p, minimum_connection=timedelta(minutes=minimum)) for p in places}
        self._timetable = Timetable(facilities, map(_departure, self._runs.values()))

    def first(self, origin: str, destination: str, *, ready: int, without: Run) -> tuple[Leg, ...]:
        """The legs that arrive first by the timetable, for what can leave from `ready` on; none: there is no way."""
        way = self._timetable.way(Wish(0, origin, destination, instant(ready)), full=_Gone(self._runs, without))
        return way.legs if way is not None else ()


class _Gone:
    """The departures that nothing can be planned on any more."""

    def __init__(self, runs: dict[str, Run], without: Run) -> None:
        self._runs = runs
        self._without = without

    def __contains__(self, name: object) -> bool:
        run = self._runs[str(name)]
        return name == self._without.name or run.left is not None or run.cancelled


def _departure(run: Run) -> Departure:
    lands = max(run.arrives, run.departs + 1)  # a timetable's slip, not a reason to refuse the day
    return Departure(run.name, run.origin, run.destination, instant(run.departs), instant(lands), cutoff=timedelta(0))
