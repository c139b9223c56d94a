"""What facts other than scans carry besides their columns. Nothing personal: that lives in tables of its own."""

from datetime import datetime

import msgspec
from msgspec import UNSET, UnsetType

from tracker.domain.handling import EventKey
from tracker.domain.itinerary import Leg
from tracker.domain.movements import Said
from tracker.domain.staff import Role


class BookedPieces(msgspec.Struct, frozen=True):
    """The body of a `book` fact: which pieces it brought."""

    pieces: list[int]


class PlannedLegs(msgspec.Struct, frozen=True):
    """The body of a `replan` fact: the piece, what it missed by which scans, and the legs it gets instead."""

    piece: int
    legs: list[Leg]
    missed: str | None = None
    evidence: list[EventKey] = []
    left: str | None = None


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
    held_until: datetime | UnsetType = UNSET

    @property
    def said(self) -> Said:
        return {
            field: value for field in self.__struct_fields__ if not isinstance(value := getattr(self, field), UnsetType)
        }


class OfPiece(msgspec.Struct, frozen=True):
    """The body of what a recipient asked for, and of what was answered at once: the piece, and which ask it answers."""

    piece: int
    answers: EventKey | None = None


class StaffDecided(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The body of what staff decided. By its kind it is read as `PlannedLegs` or `Movement` too, whose names it has."""

    role: Role
    reason: str
    piece: int | None = None  # None: it is about a departure
    rank: int = 0
    voids: EventKey | None = None
    missed: str | None = None
    legs: list[Leg] = []
    held_until: datetime | None = None
    answers: EventKey | None = None
    closed: tuple[datetime, datetime] | None = None  # of a place; None: it is open again
