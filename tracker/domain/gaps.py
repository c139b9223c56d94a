"""Numbers that a device gave out and that have not come: when to ask it for them, and when to tell people (T7).

All instants are seconds of one clock that never steps; ranges are pairs with both ends included.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

ASK_AFTER_S = 10.0
"""How long a gap may stand before the device is asked for what is missing, and how often it is asked again."""

REPORT_AFTER_S = 15 * 60.0
"""How long numbers may be missing, while their device is on line, before people are told."""

ON_LINE_FOR_S = 180.0
"""A device says something each minute: one silent for longer than this is off line."""

Range = tuple[int, int]


class Why(StrEnum):
    """Why a gap became an incident."""

    UNANSWERED = "unanswered"  # asked for again and again while the device was on line
    GONE = "gone"  # the device says that it no longer has them


@dataclass(frozen=True, slots=True)
class Presence:
    """How long a device has been on line without a silence."""

    since: float
    heard: float

    def hearing(self, now: float) -> "Presence":
        return Presence(self.since if self.on_line(now) else now, now)

    def on_line(self, now: float) -> bool:
        return now - self.heard <= ON_LINE_FOR_S


@dataclass(frozen=True, slots=True)
class Missing:
    """A range of which no number has come at any look since then."""

    first: int
    last: int
    since: float


@dataclass(frozen=True, slots=True)
class Gap:
    """One epoch whose watermark stands below what its device gave out.

    `highest` is the highest number that has come, `last` the highest known to be given out. A backlog comes in order:
    while it flows, only what is missing below `highest` is a gap.
    """

    upto: int
    highest: int
    last: int
    since: float  # since when the watermark stands
    flowed: float  # when `highest` last rose
    looked: float  # when the log was last asked what is missing
    missing: tuple[Missing, ...] = ()

    def seen(self, *, upto: int, highest: int, last: int, now: float) -> "Gap | None":
        """After a word of the device or a commit; None when nothing is missing any more."""
        last = max(last, highest, self.last)
        if last <= upto:
            return None
        moved = upto != self.upto
        return replace(
            self,
            upto=upto,
            highest=max(highest, self.highest),
            last=last,
            since=now if moved else self.since,
            flowed=now if moved or highest > self.highest else self.flowed,
        )

    def is_due(self, now: float) -> bool:
        """Whether it is time to ask the log what is missing."""
        return now - self.since >= ASK_AFTER_S and now - self.looked >= ASK_AFTER_S

    def look(self, missing: Iterable[Range], now: float) -> "Gap":
        """What the log says is missing now, less what people were told of."""
        return replace(self, missing=_since_when(missing, self.missing, now), looked=now)

    def to_ask_for(self, now: float) -> list[Range]:
        """What the device should send again."""
        flows = now - self.flowed < ASK_AFTER_S
        reach = self.highest if flows else self.last
        return [(each.first, min(each.last, reach)) for each in self.missing if each.first <= reach]

    def to_report(self, now: float, presence: Presence | None) -> list[Range]:
        """What people should hear of: missing all the while that the device was on line."""
        if presence is None or not presence.on_line(now):
            return []
        asked_for = dict(self.to_ask_for(now))
        return [
            (each.first, asked_for[each.first])
            for each in self.missing
            if each.first in asked_for and now - max(each.since, presence.since) >= REPORT_AFTER_S
        ]


def first_seen(*, upto: int, highest: int, last: int, now: float) -> Gap | None:
    """The gap of an epoch that was not watched before, if it has one."""
    last = max(last, highest)
    return None if last <= upto else Gap(upto, highest, last, since=now, flowed=now, looked=now - ASK_AFTER_S)


def less(ranges: Iterable[Range], taken: Sequence[Range]) -> list[Range]:
    """What is left of the ranges without those taken out."""
    left = list(ranges)
    for start, end in taken:
        left = [
            part
            for first, last in left
            for part in ((first, min(last, start - 1)), (max(first, end + 1), last))
            if part[0] <= part[1]
        ]
    return sorted(set(left))


def _since_when(missing: Iterable[Range], before: Sequence[Missing], now: float) -> tuple[Missing, ...]:
    """Each number keeps the moment since when it is missing."""
    found: list[Missing] = []
    for first, last in missing:
        at = first
        for old in before:
            if old.last < at or old.first > last:
                continue
            if old.first > at:
                found.append(Missing(at, old.first - 1, now))
            start = max(at, old.first)
            found.append(Missing(start, min(last, old.last), old.since))
            at = found[-1].last + 1
        if at <= last:
            found.append(Missing(at, last, now))
    return tuple(found)
