"""The ways on through the day's timetable, for bags that lost theirs."""

from bisect import bisect_left
from collections.abc import Iterable
from datetime import timedelta

from tracker.domain.forecast.board import Run, instant
from tracker.domain.itinerary import HORIZON, Leg, earliest
from tracker.domain.network import Departure, Facility


class Ways:
    """The departures of a day, less those that left or do not leave, as far as their runs know."""

    def __init__(self, runs: Iterable[Run], minimum: int) -> None:
        self._runs = {run.name: run for run in runs}
        self._timetable = sorted(map(_departure, self._runs.values()), key=lambda d: (d.departs_at, d.name))
        self._departs_at = [departure.departs_at for departure in self._timetable]
        places = {place for run in self._runs.values() for place in (run.origin, run.destination)}
        self._facilities = {p: Facility(p, minimum_connection=timedelta(minutes=minimum)) for p in places}

    def first(self, origin: str, destination: str, *, ready: int, without: Run) -> tuple[Leg, ...]:
        """The legs that arrive first by the timetable, for what can leave from `ready` on; none: there is no way."""
        ready_at = instant(ready)
        since = bisect_left(self._departs_at, ready_at)
        until = bisect_left(self._departs_at, ready_at + HORIZON)
        way = earliest(
            self._timetable[since:until],
            self._facilities,
            origin=origin,
            destination=destination,
            ready_at=ready_at,
            room=lambda name: 0 if name == without.name or self._gone(name) else 1,
        )
        return way.legs if way is not None else ()

    def _gone(self, name: str) -> bool:
        run = self._runs[name]
        return run.left is not None or run.cancelled


def _departure(run: Run) -> Departure:
    lands = max(run.arrives, run.departs + 1)  # a timetable's slip, not a reason to refuse the day
    return Departure(run.name, run.origin, run.destination, instant(run.departs), instant(lands), cutoff=timedelta(0))
