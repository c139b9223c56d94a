"""What puts a promise at risk."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from tracker.domain.handling import EventKey
from tracker.domain.why import Why


class IrregularityKind(StrEnum):
    CONNECTION_AT_RISK = "connection_at_risk"
    MISSED_CONNECTION = "missed_connection"
    LEG_CANCELLED = "leg_cancelled"
    LEG_DIVERTED = "leg_diverted"
    PLACE_CLOSED = "place_closed"
    MISSORTED = "missorted"
    OVERAGE = "overage"
    SHORTAGE = "shortage"
    NEVER_INDUCTED = "never_inducted"
    SILENT = "silent"
    DWELLING = "dwelling"
    HELD = "held"
    HELD_AT_CUSTOMS = "held_at_customs"
    HELD_FOR_PAYMENT = "held_for_payment"
    HELD_FOR_ADDRESS = "held_for_address"
    PAPERS_MISSING = "papers_missing"
    DAMAGED = "damaged"
    ATTEMPT_FAILED = "attempt_failed"
    REFUSED = "refused"
    RETURNED = "returned"
    DELIVERED_ELSEWHERE = "delivered_elsewhere"
    LOST = "lost"
    LATE = "late"


BREAKS_THE_PLAN = frozenset(
    {
        IrregularityKind.MISSED_CONNECTION,
        IrregularityKind.LEG_CANCELLED,
        IrregularityKind.LEG_DIVERTED,
        IrregularityKind.PLACE_CLOSED,
    }
)
"""Kinds after which a piece cannot go as planned; each names the departure."""


@dataclass(frozen=True, slots=True)
class Irregularity:
    """One thing that went wrong with one piece: `subject` tells two of a kind apart (a departure, a facility).

    It is open until `cleared_at`; a pure function of facts, so it never depends on when somebody looked.
    """

    kind: IrregularityKind
    subject: str
    since: datetime
    why: Why
    evidence: tuple[EventKey, ...] = ()
    cleared_at: datetime | None = None

    @property
    def name(self) -> tuple[IrregularityKind, str]:
        return (self.kind, self.subject)

    @property
    def open(self) -> bool:
        return self.cleared_at is None
