"""Who a notice is for: by which channels they can be reached, what they wish, and what follows from both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from notify import routing
from notify.channel import Channel
from notify.delivery import Delivery, Planned
from notify.owed import OwedNotice
from notify.preferences import Preferences
from notify.wishes.caps import Asked, TooMuch, Weighed
from notify.wishes.wishes import PERSONAL, Held, Hold, Way, chosen, hold, muted, next_digest, open_ways
from tracker.domain.notices import NOTICE_RULES, Urgency


@dataclass(frozen=True, slots=True)
class Reader:
    """The recipient of a notice: the notice in their language and zone, and the ways to them, most wanted first."""

    notice: OwedNotice
    ways: tuple[Way, ...]

    def way(self, channel: str) -> Way | None:
        return next((way for way in self.ways if way.channel == channel), None)

    def wants(self, channel: str) -> bool:
        """Whether this channel may be used. One that does not reach them says so itself."""
        way = self.way(channel)
        return way is None or way in open_ways(self.notice.kind, self.ways)

    @property
    def has_muted(self) -> bool:
        return muted(self.notice, self.ways)

    def planned(self, here: Mapping[str, Channel], now: datetime) -> list[Planned]:
        """By what it goes, and when. Where nothing reaches them, or they want it by nothing, one stands for that."""
        ways = chosen(self.notice.kind, self.ways)
        names = [way.channel for way in ways or self.ways[:1]]
        found = [routing.plan(self.notice, {name} if name else here) for name in names or [""]]
        return [self._addressed(one, now) for one in found if one is not None]

    def after(self, channel: str, now: datetime) -> Planned | None:
        """The next way, when this one has failed for good; None for who is told by all of them anyway."""
        if any(way.wishes.everywhere for way in self.ways):
            return None
        names = {way.channel for way in open_ways(self.notice.kind, self.ways)}
        found = routing.plan(self.notice, names, after=channel)
        return self._addressed(found, now) if found is not None else None

    def hold(self, delivery: Delivery, now: datetime) -> Hold | None:
        """What a delivery whose turn has come waits for all the same."""
        way = self.way(delivery.channel)
        return hold(self.notice, way, now, waited=delivery.held in (Held.DIGEST, Held.CAP)) if way is not None else None

    def weighed(self, channel: str, now: datetime) -> Weighed | None:
        """The message as the caps see it; None where they do not apply."""
        way = self.way(channel)
        if way is None or channel not in PERSONAL:
            return None
        hours = way.wishes.hours(self.notice.recipient.zone)
        asked = Asked(
            at=now,
            day_began=hours.begins(hours.day(now)),
            address=way.address,
            channel=channel,
            number=self.notice.number,
            now=self.notice.urgency is Urgency.NOW,
            must=NOTICE_RULES[self.notice.kind].left_with is None,
        )
        return Weighed(asked, frozenset(one.address for one in self.ways if one.channel in PERSONAL))

    def capped(self, channel: str, too_much: TooMuch, now: datetime) -> Hold:
        """Until when a cap holds it back."""
        way = self.way(channel)
        assert way is not None  # or nobody would have weighed it
        hours = way.wishes.hours(self.notice.recipient.zone)
        until = hours.opens(too_much.until) if too_much.until else next_digest(self.notice, way, now)
        return Hold(Held.CAP, until, too_much.why)

    def letter(self, channel: str, now: datetime) -> str:
        """The key of today's joined letter to them."""
        way = self.way(channel)
        assert way is not None  # or nothing would have been held for them
        day = way.wishes.hours(self.notice.recipient.zone).day(now)
        return routing.letter_key(way.address, channel, self.notice.recipient.name, day)

    def edition(self, delivery: Delivery, number: int) -> str:
        """The key of the message to them about an incident."""
        name = self.notice.recipient.name
        return routing.edition_key(delivery.incident, delivery.address, delivery.channel, name, number)

    def tomorrow(self, channel: str, now: datetime) -> Hold:
        way = self.way(channel)
        assert way is not None
        return Hold(Held.DIGEST, next_digest(self.notice, way, now), "today's digest is written; joins the next")

    def _addressed(self, planned: Planned, now: datetime) -> Planned:
        way = self.way(planned.channel)
        if way is None:
            return planned
        return replace(planned, address=way.address, hold=hold(self.notice, way, now))


class Readers:
    """Finds the readers of notices among the channels there are here."""

    def __init__(self, channels: Mapping[str, Channel], preferences: Preferences) -> None:
        self._channels = channels
        self._preferences = preferences

    def of(self, notices: Sequence[OwedNotice]) -> list[Reader]:
        """One for each, in the same order; what they wish is asked for all at once."""
        reached = [self._reached(notice) for notice in notices]
        wishes = self._preferences.of({digest for ways in reached for _, digest in ways})
        return [
            _reader(notice, [Way(channel, digest, wishes[digest]) for channel, digest in ways])
            for notice, ways in zip(notices, reached, strict=True)
        ]

    def _reached(self, notice: OwedNotice) -> list[tuple[str, str]]:
        found = []
        for name in notice.channels:
            address = self._channels[name].address(notice.recipient) if name in self._channels else None
            if address:
                found.append((name, self._preferences.digest(address)))
        return found


def _reader(notice: OwedNotice, ways: list[Way]) -> Reader:
    to = notice.recipient
    language = next((way.wishes.language for way in ways if way.wishes.language), to.language)
    zone = next((way.wishes.zone for way in ways if way.wishes.zone), to.zone)
    if (language, zone) != (to.language, to.zone):
        notice = replace(notice, recipient=replace(to, language=language, zone=zone))
    return Reader(notice, tuple(ways))
