"""A page being drawn, measured in millimetres: what `forms/` draws its labels with."""

from __future__ import annotations

import segno

from scanner.label.bars import QUIET_ZONE, UnprintableLabelError, modules
from scanner.label.page import BASELINE, Bars, Item, Line, Page, Rectangle, Square
from scanner.label.typeface import extent, plain, reach, width
from scanner.symbology import Symbology

WIDEST_MODULE = 0.5  # mm; GS1 asks for 0.495 at least on containers, and a wet label on a belt reads the better for it
FINEST_MODULE = 0.25  # mm; less no camera resolves
QR_QUIET_ZONE = 4  # modules
SMALLEST_LETTERS = 1.625  # mm, a capital; smaller ones are not read but guessed


class Draft:
    """Paper of so many millimetres, drawn on from the top left, in dots that are whole on the printer meant."""

    def __init__(self, wide: float, high: float, dots_per_mm: int) -> None:
        self.wide, self.high, self.dots_per_mm = wide, high, dots_per_mm
        self._items: list[Item] = []

    def page(self) -> Page:
        return Page(self.dots(self.wide), self.dots(self.high), self.dots_per_mm, tuple(self._items))

    def dots(self, mm: float) -> int:
        return round(mm * self.dots_per_mm)

    def box(self, x: float, y: float, wide: float, high: float) -> None:
        """Black."""
        self._items.append(Rectangle(self.dots(x), self.dots(y), max(self.dots(wide), 1), max(self.dots(high), 1)))

    def rule(self, y: float, *, left: float = 4, right: float = 4) -> None:
        """A thin line from edge to edge."""
        self.box(left, y, self.wide - left - right, 0.375)

    def line(
        self,
        text: str,
        x: float,
        y: float,
        *,
        tall: float,
        wide: float,
        room: float | None = None,
        align: str = "left",
        white: bool = False,
    ) -> None:
        """Text whose capitals are `tall`, Chinese letters somewhat taller; less where it would be wider than `wide`.

        `y` is where they begin; with `room` they stand in the middle of that height, accents and tails within it. Far
        too long a text is cut, with an ellipsis.
        """
        text = plain(text)
        if not text:
            return
        space, (up, down, taller), (above, below) = self.dots(wide), reach(text), extent(text)
        least = self.dots(SMALLEST_LETTERS / (up + down))
        size = max(min(self.dots(tall * taller / (up + down)), int(space / max(width(text, 1), 0.01))), least)
        if room is not None:
            size = min(size, int((self.dots(room) - 2) / (above + below)))  # a dot of white on either side
        if width(text, size) > space + 1:
            while len(text) > 1 and width(text + "…", size) > space:
                text = text[:-1].rstrip()
            text += "…"
        taken = min(round(width(text, size)), space)
        start = self.dots(x) + {"left": 0, "right": space - taken, "middle": (space - taken) // 2}[align]
        foot = self.dots(y) + up * size
        if room is not None:
            ceiling, floor = self.dots(y) + above * size, self.dots(y + room) - below * size
            foot = max(min(self.dots(y) + (self.dots(room) + (up - down) * size) / 2, floor), ceiling)
        self._items.append(Line(text, start, round(foot - size * BASELINE), taken, size, white))

    def bars(self, text: str, symbology: Symbology, y: float, *, high: float) -> None:
        """A barcode in the middle, its modules as wide as fit with their quiet zones.

        Raises UnprintableLabelError when the finest are too wide.
        """
        pattern = modules(text, symbology)
        room = self.dots(self.wide)
        module = min(room // (len(pattern) + 2 * QUIET_ZONE), int(WIDEST_MODULE * self.dots_per_mm))
        if module < FINEST_MODULE * self.dots_per_mm:
            raise UnprintableLabelError(f"{text!r} is too long for a label {self.wide:.0f} mm wide; shorten it")
        start = (room - len(pattern) * module) // 2
        self._items.append(Bars(text, symbology, pattern, start, self.dots(y), self.dots(high), module))

    def qr(self, text: str, x: float, y: float, *, side: float) -> None:
        """A QR code in a square of `side`, quiet zone included. Raises UnprintableLabelError when it is too fine."""
        try:
            code = segno.make(text, error="m", micro=False, boost_error=False)
        except ValueError as refusal:
            raise UnprintableLabelError(f"the link of {len(text)} characters fits no QR code; shorten it") from refusal
        rows = tuple("".join("1" if dot else "0" for dot in row) for row in code.matrix)
        room = self.dots(side)
        module = room // (len(rows) + 2 * QR_QUIET_ZONE)
        if module < FINEST_MODULE * self.dots_per_mm:
            raise UnprintableLabelError(
                f"the link of {len(text)} characters makes too fine a QR code for {side:.0f} mm; shorten it"
            )
        inset = (room - len(rows) * module) // 2
        self._items.append(Square(rows, self.dots(x) + inset, self.dots(y) + inset, module))
