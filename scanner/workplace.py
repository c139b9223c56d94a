"""A courier's place of work: what is chosen once, and what became of each code since."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from scanner import feedback
from scanner.feedback import Outcome
from scanner.handheld import Recorded
from scanner.journal import NotRecordedError
from scanner.load_list import Checklist
from tracker.domain.errors import LastscanError
from tracker.domain.handling import Kind
from tracker.domain.ids import DepartureName, readings

REMEMBERED = 200
NOT_INTO_ANYTHING = frozenset({Kind.DAMAGE, Kind.HOLD, Kind.RELEASE})
"""Said in between of a piece, which goes nowhere by it."""


class Recorder(Protocol):
    """`scanner.link.Link.record`: journals a scan, or raises NotRecordedError."""

    def __call__(
        self, code: str, sym: str, kind: str, *, at: str | None, into: str | None, op: str | None
    ) -> Recorded: ...


@dataclass(frozen=True, slots=True)
class Taken:
    """One code and what became of it, as the screen shows it."""

    code: str
    outcome: Outcome
    detail: str
    wall: int  # the device's clock, ms
    kind: str


@dataclass(slots=True)
class Workplace:
    """Takes codes from any source; `into` decides which load list they are held against."""

    record: Recorder
    wall: Callable[[], int]
    new_checklist: Callable[[str], Checklist]
    kind: str = Kind.SORT
    at: str | None = None
    into: str | None = None
    op: str | None = None
    recent: deque[Taken] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    counts: Counter[Outcome] = field(default_factory=Counter)
    checklists: dict[str, Checklist] = field(default_factory=dict)

    @property
    def goes_into(self) -> str | None:
        return None if self.kind in NOT_INTO_ANYTHING else self.into

    @property
    def checklist(self) -> Checklist | None:
        """The list that counts now: loading into a departure has one, whether it could be fetched yet or not."""
        departure = departure_in(self.into) if self.kind == Kind.LOAD else None
        if departure is None:
            return None
        if departure not in self.checklists:
            self.checklists[departure] = self.new_checklist(departure)
        return self.checklists[departure]

    def take(self, code: str, sym: str) -> Taken:
        """Record one code; sound its outcome as soon as this returns."""
        checklist = self.checklist
        try:
            scan = self.record(code, sym, self.kind, at=self.at, into=self.goes_into, op=self.op)
        except NotRecordedError as refusal:
            why = str(refusal).removeprefix("not recorded: ")
            return self._note(code, Outcome.NOT_RECORDED, f"write it down: {why}")
        expected = checklist.check(code) if checklist is not None else None
        outcome = feedback.outcome_of(scan, is_damage=self.kind == Kind.DAMAGE, expected=expected)
        return self._note(code, outcome, self._detail(outcome, scan, checklist))

    def could_not_read(self, picture: str, why: str | None) -> Taken:
        return self._note(picture, Outcome.UNREADABLE, why or "hold it flat and in the light, or type its number")

    def _note(self, code: str, outcome: Outcome, detail: str) -> Taken:
        taken = Taken(code, outcome, detail, self.wall(), self.kind)
        self.recent.appendleft(taken)
        self.counts[outcome] += 1
        return taken

    def _detail(self, outcome: Outcome, scan: Recorded, checklist: Checklist | None) -> str:
        again = f"again: {round(scan.again)} s ago" if scan.again is not None and feedback.is_again(scan) else ""
        match outcome:
            case Outcome.NOT_EXPECTED:
                run = (departure_in(self.into) or "").partition("/")[0]
                return f"recorded; not on the list of {run}: keep it off, ask the lead"
            case Outcome.DAMAGED:
                return f"set it aside{'; ' + again if again else ''}"
            case _ if again:
                return again
        if checklist is not None and checklist.list is not None:
            return f"{len(checklist.scanned)} of {len(checklist.expected)}"
        return ""


def departure_in(into: str | None) -> str | None:
    """The departure that `into` names; None for a container or a van."""
    try:
        return str(DepartureName.parse(into)) if into else None
    except LastscanError:
        return None


def spelled(into: str) -> str:
    """A place, container or departure as it is sent: a departure in its one spelling, else as read."""
    return departure_in(into) or into.strip()


def is_piece(code: str) -> bool:
    """Whether a code scanned while a place or container is asked for is a parcel all the same."""
    return any(candidate.scheme == "s10" for candidate in readings(code))
