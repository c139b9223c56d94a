"""The card that hangs at a departure: its run in letters for the whole hall. 100 x 150 mm."""

from __future__ import annotations

from scanner.label.draft import Draft
from scanner.label.forms.parcel import EDGE, HIGH, QR_SIDE, WIDE, band, code, follow, origin_and_day, place
from scanner.label.label import Label
from scanner.label.page import Page


def departure_card(label: Label, dots_per_mm: int) -> Page:
    draft = Draft(WIDE, HIGH, dots_per_mm)
    band(draft, label)
    origin_and_day(draft, label)
    place(draft, label.heading, label.text.partition("/")[0], high=22, bottom=71.5)
    draft.rule(72.5)
    draft.line(label.words.destination, EDGE, 74.5, tall=2.25, wide=30)
    wide = WIDE - 2 * EDGE - (QR_SIDE + 1 if label.link else 0)
    draft.line(label.destination, EDGE, 78, tall=20, wide=wide, room=27)
    follow(draft, label, top=73.5)
    code(draft, label)
    return draft.page()
