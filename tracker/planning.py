"""The prepared timetable, kept while nothing changes, and the plans made on it."""

import threading
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta

from tracker.domain.itinerary import Itinerary
from tracker.domain.timetable import Timetable, Wish, plan
from tracker.store import Transaction

MOST_DAYS = 12
"""How many days of the timetable are kept prepared: the horizon, and some that were asked for ahead."""


class Planning:
    """Finds itineraries. Keeps the days of the timetable it was asked about, and reads only what changed since.

    Safe to share between threads.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._facilities = -1
        self._departures = -1
        self._table = Timetable({})
        self._days: dict[date, None] = {}  # the day used last comes last
        self._unsure: set[str] = set()  # read in a transaction that had changed them and may have been undone

    def plan(self, tx: Transaction, wishes: Sequence[Wish]) -> dict[int, Itinerary | None]:
        """The earliest way with room for each wish; None where there is none within the horizon."""
        with self._lock:
            self._renew(tx)
            days = {day for wish in wishes for day in self._table.days(wish)}
            for day in sorted(days):
                self._prepare(tx, day)
            while len(self._days) > max(MOST_DAYS, len(days)):
                oldest = next(iter(self._days))
                del self._days[oldest]
                self._table.forget_day(oldest)
            return plan(self._table, wishes, tx.network.room)

    def _renew(self, tx: Transaction) -> None:
        departures, facilities = tx.network.versions()
        if facilities != self._facilities:
            self._table = Timetable(tx.network.facilities())
            self._days.clear()
            self._unsure.clear()
        elif departures != self._departures or self._unsure:
            changed = {d.name: d for d in tx.network.changed_since(min(self._departures, departures))}
            changed.update(tx.network.departures(self._unsure - changed.keys()))
            for name in self._unsure - changed.keys():
                self._table.forget(name)
            self._table.know(changed.values())
            self._unsure = set(changed) if tx.network.uncommitted else set()
        self._departures, self._facilities = tx.network.committed_versions()

    def _prepare(self, tx: Transaction, day: date) -> None:
        if day not in self._days:
            begins = datetime.combine(day, time(), UTC)
            found = tx.network.timetable(since=begins, until=begins + timedelta(days=1))
            self._table.know(found)
            if tx.network.uncommitted:
                self._unsure.update(departure.name for departure in found)
        self._days.pop(day, None)
        self._days[day] = None
