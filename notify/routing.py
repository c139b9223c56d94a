"""Which channel, how soon again, and when to stop: decisions only, on values."""

from collections.abc import Container
from datetime import date, datetime, timedelta
from typing import Any, assert_never
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from notify.delivery import (
    Accepted,
    Delivery,
    Feedback,
    ForGood,
    Later,
    NoAnswer,
    Outcome,
    Planned,
    Said,
    Settlement,
    State,
)
from notify.owed import OwedNotice
from tracker.domain.notices import NOTICE_RULES, NoticeKind, Strand, Urgency
from tracker.domain.shipment import PieceKind

LEASE = timedelta(seconds=60)

LADDER = (
    timedelta(0),
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
"""The wait before each attempt. `expires_at` cuts it off sooner."""

SOFT_TRIES = 3
SOFT_REST = timedelta(hours=24)
"""An address from which so much came back in a row, its mailbox full or away, is left alone for so long."""

SPREAD = 0.2  # so that those refused together do not come back together

PROVIDERS_FORGET_AFTER = timedelta(hours=23)
"""Providers forget keys after about a day; a resend later than this could be a second message."""

AT_LEAST_ONCE = frozenset({NoticeKind.MISSED_CONNECTION, NoticeKind.LEG_CANCELLED, NoticeKind.WITHDRAWN}) | {
    kind for kind, rule in NOTICE_RULES.items() if not rule.off and kind is not NoticeKind.CONFIRM_CONTACT
}
"""Kinds people act on, and those nobody may switch off: where a provider ignores keys, rather twice than never. All
others go at most once there, and so does the question to an address that asked for nothing yet."""

PRIORITY = {Urgency.NOW: 0, Urgency.DAY: 5, Urgency.DIGEST: 9}
"""The lower goes first."""

BAG_LEFT_BEHIND, PROMISED_TODAY, THE_REST = 1, 2, 3
"""In place of 0 within an incident: whose owner stands at a belt goes before who waits at home."""

_KEYS = UUID("6b1f6a0e-5d55-5f0b-9d0e-3c1d7b2f9a44")


def delivery_id(notice: str, channel: str) -> str:
    """The same decision has the same key, whoever makes it and however often."""
    return str(uuid5(_KEYS, f"{notice}/{channel}"))


def letter_key(address: str, channel: str, name: str, on: date) -> str:
    """Of the joined letter of a local day: one for a reader, named as on its address, by each channel."""
    return str(uuid5(_KEYS, f"letter/{channel}/{address}/{on}/{name.casefold()}"))


def edition_key(incident: str, address: str, channel: str, name: str, edition: int) -> str:
    """Of the message to one reader about an incident: the first, the second, …"""
    return str(uuid5(_KEYS, f"incident/{incident}/{channel}/{address}/{edition}/{name.casefold()}"))


def plan(notice: OwedNotice, channels: Container[str], *, after: str | None = None) -> Planned | None:
    """The first channel of the notice that exists here, or the first one past `after`; None when there is none."""
    wanted = notice.channels
    if after is not None:
        wanted = wanted[wanted.index(after) + 1 :] if after in wanted else ()
    usable = next((name for name in wanted if name in channels), None)
    if usable is None:
        if after is not None:
            return None
        # It stands there as failed, so that "why was I not told?" has an answer.
        usable = next(iter(wanted), "none")
    return Planned(
        id=delivery_id(notice.id, usable),
        notice=notice.id,
        channel=usable,
        cause=notice.cause,
        person=notice.recipient.person,
        kind=notice.kind,
        thread=_thread(notice),
        owed_at=notice.owed_at,
        priority=_priority(notice),
        shared=notice.root is not None or "departure" in notice.why.values,
        number=notice.number,
        incident=notice.incident.id if notice.incident is not None else "",
    )


def _priority(notice: OwedNotice) -> int:
    if notice.incident is None or notice.urgency is not Urgency.NOW:
        return PRIORITY[notice.urgency]
    if notice.piece_kind is PieceKind.BAG and NOTICE_RULES[notice.kind].supersedes is Strand.CONNECTION:
        return BAG_LEFT_BEHIND
    zone = ZoneInfo(notice.destination.zone)
    due_on = notice.due_by.astimezone(zone).date() if notice.due_by is not None else None
    return PROMISED_TODAY if due_on == notice.owed_at.astimezone(zone).date() else THE_REST


def _thread(notice: OwedNotice) -> str:
    """What it must be told in order with: notices to one person about one piece that overtake each other."""
    strand = NOTICE_RULES[notice.kind].supersedes
    return notice.id if strand is None else f"{notice.recipient.person}/{notice.number}/{strand}"


def after_feedback(said: Feedback, delivery: Delivery, *, then: Planned | None, now: datetime) -> Settlement | None:
    """What a provider's later word makes of a delivery; None when that stays as it is."""
    handed_at = delivery.handed_at or now
    match said.said:
        case Said.DELIVERED:
            if delivery.state is State.ACCEPTED:
                return None
            return Settlement(State.ACCEPTED, "its provider confirmed it", said.words, handed_at=handed_at)
        case Said.COMPLAINED:
            return None if delivery.due_at is None else Settlement(State.ACCEPTED, "its reader has it", said.words)
        case Said.BOUNCED | Said.RETURNED:
            return Settlement(State.FAILED, "it came back", said.words, then=then)
        case _:
            assert_never(said.said)


def weighed(said: Said, *, before: str | None, returned: int, now: datetime) -> dict[str, Any] | None:
    """How an address stands after this; None when as before. `returned`: how often in a row something came back."""
    if said is Said.DELIVERED:
        return {"cause": before, "returned": 0} if before == Said.RETURNED else None
    if before in (Said.BOUNCED, Said.COMPLAINED):
        return None
    if said is not Said.RETURNED:
        return {"cause": said, "since": now, "until": None, "returned": 0}
    if returned + 1 < SOFT_TRIES:
        return {"cause": said, "returned": returned + 1}
    return {"cause": said, "since": now, "until": now + SOFT_REST, "returned": 0}


def superseded(delivery: Delivery) -> Settlement:
    """Of an open one, when a newer one of its thread goes first."""
    if delivery.handed_at is not None:
        why = "no answer; not repeated, because a newer one of the same matter went"
        return Settlement(State.UNKNOWN, why, handed_at=delivery.handed_at)
    return Settlement(State.SUPERSEDED, "a newer one of the same matter went first")


def may_repeat(kind: str, *, remembers_key: bool) -> bool:
    """Whether to send again what may have arrived: harmless where the provider remembers our key."""
    return remembers_key or kind in AT_LEAST_ONCE


def wait(attempts: int, *, chance: float) -> timedelta | None:
    """How long until the next attempt after so many, by a chance from 0 to 1; None when the ladder has ended."""
    if attempts >= len(LADDER):
        return None
    return LADDER[attempts] * (1 + SPREAD * (2 * chance - 1))


def settle(
    outcome: Outcome, delivery: Delivery, *, now: datetime, remembers_key: bool, chance: float, then: Planned | None
) -> Settlement:
    """What an attempt's outcome makes of the delivery; `then` is the next channel, should this one be at its end."""
    pause = wait(delivery.attempts, chance=chance)
    match outcome:
        case Accepted(answer, provider_id):
            return Settlement(
                State.ACCEPTED,
                "the provider took it",
                answer,
                handed_at=delivery.handed_at or now,
                provider_id=provider_id,
            )
        case ForGood(answer):
            if delivery.handed_at is not None:
                why = "an earlier attempt may have arrived; this one was refused for good"
                return Settlement(State.UNKNOWN, why, answer, handed_at=delivery.handed_at)
            return Settlement(State.FAILED, "refused for good", answer, then=then)
        case Later(answer, after):
            if pause is not None:
                due_at = now + max(pause, after or timedelta(0))
                state = State.RETRY if delivery.handed_at is None else State.UNKNOWN
                return Settlement(state, "refused for now", answer, due_at, delivery.handed_at)
            if delivery.handed_at is not None:
                return Settlement(
                    State.UNKNOWN, "no answer, then refused until the end", answer, None, delivery.handed_at
                )
            return Settlement(State.FAILED, f"refused {delivery.attempts} times", answer, then=then)
        case NoAnswer(answer):
            return unanswered(delivery, answer, now=now, remembers_key=remembers_key, chance=chance)
        case _:
            assert_never(outcome)


def unanswered(delivery: Delivery, answer: str, *, now: datetime, remembers_key: bool, chance: float) -> Settlement:
    """It was handed over and nobody said what became of it."""
    since, pause = delivery.handed_at or now, wait(delivery.attempts, chance=chance)
    if not may_repeat(delivery.kind, remembers_key=remembers_key):
        return Settlement(State.UNKNOWN, "no answer; not sent again, it may have arrived", answer, handed_at=since)
    if pause is None or now + pause - since > PROVIDERS_FORGET_AFTER:
        return Settlement(State.UNKNOWN, "no answer; too late to repeat under the same key", answer, handed_at=since)
    return Settlement(State.UNKNOWN, "no answer; will be repeated under the same key", answer, now + pause, since)
