"""What must be told to whom: one readable table of kinds, and what a change of a piece owes."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from tracker.domain.eta import Eta
from tracker.domain.handling import EventKey, Kind
from tracker.domain.rules.connection_at_risk import Warned
from tracker.domain.rules.irregularity import BREAKS_THE_PLAN, Irregularity, IrregularityKind
from tracker.domain.shipment import Piece, PieceKind
from tracker.domain.timeline import Progress, State
from tracker.domain.why import Facts, Why, because


class NoticeKind(StrEnum):
    OUT_FOR_DELIVERY = "out_for_delivery"
    DELIVERED = "delivered"
    CONNECTION_AT_RISK = "connection_at_risk"
    MISSED_CONNECTION = "missed_connection"
    LEG_CANCELLED = "leg_cancelled"
    WITHDRAWN = "withdrawn"


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
    K.OUT_FOR_DELIVERY: NoticeRule("{piece}:{day}", _DAY, _h(12), _PHONE, _ANYBODY, K.OUT_FOR_DELIVERY),
    K.DELIVERED: NoticeRule("{piece}", _DAY, _h(24), _QUIET, _ANYBODY, K.DELIVERED),
    K.CONNECTION_AT_RISK: NoticeRule(
        "{piece}:{departure}", _NOW, _h(3), _FAST, _ANYBODY, K.MISSED_CONNECTION, Strand.CONNECTION),
    K.MISSED_CONNECTION: NoticeRule(
        "{piece}:{departure}", _NOW, _h(24), _FAST, _RECIPIENT, K.MISSED_CONNECTION, Strand.CONNECTION),
    K.LEG_CANCELLED: NoticeRule(
        "{piece}:{departure}", _NOW, _h(24), _FAST, _RECIPIENT, K.MISSED_CONNECTION, Strand.CONNECTION),
    K.WITHDRAWN: NoticeRule("{cause}", _NOW, _h(12), _FAST, _RECIPIENT, K.MISSED_CONNECTION),
}
# fmt: on


def cause(kind: NoticeKind, **names: object) -> str:
    """Why a notice is owed, as the table spells it. The same cause is told once."""
    return f"{kind}:{NOTICE_RULES[kind].key.format(**names)}"


TOLD_OF: dict[IrregularityKind, NoticeKind | None] = dict.fromkeys(IrregularityKind, None) | {
    IrregularityKind.MISSED_CONNECTION: NoticeKind.MISSED_CONNECTION,
    IrregularityKind.LEG_CANCELLED: NoticeKind.LEG_CANCELLED,
    IrregularityKind.LEG_DIVERTED: NoticeKind.LEG_CANCELLED,
    IrregularityKind.PLACE_CLOSED: NoticeKind.LEG_CANCELLED,
}
"""Which irregularity a customer hears of, and by which notice. Of risks they hear as the forecast says (`Warned`)."""

ON_THE_VAN = "It left {facility} on the van at {out_at}."
HANDED_OVER = "It was handed over at {delivered_at}."
ON_THE_BELT = "It was put on the belt in {facility} at {delivered_at}."
NOT_MISSED = "What showed that {departure} left without it no longer stands."
WILL_BE_MADE = "{departure} can be reached after all, as far as is known now."
GOES_AFTER_ALL = "{departure} goes as planned after all."


@dataclass(frozen=True, slots=True)
class Notice:
    """One message owed to the consignee for one reason. The same cause is never told twice to a person."""

    kind: NoticeKind
    cause: str
    why: Why
    evidence: tuple[EventKey, ...]
    window: tuple[datetime, datetime] | None = None  # when the piece is expected now
    departure: str | None = None  # the one it goes with instead
    withdraws: str | None = None  # the cause of the notice that no longer stands


@dataclass(frozen=True, slots=True)
class Judgement:
    """How a piece stands at one moment: what notices, pages and the desk are worked out from."""

    progress: Progress
    irregularities: tuple[Irregularity, ...] = ()
    eta: Eta | None = None
    next_departure: str | None = None
    out_on: date | None = None  # the day, where it is, on which it went out for delivery last
    warned: tuple[Warned, ...] = ()


def notices_owed(before: Judgement | None, after: Judgement, piece: Piece) -> tuple[Notice, ...]:
    """What the step from one judgement to the next owes.

    Causes are functions of facts, so judging again owes nothing new.
    """
    owed: list[Notice] = []
    window = (after.eta.earliest, after.eta.latest) if after.eta else None
    delivered = after.progress.delivered
    out = after.progress.reached(Kind.OUT_FOR_DELIVERY)
    if out is not None and after.progress.state is State.OUT_FOR_DELIVERY:
        why = because(ON_THE_VAN, {"facility": out.facility, "out_at": out.last_at})
        named = cause(K.OUT_FOR_DELIVERY, piece=piece.name, day=after.out_on or out.last_at.date())
        owed.append(Notice(K.OUT_FOR_DELIVERY, named, why, (out.key,), window=window))
    if delivered is not None:
        facts: Facts = {"facility": delivered.facility, "delivered_at": delivered.first_at}
        by_belt = piece.kind is PieceKind.BAG and out is None
        why = because(ON_THE_BELT, facts) if by_belt else because(HANDED_OVER, facts)
        owed.append(Notice(K.DELIVERED, cause(K.DELIVERED, piece=piece.name), why, (delivered.key,)))
    for irregularity in after.irregularities:
        kind = TOLD_OF[irregularity.kind]
        if kind is not None and irregularity.open and delivered is None:
            named, goes_with = cause(kind, piece=piece.name, departure=irregularity.subject), after.next_departure
            owed.append(Notice(kind, named, irregularity.why, irregularity.evidence, window, goes_with))
    return (*owed, *_of_risks(after, piece), *_withdrawals(before, after, piece))


def _of_risks(after: Judgement, piece: Piece) -> list[Notice]:
    """That a connection is at risk, and that it is no more; each once a revision."""
    found = []
    for warned in after.warned if after.progress.delivered is None else ():
        named = cause(K.CONNECTION_AT_RISK, piece=piece.name, departure=warned.name)
        if warned.open:
            found.append(Notice(K.CONNECTION_AT_RISK, named, warned.why, ()))
        elif warned.passed:
            why = because(WILL_BE_MADE, {"departure": warned.departure})
            found.append(Notice(K.WITHDRAWN, cause(K.WITHDRAWN, cause=named), why, (), withdraws=named))
    return found


def _withdrawals(before: Judgement | None, after: Judgement, piece: Piece) -> list[Notice]:
    """What was judged so and is now judged never to have been so, as when a late scan shows it was aboard.

    Not while another stands that breaks its plan: then that did break, only elsewhere; nor once it was delivered.
    """
    if after.progress.delivered is not None:
        return []
    breaks = any(i.open and i.kind in BREAKS_THE_PLAN for i in after.irregularities)
    gone = {i.name: i for i in before.irregularities} if before else {}
    for irregularity in after.irregularities:
        gone.pop(irregularity.name, None)
    found = []
    for irregularity in gone.values():
        kind = TOLD_OF[irregularity.kind]
        if kind is not None and not breaks:
            told = cause(kind, piece=piece.name, departure=irregularity.subject)
            facts: Facts = {"departure": irregularity.subject}
            why = because(NOT_MISSED, facts) if kind is NoticeKind.MISSED_CONNECTION else because(GOES_AFTER_ALL, facts)
            found.append(Notice(K.WITHDRAWN, cause(K.WITHDRAWN, cause=told), why, (), withdraws=told))
    return found
