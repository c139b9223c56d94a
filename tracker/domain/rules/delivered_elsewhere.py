"""It was handed over, but not where its journey ends."""

from collections.abc import Iterator

from tracker.domain.handling import Kind
from tracker.domain.rules.irregularity import Irregularity, IrregularityKind
from tracker.domain.situation import Situation
from tracker.domain.why import because

NOT_ITS_END = "It was handed over at {facility} at {delivered_at}; it should have gone to {destination}."


def check(situation: Situation) -> Iterator[Irregularity]:
    """Over when it is handed over again where it belongs. What was sent back ends anywhere."""
    marks, piece = situation.progress.marks, situation.piece
    delivered = situation.delivered
    sent_back = min((m.first_at for m in marks if m.kind == Kind.RETURN), default=None)
    if delivered is None or delivered.facility == piece.destination:
        return
    if sent_back is not None and sent_back <= delivered.first_at:
        return
    there = [m.first_at for m in marks if m.kind == Kind.DELIVER and m.facility == piece.destination]
    yield Irregularity(
        IrregularityKind.DELIVERED_ELSEWHERE,
        subject=delivered.facility,
        since=delivered.first_at,
        why=because(
            NOT_ITS_END,
            {
                "facility": delivered.facility,
                "delivered_at": delivered.first_at,
                "destination": piece.destination,
            },
        ),
        evidence=(delivered.key,),
        cleared_at=min(there, default=None),
    )
