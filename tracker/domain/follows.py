"""Who hears of a piece by its number alone, of what, and the one question they are asked before."""

from collections.abc import Collection
from dataclasses import dataclass

from tracker.domain.notices import NOTICE_RULES, Notice, NoticeKind, cause
from tracker.domain.why import because

MAIL = "email"
"""The channel by which they hear."""

NOT_FOR_FOLLOWERS = frozenset({NoticeKind.BOOKED, NoticeKind.CUSTOMS_RELEASED})
"""What is nothing to those who know a number alone, although they may ask for the kind it is left with."""

ASKED = "Somebody, perhaps you, gave this address to hear of it."


@dataclass(frozen=True, slots=True)
class Follow:
    """A journey that an address is to hear of, whether or not it said yes."""

    piece: int
    number: str
    journey: int
    kinds: frozenset[NoticeKind]
    confirmed: bool


def groups() -> tuple[NoticeKind, ...]:
    """The kinds that may be asked for: each stands for those that are left with it."""
    return tuple(kind for kind, rule in NOTICE_RULES.items() if rule.left_with is kind)


def told_to_followers(kind: NoticeKind, chosen: Collection[NoticeKind]) -> bool:
    """Whether somebody who asked for these kinds hears of this one. What the consignee has to see to, as customs or a
    payment, is none of their business; what they were told is put right."""
    if kind in NOT_FOR_FOLLOWERS:
        return False
    return kind is NoticeKind.CORRECTION or NOTICE_RULES[kind].left_with in chosen


def question(person: str, times: int) -> Notice:
    """Whether they want to hear of anything at all; `times`: how often they are asked, with this time."""
    named = cause(NoticeKind.CONFIRM_CONTACT, person=person, number=times)
    return Notice(NoticeKind.CONFIRM_CONTACT, named, because(ASKED), ())
