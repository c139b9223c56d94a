"""Somebody stopped the piece where it is."""

from collections.abc import Iterator

from tracker.domain.handling import Kind
from tracker.domain.rules.irregularity import Irregularity, IrregularityKind
from tracker.domain.situation import Situation
from tracker.domain.why import because

HELD = "It is held at {facility} since {held_at}."


def check(situation: Situation) -> Iterator[Irregularity]:
    marks = situation.progress.marks
    holds = {m.facility: m for m in marks if m.kind == Kind.HOLD}  # the latest at each place
    for hold in holds.values():
        goes_on = [
            moment
            for m in marks
            if m.kind in (Kind.RELEASE, Kind.DELIVER) or (m.facility != hold.facility and not m.estimated)
            if (moment := m.next_after(hold.last_at)) is not None
        ]
        yield Irregularity(
            IrregularityKind.HELD,
            subject=hold.facility,
            since=hold.first_at,
            why=because(HELD, {"facility": hold.facility, "held_at": hold.first_at}),
            evidence=(hold.key,),
            cleared_at=min(goes_on, default=None),
        )
