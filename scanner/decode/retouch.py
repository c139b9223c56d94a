"""The last resort for one still picture: turning, enlarging and evening out what was not read as it is.

Needs OpenCV; importing this module without it raises ImportError.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import cv2
import numpy as np

from scanner.decode.locate import Crop, Grey, as_grey, warped

ENLARGE_BELOW = 1300  # px
MOST_PIXELS = 12_000_000  # of a turned frame; one of 4 megapixels in 16 : 9 needs 9
AS_IT_IS = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


def views(whole: Grey) -> Iterator[tuple[str, Crop]]:
    """The whole frame, treated one way after the other, most promising first; the word names whose pixels they are.

    Each is made only when asked for.
    """
    if max(whole.shape) < ENLARGE_BELOW:
        yield "enlarged", enlarged(whole, 2.0)
    if _spread(whole, 45) <= MOST_PIXELS:
        yield "turned 45", turned(whole, 45)
    yield "whole", Crop(evened(whole), AS_IT_IS, 0.0)
    yield "whole", Crop(sharpened(whole), AS_IT_IS, 0.0)
    for degrees in (30, 60, 15, 75):
        if _spread(whole, degrees) > MOST_PIXELS:
            continue
        yield f"turned {degrees}", turned(whole, degrees)


def _spread(picture: Grey, degrees: float) -> float:
    """Pixels of the picture when turned: a strip of one million may well need a hundred."""
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    height, width = picture.shape
    return float((width * cosine + height * sine) * (width * sine + height * cosine))


def turned(picture: Grey, degrees: float) -> Crop:
    """The whole picture turned about its middle, corners kept."""
    angle = math.radians(degrees)
    reading = np.array([math.cos(angle), math.sin(angle)])
    down = np.array([-reading[1], reading[0]])
    height, width = picture.shape
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], dtype=np.float64)
    across_span, down_span = corners @ reading, corners @ down
    origin = float(across_span.min()) * reading + float(down_span.min()) * down
    to_picture = np.column_stack([reading, down, origin])
    size = (math.ceil(float(np.ptp(across_span))), math.ceil(float(np.ptp(down_span))))
    return Crop(warped(picture, to_picture, size), to_picture, degrees)


def enlarged(picture: Grey, zoom: float) -> Crop:
    larger = as_grey(cv2.resize(picture, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_CUBIC))
    return Crop(larger, np.array([[1 / zoom, 0, 0], [0, 1 / zoom, 0]]), 0.0)


def evened(pixels: Grey) -> Grey:
    """Contrast evened out neighbourhood by neighbourhood (CLAHE)."""
    return as_grey(cv2.createCLAHE(clipLimit=3.0, tileGridSize=(8, 8)).apply(pixels))


def sharpened(pixels: Grey) -> Grey:
    """Unsharp mask."""
    soft = cv2.GaussianBlur(pixels, (0, 0), 2.0)
    return as_grey(cv2.addWeighted(pixels, 2.0, soft, -1.0, 0))


def smoothed_along_bars(pixels: Grey) -> Grey:
    """An upright crop averaged along its bars: noise and scratches fade, the bars do not."""
    tall = max(3, pixels.shape[0] // 6)
    return as_grey(cv2.blur(pixels, (1, tall)))
