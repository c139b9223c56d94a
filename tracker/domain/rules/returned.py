"""It is on its way back to whoever sent it."""

from collections.abc import Iterator

from tracker.domain.handling import Kind
from tracker.domain.rules.attempts import next_of
from tracker.domain.rules.irregularity import Irregularity, IrregularityKind
from tracker.domain.situation import Situation
from tracker.domain.why import because

SENT_BACK = "It was sent back from {facility} at {sent_back_at}."


def check(situation: Situation) -> Iterator[Irregularity]:
    """Over when it is handed back."""
    back = min((m for m in situation.progress.marks if m.kind == Kind.RETURN), key=lambda m: m.first_at, default=None)
    if back is not None:
        yield Irregularity(
            IrregularityKind.RETURNED,
            subject=back.facility,
            since=back.first_at,
            why=because(SENT_BACK, {"facility": back.facility, "sent_back_at": back.first_at}),
            evidence=(back.key,),
            cleared_at=next_of(situation, frozenset({Kind.DELIVER}), back.first_at),
        )
