"""What people can be told: one readable table of kinds, and what a notice and its causes are made of.

What a change of a piece owes is worked out in `owed.py`.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from tracker.domain.eta import Eta
from tracker.domain.handling import EventKey
from tracker.domain.pickup import STORED_FOR
from tracker.domain.rules.connection_at_risk import Warned
from tracker.domain.rules.irregularity import Irregularity
from tracker.domain.timeline import Progress
from tracker.domain.why import Why


class NoticeKind(StrEnum):
    BOOKED = "booked"
    PICKED_UP = "picked_up"
    ETA_CHANGED = "eta_changed"
    OUT_FOR_DELIVERY = "out_for_delivery"
    DELIVERED = "delivered"
    READY_FOR_PICKUP = "ready_for_pickup"
    PICKUP_REMINDER = "pickup_reminder"
    DELIVERY_ATTEMPTED = "delivery_attempted"
    LATE = "late"
    LATE_PREDICTED = "late_predicted"
    STALLED = "stalled"
    CONNECTION_AT_RISK = "connection_at_risk"
    MISSED_CONNECTION = "missed_connection"
    LEG_CANCELLED = "leg_cancelled"
    REPLANNED = "replanned"
    WITHDRAWN = "withdrawn"
    CUSTOMS_HOLD = "customs_hold"
    CUSTOMS_RELEASED = "customs_released"
    PAYMENT_DUE = "payment_due"
    ADDRESS_PROBLEM = "address_problem"
    DAMAGED = "damaged"
    LOST = "lost"
    RETURNING = "returning"
    RETURNED = "returned"
    CORRECTION = "correction"
    APOLOGY = "apology"
    CONFIRM_CONTACT = "confirm_contact"


class Urgency(StrEnum):
    """When a notice goes out."""

    NOW = "now"  # at once, whatever the hour
    DAY = "day"  # in the person's daytime
    DIGEST = "digest"  # joined with others, at most one a day


class Party(StrEnum):
    """Who may switch a kind off: recipients for themselves, shippers for what they send."""

    RECIPIENT = "recipient"
    SHIPPER = "shipper"


class Strand(StrEnum):
    """What notices of one piece overtake each other in: a newer one says all that an older, unsent one would."""

    ETA = "eta"
    CONNECTION = "connection"
    CUSTOMS = "customs"


@dataclass(frozen=True, slots=True)
class NoticeRule:
    """How a kind of notice is told. One row of the table below."""

    key: str  # what makes a cause this one and no other, after `kind:`; {piece} is number and journey
    urgency: Urgency
    expires_after: timedelta  # at the latest: a notice may say that it is of no use sooner
    channels: tuple[str, ...]  # in order of preference, where the person asked for no others
    off: frozenset[Party]  # who may switch it off
    left_with: NoticeKind | None = None  # the kind under which recipients leave it, and see it among their wishes
    supersedes: Strand | None = None


_NOW, _DAY, _DIGEST = Urgency.NOW, Urgency.DAY, Urgency.DIGEST
_ANYBODY, _RECIPIENT, _NOBODY = frozenset(Party), frozenset({Party.RECIPIENT}), frozenset[Party]()
_FAST = ("push", "sms", "email", "webhook")  # who must act, now
_PHONE = ("push", "email", "sms", "webhook")
_QUIET = ("email", "push", "webhook")


def _h(hours: int) -> timedelta:
    return timedelta(hours=hours)


K = NoticeKind

# fmt: off
NOTICE_RULES: dict[NoticeKind, NoticeRule] = {
    K.BOOKED: NoticeRule("{piece}", _DIGEST, _h(48), _QUIET, _ANYBODY, K.BOOKED),
    K.PICKED_UP: NoticeRule("{piece}", _DAY, _h(24), _QUIET, _ANYBODY, K.BOOKED),
    K.ETA_CHANGED: NoticeRule("{piece}:r{revision}", _DAY, _h(24), _QUIET, _RECIPIENT, K.ETA_CHANGED, Strand.ETA),
    K.OUT_FOR_DELIVERY: NoticeRule("{piece}:{day}", _DAY, _h(12), _PHONE, _ANYBODY, K.OUT_FOR_DELIVERY),
    K.DELIVERED: NoticeRule("{piece}", _DAY, _h(24), _QUIET, _ANYBODY, K.DELIVERED),
    K.READY_FOR_PICKUP: NoticeRule("{piece}:{facility}", _DAY, STORED_FOR, _PHONE, _RECIPIENT, K.READY_FOR_PICKUP),
    K.PICKUP_REMINDER: NoticeRule("{piece}:{facility}:{number}", _DAY, _h(24), _PHONE, _RECIPIENT, K.READY_FOR_PICKUP),
    K.DELIVERY_ATTEMPTED: NoticeRule("{piece}:attempt{number}", _DAY, _h(24), _PHONE, _NOBODY),
    K.LATE: NoticeRule("{piece}:{day}", _DAY, _h(24), _QUIET, _RECIPIENT, K.ETA_CHANGED, Strand.ETA),
    K.LATE_PREDICTED: NoticeRule("{piece}:{day}", _DAY, _h(24), _QUIET, _RECIPIENT, K.ETA_CHANGED, Strand.ETA),
    K.STALLED: NoticeRule("{piece}:{facility}", _DAY, _h(48), _QUIET, _RECIPIENT, K.ETA_CHANGED),
    K.CONNECTION_AT_RISK: NoticeRule(
        "{piece}:{departure}", _NOW, _h(3), _FAST, _ANYBODY, K.MISSED_CONNECTION, Strand.CONNECTION),
    K.MISSED_CONNECTION: NoticeRule(
        "{piece}:{departure}", _NOW, _h(24), _FAST, _RECIPIENT, K.MISSED_CONNECTION, Strand.CONNECTION),
    K.LEG_CANCELLED: NoticeRule(
        "{piece}:{departure}", _NOW, _h(24), _FAST, _RECIPIENT, K.MISSED_CONNECTION, Strand.CONNECTION),
    K.REPLANNED: NoticeRule(
        "{piece}:plan{number}", _DAY, _h(24), _QUIET, _RECIPIENT, K.MISSED_CONNECTION, Strand.CONNECTION),
    K.WITHDRAWN: NoticeRule("{cause}", _NOW, _h(12), _FAST, _RECIPIENT, K.MISSED_CONNECTION),
    K.CUSTOMS_HOLD: NoticeRule(
        "{piece}:{facility}:{number}", _DAY, _h(72), _PHONE, _NOBODY, supersedes=Strand.CUSTOMS),
    K.CUSTOMS_RELEASED: NoticeRule(
        "{piece}:{facility}:{number}", _DIGEST, _h(24), _QUIET, _ANYBODY, K.BOOKED, Strand.CUSTOMS),
    K.PAYMENT_DUE: NoticeRule("{piece}:{facility}:{number}", _DAY, _h(72), _PHONE, _NOBODY),
    K.ADDRESS_PROBLEM: NoticeRule("{piece}:{facility}:{number}", _DAY, _h(72), _PHONE, _NOBODY),
    K.DAMAGED: NoticeRule("{piece}:{facility}", _DAY, _h(7 * 24), _QUIET, _RECIPIENT, K.DAMAGED),
    K.LOST: NoticeRule("{piece}", _DAY, _h(30 * 24), _QUIET, _NOBODY),
    K.RETURNING: NoticeRule("{piece}", _DAY, _h(7 * 24), _QUIET, _ANYBODY, K.RETURNING),
    K.RETURNED: NoticeRule("{piece}", _DAY, _h(7 * 24), _QUIET, _ANYBODY, K.RETURNING),
    K.CORRECTION: NoticeRule("{cause}", _DAY, _h(7 * 24), _PHONE, _NOBODY),
    K.APOLOGY: NoticeRule("{piece}:{trouble}", _NOW, _h(24), _QUIET, _NOBODY),
    K.CONFIRM_CONTACT: NoticeRule("{person}:{number}", _NOW, _h(48), ("email",), _NOBODY),
}
# fmt: on


def cause(kind: NoticeKind, **names: object) -> str:
    """Why a notice is owed, as the table spells it. The same cause is told once."""
    return f"{kind}:{NOTICE_RULES[kind].key.format(**names)}"


ASKED_FOR_LATER = "push"
"""The channel that no booking names, because only the reader's own device can ask for it."""


@dataclass(frozen=True, slots=True)
class Quote:
    """What somebody was told before, and when."""

    kind: NoticeKind
    why: Why
    said_at: datetime


@dataclass(frozen=True, slots=True)
class Notice:
    """One message owed to a person for one reason. The same cause is never told twice to a person."""

    kind: NoticeKind
    cause: str
    why: Why
    evidence: tuple[EventKey, ...]
    window: tuple[datetime, datetime] | None = None  # when the piece is expected now
    departure: str | None = None  # the one it goes with instead
    withdraws: str | None = None  # the cause of the notice that no longer stands
    before: tuple[datetime, datetime] | None = None  # the window they were told last
    quotes: Quote | None = None
    urgency: Urgency | None = None  # where it is another than its kind's
    not_before: datetime | None = None
    expires_at: datetime | None = None  # where it is of no use sooner than others of its kind
    root: str | None = None  # what may owe others the same: `departure:…`, `facility:…` or `device:…`

    @property
    def rule(self) -> NoticeRule:
        return NOTICE_RULES[self.kind]

    def ends(self, owed_at: datetime) -> datetime:
        """When it is of no use any more, if it was owed then."""
        last = owed_at + self.rule.expires_after
        return min(last, self.expires_at) if self.expires_at is not None else last


@dataclass(frozen=True, slots=True)
class Said:
    """A notice that was owed before, and what became of it: the memory of what a person was told."""

    notice: Notice
    owed_at: datetime
    outcome: str

    @property
    def told(self) -> bool:
        """The person has it, or may have it."""
        return self.outcome in ("accepted", "unknown")

    @property
    def pending(self) -> bool:
        return self.outcome == "due"


@dataclass(frozen=True, slots=True)
class Judgement:
    """How a piece stands at one moment: what notices, pages and the desk are worked out from."""

    progress: Progress
    irregularities: tuple[Irregularity, ...] = ()
    eta: Eta | None = None
    next_departure: str | None = None
    out_on: date | None = None  # the day, where it is, on which it went out for delivery last
    warned: tuple[Warned, ...] = ()
    replans: int = 0  # how many of them stand
    due_by: datetime | None = None  # where its recipient asked for a day later than the promise
