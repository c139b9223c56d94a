"""Somebody saw that it is damaged. It stays so: only a person closes that."""

from collections.abc import Iterator

from tracker.domain.handling import Kind
from tracker.domain.rules.irregularity import Irregularity, IrregularityKind
from tracker.domain.situation import Situation
from tracker.domain.why import because

SEEN_DAMAGED = "Damage was seen at {facility} at {seen_at}."


def check(situation: Situation) -> Iterator[Irregularity]:
    first = min((m for m in situation.progress.marks if m.kind == Kind.DAMAGE), key=lambda m: m.first_at, default=None)
    if first is not None:
        yield Irregularity(
            IrregularityKind.DAMAGED,
            subject=first.facility,
            since=first.first_at,
            why=because(SEEN_DAMAGED, {"facility": first.facility, "seen_at": first.first_at}),
            evidence=(first.key,),
        )
