"""What a shipper asks us to carry."""

from dataclasses import dataclass, field
from datetime import datetime

from tracker.domain.shipment import NOTHING_SAID, Goods, PieceKind


@dataclass(frozen=True, slots=True)
class Party:
    """Shipper or consignee: who they are and how to reach them. Personal: never leaves its own tables."""

    name: str
    email: str | None = None
    phone: str | None = None
    language: str = "en"  # BCP 47
    zone: str | None = None  # IANA; else that of the facility nearest to them
    postcode: str | None = None
    country: str | None = None  # ISO 3166 alpha-2
    city: str | None = None
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BookedPiece:
    """`number` is given for what has one already, a bag's licence plate or a carrier's; else one is drawn."""

    kind: PieceKind = PieceKind.PARCEL
    number: str | None = None
    weight_g: int | None = None
    size_mm: tuple[int, int, int] | None = None
    goods: Goods = NOTHING_SAID
    carrier: str | None = None  # whose number it is, where it could be that of several


@dataclass(frozen=True, slots=True)
class BookingRequest:
    origin: str
    destination: str
    ready_at: datetime
    shipper: Party
    consignee: Party
    pieces: tuple[BookedPiece, ...] = (BookedPiece(),)
    reference: str | None = None
    service: str = "standard"
    legs: tuple[str, ...] = ()  # departures already chosen, as a passenger's flights are; else the earliest way
    notify: tuple[str, ...] = field(default=("email",))  # channels by which the consignee is told
