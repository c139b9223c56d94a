"""The tag of a bag: a strip of 54 x 280 mm, looped round the handle, its ends stuck back to back.

Both halves hang from the middle, so the upper is printed upside down: the tag then reads upright from either side.
Below them a part to tear off, which the passenger keeps.
"""

from __future__ import annotations

from scanner.label.draft import Draft
from scanner.label.label import Label
from scanner.label.page import Page

WIDE, HIGH = 54, 280
FACE = 108  # mm, each half
LOOP = 27  # mm, white, round the handle
EDGE = 3
QR_SIDE = 24


def bag_tag(label: Label, dots_per_mm: int) -> Page:
    face, receipt = _face(label, dots_per_mm), _receipt(label, dots_per_mm)
    draft = Draft(WIDE, HIGH, dots_per_mm)
    items = (
        *face.turned().items,
        *face.moved(right=0, down=draft.dots(FACE + LOOP)),
        *receipt.moved(right=0, down=draft.dots(2 * FACE + LOOP)),
    )
    return Page(draft.dots(WIDE), draft.dots(HIGH), dots_per_mm, items)


def _face(label: Label, dots_per_mm: int) -> Page:
    draft, words, wide = Draft(WIDE, FACE, dots_per_mm), label.words, WIDE - 2 * EDGE
    draft.line(words.destination, EDGE, 1, tall=2, wide=wide)
    draft.line(label.destination, EDGE, 4, tall=17, wide=wide, room=20)
    draft.box(EDGE - 1, 25, wide + 2, 10)
    draft.line(label.service or label.heading, EDGE, 25.5, tall=5.5, wide=wide, room=9, white=True)
    draft.line(label.day, EDGE, 36, tall=6.5, wide=wide, room=9)
    via = f"{words.origin} {label.origin}" if label.origin.strip() else ""
    draft.line(via, EDGE, 45.5, tall=3, wide=wide, room=5)
    draft.bars(label.text, label.symbology, 52, high=18)
    draft.line(label.number, EDGE, 72.5, tall=5, wide=wide, align="middle")
    name, *more = (*label.recipient, "")
    draft.line(name, EDGE, 79, tall=3.25, wide=wide, room=5.5)
    beside = QR_SIDE if label.link else 0
    for place, line in enumerate(more[:3]):
        draft.line(line, EDGE + beside, 85 + 5 * place, tall=3, wide=wide - beside, room=5)
    if label.link:
        draft.qr(label.coded_link, EDGE - 1.5, 84, side=QR_SIDE)
        draft.line(words.follow, EDGE + QR_SIDE, 103, tall=2, wide=wide - QR_SIDE)
    return draft.page()


def _receipt(label: Label, dots_per_mm: int) -> Page:
    draft, wide = Draft(WIDE, HIGH - 2 * FACE - LOOP, dots_per_mm), WIDE - 2 * EDGE
    for dash in range(14):
        draft.box(dash * 4, 0.5, 2, 0.375)
    draft.line(label.words.receipt, EDGE, 4, tall=2, wide=wide)
    draft.line(" · ".join(filter(None, (label.destination, label.day))), EDGE, 8, tall=4, wide=wide)
    draft.bars(label.text, label.symbology, 15, high=11)
    draft.line(label.number, EDGE, 29, tall=4, wide=wide, align="middle")
    return draft.page()
