"""What a piece was inside of, and what its containers tell of it.

A piece follows its container, and that its own, as deep as `DEEPEST`. It goes in by a scan of its own label (`pack` or
`load` into the container) and comes out by one: `unpack`, `unload`, sorted or handed on by itself, or seen where the
container is not. All come out when the container itself is unpacked while it is inside of nothing, or delivered.
Nothing stays inside longer than `LONGEST_STAY`: containers are used again, and scans are forgotten.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import takewhile

from tracker.domain.handling import DESK_ONLY, NEVER_SCANNED, EventKey, HandlingEvent, Kind, said_by_desk
from tracker.domain.ids import container_of
from tracker.domain.timeline import is_run, timeline, vehicle

DEEPEST = 4
"""A piece in a bag in a cage in a unit load device in a van. What is said to be inside itself does no harm."""

LONGEST_STAY = timedelta(days=30)

Order = tuple[datetime, int, EventKey]


@dataclass(frozen=True, slots=True)
class Stay:
    """That something was inside a container: after one event, and up to another or still."""

    container: str
    since: Order
    until: Order | None = None

    def covers(self, order: Order) -> bool:
        """The end counts in: what empties a container happens to all that was inside."""
        lasted = order[0] - self.since[0] <= LONGEST_STAY
        return self.since < order and lasted and (self.until is None or order <= self.until)


@dataclass(frozen=True, slots=True)
class Followed:
    """A piece's facts with those of all it was inside of."""

    events: tuple[HandlingEvent, ...]  # its own as they came, withdrawn or not; of containers those that stand
    stays: tuple[Stay, ...]  # in whatever it was inside of directly, in order, one at a time
    open: tuple[Stay, ...] = ()  # by the last that is known: its own, that of its container, and so on outwards
    reached: frozenset[str] = frozenset()  # every container whose facts may change any of this
    span: "Span | None" = None  # and when they must have happened to do so

    def inside(self, now: datetime) -> tuple[str, ...]:
        """The containers it is in, the innermost first."""
        return tuple(stay.container for stay in takewhile(lambda stay: now - stay.since[0] <= LONGEST_STAY, self.open))


@dataclass(frozen=True, slots=True)
class Span:
    first: datetime
    last: datetime


def follow(own: Iterable[HandlingEvent], facts: Mapping[str, Sequence[HandlingEvent]]) -> Followed:
    """A piece's own facts and those of containers, by name; any order, any repeats, more containers than it was in."""
    events = tuple(own)
    standing = timeline(events).standing
    span = span_of(standing)
    if span is None:
        return Followed(events, ())
    near = {
        name: timeline(event for event in told if span.first <= event.happened_at <= span.last).standing
        for name, told in facts.items()
    }
    reached: set[str] = set()
    level = mentioned(standing)
    for _ in range(DEEPEST):
        reached |= level
        level = mentioned(event for name in level for event in near.get(name, ())) - reached
    around = _Around(near)
    stays = around.stays(None, standing, DEEPEST)
    inherited = around.inherited(stays, DEEPEST)
    known = {event.event_key for event in events}
    theirs = tuple(event for event in inherited if event.event_key not in known)
    return Followed((*events, *theirs), stays, around.open(stays), frozenset(reached), span)


def mentioned(events: Iterable[HandlingEvent]) -> set[str]:
    """The containers that something was put into by these."""
    return {name for event in events if (name := put_into(event)) is not None}


def put_into(event: HandlingEvent) -> str | None:
    """The container something goes into by this event; a departure is none."""
    if event.into is None or event.kind not in (Kind.PACK, Kind.LOAD):
        return None
    return container_of(event.into)


def span_of(events: Iterable[HandlingEvent]) -> Span | None:
    """When what happens to its containers may matter to a piece with these facts; None if it never was in one."""
    went_in = [event.happened_at for event in events if put_into(event) is not None]
    return Span(min(went_in) - LONGEST_STAY, max(went_in) + LONGEST_STAY) if went_in else None


@dataclass(frozen=True, slots=True)
class _Place:
    facility: str
    aboard: str | None


@dataclass(frozen=True, slots=True)
class _Told:
    """What is known of a container by its own facts and those of what it was inside of."""

    standing: tuple[HandlingEvent, ...] = ()
    stays: tuple[Stay, ...] = ()
    orders: tuple[Order, ...] = ()  # of those that show where it is
    places: tuple[_Place, ...] = ()  # it is at from then on
    emptied: tuple[Order, ...] = ()

    def place(self, put_in: HandlingEvent, before: Order) -> _Place:
        """Where it was at that moment: as shown last, be it by what was put in."""
        at = bisect_left(self.orders, before) - 1
        if at < 0 or self.orders[at] < put_in.order:
            return _Place(put_in.facility, self.places[at].aboard if self._same(at, put_in) else None)
        return self.places[at]

    def _same(self, at: int, put_in: HandlingEvent) -> bool:
        return at >= 0 and self.places[at].facility == put_in.facility

    def emptied_after(self, order: Order) -> Order | None:
        return next((moment for moment in self.emptied if moment > order), None)


_NOTHING = _Told()


class _Around:
    """Containers, each worked out once for each depth: so nothing that is inside itself goes round for ever."""

    def __init__(self, facts: Mapping[str, Sequence[HandlingEvent]]) -> None:
        self._facts = facts  # those that stand, in order
        self._known: dict[tuple[str, int], _Told] = {}

    def told(self, name: str, depth: int) -> _Told:
        if depth == 0 or name not in self._facts:
            return _NOTHING
        if (name, depth) not in self._known:
            self._known[name, depth] = self._work_out(name, depth)
        return self._known[name, depth]

    def open(self, stays: Sequence[Stay]) -> tuple[Stay, ...]:
        """The last stay if it goes on, that of its container, and so on outwards."""
        found: list[Stay] = []
        for depth in range(DEEPEST, 0, -1):
            if not stays or stays[-1].until is not None:
                break
            found.append(stays[-1])
            stays = self.told(stays[-1].container, depth).stays
        return tuple(found)

    def _work_out(self, name: str, depth: int) -> _Told:
        own = self._facts[name]
        stays = self.stays(name, own, depth - 1)
        told = {event.event_key: replace(event, via=name) for event in own}
        for event in self.inherited(stays, depth - 1):
            told.setdefault(event.event_key, event)
        standing = tuple(sorted(told.values(), key=lambda event: event.order))
        shown = [event for event in standing if _shows_where(event)]
        emptied = tuple(event.order for event in own if _empties(event, stays))
        return _Told(standing, stays, tuple(event.order for event in shown), _places(shown), emptied)

    def stays(self, name: str | None, own: Sequence[HandlingEvent], depth: int) -> tuple[Stay, ...]:
        """What something with these standing facts was inside of, one after the other."""
        found: list[Stay] = []
        put_in: HandlingEvent | None = None  # the event that opened the last of them, while it is open
        for event in own:
            if put_in is not None:
                put_in = self._still_in(found, put_in, event, depth)
            container = put_into(event)
            if container is not None and container != name and depth > 0:
                found.append(Stay(container, event.order))
                put_in = event
        if put_in is not None:
            found[-1] = replace(found[-1], until=self._emptied(found[-1], depth))
        return tuple(found)

    def _still_in(
        self, found: list[Stay], put_in: HandlingEvent, event: HandlingEvent, depth: int
    ) -> HandlingEvent | None:
        """Closes the last stay if it was over by this event, or is over with it."""
        stay = found[-1]
        emptied = self._emptied(stay, depth)
        if emptied is not None and emptied < event.order:
            found[-1] = replace(stay, until=emptied)
            return None
        if put_into(event) is None and not self._comes_out(stay, put_in, event, depth):
            return put_in
        found[-1] = replace(stay, until=event.order)
        return None

    def _emptied(self, stay: Stay, depth: int) -> Order | None:
        return self.told(stay.container, depth).emptied_after(stay.since)

    def _comes_out(self, stay: Stay, put_in: HandlingEvent, event: HandlingEvent, depth: int) -> bool:
        if event.kind in _BY_ITSELF:
            return True
        if not _shows_where(event):
            return False
        if event.kind == Kind.SORT:  # by its own label: it runs on the belt by itself
            return True
        place = self.told(stay.container, depth).place(put_in, event.order)
        alone = event.kind == Kind.LOAD and is_run(event.into) and vehicle(event.into) != place.aboard
        return event.facility != place.facility or alone

    def inherited(self, stays: Sequence[Stay], depth: int) -> list[HandlingEvent]:
        """What happened to the containers while something was inside."""
        return [
            event
            for stay in stays
            for event in self.told(stay.container, depth).standing
            if event.kind in _IN_COMMON and stay.covers(event.order)
        ]


_BY_ITSELF = frozenset(
    {
        Kind.UNPACK,
        Kind.UNLOAD,
        Kind.OUT_FOR_DELIVERY,
        Kind.ATTEMPT,
        Kind.READY_FOR_PICKUP,
        Kind.DELIVER,
    }
)
"""What is done with one label in hand; whatever it was inside of, it is no more."""

_SEEN = frozenset(Kind) - NEVER_SCANNED - DESK_ONLY - {Kind.VOID, Kind.UNSEEN, Kind.WITHDRAW}

_IN_COMMON = frozenset(Kind) - NEVER_SCANNED - DESK_ONLY - {Kind.VOID, Kind.DAMAGE}
"""What happens to all that is inside. A damaged cage says nothing of the pieces."""


def _shows_where(event: HandlingEvent) -> bool:
    """Not by a time that nobody knows, nor by a decision at a desk."""
    return event.kind in _SEEN and not event.estimated and not said_by_desk(event.event_key)


def _empties(event: HandlingEvent, stays: Sequence[Stay]) -> bool:
    """Whether all comes out: a container that is itself inside another is taken out of that by the same scan."""
    if event.kind == Kind.DELIVER:
        return True
    return event.kind == Kind.UNPACK and not any(stay.covers(event.order) for stay in stays)


def _places(shown: Sequence[HandlingEvent]) -> tuple[_Place, ...]:
    places: list[_Place] = []
    for event in shown:
        aboard = places[-1].aboard if places and places[-1].facility == event.facility else None
        if event.kind == Kind.LOAD and is_run(event.into):
            aboard = vehicle(event.into)
        elif event.kind == Kind.UNLOAD:
            aboard = None
        places.append(_Place(event.facility, aboard))
    return tuple(places)
