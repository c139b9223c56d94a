"""FedEx: Express 12, Ground 15, and the long barcodes of both that hold them.

By tracking_number_data (MIT): FedEx publishes no description. Ground's SSCC is `gs1.py`'s.
"""

from tracker.domain.ids.checks import gs1_mod10, weighted_mod11
from tracker.domain.ids.gs1 import SIGNAL
from tracker.domain.ids.scheme import Alias, Parts, Scheme

EXPRESS = (3, 1, 7)
LABEL = (1, 7, 3)
"""The same weights, begun two places earlier: twelve digits behind two noughts keep their check digit."""


def _agrees_express(parts: Parts) -> bool:
    return weighted_mod11(parts["number"][:-1], EXPRESS) == parts["number"][-1]


def _agrees_label(parts: Parts) -> bool:
    return weighted_mod11(parts["number"][:-1], LABEL) == parts["number"][-1]


def _agrees_ground(parts: Parts) -> bool:
    return gs1_mod10(parts["number"][:-1]) == parts["number"][-1]


def _agrees_as_usps(parts: Parts) -> bool:
    return gs1_mod10("92" + parts[0][:-1]) == parts[0][-1]


def _number(parts: Parts) -> str:
    return parts["number"]


def _without_noughts(parts: Parts) -> str:
    """Fourteen digits stand on the label; where two noughts lead, the customer knows twelve."""
    fourteen = parts["number"]
    return fourteen[2:] if fourteen.startswith("00") else fourteen


def _express(parts: Parts) -> tuple[Alias, ...]:
    return (("fedex12", parts["number"]),)


def _ground(parts: Parts) -> tuple[Alias, ...]:
    return (("fedex15", parts["number"]),)


def _of_label(parts: Parts) -> tuple[Alias, ...]:
    short = _without_noughts(parts)
    return ((f"fedex{len(short)}", short),)


def _impb(parts: Parts) -> tuple[Alias, ...]:
    return (("impb", "92" + parts[0]),)


_CHECK = "a check digit (weights 3 1 7, modulo 11)"

SCHEMES = (
    Scheme(
        name="fedex12", carrier="fedex", lengths=[12], shape=r"(?P<number>\d{12})",
        says=f"FedEx Express: 11 digits and {_CHECK}", passes=_agrees_express,
    ),
    Scheme(
        name="fedex15", carrier="fedex", lengths=[15], shape=r"(?P<number>\d{15})",
        says="FedEx Ground: 14 digits and a check digit (GS1 modulo 10)", passes=_agrees_ground,
    ),
    Scheme(
        name="fedex96", carrier="fedex", lengths=[22], shape=r"96\d{5}(?P<number>\d{15})",
        says="FedEx Ground barcode: 96, service, then 14 digits and a check digit (GS1 modulo 10)",
        passes=_agrees_ground, number=_number, known_by=_ground, marked=True, signalled_by=SIGNAL,
    ),
    Scheme(
        name="fedex_gsn34", carrier="fedex", lengths=[34], shape=r"96\d{18}(?P<number>\d{14})",
        says=f"FedEx Ground barcode: 96, shipper, then 13 digits and {_CHECK}",
        passes=_agrees_label, number=_without_noughts, known_by=_of_label, marked=True, signalled_by=SIGNAL,
    ),
    Scheme(
        name="fedex34", carrier="fedex", lengths=[34], shape=r"[0-8]\d{14}\d{5}(?P<number>\d{14})",
        says=f"FedEx barcode: routing and ZIP, then 13 digits and {_CHECK}",
        passes=_agrees_label, number=_without_noughts, known_by=_of_label,
    ),
    Scheme(
        name="fedex_astra32", carrier="fedex", lengths=[32], shape=r"3\d{15}(?P<number>\d{12})\d{4}",
        says=f"FedEx ASTRA barcode: the number at places 17 to 28, 11 digits and {_CHECK}",
        passes=_agrees_express, number=_number, known_by=_express,
    ),
    Scheme(
        name="fedex14", carrier="fedex", lengths=[14], shape=r"(?P<number>\d{14})",
        says=f"the last 14 digits of a FedEx barcode: 13 and {_CHECK}; not verified", passes=_agrees_label, last=True,
    ),
    Scheme(
        name="fedex20", carrier="fedex", lengths=[20], shape=r"\d{3}9\d{16}",
        says="FedEx SmartPost: a USPS number printed without its 92; not verified",
        passes=_agrees_as_usps, known_by=_impb, last=True,
    ),
)  # fmt: skip
