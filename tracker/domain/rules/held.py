"""Somebody stopped the piece where it is."""

from collections.abc import Iterator

from tracker.domain.handling import Kind
from tracker.domain.rules.irregularity import Irregularity, IrregularityKind
from tracker.domain.situation import Situation
from tracker.domain.why import because

HELD = "It is held at {facility} since {held_at}."


def check(situation: Situation) -> Iterator[Irregularity]:
    for hold in situation.progress.marks:
        if hold.kind != Kind.HOLD:
            continue
        released = situation.progress.seen(Kind.RELEASE, hold.facility)
        yield Irregularity(
            IrregularityKind.HELD,
            subject=hold.facility,
            since=hold.last_at,
            why=because(HELD, {"facility": hold.facility, "held_at": hold.last_at}),
            evidence=(hold.key,),
            cleared_at=released.last_at if released is not None and released.last_at > hold.last_at else None,
        )
