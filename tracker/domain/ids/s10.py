"""S10 numbers, the form all posts share: two service letters, eight digits, a check digit, a country.

Weights 8 6 4 2 3 5 9 7; 11 minus the sum modulo 11, where 10 becomes 0 and 11 becomes 5 (UPU standard S10).
"""

import hashlib
import hmac
import re
from dataclasses import dataclass

from tracker.domain.errors import UnreadableLabelError
from tracker.domain.ids.posts import POSTS, POSTS_NOT_LISTED, SANDBOX, carrier_of
from tracker.domain.ids.scheme import Parts, Scheme

_SHAPE = re.compile(r"([A-Z]{2})(\d{8})(\d)([A-Z]{2})")
_WEIGHTS = (8, 6, 4, 2, 3, 5, 9, 7)
_SERIALS = 10**8


def check_digit(serial: str) -> int:
    """The check digit of eight digits."""
    rest = 11 - sum(w * int(d) for w, d in zip(_WEIGHTS, serial, strict=True)) % 11
    return {10: 0, 11: 5}.get(rest, rest)


@dataclass(frozen=True, slots=True, order=True)
class S10Number:
    """A number with the right shape and check digit; whether a post of that country exists is not judged here."""

    service: str
    serial: str
    country: str

    def __str__(self) -> str:
        return f"{self.service}{self.serial}{check_digit(self.serial)}{self.country}"

    @classmethod
    def parse(cls, raw: str) -> "S10Number":
        text = re.sub(r"[\s-]", "", raw)
        found = _SHAPE.fullmatch(text.upper()) if text.isascii() else None  # first: a long s is an S in capitals
        if not found:
            raise UnreadableLabelError(f"{raw[:40]!r}: expected two letters, nine digits, two letters")
        service, serial, digit, country = found.groups()
        if check_digit(serial) != int(digit):
            raise UnreadableLabelError(f"{raw[:40]!r}: the check digit does not match; scan or type it again")
        return cls(service, serial, country)


def scattered_serial(counter: int, *, key: bytes) -> str:
    """The eight digits for the `counter`-th number: a keyed permutation, so no collision and no telling neighbours.

    A Feistel network over the two halves of four digits each, eight rounds of HMAC-SHA-256.
    """
    if not 0 <= counter < _SERIALS:
        raise UnreadableLabelError(f"serial {counter} is past the last of one prefix; take other service letters")
    left, right = divmod(counter, 10**4)
    for turn in range(8):
        mask = hmac.digest(key, bytes([turn]) + right.to_bytes(2, "big"), hashlib.sha256)
        left, right = right, (left + int.from_bytes(mask[:4], "big")) % 10**4
    return f"{left:04d}{right:04d}"


def _agrees(parts: Parts) -> bool:
    return check_digit(parts["serial"]) == int(parts["check"])


def _of_a_post(parts: Parts) -> bool:
    return (parts["country"] in POSTS or parts["country"] in POSTS_NOT_LISTED) and _agrees(parts)


def _post(parts: Parts) -> str:
    country = parts["country"]
    return f"of {POSTS[country]}" if country in POSTS else f"of {POSTS_NOT_LISTED[country]}, not verified"


def _carrier(parts: Parts) -> str:
    return carrier_of(parts["country"])


_SAYS = "UPU S10: two letters, eight digits, a check digit (modulo 11), a country"
_NUMBER = r"[A-Z]{2}(?P<serial>\d{8})(?P<check>\d)"

SCHEMES = (
    Scheme(
        name="s10", carrier=None, lengths=[13], shape=_NUMBER + "(?P<country>[A-Z]{2})", says=_SAYS,
        passes=_of_a_post, marked=True, carrier_of=_carrier, tells=_post,
    ),
    Scheme(
        name="s10", carrier="sandbox", lengths=[13], shape=_NUMBER + SANDBOX, says=f"{_SAYS}; of the sandbox",
        passes=_agrees, marked=True, only_named=True,
    ),
    Scheme(
        name="s10", carrier=None, lengths=[13], shape=_NUMBER + "[A-Z]{2}", says=f"{_SAYS} without a post we know",
        passes=_agrees, marked=True, only_named=True,
    ),
)  # fmt: skip
