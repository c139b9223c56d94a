"""The symbologies we can read, in the words that travel on the wire (field `sym` of a scan).

A matrix code corrects its errors and tells when it cannot. A bar code has a weak check or none, and a damaged one
passes it now and then: such a read counts only when a second agrees (`scanner.decode.votes`).
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Symbology(StrEnum):
    CODE128 = "code128"
    GS1_128 = "gs1-128"
    ITF = "itf"
    CODE39 = "code39"
    CODE93 = "code93"
    CODABAR = "codabar"
    TWO_OF_FIVE = "2of5"
    EAN = "ean"
    QR = "qr"
    DATAMATRIX = "datamatrix"
    PDF417 = "pdf417"
    AZTEC = "aztec"
    MAXICODE = "maxicode"


BY_WORD = {symbology.value: symbology for symbology in Symbology}


MATRIX = frozenset({Symbology.QR, Symbology.DATAMATRIX, Symbology.PDF417, Symbology.AZTEC, Symbology.MAXICODE})

# Retail codes stand on half of what travels in a parcel and both readers misread them in the same way:
# they stay off unless a site asks for them.
COURIER = frozenset(Symbology) - {Symbology.EAN}


def readable(words: Iterable[str]) -> frozenset[Symbology]:
    """The symbologies of a device's configuration that we have a reader for.

    Words without a reader (`keyed`, those of a later protocol) are left out: not reading is an
    answer, guessing is not. Code 128 and GS1-128 are the same bars, so either word switches both on.
    """
    known = {BY_WORD[word] for word in words if word in BY_WORD}
    if known & {Symbology.CODE128, Symbology.GS1_128}:
        known |= {Symbology.CODE128, Symbology.GS1_128}
    return frozenset(known)
