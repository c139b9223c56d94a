"""USPS inside the United States: Intelligent Mail package barcodes (IMpb) and the older confirmation numbers.

USPS Publication 199, by way of tracking_number_data (MIT). A number abroad is S10 (`s10.py`).
The ZIP before the number is for the sorters; it is not part of what is protected, and not of what the customer knows.
"""

from tracker.domain.ids.checks import gs1_mod10
from tracker.domain.ids.gs1 import SIGNAL
from tracker.domain.ids.scheme import Alias, Parts, Scheme

_MAILERS = r"92\d{3}9\d{16}(?:\d{4})?|93\d{3}[0-8]\d{16}(?:\d{4})?|9[45]\d{20}(?:\d{4})?"
"""92 with a mailer of nine digits, 93 with one of six, 94 online and meters, 95 at a counter: 22 or 26 digits."""


def _agrees(parts: Parts) -> bool:
    digits = parts["number"]
    return gs1_mod10(digits[:-1]) == digits[-1]


def _agrees_bare_or_with_91(parts: Parts) -> bool:
    digits = parts["number"]
    return digits[-1] in (gs1_mod10(digits[:-1]), gs1_mod10("91" + digits[:-1]))


def _number(parts: Parts) -> str:
    return parts["number"]


def _with_and_without_91(parts: Parts) -> tuple[Alias, ...]:
    bare = parts["number"][-20:]
    return ("usps20", bare), ("usps20", "91" + bare)


_IMPB = "USPS IMpb: 92 to 95, mailer and serial, and a check digit (GS1 modulo 10)"
_OLDER = "USPS, older: service, mailer, serial, and a check digit (GS1 modulo 10)"

SCHEMES = (
    Scheme(
        name="impb", carrier="usps", lengths=[22, 26, 30], shape=rf"(?P<number>{_MAILERS}|94\d{{3}}9\d{{24}})",
        says=_IMPB, passes=_agrees, marked=True, signalled_by=SIGNAL,
    ),
    Scheme(  # before the next: of two ways to cut 34 digits, ZIP+4 is tried first
        name="impb", carrier="usps", lengths=[34], shape=rf"420\d{{9}}(?P<number>{_MAILERS})",
        says=f"420 and a ZIP+4, then {_IMPB}", passes=_agrees, number=_number, marked=True, signalled_by=SIGNAL,
    ),
    Scheme(
        name="impb", carrier="usps", lengths=[30, 34], shape=rf"420\d{{5}}(?P<number>{_MAILERS})",
        says=f"420 and a ZIP, then {_IMPB}", passes=_agrees, number=_number, marked=True, signalled_by=SIGNAL,
    ),
    Scheme(
        name="usps20", carrier="usps", lengths=[22, 30, 34], shape=r"(?:420\d{5}(?:\d{4})?)?(?P<number>91\d{20})",
        says=f"{_OLDER}, behind AI 91", passes=_agrees, number=_number, known_by=_with_and_without_91,
        marked=True, signalled_by=SIGNAL,
    ),
    Scheme(
        name="usps20", carrier="usps", lengths=[28, 32], shape=r"420\d{5}(?:\d{4})?(?P<number>\d{20})",
        says=f"420 and a ZIP, then {_OLDER}", passes=_agrees_bare_or_with_91, number=_number,
        known_by=_with_and_without_91, marked=True, signalled_by=SIGNAL,
    ),
    Scheme(
        name="usps20", carrier="usps", lengths=[20], shape=r"(?P<number>\d{20})", says=_OLDER,
        passes=_agrees_bare_or_with_91, known_by=_with_and_without_91,
    ),
)  # fmt: skip
