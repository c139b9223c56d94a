"""A small world for notices: two people, three places, an outbox and a provider that keep their contracts."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.pool import StaticPool

from notify.channel import Message
from notify.delivery import Accepted, Outcome
from notify.owed import OwedNotice, Recipient
from notify.store.schema import metadata
from tracker.domain.eta import BY_ROUND
from tracker.domain.follows import ASKED
from tracker.domain.network import Facility, FacilityKind
from tracker.domain.notices import NOTICE_RULES, NoticeKind, Quote
from tracker.domain.owed import (
    BOOKED_BY,
    GOES_ON_WITH,
    HANDED_BACK,
    HANDED_IN,
    HANDED_OVER,
    LAID_READY,
    LET_GO,
    NEVER_SO,
    NOT_MISSED,
    ON_THE_VAN,
    OVER_BY,
)
from tracker.domain.rules.attempt_failed import NOT_HANDED_OVER
from tracker.domain.rules.connection_at_risk import AT_RISK
from tracker.domain.rules.damaged import SEEN_DAMAGED
from tracker.domain.rules.dwelling import TOO_LONG
from tracker.domain.rules.held_at_customs import BY_CUSTOMS
from tracker.domain.rules.held_for_address import NO_SUCH_DOOR
from tracker.domain.rules.held_for_payment import UNPAID
from tracker.domain.rules.late import PROMISE_PASSED
from tracker.domain.rules.leg_cancelled import CANCELLED
from tracker.domain.rules.lost import DECLARED_LOST
from tracker.domain.rules.missed_connection import LEFT_BEHIND
from tracker.domain.rules.returned import SENT_BACK
from tracker.domain.shipment import PieceKind
from tracker.domain.why import Facts, Why, because

K = NoticeKind

AT = datetime(2026, 11, 21, 1, 40, tzinfo=UTC)

AMS = Facility(
    "AMS", FacilityKind.STATION, "Europe/Amsterdam", "NL", names={"en": "Amsterdam", "zh-Hans": "阿姆斯特丹"}
)
LEJ = Facility("LEJ", FacilityKind.HUB, "Europe/Berlin", "DE", names={"en": "Leipzig hub", "zh-Hans": "莱比锡枢纽"})
PVG = Facility("PVG", FacilityKind.STATION, "Asia/Shanghai", "CN", names={"en": "Shanghai", "zh-Hans": "上海"})
PLACES = {place.code: place for place in (AMS, LEJ, PVG)}

ADA = Recipient("person-ada", "Ada Lovelace", "ada@example.org", None, "en", "Asia/Shanghai")
XIAOMING = Recipient("person-xm", "王小明", "xiaoming@example.org", None, "zh-CN", "Asia/Shanghai")

MISSED = "LH716/2026-11-21"


_HERE: Facts = {"facility": "PVG"}
_RUN: Facts = {"departure": MISSED}

WHY: dict[NoticeKind, Why] = {
    K.BOOKED: because(BOOKED_BY, {"facility": "PVG", "origin": "AMS", "destination": "PVG", "due_by": AT}),
    K.PICKED_UP: because(HANDED_IN, {"facility": "AMS", "handed_in_at": AT}),
    K.ETA_CHANGED: because(BY_ROUND, {**_HERE, "departure": MISSED, "arrives_at": AT, "round_at": AT}),
    K.OUT_FOR_DELIVERY: because(ON_THE_VAN, {**_HERE, "out_at": AT}),
    K.DELIVERED: because(HANDED_OVER, {**_HERE, "delivered_at": AT}),
    K.READY_FOR_PICKUP: because(LAID_READY, {**_HERE, "ready_at": AT, "kept_by": AT + timedelta(days=7)}),
    K.PICKUP_REMINDER: because(LAID_READY, {**_HERE, "ready_at": AT, "kept_by": AT + timedelta(days=7)}),
    K.DELIVERY_ATTEMPTED: because(NOT_HANDED_OVER, {**_HERE, "tried_at": AT}),
    K.LATE: because(PROMISE_PASSED, {**_HERE, "due_by": AT}),
    K.LATE_PREDICTED: because(OVER_BY, {**_HERE, "due_by": AT}),
    K.STALLED: because(TOO_LONG, {"facility": "LEJ", "came_at": AT, "due_by": AT + timedelta(hours=12)}),
    K.CONNECTION_AT_RISK: because(AT_RISK, {**_RUN, "inbound": "LH991/2026-11-21", "facility": "LEJ", "percent": 85}),
    K.MISSED_CONNECTION: because(
        LEFT_BEHIND, {**_RUN, "facility": "LEJ", "left_at": AT, "seen_at": AT + timedelta(minutes=11)}
    ),
    K.LEG_CANCELLED: because(CANCELLED, {**_RUN, "facility": "LEJ", "departs_at": AT}),
    K.REPLANNED: because(GOES_ON_WITH, {"departure": "LH718/2026-11-22"}),
    K.WITHDRAWN: because(NOT_MISSED, _RUN),
    K.CUSTOMS_HOLD: because(BY_CUSTOMS, {**_HERE, "held_at": AT}),
    K.CUSTOMS_RELEASED: because(LET_GO, {**_HERE, "released_at": AT}),
    K.PAYMENT_DUE: because(UNPAID, {**_HERE, "held_at": AT}),
    K.ADDRESS_PROBLEM: because(NO_SUCH_DOOR, {**_HERE, "held_at": AT}),
    K.DAMAGED: because(SEEN_DAMAGED, {**_HERE, "seen_at": AT}),
    K.LOST: because(DECLARED_LOST, {**_HERE, "declared_at": AT}),
    K.RETURNING: because(SENT_BACK, {**_HERE, "sent_back_at": AT}),
    K.RETURNED: because(HANDED_BACK, {"facility": "AMS", "returned_at": AT}),
    K.CORRECTION: because(NEVER_SO),
    K.APOLOGY: because(LEFT_BEHIND, {**_RUN, "facility": "LEJ", "left_at": AT, "seen_at": AT + timedelta(minutes=11)}),
    K.CONFIRM_CONTACT: because(ASKED),
}
"""Of each kind, a reason as the tracker gives it."""

HAS_NO_WINDOW = frozenset(
    {K.DELIVERED, K.READY_FOR_PICKUP, K.PICKUP_REMINDER, K.STALLED, K.CUSTOMS_HOLD, K.PAYMENT_DUE, K.ADDRESS_PROBLEM}
    | {K.DAMAGED, K.LOST, K.RETURNING, K.RETURNED, K.CONFIRM_CONTACT}
)
GOES_WITH = frozenset({K.MISSED_CONNECTION, K.LEG_CANCELLED, K.REPLANNED, K.APOLOGY})


def owed(
    kind: NoticeKind = NoticeKind.MISSED_CONNECTION,
    *,
    id: str = "notice-1",
    to: Recipient = ADA,
    bag: bool = False,
    number: str = "LS123456785NL",
    channels: tuple[str, ...] = ("email",),
    withdraws: str | None = None,
) -> OwedNotice:
    window = (AT + timedelta(hours=28, minutes=20), AT + timedelta(hours=32, minutes=20))
    return OwedNotice(
        id=id,
        kind=kind,
        cause=f"{kind}:{number}/1:{id}",
        account="shop",
        number=number,
        journey=1,
        seq=1,
        first_time=True,
        piece_kind=PieceKind.BAG if bag else PieceKind.PARCEL,
        origin=AMS,
        destination=PVG,
        why=WHY[kind],
        window=None if kind in HAS_NO_WINDOW else window,
        departure="LH718/2026-11-22" if kind in GOES_WITH else None,
        withdraws="delivered:" if kind is K.CORRECTION and withdraws is None else withdraws,
        before=(window[0] - timedelta(hours=5), window[1] - timedelta(hours=5)) if kind is K.ETA_CHANGED else None,
        quotes=Quote(K.DELIVERED, WHY[K.DELIVERED], AT) if kind is K.CORRECTION else None,
        places=PLACES,
        owed_at=AT,
        expires_at=AT + NOTICE_RULES[kind].expires_after,
        urgency=NOTICE_RULES[kind].urgency,
        channels=channels,
        recipient=to,
    )


class TestOutbox:
    """Keeps notices as the tracker does; a test may say that one no longer stands."""

    __test__ = False

    def __init__(self, *notices: OwedNotice) -> None:
        self.notices = {notice.id: notice for notice in notices}
        self.plans: set[str] = set()
        self.outcomes: dict[str, str] = {}
        self.overtaken: set[str] = set()

    def owe(self, notice: OwedNotice) -> None:
        self.notices[notice.id] = notice

    def unplanned(self, limit: int = 500, *, by: datetime | None = None) -> list[OwedNotice]:
        return [notice for notice in self.notices.values() if notice.id not in self.plans][:limit]

    def planned(self, ids: Sequence[str]) -> None:
        self.plans.update(ids)

    def notice(self, id: str) -> OwedNotice | None:
        return self.notices.get(id)

    def verdict(self, id: str, now: datetime) -> str:
        notice = self.notices[id]
        if now > notice.expires_at:
            return "expired"
        if id in self.overtaken:
            return "overtaken"
        if notice.withdraws is not None:
            said = [self.outcomes.get(n.id) for n in self.notices.values() if n.cause == notice.withdraws]
            return "stands" if {"accepted", "unknown"} & set(said) else "unsaid"
        return "stands"

    def told(self, outcomes: Sequence[tuple[str, str]]) -> None:
        self.outcomes |= dict(outcomes)


class Provider:
    """A channel whose provider does as it is told: each answer is used once, then it accepts.

    `took` is what arrived, key by key, whether or not it said so; one that remembers keys takes each once.
    """

    def __init__(self, *answers: Outcome, remembers_keys: bool = False) -> None:
        self.answers = list(answers)
        self.remembers_keys = remembers_keys
        self.took: list[str] = []
        self.asked: list[str] = []

    def address(self, recipient: Recipient) -> str | None:
        return recipient.email

    def compose(self, notice: OwedNotice, *, key: str, written_at: datetime) -> Message:
        assert notice.recipient.email is not None
        return Message(notice.recipient.email, "en", f"{key} {notice.kind}".encode())

    def send(self, message: Message, *, key: str) -> Outcome:
        self.asked.append(key)
        answer = self.answers.pop(0) if self.answers else Accepted("250 ok")
        if type(answer).__name__ in ("Accepted", "NoAnswer") and not (self.remembers_keys and key in self.took):
            self.took.append(key)
        return answer


class RealTime:
    """Real time, by hand."""

    def __init__(self) -> None:
        self.at = AT

    def __call__(self) -> datetime:
        return self.at

    def passes(self, **much: float) -> None:
        self.at += timedelta(**much)


def memory_engine() -> sa.Engine:
    """Notify's tables in memory: for laws that start a thousand worlds."""
    engine = sa.create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    metadata.create_all(engine)
    return engine


def to_nobody(recipient: Recipient) -> Recipient:
    return replace(recipient, email=None)


def somebody(n: int) -> Recipient:
    """One of many, each at an address of their own."""
    return replace(ADA, person=f"person-{n}", name=f"Recipient {n}", email=f"recipient-{n}@example.org")
