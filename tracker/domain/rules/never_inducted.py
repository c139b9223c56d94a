"""It was booked, and nobody ever scanned it: a label was made, nothing was handed over."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from tracker.domain.rules.irregularity import Irregularity, IrregularityKind
from tracker.domain.shipment import PieceKind
from tracker.domain.situation import Situation
from tracker.domain.why import because

TO_HAND_OVER = timedelta(hours=24)
"""How long after booking a parcel is waited for, whatever departure it was planned on."""

NEVER_SEEN = "It was booked and nobody has scanned it by {due_by}."


def check(situation: Situation) -> Iterator[Irregularity]:
    due_by = _due_by(situation)
    first_at = min((m.first_at for m in situation.progress.marks), default=None)
    if (first_at or situation.now) > due_by:
        yield Irregularity(
            IrregularityKind.NEVER_INDUCTED,
            subject=situation.piece.origin,
            since=due_by,
            why=because(NEVER_SEEN, {"facility": situation.piece.origin, "due_by": due_by}),
            cleared_at=first_at,
        )


def look_again(situation: Situation) -> Iterator[datetime]:
    if not situation.progress.marks:
        yield _due_by(situation)


def _due_by(situation: Situation) -> datetime:
    """A bag has until its first flight leaves; a parcel at least a day."""
    legs = situation.plan.booked.legs
    departs_at = legs[0].departs_at if legs else situation.piece.booked_at
    if situation.piece.kind is PieceKind.BAG and legs:
        return departs_at
    return max(departs_at, situation.piece.booked_at + TO_HAND_OVER)
