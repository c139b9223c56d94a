"""What an address wishes, and what follows for one notice: by which channels it goes, or why not, and from when on.

Whoever says nothing is told as `NOTICE_RULES` has it, outside the usual quiet hours of their zone.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from notify.owed import OwedNotice
from notify.wishes.hours import QUIET_FROM, QUIET_UNTIL, SPREAD, Hours
from tracker.domain.notices import NOTICE_RULES, NoticeKind, Urgency

PERSONAL = ("email", "sms", "push")
"""Channels that reach a person; the others reach machines, which keep no hours."""


class Held(StrEnum):
    """What a notice waits for, before it is first told."""

    QUIET = "quiet"  # the end of quiet hours
    PAUSE = "pause"  # the end of a pause its reader asked for
    DIGEST = "digest"  # the next digest
    INCIDENT = "incident"  # the other pieces of its person, or some minutes after what they were told of it last
    CAP = "cap"  # the next digest, because its reader was told enough; or a while


@dataclass(frozen=True, slots=True)
class Hold:
    """Why it is not told yet, and from which instant of business time on it may be."""

    reason: Held
    until: datetime
    why: str


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the reader at one address has asked for."""

    language: str | None = None
    zone: str | None = None
    quiet_from: time = QUIET_FROM
    quiet_until: time = QUIET_UNTIL
    paused_until: datetime | None = None
    off: frozenset[tuple[NoticeKind, str]] = frozenset()  # the kind that was left, and by which channel
    everywhere: bool = False  # by each channel left on, not by the first only
    muted: frozenset[str] = frozenset()  # pieces, each number/journey
    stopped: bool = False  # the number answered STOP

    def hours(self, zone: str) -> Hours:
        """Their quiet hours, in their own zone, else in this one."""
        return Hours(_zone(self.zone or zone), self.quiet_from, self.quiet_until)

    def has_left(self, kind: NoticeKind) -> bool:
        """Whether nothing of this kind, or of the one it is left with, is wanted by any channel."""
        left_with = NOTICE_RULES[kind].left_with
        return left_with is not None and all((left_with, channel) in self.off for channel in PERSONAL)


@dataclass(frozen=True, slots=True)
class Way:
    """A channel that reaches the reader of a notice, its address as a digest, and what that address wishes."""

    channel: str
    address: str
    wishes: Wishes


def open_ways(kind: NoticeKind, ways: Sequence[Way]) -> list[Way]:
    """Those by which the reader may be told, in the order given. What one of their addresses has switched off is off
    for all; what nobody may switch off goes by any that is not stopped."""
    left_with = NOTICE_RULES[kind].left_with
    off = {channel for way in ways for left, channel in way.wishes.off if left is left_with}
    return [way for way in ways if not way.wishes.stopped and way.channel not in off]


def chosen(kind: NoticeKind, ways: Sequence[Way]) -> list[Way]:
    """By which they are told: the first that is open, or each, for who asked for that."""
    found = open_ways(kind, ways)
    return found if any(way.wishes.everywhere for way in ways) else found[:1]


def muted(notice: OwedNotice, ways: Sequence[Way]) -> bool:
    """Whether the reader wants no more about this piece, as far as they may choose."""
    return NOTICE_RULES[notice.kind].left_with is not None and any(notice.piece in way.wishes.muted for way in ways)


def hold(notice: OwedNotice, way: Way, now: datetime, *, waited: bool = False) -> Hold | None:
    """What a notice waits for at this business time; None: it may go. One that `waited` for its digest has done so.

    A notice that cannot wait passes quiet hours if its reader would otherwise hear too late to act: it is of no use
    any more, or the piece is there, before they end.
    """
    if way.channel not in PERSONAL:
        return None
    hours, spread = way.wishes.hours(notice.recipient.zone), spread_of(way.address)
    if notice.urgency is Urgency.DIGEST and not waited:
        return Hold(Held.DIGEST, hours.digest(now, spread)[1], "joins the next digest")
    pause = way.wishes.paused_until
    if pause is not None and pause > now and NOTICE_RULES[notice.kind].left_with is not None:
        return Hold(Held.PAUSE, hours.opens(pause, spread), "its reader asked for a pause")
    if notice.kind is NoticeKind.CONFIRM_CONTACT:  # it answers somebody who waits for it before a page
        return None
    opens_at = hours.opens(now, spread)
    if opens_at == now or (notice.urgency is Urgency.NOW and _too_late(notice, opens_at)):
        return None
    return Hold(Held.QUIET, opens_at, f"quiet hours in {hours.zone.key}")


def next_digest(notice: OwedNotice, way: Way, now: datetime) -> datetime:
    """When what was held back by a cap is told."""
    return way.wishes.hours(notice.recipient.zone).digest(now, spread_of(way.address))[1]


def spread_of(address: str) -> timedelta:
    """How long after the hour this address is told, the same every day."""
    digest = hashlib.sha256(address.encode()).digest()
    return timedelta(seconds=int.from_bytes(digest[:4]) % int(SPREAD.total_seconds()))


def _too_late(notice: OwedNotice, told_at: datetime) -> bool:
    return notice.expires_at <= told_at or (notice.window is not None and notice.window[0] <= told_at)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):  # a place nobody told us the zone of
        return ZoneInfo("UTC")
