"""Bag licence plates (IATA Resolution 740): ten digits, and no check digit at all."""

import re
from dataclasses import dataclass

from tracker.domain.errors import UnreadableLabelError
from tracker.domain.ids.scheme import Parts, Scheme

NOTHING_READ = "0000000000"
"""What a scanner reports when it looked and read nothing: a fact about the scanner, never a bag."""


@dataclass(frozen=True, slots=True, order=True)
class LicencePlate:
    digits: str

    def __str__(self) -> str:
        return self.digits

    @classmethod
    def parse(cls, raw: str) -> "LicencePlate":
        text = re.sub(r"[\s-]", "", raw)
        if not (text.isascii() and text.isdigit() and len(text) == 10):
            raise UnreadableLabelError(f"{raw[:40]!r}: a bag tag has ten digits")
        if text == NOTHING_READ:
            raise UnreadableLabelError("ten zeros mean that the scanner read nothing; scan the tag again")
        return cls(text)


AIRLINES = {"125": "BA", "220": "LH", "512": "RJ"}
"""Issuers by the three digits after the first, as public samples show them; a few of some hundred."""

LEADING = {"1": "fallback tag", "2": "rush tag"}


def _issuer(parts: Parts) -> str:
    digits = parts[0]
    issuer = f"issuer {digits[1:4]}" + (f" ({AIRLINES[digits[1:4]]})" if digits[1:4] in AIRLINES else "")
    return f"{LEADING[digits[0]]}, {issuer}" if digits[0] in LEADING else issuer


SCHEMES = (
    Scheme(
        name="lpn", carrier="airline", lengths=[10], shape=r"\d{10}", says="ten digits of a bag tag",
        signalled_by=frozenset({"itf", "2of5"}), tells=_issuer,
    ),
)  # fmt: skip
