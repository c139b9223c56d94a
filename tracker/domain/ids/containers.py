"""What things travel in: unit load devices, our own bags, cages and vans, and whatever bears an SSCC."""

from tracker.domain.ids.identify import LONGEST, aliases_in

NEVER_A_PIECE = frozenset({"uld", "own_container"})
"""Schemes nobody books a piece under. An SSCC may be on a piece, on a pallet, or on both at once."""


def container_of(text: str) -> str | None:
    """The one name of the container this code is of, however it was spelled; None where it is of none."""
    named = aliases_in(text) if len(text) <= LONGEST else ()
    return next((number for scheme, number in named if scheme in NEVER_A_PIECE or scheme == "sscc"), None)
