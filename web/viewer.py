"""What stands beside a piece for whoever has proved that it is theirs, in words; a template works out nothing."""

from dataclasses import dataclass

from locales import Words, sentence
from tracker.domain.card import Form, Milestone, PieceCard, ToldNotice
from tracker.domain.notices import NoticeKind
from tracker.domain.persons import masked_address, masked_email, masked_name, masked_phone
from tracker.recipients import Grant, Particulars
from web.visitor import Recipients

TOLD: dict[NoticeKind, str] = {
    NoticeKind.BOOKED: sentence("That it was booked"),
    NoticeKind.PICKED_UP: sentence("That it was handed to us"),
    NoticeKind.ETA_CHANGED: sentence("That it comes at another time"),
    NoticeKind.OUT_FOR_DELIVERY: sentence("That it is out for delivery"),
    NoticeKind.DELIVERED: sentence("That it was delivered"),
    NoticeKind.READY_FOR_PICKUP: sentence("That it can be picked up"),
    NoticeKind.PICKUP_REMINDER: sentence("That it still waits to be picked up"),
    NoticeKind.DELIVERY_ATTEMPTED: sentence("That it could not be handed over"),
    NoticeKind.LATE: sentence("That it is late"),
    NoticeKind.LATE_PREDICTED: sentence("That it will be late"),
    NoticeKind.STALLED: sentence("That it lies longer than it should"),
    NoticeKind.CONNECTION_AT_RISK: sentence("That it may miss a connection"),
    NoticeKind.MISSED_CONNECTION: sentence("That it missed a connection"),
    NoticeKind.LEG_CANCELLED: sentence("That a departure is cancelled"),
    NoticeKind.REPLANNED: sentence("That it goes another way"),
    NoticeKind.WITHDRAWN: sentence("That an earlier message no longer holds"),
    NoticeKind.CUSTOMS_HOLD: sentence("That customs keep it"),
    NoticeKind.CUSTOMS_RELEASED: sentence("That customs let it go"),
    NoticeKind.PAYMENT_DUE: sentence("That a payment is due"),
    NoticeKind.ADDRESS_PROBLEM: sentence("That its address is not right"),
    NoticeKind.DAMAGED: sentence("That it was damaged"),
    NoticeKind.LOST: sentence("That it is lost"),
    NoticeKind.RETURNING: sentence("That it goes back"),
    NoticeKind.RETURNED: sentence("That it is back"),
    NoticeKind.CORRECTION: sentence("That we told you something wrong"),
    NoticeKind.APOLOGY: sentence("That we are sorry for what went wrong"),
    NoticeKind.CONFIRM_CONTACT: sentence("Whether you want to hear of it"),
}

TAKERS = {
    "recipient": sentence("Recipient"),
    "neighbour": sentence("Neighbour"),
    "reception": sentence("Reception"),
    "safe_place": sentence("Safe place"),
    "box": sentence("Parcel box"),
}
LONGEST_NAME = 120

OUTCOMES = {
    "due": sentence("on its way to you"),
    "accepted": sentence("sent"),
    "unknown": sentence("sent; nobody confirmed it"),
    "failed": sentence("could not be sent"),
    "cancelled": sentence("not sent: it was no longer true"),
    "expired": sentence("not sent: it would have come too late"),
    "opted_out": sentence("not sent, as you asked"),
}
"""What became of a message; others are not worth a line."""


@dataclass(frozen=True, slots=True)
class Told:
    what: str
    when: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Viewer:
    """Of a shared view only `shared_with` is true; the rest is the recipient's alone."""

    shared_with: bool
    facts: tuple[tuple[str, str], ...] = ()  # label and value
    proof: tuple[tuple[str, str], ...] = ()  # of delivery
    pictures: tuple[str, ...] = ()  # addresses
    told: tuple[Told, ...] = ()
    may_act: bool = False
    shares: bool = False
    journey: int = 1


def viewer(recipients: Recipients, grant: Grant | None, card: PieceCard, words: Words) -> Viewer | None:
    """None for whoever has a number alone."""
    if grant is None:
        return None
    if grant.form is not Form.RECIPIENT:
        return Viewer(shared_with=True)
    known = recipients.particulars(grant)
    return Viewer(
        shared_with=False,
        facts=tuple((words.say(label), value) for label, value in _facts(known, words) if value),
        proof=tuple((words.say(label), value) for label, value in _proof(card, known, words)),
        pictures=_pictures(card, known),
        told=tuple(_told(notice, card, words) for notice in known.told if notice.outcome in OUTCOMES),
        may_act=grant.may_act,
        shares=known.shared,
        journey=card.journey,
    )


def _facts(known: Particulars, words: Words) -> list[tuple[str, str | None]]:
    own = known.consignee
    kilograms = words.number(round(known.weight_g / 1000, 2)) if known.weight_g else None
    return [
        (sentence("For"), own.name),
        (sentence("Address"), masked_address(own)),
        (sentence("E-mail"), masked_email(own.email) if own.email else None),
        (sentence("Phone"), masked_phone(own.phone) if own.phone else None),
        (sentence("From"), masked_name(known.shipper.name)),
        (sentence("Their reference"), known.reference),
        (sentence("Weight"), words.say("{kilograms} kg", kilograms=kilograms) if kilograms else None),
        (sentence("Contents"), known.contents),
    ]


def _pictures(card: PieceCard, known: Particulars) -> tuple[str, ...]:
    """What the courier took at the door, once it was handed over."""
    if not card.delivered or known.handed_over is None:
        return ()
    return tuple(f"/t/{card.number}/handover/{digest}?journey={card.journey}" for digest in known.handed_over.files[:4])


def _proof(card: PieceCard, known: Particulars, words: Words) -> list[tuple[str, str]]:
    """When and where it was handed over, once it was."""
    step = next((step for step in card.milestones if step.milestone is Milestone.DELIVERED), None)
    if not card.delivered or step is None or step.reached_at is None or card.facility is None:
        return []
    noted = known.handed_over
    taker = (noted.name or (words.say(TAKERS[noted.to]) if noted.to in TAKERS else "")) if noted is not None else ""
    return [
        (sentence("Handed over"), words.instant(step.reached_at, card.destination.zone)),
        (sentence("By the people of"), card.facility.name(words.tag)),
        *([(sentence("Taken by"), taker[:LONGEST_NAME])] if taker else []),
    ]


def _told(notice: ToldNotice, card: PieceCard, words: Words) -> Told:
    return Told(
        what=words.say(TOLD[NoticeKind(notice.kind)]),
        when=words.instant(notice.owed_at, card.destination.zone),
        outcome=words.say(OUTCOMES[notice.outcome]),
    )
