"""What a courier can do about bars that were found and did not read.

Judged from the straightened crop: how far light and dark lie apart, how many pixels its narrowest bars have, how
sharp their edges are, how far it runs off the level. Pictures in which no bars were found get no advice.

Needs OpenCV; importing this module without it raises ImportError.
"""

from __future__ import annotations

import logging
from enum import StrEnum

import cv2
import numpy as np

from scanner.decode.locate import Crop, Grey, bars

log = logging.getLogger(__name__)

DARK = 70  # grey level; paper below it is not lit
FAINT = 30  # grey levels between paper and bars
FEWEST_BARS = 10  # less is a fence or a shelf
ALIKE = 0.6  # share of the variation that all rows of a crop have in common: bars, not texture
COARSE = 1.6  # px a module, below which readers stop (1.5 for Code 128, 2 for GS1-128)
SOFT = 2.5  # px from dark to light, where an edge is sharp in one
MELTED = 0.55  # share of the narrowest bar that its edge takes
ASKEW = 20.0  # degrees off the level; beyond, readers depend on our straightening


class Advice(StrEnum):
    """In the words for a courier."""

    LIGHT = "too dark"
    CLOSER = "closer"
    STEADY = "hold it still"
    TURN = "turn it"
    OTHER_ANGLE = "another angle"


def advice_for(picture: Grey) -> Advice | None:
    """The first thing to change about the picture's largest bars; None when it has none."""
    try:
        for crop in bars(picture):
            level = _profile(crop.pixels)
            if level is not None:
                return _judged(crop, level)
    except cv2.error as failure:
        log.debug("OpenCV gave up on a picture: %s", failure)
    return None


def _profile(pixels: Grey) -> Grey | None:
    """The level of each column through the middle of a crop, where it is bars; None where it is anything else."""
    height = pixels.shape[0]
    middle = pixels[height // 4 : max(height // 4 + 1, height - height // 4)].astype(np.float32)
    common = middle.mean(axis=0)
    total = float(middle.var(axis=1).mean())
    if total < 4.0 or float(common.var()) / total < ALIKE:
        return None
    level: Grey = np.clip(common, 0, 255).astype(np.uint8)
    return level if len(_runs(level)) >= 2 * FEWEST_BARS else None


def _runs(level: Grey) -> list[int]:
    """Lengths of the bars and gaps along a profile, the quiet zones left out."""
    window = max(9, level.size // 12) | 1
    around = cv2.blur(level.reshape(1, -1).astype(np.float32), (window, 1))[0]
    dark = level.astype(np.float32) < around
    edges = np.flatnonzero(dark[1:] != dark[:-1])
    return [int(run) for run in np.diff(edges)]


def _judged(crop: Crop, level: Grey) -> Advice:
    zoom = 1 / float(np.hypot(*crop.to_picture[:, 0]))
    bright, dark = float(np.percentile(level, 95)), float(np.percentile(level, 5))
    if bright < DARK or bright - dark < FAINT:
        return Advice.LIGHT
    narrowest = float(np.percentile(_runs(level), 20)) / zoom
    if narrowest < COARSE:
        return Advice.CLOSER
    slope = float(np.percentile(np.abs(np.diff(level.astype(np.float32))), 98)) * zoom
    if (bright - dark) / max(slope, 1.0) > max(SOFT, MELTED * narrowest):
        return Advice.STEADY
    if ASKEW < abs(crop.turned) < 90 - ASKEW:
        return Advice.TURN
    return Advice.OTHER_ANGLE
