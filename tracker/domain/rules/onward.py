"""What shows that a piece went on without a departure of its plan."""

from tracker.domain.handling import Kind
from tracker.domain.itinerary import Leg
from tracker.domain.situation import Situation
from tracker.domain.timeline import Mark, is_run


def onward(situation: Situation, leg: Leg) -> list[Mark]:
    """Where it was put onto something else from where the leg begins, or turned up further along."""
    if not situation.progress.marks:
        return []
    planned = [version for version in situation.versions if version.rides(leg.departure)]
    further = {later.destination for version in situation.versions for later in version.legs} - {leg.origin}
    further -= {earlier.origin for version in planned for earlier in version.before(leg.departure)}
    return [
        m
        for m in situation.progress.marks
        if (m.kind == Kind.LOAD and m.facility == leg.origin and m.into != leg.departure and is_run(m.into))
        or m.facility in further
    ]
