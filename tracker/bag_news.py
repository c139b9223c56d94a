"""What baggage messages say becomes facts of the log, each once, matched to the bag like scans."""

import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from tracker.clock import Clock
from tracker.domain.bags import BadBagMessageError, BagFact, BagMessage, BagNews, FlightOn, meaning
from tracker.domain.errors import BadNameError
from tracker.domain.handling import Kind
from tracker.domain.ids import DepartureName
from tracker.network_files import airport
from tracker.store import Store, Transaction
from tracker.store.fact_log import NewFact

HANDLINGS = {
    BagNews.SORTED: Kind.SORT,
    BagNews.LOADED: Kind.LOAD,
    BagNews.ON_HAND: Kind.ARRIVE,
    BagNews.UNSEEN: Kind.UNSEEN,
}
"""What stands for a handling. All else is kept under its own word, and belongs to no piece so far."""

_TO_THE_MINUTE_MS = 60_000


class BagDesk:
    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def tell(self, feed: str, messages: Sequence[tuple[BagMessage, datetime]]) -> int:
        """Keeps what these messages, each with when it was heard, say of each bag; answers how much of it is new.

        Raises BadBagMessageError, and keeps nothing, where one cannot be dated or names an airport nobody knows.
        """
        with self._store.writing() as tx:
            tx.log.lock()
            zone = _zones(tx)
            new = [
                _fact(tx, fact, zone, now=self._clock.now())
                for message, heard_at in messages
                for fact in meaning(message, received_at=heard_at, zone=zone)
            ]
            return len(tx.log.append_new(f"feed:{feed}", new))


def _zones(tx: Transaction) -> Callable[[str], str]:
    places = tx.network.facilities()

    def zone(code: str) -> str:
        place = places.get(code) or airport(code)
        if place is None:
            raise BadBagMessageError(f"{code}: no airport we know")
        return place.zone

    return zone


def _fact(tx: Transaction, fact: BagFact, zone: Callable[[str], str], *, now: datetime) -> NewFact:
    kind = HANDLINGS.get(fact.news, fact.news)
    into = (_departure(tx, fact.flight, zone) or fact.into or None) if kind == Kind.LOAD else None
    said = {"legs": fact.legs, "rush": fact.rush, "may_be_loaded": fact.may_be_loaded}
    return NewFact(
        kind=kind.value,
        code=fact.plate.digits,
        facility=fact.facility,
        happened_at=min(fact.happened_at, now),
        recorded_at=now,
        key=_key(fact),
        into=into,
        estimated=fact.estimated,
        error_ms=_TO_THE_MINUTE_MS,
        body=msgspec.json.encode(said).decode(),
    )


def _key(fact: BagFact) -> str:
    """Of what was said and not of when it was heard: a message that comes again is the same fact."""
    when = None if fact.estimated else fact.happened_at
    said = [fact.plate.digits, fact.news, fact.facility, when, fact.legs, fact.into, fact.may_be_loaded, fact.rush]
    return hashlib.sha256(msgspec.json.encode(said)).hexdigest()[:32]


def _departure(tx: Transaction, flight: FlightOn | None, zone: Callable[[str], str]) -> str | None:
    """The run in our timetable that leaves there on that local date under this flight number."""
    if flight is None or flight.local_on is None:
        return None
    try:
        names = [str(DepartureName.parse(f"{flight.flight}/{flight.local_on + timedelta(n)}")) for n in (-1, 0, 1)]
    except BadNameError:
        return None
    known = tx.network.known_as([*names, *(f"{name}/{flight.origin}" for name in names)])
    for run in tx.network.departures(set(known.values())).values():
        leaves_on = run.departs_at.astimezone(ZoneInfo(zone(flight.origin))).date()
        if (run.origin, leaves_on) == (flight.origin, flight.local_on):
            return run.name
    return None
