"""What a scanned or typed code may be: every valid reading, best first; never a guess among them."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from tracker.domain.errors import LastscanError
from tracker.domain.ids.names import DepartureName
from tracker.domain.ids.plate import LicencePlate
from tracker.domain.ids.s10 import S10Number

_AIM_PREFIX = re.compile(r"\][A-Za-z][0-9]")


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way to read a code: the number a customer would know, under a scheme, and why it may be read so."""

    scheme: str
    number: str
    why: str


_SCHEMES: tuple[tuple[str, Callable[[str], object], str], ...] = (
    ("s10", S10Number.parse, "two letters, nine digits with the right check digit, two letters"),
    ("departure", DepartureName.parse, "a run and its service date"),
    ("lpn", LicencePlate.parse, "ten digits; a bag tag has no check digit"),
)


def readings(code: str) -> tuple[Candidate, ...]:
    """All valid readings of a code as read or typed: blanks, hyphens, case and an AIM prefix do not matter.

    Empty when nothing is valid: the code is a fact all the same and is kept.
    """
    text = _AIM_PREFIX.sub("", code, count=1) if code.startswith("]") else code
    if len(text) > 64:
        return ()
    found = []
    for scheme, parse, why in _SCHEMES:
        try:
            number = str(parse(text))
        except LastscanError:
            continue
        found.append(Candidate(scheme, number, why))
    return tuple(found)
