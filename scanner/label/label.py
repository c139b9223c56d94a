"""What stands on a label: the number for machines, and service, day, place and names for people."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from urllib.parse import quote, urlencode, urlsplit

from scanner.label.bars import UnprintableLabelError
from scanner.label.sscc import sscc_of
from scanner.label.words import WORDS, Words
from scanner.symbology import Symbology

RECIPIENT_LINES, SENDER_LINES = 5, 3  # what fits a parcel label in letters that can be read

_S10 = re.compile(r"([A-Z]{2})([0-9]{4})([0-9]{4})([0-9])([A-Z]{2})")
_PLATE = re.compile(r"([0-9]{4})([0-9]{6})")


class Kind(StrEnum):
    """What a label is stuck to; each has its own form."""

    PARCEL = "parcel"
    BAG = "bag"
    CONTAINER = "container"
    DEPARTURE = "departure"


@dataclass(frozen=True, slots=True)
class Label:
    """What stands on a label. `text` is what the bars say; the rest is for people and may be empty.

    `link` is the full address of the page that follows the piece; it becomes a QR code.
    """

    text: str
    symbology: Symbology = Symbology.CODE128
    title: str = ""
    service: str = ""
    origin: str = ""
    destination: str = ""
    on: date | None = None
    kind: Kind = Kind.PARCEL
    sender: tuple[str, ...] = ()
    recipient: tuple[str, ...] = ()
    link: str = ""
    language: str = "en"

    @classmethod
    def for_number(cls, text: str, kind: Kind | None = None) -> Label:
        """The label a number asks for: ten digits a bag tag (ITF), an SSCC a container label (GS1-128), a run and
        its day, `AA1234/2026-11-21`, a departure card, and anything else a parcel label (Code 128).

        A kind given is what it becomes instead. Raises UnprintableLabelError when the number is none of that kind.
        """
        sscc = sscc_of(text)
        plate = _PLATE.fullmatch(text) is not None
        if kind is None:
            guessed = Kind.CONTAINER if sscc else Kind.BAG if plate else Kind.DEPARTURE if "/" in text else Kind.PARCEL
            return cls.for_number(text, guessed)
        match kind:
            case Kind.BAG if not plate:
                raise UnprintableLabelError(f"{text!r} is no bag tag; expected ten digits")
            case Kind.BAG:
                return cls(text, Symbology.ITF, kind=kind)
            case Kind.CONTAINER if sscc is None:
                raise UnprintableLabelError(f"{text!r} is no SSCC; expected 18 digits with their check digit")
            case Kind.CONTAINER:
                return cls(f"00{sscc}", Symbology.GS1_128, kind=kind)
            case Kind.DEPARTURE:
                return cls(text, kind=kind, on=_day_in(text))
            case Kind.PARCEL if sscc:  # a piece may be known by its SSCC alone
                return cls(f"00{sscc}", Symbology.GS1_128, kind=kind)
            case _:
                return cls(text, kind=kind)

    @property
    def words(self) -> Words:
        return WORDS[self.language]

    @property
    def heading(self) -> str:
        """The kind in the label's language, unless the label brings a title."""
        named = {
            Kind.PARCEL: self.words.parcel,
            Kind.BAG: self.words.bag,
            Kind.CONTAINER: self.words.container,
            Kind.DEPARTURE: self.words.departure,
        }
        return self.title or named[self.kind]

    @property
    def day(self) -> str:
        return self.words.day_of(self.on) if self.on else ""

    @property
    def code(self) -> str:
        """The number as customers know it: an SSCC without its `00`."""
        return sscc_of(self.text) or self.text

    @property
    def number(self) -> str:
        """The number as it stands under the bars."""
        return grouped(self.text) if self.symbology is not Symbology.GS1_128 else bracketed(self.text)

    @property
    def coded_link(self) -> str:
        """What the QR says: the link and, behind `#`, place, day and service.

        No server hears that part and the page ignores it; a machine that sorts without a network reads it.
        """
        facts = {"to": self.destination, "on": self.on.isoformat() if self.on else "", "service": self.service}
        said = urlencode({name: fact.strip() for name, fact in facts.items() if fact.strip()}, quote_via=quote)
        return f"{self.link}#{said}" if said else self.link


def tracking_link(base: str, number: str) -> str:
    """The address of a number's page: `https://track.example.org` makes `https://track.example.org/t/NUMBER`.

    A base with a path of its own keeps it. Raises UnprintableLabelError when it is no web address.
    """
    try:
        address = urlsplit(base)
        host = address.hostname
    except ValueError:
        host = None
    if not host or address.scheme not in ("http", "https") or not base.isascii() or not base.isprintable():
        raise UnprintableLabelError(f"{base!r} is no address to follow a piece at; expected https://…")
    if " " in base or address.query or address.fragment or "@" in address.netloc:
        raise UnprintableLabelError(f"{base!r}: give the address alone, without a query, a # or a name")
    path = address.path.strip("/") or "t"
    return f"{address.scheme}://{address.netloc}/{path}/{quote(number, safe='')}"


def grouped(text: str) -> str:
    """The number as people read it aloud: LS 1234 5678 5 NL, 0220 456789."""
    for shape in (_S10, _PLATE):
        if groups := shape.fullmatch(text):
            return " ".join(groups.groups())
    return text


def bracketed(text: str) -> str:
    """Element strings as GS1 has people read them: `(00) 340123451234567895`."""
    return f"({text[:2]}) {text[2:]}" if text.startswith("00") else text.replace("\xf1", " ")


def _day_in(run: str) -> date | None:
    try:
        return date.fromisoformat(run.partition("/")[2])
    except ValueError:
        return None
