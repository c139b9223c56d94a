"""Carriers of one region: of the United States, of Europe, and shops that deliver themselves.

By tracking_number_data (MIT), except GLS.
"""

from tracker.domain.ids.checks import doubled_mod10, luhn
from tracker.domain.ids.scheme import Parts, Scheme


def _agrees_doubled(parts: Parts) -> bool:
    return doubled_mod10(parts[0][:-1]) == parts[0][-1]  # the letter counts: C 4, D 5


def _agrees_luhn(parts: Parts) -> bool:
    return luhn(parts[0][:-1]) == parts[0][-1]


SCHEMES = (
    # the United States
    Scheme(
        name="ontrac", carrier="ontrac", lengths=[15], shape=r"[CD]\d{14}",
        says="OnTrac: C or D, 13 digits and a check digit", passes=_agrees_doubled, marked=True,
    ),
    Scheme(
        name="old_dominion", carrier="old_dominion", lengths=[11], shape=r"(?:77[78]|072|780)\d{8}|80\d{9}",
        says="Old Dominion: 777, 778, 072, 780 or 80, and a check digit (Luhn)", passes=_agrees_luhn, marked=True,
    ),
    Scheme(
        name="lasership", carrier="lasership", lengths=[10], shape=r"L[AIEHNX][1-3]\d{7}",
        says="LaserShip: LX or the like, eight digits", marked=True,
    ),
    Scheme(
        name="lasership", carrier="lasership", lengths=[15, 17],
        shape=r"1LS7[12]\d{10}|1LS7[12]\d{2}01[1-4]\d{6}1|1LSCX[0-9A-Z]{10}",
        says="LaserShip: 1LS7 or 1LSCX, then ten or twelve places", marked=True,
    ),
    Scheme(
        name="speedee", carrier="speedee", lengths=[20], shape=r"SP\d{18}",
        says="Spee-Dee: SP, 18 digits", marked=True,
    ),
    Scheme(name="gofo", carrier="gofo", lengths=[18], shape=r"GFUS\d{14}", says="GOFO: GFUS, 14 digits", marked=True),
    Scheme(
        name="amazon", carrier="amazon", lengths=[15], shape=r"TB[ACM]\d{12}",
        says="Amazon Logistics: TBA, TBC or TBM, 12 digits", marked=True,
    ),
    Scheme(
        name="amazon_international", carrier="amazon", lengths=[11], shape=r"[AFC]\d{10}",
        says="Amazon International: A, F or C, ten digits", marked=True,
    ),
    # Europe; Royal Mail's numbers are S10
    Scheme(
        name="yodel", carrier="yodel", lengths=[18, 19], shape=r"JJ?D\d{16}",
        says="Yodel: JD or JJD, 16 digits", marked=True,
    ),
    Scheme(
        name="landmark", carrier="landmark", lengths=[13], shape=r"LTN\d{8}N1",
        says="Landmark Global: LTN, eight digits, N1", marked=True,
    ),
    Scheme(
        name="gls", carrier="gls", lengths=[8, 11, 12], shape=r"\d{11,12}|(?=[A-Z]*\d)[0-9A-Z]{8}",
        says="GLS: 11 or 12 digits, or a track id of eight places; not verified", last=True, only_named=True,
    ),
)  # fmt: skip
