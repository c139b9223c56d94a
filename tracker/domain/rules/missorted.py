"""The piece was seen where its plan never takes it."""

from collections.abc import Iterator

from tracker.domain.handling import Kind
from tracker.domain.rules.irregularity import Irregularity, IrregularityKind
from tracker.domain.situation import Situation
from tracker.domain.why import because

OFF_ITINERARY = "{facility} is not on its itinerary; it was seen there at {seen_at}."


def check(situation: Situation) -> Iterator[Irregularity]:
    planned = {situation.piece.origin, situation.piece.destination}
    legs = [leg for version in situation.versions for leg in version.legs]
    if not legs:
        return  # without a plan there is no way to be off it
    planned.update(place for leg in legs for place in (leg.origin, leg.destination))
    marks = situation.progress.marks
    sent_back = min((m.first_at for m in marks if m.kind == Kind.RETURN), default=None)
    off = [m for m in marks if m.facility not in planned and (sent_back is None or m.first_at < sent_back)]
    for facility in sorted({m.facility for m in off}):
        there = [m for m in off if m.facility == facility]
        first = min(there, key=lambda m: m.first_at)
        last_at = max(m.last_at for m in there)
        back = [at for m in marks if m.facility in planned and (at := m.next_after(last_at)) is not None]
        yield Irregularity(
            IrregularityKind.MISSORTED,
            subject=facility,
            since=first.first_at,
            why=because(OFF_ITINERARY, {"facility": facility, "seen_at": first.first_at}),
            evidence=(first.key,),
            cleared_at=min(back, default=None),
        )
