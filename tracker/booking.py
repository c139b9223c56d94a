"""Taking a booking: numbers, a plan, a promise, and the fact that says so."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from tracker.clock import Clock
from tracker.domain.booking import BookedPiece, BookingRequest
from tracker.domain.credentials import digest_of_key
from tracker.domain.errors import BadBookingError, BadItineraryError, LastscanError, UnreadableLabelError
from tracker.domain.eta import promised
from tracker.domain.handling import Kind
from tracker.domain.ids import Candidate, Context, LicencePlate, S10Number, identify, is_ambiguous, scattered_serial
from tracker.domain.itinerary import Itinerary, Leg, joined
from tracker.domain.network import Facility
from tracker.domain.shipment import Piece, PieceKind
from tracker.domain.timetable import Wish
from tracker.planning import Planning
from tracker.store import Store, Transaction
from tracker.store.bodies import BookedPieces
from tracker.store.fact_log import NewFact
from tracker.store.settings import NUMBER_KEY, NUMBERED

SERVICE_LETTERS = "LS"
COUNTRY = "NL"
SANDBOX = "ZZ"
AHEAD = timedelta(days=366)
"""How far ahead a shipment may be ready; nobody has a timetable for later."""


class IdempotencyConflictError(LastscanError):
    """The same key came with another body: use a new key for a new booking."""


@dataclass(frozen=True, slots=True)
class Booked:
    """What was taken: the pieces' numbers in the order asked for, the promise, the plan."""

    numbers: tuple[str, ...]
    due_by: datetime
    legs: tuple[Leg, ...]
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class _Numbered:
    """A piece's number as the customer knows it, and every scheme and number it may be scanned under."""

    number: str
    known_as: tuple[tuple[str, str], ...]


class Bookings:
    def __init__(
        self, store: Store, clock: Clock, *, service_letters: str = SERVICE_LETTERS, country: str = COUNTRY
    ) -> None:
        self._planning = Planning()
        self._store = store
        self._clock = clock
        self._service_letters = service_letters
        self._country = country

    def open_account(self, account: str, *, key: str) -> None:
        """Makes an account that this key belongs to; does nothing when it is there."""
        with self._store.writing() as tx:
            if tx.booked.account_of(digest_of_key(key)) is None:
                tx.booked.add_account(account, key_digest=digest_of_key(key), now=self._clock.now())

    def pin(self, account: str, carrier: str) -> None:
        """From now on this shipper's numbers are read as this carrier's, where they could be another's too."""
        with self._store.writing() as tx:
            tx.booked.pin(account, carrier, now=self._clock.now())

    def unpin(self, account: str, carrier: str) -> bool:
        """Takes a pin back; False when there was none."""
        with self._store.writing() as tx:
            return tx.booked.unpin(account, carrier)

    def pins(self) -> list[tuple[str, str]]:
        """Every account with a carrier pinned to it."""
        with self._store.reading() as tx:
            return tx.booked.pins()

    def account_of(self, key: str) -> str | None:
        """The account an API key belongs to, if it is one of ours."""
        with self._store.reading() as tx:
            return tx.booked.account_of(digest_of_key(key))

    def book(
        self, request: BookingRequest, *, account: str, idempotency_key: str | None = None, body_hash: str = ""
    ) -> Booked:
        """Takes a booking once, however often it is sent under one key.

        Raises BadBookingError with the field to mend, IdempotencyConflictError when the key was used for another body.
        """
        with self._store.writing() as tx:
            tx.log.lock()
            now = self._clock.now()  # not before: what was scanned while we waited belongs to the journey before
            if idempotency_key is not None and (earlier := tx.booked.answer(account, idempotency_key)):
                return self._again(tx, earlier, body_hash)
            places = tx.network.facilities()
            itinerary = self._plan(tx, request, places, now)
            numbered = self._numbers(tx, request, tx.booked.pinned(account))
            self._refuse_taken(tx, request, numbered, account)
            shipment = tx.booked.add_shipment(request, account=account, now=now)
            ids = []
            for own, booked in zip(numbered, request.pieces, strict=True):
                piece = self._piece(tx, request, itinerary, booked, own.number, places, now)
                legs = itinerary.legs
                ids.append(tx.booked.add_piece(shipment, piece, known_as=own.known_as, legs=legs, booked=booked))
            rides = {leg.departure: True for leg in itinerary.legs}
            tx.timelines.keep_rides(dict.fromkeys(ids, rides))
            kept = tx.log.append_once(
                f"api:{account}",
                NewFact(
                    kind=Kind.BOOK,
                    code=numbered[0].number,
                    facility=request.origin,
                    happened_at=now,
                    recorded_at=now,
                    key=idempotency_key or f"shipment:{shipment}",
                    body=msgspec.json.encode(BookedPieces(ids)).decode(),
                ),
            )
            if kept is None:  # somebody's Idempotency-Key was the name we gave another booking, or the other way round
                raise IdempotencyConflictError("this Idempotency-Key names another booking; use a new key")
            for asked in request.pieces:
                if asked.carrier and asked.number and is_ambiguous(identify(asked.number)):
                    tx.booked.pin(account, asked.carrier, now=now)
            if idempotency_key is not None:
                tx.booked.keep_answer(account, idempotency_key, body_digest=body_hash, shipment=shipment, now=now)
            return self._answer(tx, shipment)

    def _again(self, tx: Transaction, earlier: tuple[str, int], body_hash: str) -> Booked:
        digest, shipment = earlier
        if digest != body_hash:
            raise IdempotencyConflictError("this Idempotency-Key came with another body before; use a new key")
        booked = self._answer(tx, shipment)
        return Booked(booked.numbers, booked.due_by, booked.legs, replayed=True)

    def _answer(self, tx: Transaction, shipment: int) -> Booked:
        found = [tx.booked.piece(piece) for piece in tx.booked.pieces_of(shipment)]
        first, legs = found[0]
        return Booked(tuple(piece.number for piece, _ in found), first.promise.due_by, legs)

    def _plan(self, tx: Transaction, request: BookingRequest, places: dict[str, Facility], now: datetime) -> Itinerary:
        for pointer, code in (("/origin", request.origin), ("/destination", request.destination)):
            if code not in places:
                raise BadBookingError(f"no facility {code!r} in the network", pointer=pointer)
        if request.origin == request.destination:
            raise BadBookingError("origin and destination are the same facility", pointer="/destination")
        if not request.pieces:
            raise BadBookingError("a shipment has at least one piece", pointer="/pieces")
        if request.legs:
            return self._chosen(tx, request)
        ready_at = max(request.ready_at, now)
        if ready_at > now + AHEAD:
            raise BadBookingError("more than a year ahead", pointer="/ready_at")
        wish = Wish(0, request.origin, request.destination, ready_at, request.service, len(request.pieces))
        found = self._planning.plan(tx, [wish])[0]
        if found is None:
            raise BadBookingError(
                f"no way from {request.origin} to {request.destination} in the three days after {ready_at.isoformat()}",
                pointer="/destination",
            )
        return found

    def _chosen(self, tx: Transaction, request: BookingRequest) -> Itinerary:
        names = tx.network.known_as(request.legs)
        for n, leg in enumerate(request.legs):
            if leg not in names:
                raise BadBookingError(f"no departure {leg!r} in the timetable", pointer=f"/legs/{n}")
        known = tx.network.departures(names.values())
        try:
            return joined(
                [known[names[leg]] for leg in request.legs], origin=request.origin, destination=request.destination
            )
        except BadItineraryError as wrong:
            at = "" if wrong.leg is None else f"/{wrong.leg}"
            raise BadBookingError(str(wrong), pointer=f"/legs{at}") from wrong

    def _numbers(self, tx: Transaction, request: BookingRequest, pinned: frozenset[str]) -> list[_Numbered]:
        """The number each piece goes by: its own where it has one, else a fresh S10 number."""
        given = [
            None if piece.number is None else self._given(piece, at, pinned) for at, piece in enumerate(request.pieces)
        ]
        numbered: list[_Numbered] = []
        for at, own in enumerate(given):
            if own and any(not set(own.known_as).isdisjoint(other.known_as) for other in numbered):
                raise BadBookingError(f"two pieces with the number {own.number}", pointer=f"/pieces/{at}/number")
            numbered.append(own or self._fresh(tx, taken=given))
        return numbered

    def _refuse_taken(
        self, tx: Transaction, request: BookingRequest, numbered: Sequence[_Numbered], account: str
    ) -> None:
        """Booking a number ends its journey before. That is for whoever booked that journey alone to do."""
        for at, (piece, own) in enumerate(zip(request.pieces, numbered, strict=True)):
            if piece.number is not None and tx.booked.under_way_for(own.number) not in (None, account):
                raise BadBookingError(
                    f"{own.number} is under way for somebody else; it can be booked when that journey has ended",
                    pointer=f"/pieces/{at}/number",
                )

    def _fresh(self, tx: Transaction, *, taken: Sequence[_Numbered | None]) -> _Numbered:
        """A number nobody has, not even somebody who came with one of this form."""
        while True:
            counter = tx.meta.next_number(NUMBERED)
            serial = scattered_serial(counter, key=tx.meta.secret(NUMBER_KEY))
            drawn = str(S10Number(self._service_letters, serial, self._country))
            known = any(own is not None and own.number == drawn for own in taken)
            if not known and tx.booked.next_journey(drawn) == 1:
                return _Numbered(drawn, (("s10", drawn),))

    def _given(self, piece: BookedPiece, at: int, pinned: frozenset[str]) -> _Numbered:
        """Under every form of its number. One that fits several carriers goes by all of them, until one is named:
        by the booking, or by a pin this shipper has on exactly one of them."""
        pointer = f"/pieces/{at}/number"
        assert piece.number is not None
        try:
            if piece.kind is PieceKind.BAG:
                plate = str(LicencePlate.parse(piece.number))
                return _Numbered(plate, (("lpn", plate),))
        except UnreadableLabelError as wrong:
            raise BadBookingError(str(wrong), pointer=pointer) from wrong
        found = self._read(piece.number, carrier=piece.carrier)
        rivals = pinned & {one.carrier for one in found if one.ambiguous and one.carrier}
        if piece.carrier is None and len(rivals) == 1:
            found = self._read(piece.number, carrier=next(iter(rivals)))
        if not found:
            whose = "we know the form of" if piece.carrier is None else f"of {piece.carrier[:40]!r}"
            raise BadBookingError(f"{piece.number[:40]!r} is no number {whose}", pointer=pointer)
        meant = [one for one in found if one.ambiguous] or found[:1]
        if len({one.number for one in meant}) > 1:
            whose = " or ".join(f"{one.number} of {one.carrier}" for one in meant)
            raise BadBookingError(f"this may be {whose}: book it under one of these numbers", pointer=pointer)
        return _Numbered(meant[0].number, tuple(dict.fromkeys(alias for one in meant for alias in one.aliases)))

    def _read(self, number: str, *, carrier: str | None) -> list[Candidate]:
        here = Context(carriers=frozenset({"sandbox"} if self._country == SANDBOX else ()), pinned=carrier)
        found = [one for one in identify(number, context=here) if one.scheme != "departure"]
        return found if carrier is None else [one for one in found if one.carrier in (carrier, None)]

    def _piece(
        self,
        tx: Transaction,
        request: BookingRequest,
        itinerary: Itinerary,
        booked: BookedPiece,
        number: str,
        places: dict[str, Facility],
        now: datetime,
    ) -> Piece:
        arrives_at = itinerary.arrives_at or now + timedelta(days=1)
        return Piece(
            number=number,
            journey=tx.booked.next_journey(number),
            kind=booked.kind,
            origin=request.origin,
            destination=request.destination,
            booked_at=now,
            promise=promised(booked.kind, places[request.destination], arrives_at=arrives_at),
            goods=booked.goods,
            service=request.service,
        )
