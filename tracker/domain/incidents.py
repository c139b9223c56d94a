"""One cause, one incident: what is open of many pieces and shares a root stands beneath it, instead of many alarms.

A pure function of what is open and of how often each place was heard of, so nothing is kept: an incident is there while
its cause is, and its pieces are judged singly again when it is over.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from tracker.domain.network import Departure, Facility
from tracker.domain.rules import Irregularity, IrregularityKind


class IncidentKind(StrEnum):
    CANCELLED = "cancelled"  # a departure
    DIVERTED = "diverted"  # a departure
    LATE = "late"  # a departure, and who would go on from it with another
    LEFT_WITHOUT = "left_without"  # a departure that left pieces behind
    CLOSED = "closed"  # a place, as the network manager decided
    SILENT_HUB = "silent_hub"  # a place that should be heard of, and is not


LONGER_THAN_USUAL = 5
"""A place is silent once it was not heard of for so many times its usual gap."""

ENOUGH_SCANS = 12
"""Of a place heard of less often nobody can say what is usual."""

HOUR = timedelta(hours=1)

_AT_ONCE = frozenset({IncidentKind.CANCELLED, IncidentKind.DIVERTED, IncidentKind.CLOSED, IncidentKind.SILENT_HUB})
_OF_A_PLACE = frozenset({IrregularityKind.SILENT, IrregularityKind.DWELLING})
_OF_A_CONNECTION = frozenset({IrregularityKind.CONNECTION_AT_RISK, IrregularityKind.MISSED_CONNECTION})


@dataclass(frozen=True, slots=True)
class Trouble:
    """One open irregularity of the piece with this number."""

    number: str
    irregularity: Irregularity


@dataclass(frozen=True, slots=True)
class Heard:
    """How often a place was heard of: when last, and how many scans came in each hour that is looked back on."""

    last_at: datetime
    by_hour: Mapping[datetime, int]

    def usual_gap(self, now: datetime) -> timedelta | None:
        """Between two scans at this hour of the day; over all hours where that is not known; None where nothing is."""
        hour = now.replace(minute=0, second=0, microsecond=0)
        before = {at: scans for at, scans in self.by_hour.items() if at < hour}
        for hours in ([at for at in before if at.hour == hour.hour], list(before)):
            scans = sum(before[at] for at in hours)
            if scans >= ENOUGH_SCANS:
                return HOUR * len(hours) / scans
        return None


@dataclass(frozen=True, slots=True)
class Incident:
    """One root, and the pieces beneath it. `root` is a departure's name or a facility's code."""

    kind: IncidentKind
    root: str
    since: datetime
    troubles: tuple[Trouble, ...]

    @property
    def pieces(self) -> tuple[str, ...]:
        return tuple(sorted({trouble.number for trouble in self.troubles}))


def silent_since(heard: Heard, due_at: datetime | None, now: datetime) -> datetime | None:
    """Since when a place is silent: it was heard last then, pieces came due since, and its usual gap passed five times.
    None: it is not silent, or nobody can say."""
    usual = heard.usual_gap(now)
    if usual is None or due_at is None or not heard.last_at < due_at <= now:
        return None
    return heard.last_at if now - heard.last_at > LONGER_THAN_USUAL * usual else None


def incidents(
    troubles: Iterable[Trouble],
    *,
    departures: Mapping[str, Departure],
    facilities: Mapping[str, Facility],
    heard: Mapping[str, Heard],
    due: Mapping[str, datetime],
    now: datetime,
) -> tuple[Incident, ...]:
    """The incidents of this moment, those with most pieces first. Each trouble stands beneath one, or beneath none.

    `due`: when the last departure with pieces for a place came in there. A silent place is an incident by itself, a
    departure that is late or left without pieces only where it concerns several.
    """
    quiet = {at: since for at in heard if (since := silent_since(heard[at], due.get(at), now)) is not None}
    shut = {code: c.since for code, place in facilities.items() for c in place.closures if c.since <= now < c.until}
    beneath: defaultdict[tuple[IncidentKind, str], list[Trouble]] = defaultdict(list)
    for place in shut:
        beneath[IncidentKind.CLOSED, place] = []
    for place in quiet.keys() - shut.keys():
        beneath[IncidentKind.SILENT_HUB, place] = []
    for trouble in sorted(troubles, key=lambda t: (t.number, t.irregularity.kind, t.irregularity.subject)):
        cause = _cause(trouble.irregularity, departures, quiet.keys(), shut.keys())
        if cause is not None:
            beneath[cause].append(trouble)
    found = []
    for (kind, root), those in beneath.items():
        began = {IncidentKind.SILENT_HUB: quiet, IncidentKind.CLOSED: shut}.get(kind, {}).get(root)
        since = began if began is not None else min(trouble.irregularity.since for trouble in those)
        incident = Incident(kind, root, since, tuple(those))
        if kind in _AT_ONCE or len(incident.pieces) > 1:
            found.append(incident)
    return tuple(sorted(found, key=lambda i: (-len(i.pieces), i.since, i.kind, i.root)))


def _cause(
    found: Irregularity, departures: Mapping[str, Departure], quiet: Iterable[str], shut: Iterable[str]
) -> tuple[IncidentKind, str] | None:
    named = found.why.values
    if found.kind is IrregularityKind.LEG_CANCELLED:
        return IncidentKind.CANCELLED, found.subject
    if found.kind is IrregularityKind.LEG_DIVERTED:
        return IncidentKind.DIVERTED, found.subject
    if found.kind in _OF_A_CONNECTION:
        inbound = departures.get(named.get("inbound", ""))
        if inbound is None:
            return IncidentKind.LEFT_WITHOUT, found.subject
        kind = IncidentKind.DIVERTED if inbound.diverted_to is not None else IncidentKind.LATE
        return kind, inbound.name
    place = named.get("facility", "")
    if found.kind is IrregularityKind.PLACE_CLOSED:
        return IncidentKind.CLOSED, place
    if found.kind in _OF_A_PLACE and place in shut:
        return IncidentKind.CLOSED, place
    if found.kind in _OF_A_PLACE and place in quiet:
        return IncidentKind.SILENT_HUB, place
    return None
