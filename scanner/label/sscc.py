"""The number of a container, SSCC-18: an extension digit, prefix and serial, and a check digit."""

from __future__ import annotations

import re

_DIGITS = re.compile(r"(?:\(00\)|00)?([0-9]{18})")


def check_digit(digits: str) -> int:
    """GS1 mod 10: weights 3 1 3 … from the right."""
    total = sum(int(digit) * (3, 1)[place % 2] for place, digit in enumerate(reversed(digits)))
    return -total % 10


def sscc_of(text: str) -> str | None:
    """The 18 digits of an SSCC, with or without its `00`; None when it is none or its check digit is wrong."""
    found = _DIGITS.fullmatch(text.replace(" ", "")) if text.isascii() else None
    if found is None or check_digit(found[1][:-1]) != int(found[1][-1]):
        return None
    return found[1]
