"""Facts to timeline: ordered, distinct, the same whatever order they came in; and how far a piece has come."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache

from tracker.domain.errors import BadNameError
from tracker.domain.handling import DESK_ONLY, NEVER_SCANNED, EventKey, HandlingEvent, Kind, said_by_desk, said_of_asks
from tracker.domain.ids import DepartureName, container_of


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
    """Any order, any repeats, one answer. A device may withdraw its own scans only, the desk any."""
    distinct: dict[EventKey, HandlingEvent] = {}
    for event in events:
        distinct.setdefault(event.event_key, event)
    ordered = sorted(distinct.values(), key=lambda event: event.order)
    withdrawn: dict[EventKey, EventKey] = {}
    for event in ordered:
        if event.kind == Kind.VOID and event.voids is not None and _may_withdraw(event.event_key, event.voids):
            withdrawn.setdefault(event.voids, event.event_key)
    return Timeline(tuple(Entry(event, withdrawn.get(event.event_key)) for event in ordered))


def _may_withdraw(by: EventKey, scan: EventKey) -> bool:
    return by.origin == scan.origin or said_by_desk(by)


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
    """That a kind of handling was seen at a place, in one visit there: the first and the last time, and the scan that
    showed it last."""

    facility: str
    kind: str
    into: str | None
    first_at: datetime
    last_at: datetime
    key: EventKey
    visit: int = 0  # counts up each time the piece turns up at another place
    estimated: bool = False  # nobody knows when: we only know when we heard of it
    error_ms: int = 0
    reason: str | None = None  # of a hold, an attempt, a return

    @property
    def sure_at(self) -> datetime:
        """The piece was there at this instant or after it, whatever the clock of the device was worth."""
        return self.last_at - timedelta(milliseconds=self.error_ms)

    def next_after(self, moment: datetime) -> datetime | None:
        """The first time it shows after a moment that is still known."""
        return self.first_at if self.first_at > moment else self.last_at if self.last_at > moment else None


@dataclass(frozen=True, slots=True)
class Wish:
    """How its recipient is to get it, as they asked and were granted: `ask` is one of `tracker.domain.asks.Ask`."""

    ask: str
    on: date | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a piece has come: all that rules, ETA and pages need of a timeline, in a few lines."""

    state: State = State.BOOKED
    facility: str | None = None
    aboard: str | None = None
    held: str | None = None  # the reason it is stopped here; beside any state
    damaged: bool = False
    rank: int = 0  # who has a higher one goes first where room is short
    wish: Wish | None = None  # of its recipient, as granted last
    scans: int = 0
    withdrawn: tuple[EventKey, ...] = ()  # the scans that do not count any more
    withdrawals: bool = False  # something was withdrawn, so the next event may be too: fold again from the facts
    marks: tuple[Mark, ...] = ()
    remarks: tuple[Mark, ...] = ()  # what was said of it and shows it nowhere: not seen, and what staff decided
    last: HandlingEvent | None = None

    def seen(self, kind: str, facility: str) -> Mark | None:
        return next((m for m in self.marks if m.kind == kind and m.facility == facility), None)

    def load_on(self, departure: str) -> Mark | None:
        """The scan that put it into this departure, if there was one."""
        return next((m for m in self.marks if m.kind == Kind.LOAD and m.into == departure), None)

    @property
    def runs(self) -> set[str]:
        """The departures it was ever loaded into."""
        return {m.into for m in self.marks if m.kind == Kind.LOAD and m.into is not None and is_run(m.into)}

    def reached(self, kind: Kind) -> Mark | None:
        """The latest mark of this kind, wherever it was made."""
        found = [m for m in self.marks if m.kind == kind]
        return max(found, key=lambda m: m.last_at, default=None)

    @property
    def delivered(self) -> Mark | None:
        """The hand-over: the first, should somebody scan one again elsewhere."""
        return min((m for m in self.marks if m.kind == Kind.DELIVER), key=lambda m: m.first_at, default=None)

    def rode(self, departure: str, *, left_at: datetime | None) -> bool:
        """Whether it went with a departure: loaded on it and on no other from there, not taken off again, and not seen
        there any more once that had left.

        Five minutes of grace, for clocks of devices and people who scan while the door closes.
        """
        load = self.load_on(departure)
        if load is None:
            return False
        others = [m for m in self.marks if m.kind == Kind.LOAD and (m.facility, m.visit) == (load.facility, load.visit)]
        if any(is_run(m.into) and m.into != departure and m.last_at > load.last_at for m in others):
            return False
        off = next((m for m in self.marks if m.kind == Kind.OFFLOAD and m.facility == load.facility), None)
        if off is not None and off.visit == load.visit and off.last_at > load.last_at:
            return False
        return left_at is None or not self.left_behind(load.facility, departure, left_at=left_at)

    def left_behind(self, facility: str, departure: str, *, left_at: datetime) -> "Mark | None":
        """The scan that shows the piece still at a place after a departure had left from there."""
        shown = self.seen_short_of(departure, left_at=left_at, origin=facility)
        return min(shown, key=lambda m: m.last_at, default=None)

    def seen_short_of(
        self,
        departure: str,
        *,
        left_at: datetime,
        origin: str,
        before: frozenset[str] = frozenset(),
        further: frozenset[str] = frozenset(),
    ) -> "tuple[Mark, ...]":
        """Scans which prove that, after a departure had left, the piece was where it begins or at a place `before`.

        A scan proves nothing if its time is only estimated; nor when the piece had been beyond in between: seen
        `further` on its way, or anywhere else although it was there in time, it went along and came back.
        """
        sure = [m for m in self.marks if not m.estimated]
        short = before | {origin}
        shown = [
            m
            for m in sure
            if m.facility in short
            and m.last_at > left_at + GRACE
            and m.sure_at > left_at + GRACE
            and m.kind in _SHOWS_WHERE
            and not (m.kind == Kind.LOAD and m.into == departure)
        ]
        if not shown:
            return ()
        in_time = any(m.facility == origin and m.first_at <= left_at + GRACE for m in sure)
        beyond = min(
            (
                m.visit
                for m in sure
                if m.facility not in short and m.last_at > left_at and (in_time or m.facility in further)
            ),
            default=None,
        )
        return tuple(m for m in shown if beyond is None or m.visit < beyond)


GRACE = timedelta(minutes=5)

_SHOWS_WHERE = frozenset(Kind) - {
    Kind.VOID,
    Kind.DEPART,
    Kind.ATTEMPT,
    Kind.DELIVER,
    *NEVER_SCANNED,
    *DESK_ONLY,
}
"""Kinds that show a piece at a place. Not `depart`, which says that it goes; nor what a courier does in the street; nor
a word we do not know."""

_STATE_AFTER = {
    Kind.ACCEPT: State.ACCEPTED,
    Kind.ARRIVE: State.MOVING,
    Kind.UNLOAD: State.MOVING,
    Kind.UNPACK: State.MOVING,
    Kind.PACK: State.MOVING,
    Kind.SORT: State.MOVING,
    Kind.OFFLOAD: State.MOVING,
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
    if said_of_asks(event):
        return replace(progress, wish=_wish(event) or progress.wish, last=event)
    if event.kind in NEVER_SCANNED:
        return progress
    if event.kind in (Kind.UNSEEN, Kind.WITHDRAW) or said_by_desk(event.event_key):
        return _remarked(progress, event)
    state, facility, aboard, held, damaged = _after(progress, event)
    return replace(
        progress,
        state=state,
        facility=facility,
        aboard=aboard,
        held=held,
        damaged=damaged,
        scans=progress.scans + 1,
        marks=_marked(progress.marks, event, progress.remarks),
        last=event,
    )


def _wish(event: HandlingEvent) -> Wish | None:
    """What an answer grants, by the words of `tracker.domain.asks.Word`; None where it refuses."""
    outcome, *said = (event.reason or "").split(" ")
    if event.kind != Kind.ANSWER or outcome != "granted" or not said:
        return None
    return Wish(said[0], date.fromisoformat(said[1]) if len(said) > 1 else None)


def _after(progress: Progress, event: HandlingEvent) -> tuple[State, str | None, str | None, str | None, bool]:
    """State, place, vehicle, reason it is held, and whether it is damaged, once this has happened."""
    state, facility, aboard, damaged = progress.state, progress.facility, progress.aboard, progress.damaged
    held = None if _goes_on(progress, event) else progress.held
    match event.kind:
        case Kind.HOLD:
            return state, event.facility, aboard, event.reason or "other", damaged
        case Kind.RELEASE:
            return state, event.facility, aboard, None, damaged
        case Kind.DAMAGE:
            return state, facility, aboard, held, True
    after = _STATE_AFTER.get(event.kind)  # type: ignore[call-overload]  # a StrEnum key is found by its plain word
    if after is None or (state is State.DELIVERED and after not in (State.DELIVERED, State.RETURNING)):
        return state, facility, aboard, held, damaged
    if event.kind != Kind.DEPART:
        aboard = vehicle(event.into) if event.kind in (Kind.LOAD, Kind.PACK) else None
    return after, event.facility, aboard, held, damaged


def _remarked(progress: Progress, event: HandlingEvent) -> Progress:
    said = replace(progress, last=event, remarks=_marked(progress.remarks, event, progress.marks))
    match event.kind:
        case Kind.HOLD:
            return replace(said, held=event.reason or "other")
        case Kind.RELEASE:
            return replace(said, held=None)
        case Kind.EXPEDITE:
            return replace(said, rank=event.decided.rank if event.decided else 0)
    return said


def progress(of: Timeline) -> Progress:
    """The whole fold, from the first event."""
    folded = START
    for event in of.standing:
        folded = advance(folded, event)
    withdrawn = tuple(e.event.event_key for e in of.entries if e.withdrawn_by is not None)
    return replace(folded, withdrawn=withdrawn, withdrawals=any(e.event.kind == Kind.VOID for e in of.entries))


def comes_after(progress: Progress, event: HandlingEvent) -> bool:
    """Whether `advance` may simply go on from here, or the piece must be folded again from its facts."""
    if event.kind == Kind.VOID or progress.withdrawals:
        return False
    return progress.last is None or event.order > progress.last.order


def is_run(into: str | None) -> bool:
    """Whether what a piece was loaded into is a departure, not a container or a van."""
    return into is not None and _run(into) is not None


def _goes_on(progress: Progress, event: HandlingEvent) -> bool:
    """Whether this shows that the piece is no longer stopped where it was held."""
    said = (*progress.marks, *progress.remarks) if progress.held is not None else ()
    hold = max((m for m in said if m.kind == Kind.HOLD), key=lambda m: m.last_at, default=None)
    elsewhere = hold is not None and event.facility != hold.facility and not event.estimated
    return event.kind == Kind.DELIVER or elsewhere


def _marked(marks: tuple[Mark, ...], event: HandlingEvent, beside: tuple[Mark, ...]) -> tuple[Mark, ...]:
    into, visit = vehicle(event.into), _visit(marks, event)
    for at, mark in enumerate(marks):
        same = (mark.facility, mark.kind, mark.into, mark.visit, mark.estimated, mark.reason)
        now = (event.facility, event.kind, into, visit, event.estimated, event.reason)
        if same == now and not _anew((*marks, *beside), mark):
            error_ms = max(mark.error_ms, event.error_ms)
            again = replace(mark, last_at=event.happened_at, key=event.event_key, error_ms=error_ms)
            return (*marks[:at], again, *marks[at + 1 :])
    new = Mark(
        event.facility,
        event.kind,
        into,
        event.happened_at,
        event.happened_at,
        event.event_key,
        visit,
        event.estimated,
        event.error_ms,
        event.reason,
    )
    return (*marks, new)


def _visit(marks: tuple[Mark, ...], event: HandlingEvent) -> int:
    """Which stay of the piece an event belongs to. An estimated one ends none: nobody knows when it was."""
    latest = max((m for m in marks if not m.estimated), key=lambda m: m.visit, default=None)
    if latest is None:
        return 0
    return latest.visit if event.estimated or event.facility == latest.facility else latest.visit + 1


_ENDED_BY = {Kind.HOLD: Kind.RELEASE, Kind.ATTEMPT: Kind.OUT_FOR_DELIVERY}


def _anew(marks: tuple[Mark, ...], mark: Mark) -> bool:
    """Whether this hold or attempt ended already, so that the next is another."""
    end = _ENDED_BY.get(mark.kind)  # type: ignore[call-overload]  # a StrEnum key is found by its plain word
    return end is not None and any(m.kind == end and m.last_at >= mark.last_at for m in marks)


def vehicle(into: str | None) -> str | None:
    """What it goes into; a departure or a container by its one name, however it was typed."""
    return (_run(into) or container_of(into) or into) if into is not None else None


@lru_cache(4096)  # one name is in the scans of all it carries
def _run(into: str) -> str | None:
    try:
        return str(DepartureName.parse(into))
    except BadNameError:
        return None
