"""What somebody sends, and what was promised."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class PieceKind(StrEnum):
    PARCEL = "parcel"
    BAG = "bag"


@dataclass(frozen=True, slots=True)
class Promise:
    """What the customer was told when the shipment was booked."""

    due_by: datetime


@dataclass(frozen=True, slots=True)
class Goods:
    """What a booking says of what is inside, as far as customs will ask."""

    contents: str | None = None
    hs: str | None = None  # the tariff number of the Harmonized System, 4 to 10 digits
    value_minor: int | None = None  # in the smallest unit of `currency`
    currency: str | None = None  # ISO 4217

    @property
    def lacking(self) -> tuple[str, ...]:
        """What customs of another country will ask and nobody said yet, in the trade's words."""
        asked = {"contents": self.contents, "HS": self.hs, "value": self.value_minor}
        return tuple(name for name, said in asked.items() if said is None)


NOTHING_SAID = Goods()


@dataclass(frozen=True, slots=True)
class Piece:
    """One barcoded parcel or bag, on one journey through the network."""

    number: str
    journey: int
    kind: PieceKind
    origin: str
    destination: str
    booked_at: datetime
    promise: Promise
    goods: Goods = NOTHING_SAID
    service: str = "standard"  # only departures that take it do

    @property
    def name(self) -> str:
        """What causes of notices name it by: a number used again later is another journey, so another name."""
        return f"{self.number}/{self.journey}"
