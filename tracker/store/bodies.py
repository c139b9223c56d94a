"""What facts other than scans carry besides their columns. Nothing personal: that lives in tables of its own."""

import msgspec

from tracker.domain.itinerary import Leg


class BookedPieces(msgspec.Struct, frozen=True):
    """The body of a `book` fact: which pieces it brought."""

    pieces: list[int]


class PlannedLegs(msgspec.Struct, frozen=True):
    """The body of a `replan` fact: the piece, what it missed, and the legs it gets instead."""

    piece: int
    missed: str
    legs: list[Leg]
