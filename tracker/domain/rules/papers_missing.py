"""It crosses a customs border, and its booking does not say what customs will ask."""

from collections.abc import Iterator

from tracker.domain.handling import Kind
from tracker.domain.rules.irregularity import Irregularity, IrregularityKind
from tracker.domain.shipment import PieceKind
from tracker.domain.situation import Situation
from tracker.domain.why import because

EUROPEAN_UNION = frozenset(
    (
        *("AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU"),
        *("IE", "IT", "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK"),
    )
)
"""Goods cross no customs border between these (the customs union of the European Union, as of 2020)."""

LACKING = "It goes from {origin} to {destination}, and customs there will ask what the booking does not say: {papers}."


def check(situation: Situation) -> Iterator[Irregularity]:
    """Over once customs let it go: then they had what they wanted."""
    piece = situation.piece
    lacking = piece.goods.lacking
    if piece.kind is not PieceKind.PARCEL or not lacking or not _crosses_a_border(situation):
        return
    cleared = [m.first_at for m in situation.progress.marks if m.kind in (Kind.CUSTOMS_OUT, Kind.DELIVER)]
    yield Irregularity(
        IrregularityKind.PAPERS_MISSING,
        subject=piece.destination,
        since=piece.booked_at,
        why=because(LACKING, {"origin": piece.origin, "destination": piece.destination, "papers": ", ".join(lacking)}),
        cleared_at=min(cleared, default=None),
    )


def _crosses_a_border(situation: Situation) -> bool:
    here = situation.facility(situation.piece.origin).country
    there = situation.facility(situation.piece.destination).country
    return "" not in (here, there) and here != there and not {here, there} <= EUROPEAN_UNION
