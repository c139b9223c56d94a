"""A page in whole printer dots: rectangles, bars, QR squares and lines of text.

Every format draws this one page, so a label says the same on screen, on paper and on a thermal printer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import groupby

from scanner.label.bars import BEARER, black_runs
from scanner.symbology import Symbology

BASELINE = 0.88  # of the size: how far below the top of its box the letters of a line stand
DOTS_PER_MM = {203: 8, 300: 12, 406: 16, 600: 24}  # by the resolution printers are sold as


@dataclass(frozen=True, slots=True)
class Rectangle:
    """Solid black, in dots."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text in a box `size` high; what hangs below a `g` hangs out of it. In dots.

    `width` is its width in our typeface: another that draws it wider is pressed into it.
    """

    text: str
    x: int
    y: int
    width: int
    size: int
    white: bool = False
    upside_down: bool = False

    @property
    def height(self) -> int:
        return self.size


@dataclass(frozen=True, slots=True)
class Bars:
    """A barcode without its quiet zones, in dots; `pattern` is `1` and `0`, one a module of `module` dots."""

    text: str
    symbology: Symbology
    pattern: str
    x: int
    y: int
    height: int
    module: int
    upside_down: bool = False

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
        pattern = self.pattern[::-1] if self.upside_down else self.pattern
        return self.bearers() + tuple(
            Rectangle(self.x + first * self.module, self.y, modules * self.module, self.height)
            for first, modules in black_runs(pattern)
        )


@dataclass(frozen=True, slots=True)
class Square:
    """A QR code without its quiet zone: rows of `1` and `0`, `module` dots each."""

    rows: tuple[str, ...]
    x: int
    y: int
    module: int

    @property
    def width(self) -> int:
        return len(self.rows) * self.module

    height = width

    def rectangles(self) -> tuple[Rectangle, ...]:
        """Its black, in as few pieces as rows and runs allow: equal rows are drawn as one."""
        found, top = [], self.y
        for row, same in groupby(self.rows):
            tall = len(list(same)) * self.module
            found += [
                Rectangle(self.x + first * self.module, top, modules * self.module, tall)
                for first, modules in black_runs(row)
            ]
            top += tall
        return tuple(found)


Item = Rectangle | Line | Bars | Square


@dataclass(frozen=True, slots=True)
class Page:
    """What to draw, in this order, on paper of this many dots."""

    width: int
    height: int
    dots_per_mm: int
    items: tuple[Item, ...]

    def moved(self, *, right: int, down: int) -> tuple[Item, ...]:
        """Its items, as they stand on a larger page."""
        return tuple(replace(item, x=item.x + right, y=item.y + down) for item in self.items)

    def turned(self) -> Page:
        """The same page upside down."""
        return replace(self, items=tuple(self._turned(item) for item in self.items))

    def _turned(self, item: Item) -> Item:
        x, y = self.width - item.x - item.width, self.height - item.y - item.height
        match item:
            case Rectangle():
                return replace(item, x=x, y=y)
            case Square():
                return replace(item, x=x, y=y, rows=tuple(row[::-1] for row in reversed(item.rows)))
            case _:
                return replace(item, x=x, y=y, upside_down=not item.upside_down)
