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
from tracker.domain.why import Facts, because

TO_BE_UNLOADED = timedelta(hours=3)
"""How long after it landed a departure's last piece is scanned."""

TO_BE_HEARD_OF = timedelta(hours=1)
"""How long after a departure left its load scans come in."""

NOT_UNLOADED = "{departure} should have brought it to {facility} at {arrives_at}; it was not scanned there."
NOT_LOADED = "{departure} left {facility} at {left_at}; no scan shows it loaded, and none that it stayed."


def check(situation: Situation) -> Iterator[Irregularity]:
    for leg, due_by, heard_at, sentence, facts in situation.once(_due):
        if heard_at is None and situation.over:
            continue
        if (heard_at or situation.now) > due_by:
            yield Irregularity(
                IrregularityKind.SILENT, leg.departure, due_by, because(sentence, facts), cleared_at=heard_at
            )


def look_again(situation: Situation) -> Iterator[datetime]:
    for _, due_by, heard_at, _, _ in situation.once(_due):
        if heard_at is None:
            yield due_by


def _due(situation: Situation) -> list[tuple[Leg, datetime, datetime | None, str, Facts]]:
    """The scans its plan in force asks for: of which leg, by when, when there was one, and why it is asked for."""
    due: list[tuple[Leg, datetime, datetime | None, str, Facts]] = []
    if not situation.progress.marks:
        return due  # that nobody scanned it at all is another irregularity
    for leg in situation.itinerary.legs:
        departure = situation.departure(leg.departure)
        if departure is None or departure.left_at is None:
            break
        left_at, load = departure.left_at, situation.progress.load_on(leg.departure)
        if load is not None and situation.rode(leg.departure):
            arrives_at = departure.expected_arrival
            facts: Facts = {"departure": leg.departure, "facility": leg.destination, "arrives_at": arrives_at}
            heard_at = _next_scan(situation, max(load.last_at, left_at))
            due.append((leg, arrives_at + TO_BE_UNLOADED, heard_at, NOT_UNLOADED, facts))
        else:
            facts = {"departure": leg.departure, "facility": leg.origin, "left_at": left_at}
            due.append((leg, left_at + TO_BE_HEARD_OF, _next_scan(situation, left_at), NOT_LOADED, facts))
    return due


def _next_scan(situation: Situation, moment: datetime) -> datetime | None:
    """The first scan after a moment; a departure's own card shows nothing of the piece."""
    later = (m.next_after(moment) for m in situation.progress.marks if m.kind != Kind.DEPART)
    return min((at for at in later if at is not None), default=None)
