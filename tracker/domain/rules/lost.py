"""A person declared it lost. Nothing else does: silence is silence."""

from collections.abc import Iterator

from tracker.domain.handling import Kind
from tracker.domain.rules.irregularity import Irregularity, IrregularityKind
from tracker.domain.situation import Situation
from tracker.domain.why import because

DECLARED_LOST = "It was declared lost at {declared_at}."


def check(situation: Situation) -> Iterator[Irregularity]:
    """Over when it is declared found, or scanned anywhere."""
    said, marks = situation.progress.remarks, situation.progress.marks
    latest = max((m for m in said if m.kind == Kind.LOST), key=lambda m: m.last_at, default=None)
    if latest is not None:
        found = [m for m in said if m.kind == Kind.FOUND]
        seen_again = [m.next_after(latest.last_at) for m in (*found, *marks)]
        yield Irregularity(
            IrregularityKind.LOST,
            subject=latest.facility,
            since=latest.first_at,
            why=because(DECLARED_LOST, {"facility": latest.facility, "declared_at": latest.first_at}),
            evidence=(latest.key,),
            cleared_at=min((at for at in seen_again if at is not None), default=None),
        )
