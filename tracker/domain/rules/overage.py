"""It was loaded into a departure that it was never planned on."""

from collections.abc import Iterator

from tracker.domain.handling import Kind
from tracker.domain.rules.irregularity import Irregularity, IrregularityKind
from tracker.domain.situation import Situation
from tracker.domain.timeline import is_run
from tracker.domain.why import because

NOT_ITS_OWN = "It was loaded into {departure} at {facility} at {loaded_at}; that is not on its plan."


def check(situation: Situation) -> Iterator[Irregularity]:
    """Over once it was unloaded again, went into a departure of its plan, or turned up on its way."""
    legs = [leg for version in situation.versions for leg in version.legs]
    if not legs:
        return  # without a plan there is no wrong departure
    marks = situation.progress.marks
    planned = {leg.departure for leg in legs}
    sent_back = min((m.first_at for m in marks if m.kind == Kind.RETURN), default=None)
    for load in marks:
        if load.kind != Kind.LOAD or load.into in planned or not is_run(load.into) or load.into is None:
            continue
        if sent_back is not None and load.first_at >= sent_back:
            continue
        on_its_way = {place for leg in legs for place in (leg.origin, leg.destination)} | {situation.piece.destination}
        over = [
            moment
            for m in marks
            if (m.kind == Kind.UNLOAD and m.facility == load.facility)
            or (m.kind == Kind.LOAD and m.into in planned)
            or (m.facility in on_its_way and m.facility != load.facility)
            if (moment := m.next_after(load.last_at)) is not None
        ]
        yield Irregularity(
            IrregularityKind.OVERAGE,
            subject=load.into,
            since=load.first_at,
            why=because(NOT_ITS_OWN, {"departure": load.into, "facility": load.facility, "loaded_at": load.first_at}),
            evidence=(load.key,),
            cleared_at=min(over, default=None),
        )
