"""Bag licence plates (IATA Resolution 740): ten digits, and no check digit at all."""

import re
from dataclasses import dataclass

from tracker.domain.errors import UnreadableLabelError

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
