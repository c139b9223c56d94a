"""Facts to timeline: ordered, distinct, the same whatever order they came in; and how far a piece has come."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from tracker.domain.handling import EventKey, HandlingEvent, Kind


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a timeline. A withdrawn one keeps its place and names what withdrew it."""

    event: HandlingEvent
    withdrawn_by: EventKey | None = None


@dataclass(frozen=True, slots=True)
class Timeline:
    entries: tuple[Entry, ...]

    @property
    def standing(self) -> tuple[HandlingEvent, ...]:
        """The events that count: neither withdrawn nor themselves a withdrawal."""
        return tuple(e.event for e in self.entries if e.withdrawn_by is None and e.event.kind != Kind.VOID)


def timeline(events: Iterable[HandlingEvent]) -> Timeline:
    """Any order, any repeats, one answer. A device may withdraw its own scans only."""
    distinct: dict[EventKey, HandlingEvent] = {}
    for event in events:
        distinct.setdefault(event.event_key, event)
    ordered = sorted(distinct.values(), key=lambda event: event.order)
    withdrawn: dict[EventKey, EventKey] = {}
    for event in ordered:
        if event.kind == Kind.VOID and event.voids is not None and event.voids.origin == event.event_key.origin:
            withdrawn.setdefault(event.voids, event.event_key)
    return Timeline(tuple(Entry(event, withdrawn.get(event.event_key)) for event in ordered))


class State(StrEnum):
    BOOKED = "booked"
    ACCEPTED = "accepted"
    MOVING = "moving"
    AT_CUSTOMS = "at_customs"
    OUT_FOR_DELIVERY = "out_for_delivery"
    ATTEMPTED = "attempted"
    READY_FOR_PICKUP = "ready_for_pickup"
    DELIVERED = "delivered"
    RETURNING = "returning"


@dataclass(frozen=True, slots=True)
class Mark:
    """That a kind of handling was seen at a place: the first and the last time, and the scan that showed it last."""

    facility: str
    kind: str
    into: str | None
    first_at: datetime
    last_at: datetime
    key: EventKey


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a piece has come: all that rules, ETA and pages need of a timeline, in a few lines."""

    state: State = State.BOOKED
    facility: str | None = None
    aboard: str | None = None
    held: str | None = None  # the reason it is stopped here; beside any state
    damaged: bool = False
    scans: int = 0
    withdrawals: bool = False  # something was withdrawn, so the next event may be too: fold again from the facts
    marks: tuple[Mark, ...] = ()
    last: HandlingEvent | None = None

    def seen(self, kind: str, facility: str) -> Mark | None:
        return next((m for m in self.marks if m.kind == kind and m.facility == facility), None)

    def load_on(self, departure: str) -> Mark | None:
        """The scan that put it into this departure, if there was one."""
        return next((m for m in self.marks if m.kind == Kind.LOAD and m.into == departure), None)

    def reached(self, kind: Kind) -> Mark | None:
        """The latest mark of this kind, wherever it was made."""
        found = [m for m in self.marks if m.kind == kind]
        return max(found, key=lambda m: m.last_at, default=None)

    def rode(self, departure: str, *, left_at: datetime | None) -> bool:
        """Whether it went with a departure: loaded on it, and not seen where it was loaded once that had left.

        Five minutes of grace, for clocks of devices and people who scan while the door closes.
        """
        load = self.load_on(departure)
        if load is None:
            return False
        return left_at is None or not self.left_behind(load.facility, departure, left_at=left_at)

    def left_behind(self, facility: str, departure: str, *, left_at: datetime) -> "Mark | None":
        """The scan that shows the piece still at a place after a departure had left from there."""
        after = [m for m in self.marks if m.facility == facility and m.last_at > left_at + GRACE]
        shown = [m for m in after if not (m.kind == Kind.LOAD and m.into == departure)]
        return min(shown, key=lambda m: m.last_at, default=None)


GRACE = timedelta(minutes=5)

_STATE_AFTER = {
    Kind.ACCEPT: State.ACCEPTED,
    Kind.ARRIVE: State.MOVING,
    Kind.UNLOAD: State.MOVING,
    Kind.UNPACK: State.MOVING,
    Kind.PACK: State.MOVING,
    Kind.SORT: State.MOVING,
    Kind.LOAD: State.MOVING,
    Kind.DEPART: State.MOVING,
    Kind.CUSTOMS_IN: State.AT_CUSTOMS,
    Kind.CUSTOMS_OUT: State.MOVING,
    Kind.OUT_FOR_DELIVERY: State.OUT_FOR_DELIVERY,
    Kind.ATTEMPT: State.ATTEMPTED,
    Kind.READY_FOR_PICKUP: State.READY_FOR_PICKUP,
    Kind.DELIVER: State.DELIVERED,
    Kind.RETURN: State.RETURNING,
}

START = Progress()


def advance(progress: Progress, event: HandlingEvent) -> Progress:
    """One standing event further, in timeline order. A delivered piece stays delivered until it is sent back."""
    if event.kind == Kind.BOOK or event.kind == Kind.REPLAN:
        return progress
    scanned = replace(progress, scans=progress.scans + 1, last=event, marks=_marked(progress.marks, event))
    match event.kind:
        case Kind.HOLD:
            return replace(scanned, facility=event.facility, held=event.reason or "other")
        case Kind.RELEASE:
            return replace(scanned, facility=event.facility, held=None)
        case Kind.DAMAGE:
            return replace(scanned, damaged=True)
    state = _STATE_AFTER.get(event.kind)  # type: ignore[call-overload]  # a StrEnum key is found by its plain word
    if state is None or (progress.state is State.DELIVERED and state not in (State.DELIVERED, State.RETURNING)):
        return scanned
    aboard = event.into if event.kind in (Kind.LOAD, Kind.PACK) else None
    if event.kind == Kind.DEPART:
        aboard = progress.aboard
    return replace(scanned, state=state, facility=event.facility, aboard=aboard)


def progress(of: Timeline) -> Progress:
    """The whole fold, from the first event."""
    folded = START
    for event in of.standing:
        folded = advance(folded, event)
    return replace(folded, withdrawals=any(e.event.kind == Kind.VOID for e in of.entries))


def comes_after(progress: Progress, event: HandlingEvent) -> bool:
    """Whether `advance` may simply go on from here, or the piece must be folded again from its facts."""
    if event.kind == Kind.VOID or progress.withdrawals:
        return False
    return progress.last is None or event.order > progress.last.order


def _marked(marks: tuple[Mark, ...], event: HandlingEvent) -> tuple[Mark, ...]:
    for at, mark in enumerate(marks):
        if (mark.facility, mark.kind, mark.into) == (event.facility, event.kind, event.into):
            again = replace(mark, last_at=event.happened_at, key=event.event_key)
            return (*marks[:at], again, *marks[at + 1 :])
    new = Mark(event.facility, event.kind, event.into, event.happened_at, event.happened_at, event.event_key)
    return (*marks, new)
