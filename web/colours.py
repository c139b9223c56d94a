"""A shop's colours for what it embeds: six tokens, taken only if everything can be read (WCAG 2.2: 4.5 to 1)."""

import re
from collections.abc import Mapping

TOKENS = ("brand", "text", "ground", "good", "warn", "bad")
LEAST_CONTRAST = 4.5

_HEX = re.compile(r"[0-9a-f]{6}")


class BadColoursError(ValueError):
    """The colours are not six tokens of six hexadecimal digits, or one could not be read on its ground."""


def colours(given: Mapping[str, str]) -> dict[str, str]:
    """The six tokens, in their order."""
    found = {token: given.get(token, "").lower().removeprefix("#") for token in TOKENS}
    for token, colour in found.items():
        if not _HEX.fullmatch(colour):
            raise BadColoursError(f"{token}: six hexadecimal digits are needed, as in 2536c4")
    for token, colour in found.items():
        ratio = contrast(colour, found["ground"])
        if token != "ground" and ratio < LEAST_CONTRAST:
            raise BadColoursError(f"{token}: {ratio:.2f} to 1 on its ground; {LEAST_CONTRAST} is the least")
    return found


def contrast(one: str, other: str) -> float:
    """Of two colours of six hexadecimal digits, 1 to 21."""
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
