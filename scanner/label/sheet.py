"""Labels on A4, as many to a page as fit: four of 100 x 150 mm, three bag tags."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from scanner.label.page import Item, Page, Rectangle

WIDE, HIGH = 210, 297
WHITE_EDGES = 2  # mm of a label's height that may lie beyond its share: our forms keep more than that white
TICK = 3  # mm, where to cut


def on_a4(labels: Sequence[Page]) -> list[Page]:
    """The labels in their order, those of one size together; ticks at the edge of the page show where to cut."""
    sheets = []
    for _, alike in groupby(labels, key=lambda page: (page.width, page.height)):
        waiting = list(alike)
        columns, rows = _grid(waiting[0])
        while waiting:
            sheets.append(_sheet(waiting[: columns * rows], columns, rows))
            waiting = waiting[columns * rows :]
    return sheets


def _grid(label: Page) -> tuple[int, int]:
    dots = label.dots_per_mm
    return max(WIDE * dots // label.width, 1), max(HIGH * dots // (label.height - WHITE_EDGES * dots), 1)


def _sheet(labels: Sequence[Page], columns: int, rows: int) -> Page:
    dots = labels[0].dots_per_mm
    wide, high = WIDE * dots, HIGH * dots
    items: list[Item] = []
    for place, label in enumerate(labels):
        row, column = divmod(place, columns)
        right = (wide * (2 * column + 1) // columns - label.width) // 2
        down = (high * (2 * row + 1) // rows - label.height) // 2
        items += label.moved(right=right, down=down)
    tick = TICK * dots
    for column in range(1, columns):
        items += [Rectangle(wide * column // columns, y, 1, tick) for y in (0, high - tick)]
    for row in range(1, rows):
        items += [Rectangle(x, high * row // rows, tick, 1) for x in (0, wide - tick)]
    return Page(wide, high, dots, tuple(items))
