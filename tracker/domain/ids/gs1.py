"""GS1: the serial shipping container code (SSCC), and element strings with their application identifiers (AIs).

GS1 General Specifications, as public samples show them; the text itself is paid for, and was not read.
"""

import re

from tracker.domain.errors import UnreadableLabelError
from tracker.domain.ids.checks import gs1_mod10
from tracker.domain.ids.scheme import Parts, Scheme

FNC1 = "\x1d"
"""How readers write the separator that closes a variable field."""

GS1_128 = "gs1-128"
SIGNAL = frozenset({GS1_128})

AIM_GS1 = frozenset({"]C1", "]d2", "]Q3", "]e0"})
"""AIM prefixes of symbols that begin with FNC1: GS1-128, GS1 DataMatrix, GS1 QR, GS1 DataBar."""

AIS: dict[str, tuple[int, int]] = {
    "00": (18, 18),  # SSCC: piece or container
    "01": (14, 14),  # trade item
    "02": (14, 14),  # trade items contained
    "10": (1, 20),  # batch
    **{f"{ai}": (6, 6) for ai in range(11, 18)},  # dates
    "20": (2, 2),  # variant
    "21": (1, 20),  # serial number
    "37": (1, 8),  # count
    "400": (1, 30),  # order
    "401": (1, 30),  # consignment (GINC): waybill
    "402": (17, 17),  # shipment (GSIN): waybill
    "403": (1, 30),  # routing
    **{f"{ai}": (13, 13) for ai in range(410, 418)},  # places (GLN): ship to, bill to, ship for ...
    "420": (1, 20),  # postcode
    "421": (4, 12),  # country and postcode
    **{f"{ai}": (1, 90) for ai in range(90, 100)},  # company internal: carriers' numbers
}
"""Shortest and longest data of the AIs that labels of parcels bear."""

CARRIERS_AIS = frozenset({"00", "91", "92", "93", "94", "95", "96"})
"""AIs whose data, with the AI before it, is a number of one of our schemes."""

_BRACKETED = re.compile(r"\((\d{2,4})\)([^()]+)", re.ASCII)
_WEB_URI = re.compile(r"https?://[^/?#\s]{1,80}/00/(\d{18})", re.ASCII | re.IGNORECASE)
_URN = re.compile(r"urn:epc:id:sscc:(\d{6,12})\.(\d)(\d{4,10})", re.ASCII | re.IGNORECASE)


def elements(text: str) -> tuple[tuple[str, str], ...]:
    """The AIs of an element string and their data, in order; brackets may stand as people write them.

    Raises UnreadableLabelError where an AI is unknown or its data is too short.
    """
    if text.startswith("("):
        found = _BRACKETED.findall(text)
        if "".join(f"({ai}){data}" for ai, data in found) != text:
            raise UnreadableLabelError(f"{text[:40]!r}: expected (AI)data, one after the other")
        return tuple((ai, _fitting(ai, data)) for ai, data in found)
    split = []
    rest = text.lstrip(FNC1)
    while rest:
        ai = next((rest[:length] for length in (2, 3) if rest[:length] in AIS), None)
        if ai is None:
            raise UnreadableLabelError(f"{rest[:8]!r}: no application identifier we know")
        data = rest[len(ai) : len(ai) + AIS[ai][1]].partition(FNC1)[0]
        split.append((ai, _fitting(ai, data)))
        rest = rest[len(ai) + len(data) :].lstrip(FNC1)
    return tuple(split)


def _fitting(ai: str, data: str) -> str:
    if ai not in AIS or not AIS[ai][0] <= len(data) <= AIS[ai][1]:
        raise UnreadableLabelError(f"({ai}){data[:40]}: not the data of an application identifier we know")
    return data


def epc_uri(sscc: str) -> str:
    """The SSCC as an EPC, in the form GS1 asks for today."""
    return f"https://id.gs1.org/00/{sscc}"


def sscc_of_epc(uri: str) -> str | None:
    """The SSCC in an EPC, as a web URI or as the older URN, which writes the extension digit behind the prefix."""
    if found := _WEB_URI.fullmatch(uri):
        return found[1]
    found = _URN.fullmatch(uri)
    if found and len(found[1]) + len(found[3]) == 16:
        digits = f"{found[2]}{found[1]}{found[3]}"
        return digits + gs1_mod10(digits)
    return None


def _agrees(parts: Parts) -> bool:
    digits = parts["number"]
    return gs1_mod10(digits[:-1]) == digits[-1]


def _number(parts: Parts) -> str:
    return parts["number"]


_SAYS = "SSCC of GS1: 17 digits and a check digit (modulo 10, weights 3 and 1)"

SCHEMES = (
    Scheme(
        name="sscc", carrier=None, lengths=[20], shape=r"00(?P<number>\d{18})", says=f"AI 00, then {_SAYS}",
        passes=_agrees, number=_number, marked=True, signalled_by=SIGNAL,
    ),
    Scheme(name="sscc", carrier=None, lengths=[18], shape=r"(?P<number>\d{18})", says=_SAYS, passes=_agrees),
)  # fmt: skip

WAYBILLS = {
    "401": Scheme(
        name="gs1_consignment", carrier=None, lengths=range(1, 31), shape=r"[!-~]{1,30}",
        says="AI 401, a consignment number of GS1", marked=True, signalled_by=SIGNAL,
    ),
    "402": Scheme(
        name="gs1_shipment", carrier=None, lengths=[17], shape=r"(?P<number>\d{17})",
        says="AI 402, a shipment number of GS1 with its check digit", passes=_agrees, marked=True, signalled_by=SIGNAL,
    ),
}  # fmt: skip
"""Numbers that are one only behind their AI: any digits would fit."""
