"""Somebody looked for it where a list says it should be, and did not see it."""

from collections.abc import Iterator

from tracker.domain.handling import Kind
from tracker.domain.rules.irregularity import Irregularity, IrregularityKind
from tracker.domain.situation import Situation
from tracker.domain.why import because

NOT_FOUND = "It was looked for at {facility} at {sought_at} and not seen."


def check(situation: Situation) -> Iterator[Irregularity]:
    """Over with the next sighting anywhere."""
    latest = {m.facility: m for m in situation.progress.remarks if m.kind == Kind.UNSEEN}
    for sought in latest.values():
        sightings = [m.next_after(sought.last_at) for m in situation.progress.marks]
        yield Irregularity(
            IrregularityKind.SHORTAGE,
            subject=sought.facility,
            since=sought.first_at,
            why=because(NOT_FOUND, {"facility": sought.facility, "sought_at": sought.first_at}),
            evidence=(sought.key,),
            cleared_at=min((at for at in sightings if at is not None), default=None),
        )
