"""What a code of our own may be: what we number, tag and print. Every other carrier's number: `identify`."""

import re
from collections.abc import Callable

from tracker.domain.errors import LastscanError
from tracker.domain.ids.candidate import Candidate
from tracker.domain.ids.names import DepartureName
from tracker.domain.ids.plate import LicencePlate
from tracker.domain.ids.s10 import S10Number

_AIM_PREFIX = re.compile(r"\][A-Za-z][0-9]")

_SCHEMES: tuple[tuple[str, Callable[[str], object], str], ...] = (
    ("s10", S10Number.parse, "two letters, nine digits with the right check digit, two letters"),
    ("departure", DepartureName.parse, "a run and its service date"),
    ("lpn", LicencePlate.parse, "ten digits; a bag tag has no check digit"),
)


def readings(code: str) -> tuple[Candidate, ...]:
    """The readings of a code as a parcel's S10 number of any country, a bag's plate, or a departure's card.

    Blanks, hyphens, case and an AIM prefix do not matter. Empty when it is none of them.
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
        found.append(Candidate(scheme=scheme, carrier=None, number=number, why=why, aliases=((scheme, number),)))
    return tuple(found)
