"""What stands on a label, and where: 100 x 150 mm in printer dots, an eighth of a millimetre each (203 dpi).

All formats draw this one layout, so a label says the same on screen, on paper and on a thermal printer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from scanner.label.bars import BEARER, QUIET_ZONE, UnprintableLabelError, black_runs, modules
from scanner.symbology import Symbology

DOTS_PER_MM = 8
WIDTH = 100 * DOTS_PER_MM
HEIGHT = 150 * DOTS_PER_MM
BAR_HEIGHT = 30 * DOTS_PER_MM
MODULE_DOTS = (3, 2)  # 0.375 mm, or 0.25 mm where that is too long; less no camera resolves
LONGEST_LINE = 60  # characters of any line of text

_S10 = re.compile(r"([A-Z]{2})([0-9]{4})([0-9]{4})([0-9])([A-Z]{2})")
_PLATE = re.compile(r"([0-9]{4})([0-9]{6})")


@dataclass(frozen=True, slots=True)
class Label:
    """What stands on a label. `text` is what the bars say; the rest is for people and may be empty."""

    text: str
    symbology: Symbology = Symbology.CODE128
    title: str = ""
    service: str = ""
    origin: str = ""
    destination: str = ""
    on: date | None = None

    @classmethod
    def for_number(cls, text: str) -> Label:
        """A plain label: ten digits make a bag tag (ITF), anything else a Code 128 label, a departure card if it
        reads like one, `AA1234/2026-11-21`."""
        if _PLATE.fullmatch(text):
            return cls(text, Symbology.ITF, title="Bag")
        return cls(text, title="Departure" if "/" in text else "Parcel")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text: its top left corner and its height, in dots."""

    text: str
    x: int
    y: int
    size: int


@dataclass(frozen=True, slots=True)
class Rectangle:
    """Solid black, in dots."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Bars:
    """The barcode: where its first bar stands, and how large. `module` in dots."""

    text: str
    symbology: Symbology
    x: int
    y: int
    height: int
    module: int
    pattern: str

    @property
    def width(self) -> int:
        return len(self.pattern) * self.module

    def bearers(self) -> tuple[Rectangle, ...]:
        """The bars above and below ITF; none for the others."""
        if self.symbology is not Symbology.ITF:
            return ()
        thick = BEARER * self.module
        return tuple(Rectangle(self.x, y, self.width, thick) for y in (self.y - thick, self.y + self.height))

    def rectangles(self) -> tuple[Rectangle, ...]:
        """Every bar, bearers included."""
        return self.bearers() + tuple(
            Rectangle(self.x + first * self.module, self.y, width * self.module, self.height)
            for first, width in black_runs(self.pattern)
        )


@dataclass(frozen=True, slots=True)
class Layout:
    lines: tuple[Line, ...]
    bars: Bars


def layout(label: Label) -> Layout:
    """Where everything of a label stands. Raises UnprintableLabelError when the bars do not fit."""
    bars = _bars(label)
    route = " → ".join(plain(place) for place in (label.origin, label.destination) if place.strip())
    lines = (
        Line(plain(label.title), 40, 40, 56),
        Line(plain(label.service), 40, 120, 40),
        Line(route, 40, 220, 88),
        Line(label.on.isoformat() if label.on else "", 40, 340, 40),
        Line(grouped(label.text), 40, bars.y + bars.height + 40, 56),
    )
    return Layout(tuple(line for line in lines if line.text), bars)


def _bars(label: Label) -> Bars:
    pattern = modules(label.text, label.symbology)
    for module in MODULE_DOTS:
        width = (len(pattern) + 2 * QUIET_ZONE) * module
        if width <= WIDTH:
            x = (WIDTH - width) // 2 + QUIET_ZONE * module
            return Bars(label.text, label.symbology, x, 480, BAR_HEIGHT, module, pattern)
    raise UnprintableLabelError(f"{label.text!r} is too long for a label 100 mm wide; shorten it")


def grouped(text: str) -> str:
    """The number as people read it aloud: LS 1234 5678 5 NL, 0220 456789."""
    for shape in (_S10, _PLATE):
        if groups := shape.fullmatch(text):
            return " ".join(groups.groups())
    return plain(text)


def plain(text: str) -> str:
    """A line for people: control characters become blanks, and what no label holds is cut off."""
    visible = "".join(letter if letter.isprintable() else " " for letter in text)
    return visible.strip()[:LONGEST_LINE]
