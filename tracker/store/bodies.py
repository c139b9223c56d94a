"""What facts other than scans carry besides their columns. Nothing personal: that lives in tables of its own."""

from datetime import datetime

import msgspec
from msgspec import UNSET, UnsetType

from tracker.domain.itinerary import Leg
from tracker.domain.movements import Said


class BookedPieces(msgspec.Struct, frozen=True):
    """The body of a `book` fact: which pieces it brought."""

    pieces: list[int]


class PlannedLegs(msgspec.Struct, frozen=True):
    """The body of a `replan` fact: the piece, what it missed, and the legs it gets instead."""

    piece: int
    missed: str
    legs: list[Leg]


class SaidOfConnection(msgspec.Struct, frozen=True):
    """The body of an `alert` fact: the piece, its connection, and what is foreseen of it."""

    piece: int
    inbound: str
    outbound: str
    chance: float
    stands: bool
    warned: bool


class Movement(msgspec.Struct, frozen=True):
    """The body of a `movement` fact: what is said of the departure that its code names. Null takes something back."""

    tail: str | UnsetType | None = UNSET
    estimated_departure: datetime | UnsetType | None = UNSET
    estimated_arrival: datetime | UnsetType | None = UNSET
    left_at: datetime | UnsetType | None = UNSET
    landed_at: datetime | UnsetType | None = UNSET
    cancelled: bool | UnsetType = UNSET
    diverted_to: str | UnsetType | None = UNSET

    @property
    def said(self) -> Said:
        return {
            field: value for field in self.__struct_fields__ if not isinstance(value := getattr(self, field), UnsetType)
        }
