"""No scan when one was due: it should have come off a departure, or gone onto one, and nothing was heard.

Silence proves nothing by itself: the handheld may be off line. It clears with the next scan, and a scan made in time
that only comes late takes it back.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from tracker.domain.handling import Kind
from tracker.domain.itinerary import Leg
from tracker.domain.rules.irregularity import Irregularity, IrregularityKind
from tracker.domain.situation import Situation
from tracker.domain.why import Why, because

TO_BE_UNLOADED = timedelta(hours=3)
"""How long after it landed a departure's last piece is scanned."""

TO_BE_HEARD_OF = timedelta(hours=1)
"""How long after a departure left its load scans come in."""

NOT_UNLOADED = "{departure} should have brought it to {facility} at {arrives_at}; it was not scanned there."
NOT_LOADED = "{departure} left {facility} at {left_at}; no scan shows it loaded, and none that it stayed."


def check(situation: Situation) -> Iterator[Irregularity]:
    for leg, due_by, after, why in _due(situation):
        heard_at = _next_scan(situation, after)
        if heard_at is None and situation.over:
            continue
        if (heard_at or situation.now) > due_by:
            yield Irregularity(IrregularityKind.SILENT, leg.departure, due_by, why, cleared_at=heard_at)


def look_again(situation: Situation) -> Iterator[datetime]:
    for _, due_by, after, _ in _due(situation):
        if _next_scan(situation, after) is None:
            yield due_by


def _due(situation: Situation) -> Iterator[tuple[Leg, datetime, datetime, Why]]:
    """The scans its plan in force asks for: of which leg, by when, and after which moment any scan will do."""
    if not situation.progress.marks:
        return  # that nobody scanned it at all is another irregularity
    for leg in situation.itinerary.legs:
        departure = situation.departure(leg.departure)
        if departure is None or departure.left_at is None:
            return
        load = situation.progress.load_on(leg.departure)
        if load is not None and situation.rode(leg.departure):
            arrives_at = departure.expected_arrival
            why = because(
                NOT_UNLOADED,
                {"departure": leg.departure, "facility": leg.destination, "arrives_at": arrives_at},
            )
            yield leg, arrives_at + TO_BE_UNLOADED, max(load.last_at, departure.left_at), why
        else:
            why = because(
                NOT_LOADED, {"departure": leg.departure, "facility": leg.origin, "left_at": departure.left_at}
            )
            yield leg, departure.left_at + TO_BE_HEARD_OF, departure.left_at, why


def _next_scan(situation: Situation, moment: datetime) -> datetime | None:
    """The first scan after a moment; a departure's own card shows nothing of the piece."""
    later = (m.next_after(moment) for m in situation.progress.marks if m.kind != Kind.DEPART)
    return min((at for at in later if at is not None), default=None)
