"""A number while it is typed: what it may be, and whether its check digit agrees."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from tracker.domain.errors import LastscanError
from tracker.domain.ids import S10Number, identify, is_ambiguous, readings

_POSTAL = re.compile(r"[A-Z]{1,2}|[A-Z]{2}\d{1,9}|[A-Z]{2}\d{9}[A-Z]{1,2}")
_POSTAL_LENGTH = 13
_SPACING = re.compile(r"[\s-]")


class Look(Enum):
    """How a typed number looks so far."""

    EMPTY = "empty"
    UNFINISHED = "unfinished"
    GOOD = "good"
    WRONG = "wrong"  # a form that has a check digit, and it does not agree
    UNKNOWN = "unknown"  # a form we do not know: a fact all the same, if the person means it


@dataclass(frozen=True, slots=True)
class Verdict:
    look: Look
    words: str

    @property
    def wants_a_second_enter(self) -> bool:
        return self.look in (Look.WRONG, Look.UNFINISHED, Look.UNKNOWN)


def verdict(typed: str) -> Verdict:
    """What to say beside the field, after each key."""
    bare = _SPACING.sub("", typed).upper()
    if not bare:
        return Verdict(Look.EMPTY, "")
    for candidate in readings(typed):
        match candidate.scheme:
            case "departure":
                return Verdict(Look.GOOD, "a departure")
            case "lpn":
                return Verdict(Look.GOOD, "bag tag: no check digit, compare it")
            case _:
                return Verdict(Look.GOOD, "check digit right")
    if not _POSTAL.fullmatch(bare):
        return _of_a_carrier(typed) or _number(bare)
    missing = _POSTAL_LENGTH - len(bare)
    if missing:
        return Verdict(Look.UNFINISHED, f"{missing} more")
    try:
        S10Number.parse(bare)
    except LastscanError:
        return Verdict(Look.WRONG, "check digit does not agree: look again")
    return Verdict(Look.GOOD, "check digit right")  # pragma: no cover  # readings() knows every S10 number


def _of_a_carrier(typed: str) -> Verdict | None:
    """A number of any carrier we know. Where it may be several, it is shown as that, and none is chosen."""
    found = identify(typed, "keyed")
    if not found:
        return None
    whose = [candidate.carrier or candidate.scheme for candidate in found]
    if is_ambiguous(found):
        return Verdict(Look.GOOD, f"may be {' or '.join(list(dict.fromkeys(whose))[:3])}: compare it")
    return Verdict(Look.GOOD, f"{whose[0]} number{': compare it' if found[0].confirm else ''}")


def _number(bare: str) -> Verdict:
    if bare.isdigit() and len(bare) < 10:
        return Verdict(Look.UNFINISHED, f"{10 - len(bare)} more for a bag tag")
    return Verdict(Look.UNKNOWN, "no number we know")
