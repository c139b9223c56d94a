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
class Piece:
    """One barcoded parcel or bag, on one journey through the network."""

    number: str
    journey: int
    kind: PieceKind
    origin: str
    destination: str
    booked_at: datetime
    promise: Promise

    @property
    def name(self) -> str:
        """What causes of notices name it by: a number used again later is another journey, so another name."""
        return f"{self.number}/{self.journey}"
