"""What staff may decide: plain values, who may decide which, and where hands can be laid on a piece."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from tracker.domain.handling import EventKey
from tracker.domain.network import Departure
from tracker.domain.rules import IrregularityKind
from tracker.domain.situation import Situation
from tracker.domain.staff import Role


class HeldFor(StrEnum):
    """What a piece may be stopped for."""

    CUSTOMS = "customs"
    PAYMENT = "payment"
    ADDRESS = "address"
    DAMAGE = "damage"
    SECURITY = "security"
    REQUEST = "request"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Stops a piece where it is, or where the linehaul it is on brings it."""

    number: str
    reason: str
    held_for: HeldFor = HeldFor.REQUEST


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """Lets a held piece go on."""

    number: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reroute:
    """Gives a piece new legs from where it can be had next: these departures, or the way that arrives first."""

    number: str
    reason: str
    legs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Expedite:
    """Lets a piece go before others wherever room is short. The higher rank goes first; 0 takes it back."""

    number: str
    reason: str
    rank: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Readdress:
    """Corrects where a shipment goes to. Personal: the log only says that it was corrected."""

    number: str
    reason: str
    lines: tuple[str, ...]
    city: str
    postcode: str
    country: str  # ISO 3166 alpha-2


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdraw:
    """Takes a wrong scan back, of whatever device: `number` is the piece or departure whose timeline has it."""

    number: str
    scan: EventKey
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclareLost:
    number: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclareFound:
    number: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldDeparture:
    """Lets a departure wait so many minutes longer than it would as far as is known now."""

    departure: str
    minutes: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseFacility:
    """Nothing is handled at a place from one instant to another: what is planned through it gets another way."""

    facility: str
    since: datetime
    until: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReopenFacility:
    """A place works again from now on, and is not closed later either."""

    facility: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Grants or refuses what a recipient asked for under this key."""

    number: str
    asked: EventKey
    grant: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Apologise:
    """Says to whoever receives it that we are sorry, and how it stands: of the irregularity with this kind and
    subject, while it is open. The message waits `UNDO_WITHIN`."""

    number: str
    kind: IrregularityKind
    subject: str
    reason: str

    @property
    def about(self) -> str:
        """The irregularity's name as its fact has it."""
        return f"{self.kind.value} {self.subject}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Undo:
    """Takes back what one has decided oneself, within `UNDO_WITHIN`."""

    number: str
    decided: EventKey
    reason: str


PieceDecision = Hold | Release | Reroute | Expedite | Readdress | DeclareLost | DeclareFound | Apologise
FacilityDecision = CloseFacility | ReopenFacility
Decision = PieceDecision | Undo | Withdraw | HoldDeparture | Answer | FacilityDecision

_SUPPORT: frozenset[type[Decision]] = frozenset(
    {Hold, Release, Reroute, Expedite, Readdress, DeclareFound, Answer, Apologise, Undo}
)

MAY_DECIDE: Mapping[Role, frozenset[type[Decision]]] = {
    Role.COURIER: frozenset(),
    Role.SHIPPER: frozenset(),
    Role.SUPPORT: _SUPPORT,
    Role.SUPERVISOR: _SUPPORT | {Withdraw, DeclareLost},
    Role.NETWORK_MANAGER: frozenset({Reroute, Expedite, Undo, HoldDeparture, CloseFacility, ReopenFacility}),
    Role.ADMINISTRATOR: frozenset({Withdraw}),  # devices are theirs, and so is what a broken one said
}
"""Who may decide what; what is not named here nobody may."""

UNDO_WITHIN = timedelta(seconds=10)
"""So long a decision can be undone by whoever made it, and so long the message waits that it sends."""

MOST_MINUTES = 180
"""How long a departure may be held by one decision."""

LONGEST_CLOSURE = timedelta(days=30)

HIGHEST_RANK = 9


def within_reach(situation: Situation, *, aboard: Departure | None) -> tuple[str, datetime]:
    """Where hands can next be laid on a piece and from when on: where the departure it is `aboard` brings it, or where
    it is."""
    if aboard is None:
        return situation.progress.facility or situation.piece.origin, situation.now
    ready_at = aboard.expected_arrival + situation.facility(aboard.destination).minimum_connection
    return aboard.destination, max(situation.now, ready_at)
