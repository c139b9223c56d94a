"""The piece lies somewhere for longer than it should, and nobody stopped it there."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from tracker.domain.handling import Kind
from tracker.domain.network import FacilityKind
from tracker.domain.rules.irregularity import Irregularity, IrregularityKind
from tracker.domain.situation import Situation
from tracker.domain.timeline import Mark, is_run
from tracker.domain.why import because

LONGEST: dict[FacilityKind, timedelta] = {
    FacilityKind.HUB: timedelta(hours=12),
    FacilityKind.GATEWAY: timedelta(hours=12),
    FacilityKind.STATION: timedelta(hours=36),
    FacilityKind.CUSTOMS: timedelta(hours=72),
}
"""How long a piece lies at a place at the most where all is well, if no departure of its plan leaves later."""

ANYWHERE_ELSE = timedelta(hours=36)
SLACK = timedelta(hours=1)

TOO_LONG = "It came to {facility} at {came_at} and should have left there by {due_by}."

_ENDS_A_STAY = frozenset({Kind.OUT_FOR_DELIVERY, Kind.READY_FOR_PICKUP, Kind.DELIVER, Kind.ATTEMPT, Kind.HOLD})


def check(situation: Situation) -> Iterator[Irregularity]:
    for facility, came_at, due_by, left_at in situation.once(_stays):
        if left_at is None and situation.over:
            continue
        if (left_at or situation.now) > due_by:
            yield Irregularity(
                IrregularityKind.DWELLING,
                subject=facility,
                since=due_by,
                why=because(TOO_LONG, {"facility": facility, "came_at": came_at, "due_by": due_by}),
                cleared_at=left_at,
            )


def look_again(situation: Situation) -> Iterator[datetime]:
    for _, _, due_by, left_at in situation.once(_stays):
        if left_at is None:
            yield due_by


def _stays(situation: Situation) -> list[tuple[str, datetime, datetime, datetime | None]]:
    """The last stay at each place, but those that were short enough anyhow: where, since when, until when at the
    latest, and when it ended."""
    stays = []
    visits: dict[int, list[Mark]] = {}
    for mark in situation.progress.marks:
        if not mark.estimated:
            visits.setdefault(mark.visit, []).append(mark)
    last = {marks[0].facility: marks for _, marks in sorted(visits.items())}
    for facility, marks in last.items():
        came_at = min([m.first_at for m in marks])
        left_at = _left_at(situation, marks, came_at)
        if left_at is None or left_at > came_at + _lies(situation, facility):
            stays.append((facility, came_at, _due_by(situation, facility, came_at), left_at))
    return stays


def _due_by(situation: Situation, facility: str, came_at: datetime) -> datetime:
    planned = [
        leg.departs_at + SLACK for itinerary in situation.versions for leg in itinerary.legs if leg.origin == facility
    ]
    return max((came_at + _lies(situation, facility), *planned))


def _lies(situation: Situation, facility: str) -> timedelta:
    return LONGEST.get(situation.facility(facility).kind, ANYWHERE_ELSE)


def _left_at(situation: Situation, stay: list[Mark], came_at: datetime) -> datetime | None:
    """When it went onto a departure or a van, was stopped there, or turned up elsewhere."""
    ended = [m.first_at for m in stay if m.kind in _ENDS_A_STAY or (m.kind == Kind.LOAD and is_run(m.into))]
    ended += [m.first_at for m in situation.progress.marks if m.visit > stay[0].visit and m.first_at > came_at]
    return min(ended, default=None)
