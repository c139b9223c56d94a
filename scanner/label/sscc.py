"""The number of a container, SSCC-18: an extension digit, prefix and serial, and a check digit."""

from __future__ import annotations

import re

from tracker.domain.ids.checks import gs1_mod10

_DIGITS = re.compile(r"(?:\(00\)|00)?([0-9]{18})")


def sscc_of(text: str) -> str | None:
    """The 18 digits of an SSCC, with or without its `00`; None when it is none or its check digit is wrong."""
    found = _DIGITS.fullmatch(text.replace(" ", "")) if text.isascii() else None
    if found is None or gs1_mod10(found[1][:-1]) != found[1][-1]:
        return None
    return found[1]
