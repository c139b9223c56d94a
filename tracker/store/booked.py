"""Shipments, pieces and their numbers, and the people they belong to."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
import sqlalchemy as sa

from tracker.domain.booking import BookedPiece, BookingRequest, Party
from tracker.domain.itinerary import Leg
from tracker.domain.persons import Person
from tracker.domain.shipment import Goods, Piece, PieceKind, Promise
from tracker.domain.timeline import State
from tracker.store.among import WANTED, among
from tracker.store.callers import keys_of
from tracker.store.schema import accounts, aliases, answers, caller_keys, people, pieces, pins, shipments, timelines

SLACK = timedelta(days=3)
"""How far outside a journey's window a scan may still mean it."""


@dataclass(frozen=True, slots=True)
class Alias:
    piece: int
    valid_from: datetime
    valid_to: datetime | None

    def holds(self, instant: datetime, *, slack: timedelta) -> bool:
        return self.valid_from - slack <= instant and (self.valid_to is None or instant < self.valid_to + slack)


def meant(known: Sequence[Alias], instant: datetime) -> list[int]:
    """The pieces that one scheme and number may mean at this instant, of those known by it, the earliest first:
    strictly within a journey's time, else with some slack."""
    within = [alias.piece for alias in known if alias.holds(instant, slack=timedelta(0))]
    if within:
        return within
    # Of journeys yet to be booked it can only mean the next: the same one whether a later was booked by now or not.
    near = [alias for alias in known if alias.holds(instant, slack=SLACK)]
    return [alias.piece for alias in near if alias.valid_from == near[0].valid_from]


@dataclass(frozen=True, slots=True)
class Consignee:
    id: int
    pseudonym: str
    name: str
    email: str | None
    phone: str | None
    language: str
    zone: str | None


@dataclass(frozen=True, slots=True)
class Parties:
    """Who sends and who receives a piece, and what only they may know of its shipment. Personal."""

    consignee: Person
    consignee_id: int
    pseudonym: str  # of the consignee
    zone: str | None
    shipper: Person
    account: str
    service: str
    reference: str | None
    weight_g: int | None
    contents: str | None


class BookedShipments:
    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    # booking

    def add_person(self, party: Party) -> int:
        address = {"lines": party.lines, "city": party.city, "postcode": party.postcode, "country": party.country}
        values = {
            "pseudonym": str(uuid.uuid4()),
            "name": party.name,
            "email": party.email,
            "phone": party.phone,
            "language": party.language,
            "zone": party.zone,
            "address": msgspec.json.encode(address).decode(),
        }
        made = int(self._connection.execute(sa.insert(people).values(**values).returning(people.c.id)).scalar_one())
        keys = keys_of(party.name, email=party.email, phone=party.phone, country=party.country)
        self._connection.execute(sa.insert(caller_keys), [{"key": key, "person": made} for key in sorted(keys)])
        return made

    def add_shipment(self, request: BookingRequest, *, account: str, now: datetime) -> int:
        values = {
            "account": account,
            "reference": request.reference,
            "service": request.service,
            "shipper": self.add_person(request.shipper),
            "consignee": self.add_person(request.consignee),
            "channels": msgspec.json.encode(request.notify).decode(),
            "booked_at": now,
        }
        return int(
            self._connection.execute(sa.insert(shipments).values(**values).returning(shipments.c.id)).scalar_one()
        )

    def next_journey(self, number: str) -> int:
        last = self._connection.execute(
            sa.select(sa.func.max(pieces.c.journey)).where(pieces.c.number == number)
        ).scalar()
        return (last or 0) + 1

    def add_piece(
        self,
        shipment: int,
        piece: Piece,
        *,
        known_as: Sequence[tuple[str, str]],
        legs: tuple[Leg, ...],
        booked: BookedPiece,
    ) -> int:
        """Adds a piece under each scheme and number it is known as; an earlier journey under one of them ends here."""
        values = {
            "shipment": shipment,
            "number": piece.number,
            "journey": piece.journey,
            "kind": piece.kind.value,
            "origin": piece.origin,
            "destination": piece.destination,
            "booked_at": piece.booked_at,
            "due_by": piece.promise.due_by,
            "service": piece.service,
            "booked_legs": msgspec.json.encode(legs).decode(),
            "weight_g": booked.weight_g,
            "size_mm": msgspec.json.encode(booked.size_mm).decode() if booked.size_mm else None,
            "contents": piece.goods.contents,
            "hs": piece.goods.hs,
            "value_minor": piece.goods.value_minor,
            "currency": piece.goods.currency,
        }
        made = int(self._connection.execute(sa.insert(pieces).values(**values).returning(pieces.c.id)).scalar_one())
        for scheme, number in known_as:
            open_ones = (aliases.c.scheme == scheme) & (aliases.c.number == number) & aliases.c.valid_to.is_(None)
            self._connection.execute(sa.update(aliases).where(open_ones).values(valid_to=piece.booked_at))
            alias = {"scheme": scheme, "number": number, "piece": made, "valid_from": piece.booked_at}
            self._connection.execute(sa.insert(aliases).values(**alias))
        return made

    def aliases(self, piece: int) -> list[tuple[str, str]]:
        """Every scheme and number this piece is known as."""
        query = sa.select(aliases.c.scheme, aliases.c.number).where(aliases.c.piece == piece)
        return [(row.scheme, row.number) for row in self._connection.execute(query.order_by(aliases.c.number))]

    # matching

    def names_of(self, pieces: Collection[int]) -> set[str]:
        """Every number these pieces are known as."""
        return set(self._connection.execute(_NAMES_OF, {WANTED: pieces}).scalars())

    def named(self, numbers: Collection[str]) -> dict[tuple[str, str], list[Alias]]:
        """Whom each scheme and number means and when, for any of these numbers: the earliest journey first."""
        found: dict[tuple[str, str], list[Alias]] = {}
        for scheme, number, piece, valid_from, valid_to in self._connection.execute(_NAMED, {WANTED: numbers}).all():
            found.setdefault((scheme, number), []).append(Alias(piece, valid_from, valid_to))
        return found

    def numbered(self, numbers: Sequence[str]) -> list[int]:
        """Every piece that ever had one of these numbers: by the first number first, then the newest journey. None are
        asked for too, so that a number that cannot be costs what an unknown one does."""
        rank = {number: at for at, number in enumerate(numbers)}
        rows = [*self._connection.execute(_NAMED, {WANTED: numbers})]
        rows.sort(key=lambda row: row.valid_from, reverse=True)
        rows.sort(key=lambda row: rank[row.number])
        return list(dict.fromkeys(row.piece for row in rows))  # once, though under several schemes

    def under_way_for(self, number: str) -> str | None:
        """The account whose journey under this number has not been delivered yet; None when there is none."""
        query = (
            sa.select(shipments.c.account)
            .join(pieces, pieces.c.shipment == shipments.c.id)
            .outerjoin(timelines, timelines.c.piece == pieces.c.id)
            .where(pieces.c.number == number, timelines.c.state.is_distinct_from(State.DELIVERED.value))
            .order_by(pieces.c.journey.desc())
        )
        return self._connection.execute(query.limit(1)).scalar()

    def readdress(self, piece: int, address: Mapping[str, object]) -> None:
        """Another address for whoever receives this piece's shipment."""
        whose = sa.select(shipments.c.consignee).join(pieces, pieces.c.shipment == shipments.c.id)
        consignee = whose.where(pieces.c.id == piece).scalar_subquery()
        spelled = msgspec.json.encode(address).decode()
        self._connection.execute(sa.update(people).where(people.c.id == consignee).values(address=spelled))

    # reading

    def piece(self, id: int) -> tuple[Piece, tuple[Leg, ...]]:
        row = self._connection.execute(sa.select(pieces).where(pieces.c.id == id)).one()
        return _piece(row), tuple(msgspec.json.decode(row.booked_legs, type=list[Leg]))

    def pieces(self, of: Collection[int]) -> dict[int, tuple[Piece, str]]:
        """Each of these, and whose shipment it is of."""
        rows = self._connection.execute(_PIECES, {WANTED: of})
        return {row.id: (_piece(row), row.account) for row in rows}

    def pieces_of(self, shipment: int) -> list[int]:
        query = sa.select(pieces.c.id).where(pieces.c.shipment == shipment).order_by(pieces.c.id)
        return list(self._connection.execute(query).scalars())

    def pieces_after(self, id: int, limit: int) -> list[int]:
        """The next pieces in the order they were booked."""
        query = sa.select(pieces.c.id).where(pieces.c.id > id).order_by(pieces.c.id).limit(limit)
        return list(self._connection.execute(query).scalars())

    def consignee(self, piece: int) -> tuple[Consignee, tuple[str, ...]]:
        """Who receives a piece, and the channels they are told by."""
        return self.consignees([piece])[piece]

    def consignees(self, of: Collection[int]) -> dict[int, tuple[Consignee, tuple[str, ...]]]:
        """Who receives each piece, and the channels they are told by."""
        found = {}
        for row in self._connection.execute(_CONSIGNEES, {WANTED: of}).all():
            who = Consignee(row.id, row.pseudonym, row.name, row.email, row.phone, row.language, row.zone)
            found[row.piece] = who, tuple(msgspec.json.decode(row.channels, type=list[str]))
        return found

    def parties(self, piece: int) -> Parties | None:
        """Whose this piece is; None where there is none."""
        row = self._connection.execute(_PARTIES, {"of": piece}).one_or_none()
        if row is None:
            return None
        return Parties(
            consignee=_person(row.name, row.email, row.phone, row.address),
            consignee_id=row.id,
            pseudonym=row.pseudonym,
            zone=row.zone,
            shipper=_person(row.shipper_name, None, None, None),
            account=row.account,
            service=row.service,
            reference=row.reference,
            weight_g=row.weight_g,
            contents=row.contents,
        )

    def journey(self, number: str, journey: int) -> int:
        """The piece that was booked under this number so many times in."""
        query = sa.select(pieces.c.id).where(pieces.c.number == number, pieces.c.journey == journey)
        return int(self._connection.execute(query).scalar_one())

    def same_contact(self, of: Collection[int], *, limit: int) -> list[tuple[int, int]]:
        """Pieces, and who receives them, that go to a mail address one of these goes to; the newest first."""
        return [(row[0], row[1]) for row in self._connection.execute(_SAME_CONTACT.limit(limit), {WANTED: of})]

    def piece_for(self, pseudonym: str, number: str) -> tuple[int, int] | None:
        """The piece of this number that this person receives, and the person."""
        row = self._connection.execute(_PIECE_FOR, {"pseudonym": pseudonym, "number": number}).first()
        return (row[0], row[1]) if row else None

    def piece_numbers(self, of: Collection[int]) -> dict[int, str]:
        """The number each piece goes by."""
        return {row.id: row.number for row in self._connection.execute(_NUMBERS, {WANTED: of})}

    def counts(self) -> dict[str, int]:
        bag = sa.func.count().filter(pieces.c.kind == PieceKind.BAG.value)
        row = self._connection.execute(sa.select(sa.func.count(), bag).select_from(pieces)).one()
        shipped = self._connection.execute(sa.select(sa.func.count()).select_from(shipments)).scalar_one()
        return {"pieces": row[0], "bags": row[1], "shipments": shipped}

    # accounts

    def add_account(self, account: str, *, key_digest: str, now: datetime) -> None:
        self._connection.execute(sa.insert(accounts).values(account=account, key_digest=key_digest, made_at=now))

    def pin(self, account: str, carrier: str, *, now: datetime) -> None:
        """This shipper sends with this carrier: its numbers are read so where they could be another's."""
        if carrier not in self.pinned(account):
            self._connection.execute(sa.insert(pins).values(account=account, carrier=carrier, pinned_at=now))

    def unpin(self, account: str, carrier: str) -> bool:
        where = (pins.c.account == account) & (pins.c.carrier == carrier)
        return self._connection.execute(sa.delete(pins).where(where)).rowcount > 0

    def pinned(self, account: str) -> frozenset[str]:
        return frozenset(self._connection.execute(sa.select(pins.c.carrier).where(pins.c.account == account)).scalars())

    def pins(self) -> list[tuple[str, str]]:
        """Every account with a carrier pinned to it."""
        rows = self._connection.execute(sa.select(pins).order_by(pins.c.account, pins.c.carrier))
        return [(row.account, row.carrier) for row in rows]

    def account_of(self, key_digest: str) -> str | None:
        query = sa.select(accounts.c.account).where(accounts.c.key_digest == key_digest)
        return self._connection.execute(query).scalar()

    def answer(self, account: str, key: str) -> tuple[str, int] | None:
        """What was answered under this idempotency key: the digest of the body, and the shipment made."""
        query = sa.select(answers.c.body_digest, answers.c.shipment)
        row = self._connection.execute(query.where(answers.c.account == account, answers.c.key == key)).one_or_none()
        return (row.body_digest, row.shipment) if row else None

    def keep_answer(self, account: str, key: str, *, body_digest: str, shipment: int, now: datetime) -> None:
        values = {"account": account, "key": key, "body_digest": body_digest, "shipment": shipment, "made_at": now}
        self._connection.execute(sa.insert(answers).values(**values))


def _piece(row: sa.Row[tuple[object, ...]]) -> Piece:
    return Piece(
        number=row.number,
        journey=row.journey,
        kind=PieceKind(row.kind),
        origin=row.origin,
        destination=row.destination,
        booked_at=row.booked_at,
        promise=Promise(row.due_by),
        goods=Goods(row.contents, row.hs, row.value_minor, row.currency),
        service=row.service,
    )


def _person(name: str, email: str | None, phone: str | None, address: str | None) -> Person:
    at = msgspec.json.decode(address, type=_Address) if address else _Address()
    return Person(name, email, phone, tuple(at.lines), at.city, at.postcode, at.country)


class _Address(msgspec.Struct, frozen=True):
    lines: tuple[str, ...] = ()
    city: str | None = None
    postcode: str | None = None
    country: str | None = None


_NAMES_OF = sa.select(aliases.c.number).where(among(aliases.c.piece))
_NAMED = (
    sa.select(aliases.c.scheme, aliases.c.number, aliases.c.piece, aliases.c.valid_from, aliases.c.valid_to)
    .where(among(aliases.c.number))
    .order_by(aliases.c.valid_from)
)
_PIECES = (
    sa.select(pieces, shipments.c.account)
    .join(shipments, pieces.c.shipment == shipments.c.id)
    .where(among(pieces.c.id))
)
_NUMBERS = sa.select(pieces.c.id, pieces.c.number).where(among(pieces.c.id))
_CONSIGNEES = (
    sa.select(pieces.c.id.label("piece"), people, shipments.c.channels)
    .join(shipments, pieces.c.shipment == shipments.c.id)
    .join(people, shipments.c.consignee == people.c.id)
    .where(among(pieces.c.id))
)
_SHIPPERS = people.alias("shippers")
_PARTIES = (
    sa.select(
        people,
        _SHIPPERS.c.name.label("shipper_name"),
        shipments.c.account,
        shipments.c.service,
        shipments.c.reference,
        pieces.c.weight_g,
        pieces.c.contents,
    )
    .select_from(pieces)
    .join(shipments, pieces.c.shipment == shipments.c.id)
    .join(people, shipments.c.consignee == people.c.id)
    .join(_SHIPPERS, shipments.c.shipper == _SHIPPERS.c.id)
    .where(pieces.c.id == sa.bindparam("of"))
)
_PIECE_FOR = (
    sa.select(pieces.c.id, people.c.id)
    .join(shipments, pieces.c.shipment == shipments.c.id)
    .join(people, shipments.c.consignee == people.c.id)
    .where(people.c.pseudonym == sa.bindparam("pseudonym"), pieces.c.number == sa.bindparam("number"))
    .order_by(pieces.c.journey.desc())
)
_CONTACTS = (
    sa.select(people.c.email)
    .join(shipments, shipments.c.consignee == people.c.id)
    .join(pieces, pieces.c.shipment == shipments.c.id)
    .where(among(pieces.c.id), people.c.email.isnot(None))
)
_SAME_CONTACT = (
    sa.select(pieces.c.id, people.c.id)
    .join(shipments, pieces.c.shipment == shipments.c.id)
    .join(people, shipments.c.consignee == people.c.id)
    .where(people.c.email.in_(_CONTACTS))
    .order_by(pieces.c.id.desc())
)
