"""A reader of our own for Standard (Industrial) and IATA 2 of 5, which neither zxing-cpp nor zbar knows.

Only bars carry data: five a digit, two of them wide; all gaps are narrow. Industrial begins with two wide bars and a
narrow one and ends wide, narrow, wide; IATA begins with two narrow bars and ends wide, narrow. There is no check in it,
so what makes a sighting is strictness: gaps alike, bars of two clearly different widths, two wide ones in every five,
guards and quiet zones in place, and every line of the crop that reads saying the same.

Looks at straightened crops only. Needs OpenCV; importing this module without it raises ImportError.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

from scanner.decode.readings import Box, Sighting
from scanner.symbology import Symbology

if TYPE_CHECKING:
    from scanner.decode.readers import Pixels

LINES = 7  # read across the crop, each averaged over a few rows
AGREEING = 3  # of them
FLAT = 0.25  # share of the crop's contrast; where less is left nearby, there are no bars
QUIET = 4.0  # gaps
GAPS = (0.5, 1.8)  # of their median
BARS = (0.62, 1.45)  # of the median of their kind
RATIO = (1.7, 4.5)  # wide to narrow
FEWEST_DIGITS = 4

DIGITS: dict[tuple[int, ...], str] = {
    (0, 0, 1, 1, 0): "0", (1, 0, 0, 0, 1): "1", (0, 1, 0, 0, 1): "2", (1, 1, 0, 0, 0): "3", (0, 0, 1, 0, 1): "4",
    (1, 0, 1, 0, 0): "5", (0, 1, 1, 0, 0): "6", (0, 0, 0, 1, 1): "7", (1, 0, 0, 1, 0): "8", (0, 1, 0, 1, 0): "9",
}  # fmt: skip
GUARDS = (((1, 1, 0), (1, 0, 1)), ((0, 0), (1, 0)))  # start and stop of Industrial, of IATA

Widths = npt.NDArray[np.float64]


class TwoOfFive:
    """A `BarReader` of one symbology."""

    name = "lastscan"

    def read(self, pixels: Pixels, symbologies: frozenset[Symbology], *, rough: bool = False) -> list[Sighting]:
        grey = np.asarray(pixels, dtype=np.uint8)
        if Symbology.TWO_OF_FIVE not in symbologies or min(grey.shape) < LINES:
            return []
        height = grey.shape[0]
        found: Counter[str] = Counter()
        edges: list[tuple[float, float]] = []
        for line in np.array_split(grey, LINES):
            rows = line[len(line) // 3 : len(line) // 3 + 5].astype(np.float32)
            for text, left, right in _texts(rows.mean(axis=0)):
                found[text] += 1
                edges.append((left, right))
        if len(found) != 1 or found.total() < AGREEING:
            return []
        left, right = (float(np.median([edge[side] for edge in edges])) for side in (0, 1))
        box: Box = ((left, 0.0), (right, 0.0), (right, float(height)), (left, float(height)))
        return [Sighting(Symbology.TWO_OF_FIVE, next(iter(found)), box)]


def _texts(level: npt.NDArray[np.float32]) -> list[tuple[str, float, float]]:
    """What one line says, and from where to where."""
    edges = _edges(level)
    if edges.size < 2 * 5 * FEWEST_DIGITS:
        return []
    bars, gaps = np.diff(edges)[0::2], np.diff(edges)[1::2]
    ends = [*np.flatnonzero(gaps > QUIET * np.median(gaps)), bars.size - 1]
    found, first = [], 0
    for last in ends:
        text = _text(bars[first : last + 1], gaps[first:last])
        left, right = float(edges[2 * first]), float(edges[2 * last + 1])
        room = QUIET * float(np.median(gaps))
        if text is not None and left > room and right < level.size - room:
            found.append((text, left, right))
        first = int(last) + 1
    return found


def _edges(level: npt.NDArray[np.float32]) -> Widths:
    """Where the line turns dark and light again, in fractions of a pixel; an even number of places."""
    line = level.reshape(1, -1)
    window = np.ones((1, max(9, level.size // 10) | 1), np.uint8)
    paper, ink = cv2.dilate(line, window)[0], cv2.erode(line, window)[0]
    contrast = float(np.percentile(level, 95) - np.percentile(level, 5))
    over = np.where(paper - ink > FLAT * contrast, level - (paper + ink) / 2, 1.0)  # below nought: ink
    turns = np.flatnonzero((over[1:] < 0) != (over[:-1] < 0))
    if turns.size and over[0] < 0:
        turns = turns[1:]
    turns = turns[: turns.size // 2 * 2]
    places: Widths = turns + over[turns] / (over[turns] - over[turns + 1])
    return places


def _text(bars: Widths, gaps: Widths) -> str | None:
    """The digits of one run of bars, read from either side; None unless everything about it is right."""
    if bars.size < 5 * FEWEST_DIGITS or not _alike(gaps, GAPS):
        return None
    wide = bars > (bars.min() + bars.max()) / 2
    if not _alike(bars[wide], BARS) or not _alike(bars[~wide], BARS):
        return None
    if not RATIO[0] < float(np.median(bars[wide]) / np.median(bars[~wide])) < RATIO[1]:
        return None
    seen = tuple(int(is_wide) for is_wide in wide)
    texts = {text for way in (seen, seen[::-1]) if (text := _digits(way)) is not None}
    return texts.pop() if len(texts) == 1 else None


def _digits(wide: tuple[int, ...]) -> str | None:
    for start, stop in GUARDS:
        data = wide[len(start) : len(wide) - len(stop)]
        if len(data) % 5 or wide[: len(start)] != start or wide[len(wide) - len(stop) :] != stop:
            continue
        digits = [DIGITS.get(data[at : at + 5]) for at in range(0, len(data), 5)]
        if len(digits) >= FEWEST_DIGITS and None not in digits:
            return "".join(digit for digit in digits if digit is not None)
    return None


def _alike(widths: Widths, share: tuple[float, float]) -> bool:
    if not widths.size:
        return False
    median = float(np.median(widths))
    return bool(widths.min() > share[0] * median and widths.max() < share[1] * median)
