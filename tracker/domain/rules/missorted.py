"""The piece was seen where its plan never takes it."""

from collections.abc import Iterator

from tracker.domain.rules.irregularity import Irregularity, IrregularityKind
from tracker.domain.situation import Situation
from tracker.domain.why import because

OFF_ITINERARY = "{facility} is not on its itinerary; it was seen there at {seen_at}."


def check(situation: Situation) -> Iterator[Irregularity]:
    planned = {situation.piece.origin, situation.piece.destination}
    for version in situation.versions:
        planned.update(place for leg in version.legs for place in (leg.origin, leg.destination))
    for facility in sorted({m.facility for m in situation.progress.marks} - planned):
        there = [m for m in situation.progress.marks if m.facility == facility]
        first = min(there, key=lambda m: m.first_at)
        last_at = max(m.last_at for m in there)
        back = [m.last_at for m in situation.progress.marks if m.facility in planned and m.last_at > last_at]
        yield Irregularity(
            IrregularityKind.MISSORTED,
            subject=facility,
            since=first.first_at,
            why=because(OFF_ITINERARY, {"facility": facility, "seen_at": first.first_at}),
            evidence=(first.key,),
            cleared_at=min(back, default=None),
        )
