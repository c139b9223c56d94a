"""What one device has to do today: the departures of its site, and the doors it still has to go to."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tracker.clock import Clock
from tracker.domain.asks import Ask
from tracker.domain.network import Departure
from tracker.store import Store
from tracker.store.rounds import Rounds as Tables

BEHIND, AHEAD = timedelta(hours=2), timedelta(hours=12)
LONGEST_RUN = timedelta(hours=24)
ROUND = timedelta(hours=18)
"""A piece scanned onto a van longer ago than this is no stop of today."""


@dataclass(frozen=True, slots=True)
class Stop:
    """A piece on this device's van and the door it goes to: personal, for that device alone."""

    number: str
    service: str
    out_at: datetime
    attempted: bool
    name: str
    lines: tuple[str, ...]
    postcode: str | None
    city: str | None
    country: str | None
    wish: str = ""  # of whom it is for, as granted: `safe_place` or `neighbour`
    note: str = ""  # where, or with whom


class Rounds:
    """Reads only; every call is one short read of the store, safe from any thread."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def departures(self, facility: str) -> Sequence[Departure]:
        """Those that leave from here or come here around now, the earliest first."""
        now = self._clock.now()
        with self._store.reading() as tx:
            around = tx.network.timetable(since=now - LONGEST_RUN, until=now + AHEAD)
        return [run for run in around if not run.cancelled and _concerns(run, facility, since=now - BEHIND)]

    def stops(self, dev: str) -> Sequence[Stop]:
        """The pieces that this device scanned out for delivery and that nobody has delivered, in the order it did."""
        with self._store.reading() as tx:
            rows = Tables(tx.connection).on_the_van_of(dev, since=self._clock.now() - ROUND)
            wishes = tx.asks.granted([row["number"] for row in rows], [Ask.SAFE_PLACE, Ask.NEIGHBOUR])
        found = []
        for row in rows:
            wish, note = wishes.get(row["number"], ("", ""))
            found.append(Stop(**row, wish=wish, note=note))
        return found


def _concerns(run: Departure, facility: str, *, since: datetime) -> bool:
    if run.origin == facility:
        return run.leaves_at >= since
    return run.destination == facility and run.soonest_arrival >= since
