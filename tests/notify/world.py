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
from tracker.domain.network import Facility, FacilityKind
from tracker.domain.notices import HANDED_OVER, NOT_MISSED, NOTICE_RULES, ON_THE_VAN, NoticeKind
from tracker.domain.rules.connection_at_risk import AT_RISK
from tracker.domain.rules.leg_cancelled import CANCELLED
from tracker.domain.rules.missed_connection import LEFT_BEHIND
from tracker.domain.shipment import PieceKind
from tracker.domain.why import Why, because

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


def why(kind: NoticeKind) -> Why:
    match kind:
        case NoticeKind.MISSED_CONNECTION:
            facts = {"departure": MISSED, "facility": "LEJ", "left_at": AT, "seen_at": AT + timedelta(minutes=11)}
            return because(LEFT_BEHIND, dict(facts))
        case NoticeKind.CONNECTION_AT_RISK:
            runs = {"departure": MISSED, "inbound": "LH991/2026-11-21"}
            return because(AT_RISK, {**runs, "facility": "LEJ", "percent": 85})
        case NoticeKind.LEG_CANCELLED:
            return because(CANCELLED, {"departure": MISSED, "facility": "LEJ", "departs_at": AT})
        case NoticeKind.OUT_FOR_DELIVERY:
            return because(ON_THE_VAN, {"facility": "PVG", "out_at": AT})
        case NoticeKind.DELIVERED:
            return because(HANDED_OVER, {"facility": "PVG", "delivered_at": AT})
        case NoticeKind.WITHDRAWN:
            return because(NOT_MISSED, {"departure": MISSED})


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
        seq=1,
        first_time=True,
        piece_kind=PieceKind.BAG if bag else PieceKind.PARCEL,
        origin=AMS,
        destination=PVG,
        why=why(kind),
        window=None if kind is NoticeKind.DELIVERED else window,
        departure="LH718/2026-11-22" if kind in (NoticeKind.MISSED_CONNECTION, NoticeKind.LEG_CANCELLED) else None,
        withdraws=withdraws,
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

    def unplanned(self, limit: int = 500) -> list[OwedNotice]:
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
