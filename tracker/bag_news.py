"""What baggage messages say becomes facts of the log, each once, matched to the bag like scans."""

import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import structlog

from tracker.booking import Bookings, IdempotencyConflictError
from tracker.clock import Clock
from tracker.domain.bags import BadBagMessageError, BagFact, BagMessage, BagNews, FlightOn, meaning
from tracker.domain.booking import BookedPiece, BookingRequest, Party
from tracker.domain.errors import BadBookingError, BadNameError
from tracker.domain.handling import Kind
from tracker.domain.ids import DepartureName
from tracker.domain.itinerary import leg_on
from tracker.domain.network import Departure
from tracker.domain.shipment import PieceKind
from tracker.folding import pieces_called, situation_at
from tracker.network_files import airport
from tracker.store import Store, Transaction
from tracker.store.bodies import PlannedLegs
from tracker.store.fact_log import NewFact

log = structlog.get_logger()

HANDLINGS = {
    BagNews.SORTED: Kind.SORT,
    BagNews.LOADED: Kind.LOAD,
    BagNews.ON_HAND: Kind.ARRIVE,
    BagNews.OFFLOADED: Kind.OFFLOAD,
    BagNews.UNSEEN: Kind.UNSEEN,
    BagNews.WITHDRAWN: Kind.WITHDRAW,
}
"""What stands for a handling. A booking is one of a piece, or another way for it; what is left is only kept."""

SAME_BAG = timedelta(days=2)
"""A tag that is booked again for a flight further than this from the one before is another bag's."""

PASSENGER = Party("Passenger")
"""Who a bag of a baggage message goes to: nobody says how to reach them, and their name stays where it is."""

_TO_THE_MINUTE_MS = 60_000


class BagDesk:
    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._bookings = Bookings(store, clock)

    def tell(self, feed: str, messages: Sequence[tuple[BagMessage, datetime]]) -> int:
        """Keeps what these messages, each with when it was heard, say of each bag; answers how much of it is new.

        Raises BadBagMessageError, and keeps nothing, where one cannot be dated or names an airport nobody knows.
        """
        with self._store.writing() as tx:
            tx.log.lock()
            zone, now = _zones(tx), self._clock.now()
            facts = [
                fact for message, heard_at in messages for fact in meaning(message, received_at=heard_at, zone=zone)
            ]
            new = [_fact(tx, fact, zone, now=now) for fact in facts]
            asked = {}
            for fact in facts:
                legs = _legs(tx, fact, zone) if fact.news is BagNews.BOOKED else ()
                if legs and (piece := _same_bag(tx, fact, legs)) is None:
                    asked[_key(fact)] = _request(fact, legs, now)
                elif legs and piece is not None and (other := _other_way(tx, piece, fact, legs, now)) is not None:
                    new.append(other)
            kept = len(tx.log.append_new(f"feed:{feed}", new))
        for key, request in asked.items():
            try:
                self._bookings.book(request, account=f"feed:{feed}", idempotency_key=key)
            except (BadBookingError, IdempotencyConflictError) as refused:
                log.warning("a bag was not booked", feed=feed, why=str(refused))
        return kept


def _legs(tx: Transaction, fact: BagFact, zone: Callable[[str], str]) -> tuple[Departure, ...]:
    """The runs it is booked on; none where our timetable lacks one of them."""
    names = [_departure(tx, flight, zone) for flight in fact.legs]
    known = tx.network.departures([name for name in names if name is not None])
    return tuple(known[name] for name in names if name is not None) if None not in names else ()


def _same_bag(tx: Transaction, fact: BagFact, legs: Sequence[Departure]) -> int | None:
    """The piece that carries this tag on about this day, if it still travels."""
    for piece in pieces_called(tx, fact.plate.digits):
        booked = tx.booked.piece(piece)[1]
        begins = booked[0].departs_at if booked else None
        if begins is not None and abs(begins - legs[0].departs_at) <= SAME_BAG:
            withdrawn = any(kept.event.kind == Kind.WITHDRAW for kept in tx.log.of_pieces([piece])[piece])
            return None if withdrawn else piece
    return None


def _request(fact: BagFact, legs: Sequence[Departure], now: datetime) -> BookingRequest:
    return BookingRequest(
        origin=legs[0].origin,
        destination=legs[-1].destination,
        ready_at=now,
        shipper=PASSENGER,
        consignee=PASSENGER,
        pieces=(BookedPiece(PieceKind.BAG, fact.plate.digits),),
        service="bag",
        legs=tuple(leg.name for leg in legs),
        notify=(),
    )


def _other_way(tx: Transaction, piece: int, fact: BagFact, legs: Sequence[Departure], now: datetime) -> NewFact | None:
    """That a bag goes on these flights instead, from the first that differs from its plan; None where none does, where
    it is past that, or where they end elsewhere: that is for the desk to judge."""
    situation, _ = situation_at(tx, piece, now)
    planned = situation.itinerary.legs
    begins = next((at for at, leg in enumerate(planned) if leg.origin == legs[0].origin), None)
    if begins is None or legs[-1].destination != situation.piece.destination or situation.over:
        return None
    ahead, same = planned[begins:], 0
    while same < min(len(ahead), len(legs)) and ahead[same].departure == legs[same].name:
        same += 1
    if same == len(ahead) or same == len(legs) or any(situation.rode(leg.departure) for leg in ahead[same:]):
        return None
    instead = PlannedLegs(piece, [leg_on(leg) for leg in legs[same:]], ahead[same].departure)
    return NewFact(
        kind=Kind.REPLAN,
        code=situation.piece.number,
        facility=legs[same].origin,
        happened_at=min(fact.happened_at, now),
        recorded_at=now,
        key=f"{_key(fact)}:plan",
        body=msgspec.json.encode(instead).decode(),
    )


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
