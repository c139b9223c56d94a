"""What a reader saw, and what we accept of it."""

from __future__ import annotations

from dataclasses import dataclass

from scanner.symbology import Symbology

Corner = tuple[float, float]
Box = tuple[Corner, Corner, Corner, Corner]


@dataclass(frozen=True, slots=True)
class Sighting:
    """One text by one reader on one view of a picture; nobody has agreed to it yet."""

    symbology: Symbology
    text: str
    box: Box  # pixels of the view it was seen in


@dataclass(frozen=True, slots=True)
class Read:
    """A text that counts.

    `confidence` is 1.0 when two reads agreed or one agreed with the expected list, 0.9 for a single read with a
    strong check, 0.5 for a read still short of a vote: shown to the courier, never accepted.
    `box` holds four corners `(x, y)` in pixels of the whole picture, clockwise from the code's own top left.
    """

    symbology: Symbology
    text: str
    confidence: float
    box: Box
