"""The label of a parcel and of a container: 100 x 150 mm, for rolls of 4 x 6 inches.

From top to bottom what is looked for from furthest away: service, day, place; then names, then bars. Five
millimetres stay white above and below, so that four of them go on an A4 page.
"""

from __future__ import annotations

from collections.abc import Iterable

from scanner.label.draft import Draft
from scanner.label.label import RECIPIENT_LINES, SENDER_LINES, Label
from scanner.label.page import Page
from scanner.label.typeface import CAPITALS, plain, width
from scanner.symbology import Symbology

WIDE, HIGH = 100, 150
EDGE = 4
FOOT = 136.5  # mm, where the bars end
QR_SIDE = 28
CAPTION, GAP = 3.75, 0.625  # mm, with the white below it; above the next
SENDER_TALL, PITCH = 1.875, 1.55  # mm; of the letters, from line to line


def parcel_label(label: Label, dots_per_mm: int) -> Page:
    draft, foot = Draft(WIDE, HIGH, dots_per_mm), foot_of(label)
    band(draft, label)
    origin_and_day(draft, label)
    if label.sender or label.recipient or label.link:
        place(draft, label.words.destination, label.destination, high=22, bottom=71.5)
        draft.rule(72.5)
        names(draft, label, top=75, bottom=foot - 1)
        follow(draft, label, top=73.5)
    else:
        place(draft, label.words.destination, label.destination, high=34, bottom=foot - 2)
    code(draft, label)
    return draft.page()


def band(draft: Draft, label: Label) -> None:
    """The service, white on black; the kind beside it, or alone."""
    draft.box(EDGE - 1, 5, WIDE - 2 * EDGE + 2, 17)
    wide = WIDE - 2 * EDGE - 2
    if not label.service.strip():
        draft.line(label.heading, EDGE + 1, 6, tall=9, wide=wide, room=15, white=True)
        return
    draft.line(label.service, EDGE + 1, 6, tall=9, wide=wide - 24, room=15, white=True)
    draft.line(label.heading, WIDE - EDGE - 23, 14, tall=3.5, wide=22, align="right", white=True)


def origin_and_day(draft: Draft, label: Label) -> None:
    draft.line(label.words.origin, EDGE, 24.5, tall=2.25, wide=24)
    draft.line(label.origin, EDGE, 28, tall=8.5, wide=24, room=11.5)
    draft.line(label.words.day, 34, 24.5, tall=2.25, wide=24)
    draft.line(label.day, 34, 28, tall=8.5, wide=WIDE - EDGE - 34, room=11.5)
    draft.rule(40.5)


def place(draft: Draft, caption: str, text: str, *, high: float, bottom: float) -> None:
    """The place as large as the width allows, or room to write it by hand."""
    top = 46
    draft.line(caption, EDGE, 42.5, tall=2.25, wide=30)
    draft.line(text, EDGE, top, tall=high, wide=WIDE - 2 * EDGE, room=bottom - top)


def names(draft: Draft, label: Label, *, top: float, bottom: float) -> None:
    """Who gets it, a line each; below, as small as can be read and run together, who sent it."""
    wide = WIDE - 2 * EDGE - (QR_SIDE + 1 if label.link else 0)
    recipient = [line for line in label.recipient if line.strip()][:RECIPIENT_LINES]
    sender = run_together(label.sender[:SENDER_LINES], wide=wide, tall=SENDER_TALL)
    if recipient:
        left = bottom - top - CAPTION - (CAPTION + GAP + len(sender) * SENDER_TALL * PITCH if sender else 0)
        tall = min(3.5, left / len(recipient) / PITCH)
        draft.line(label.words.recipient, EDGE, top, tall=1.875, wide=wide)
        top += CAPTION
        for line in recipient:
            draft.line(line, EDGE, top - tall * (PITCH - 1) / 2, tall=tall, wide=wide, room=tall * PITCH)
            top += tall * PITCH
        top += GAP
    if sender:
        draft.line(label.words.sender, EDGE, top, tall=1.875, wide=wide)
        top += CAPTION
        for line in sender:
            above = SENDER_TALL * (PITCH - 1) / 2
            draft.line(line, EDGE, top - above, tall=SENDER_TALL, wide=wide, room=SENDER_TALL * PITCH)
            top += SENDER_TALL * PITCH


def run_together(lines: Iterable[str], *, wide: float, tall: float) -> list[str]:
    """The same lines on fewer, as many beside each other as fit."""
    joined: list[str] = []
    for line in map(plain, lines):
        beside = f"{joined[-1]}, {line}" if joined else line
        if joined and width(beside, tall / CAPITALS) <= wide:
            joined[-1] = beside
        elif line:
            joined.append(line)
    return joined


def follow(draft: Draft, label: Label, *, top: float) -> None:
    """The QR code, and what it is for."""
    if label.link:
        left, side = WIDE - EDGE - QR_SIDE + 1, min(QR_SIDE, foot_of(label) - top - 3.5)
        draft.qr(label.coded_link, left + (QR_SIDE - side) / 2, top, side=side)
        draft.line(label.words.follow, left, top + side + 0.5, tall=2, wide=QR_SIDE, align="middle")


def foot_of(label: Label) -> float:
    """Where the rule above the bars stands: GS1 asks for bars of 31.75 mm."""
    return 102.5 if label.symbology is Symbology.GS1_128 else 106.5


def code(draft: Draft, label: Label) -> None:
    """The bars, and the number in letters to type from."""
    top = foot_of(label)
    draft.rule(top)
    draft.bars(label.text, label.symbology, top + 2, high=FOOT - top - 2)
    draft.line(label.number, EDGE, 139.25, tall=5.75, wide=WIDE - 2 * EDGE, align="middle")
