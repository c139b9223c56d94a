"""Finding a MaxiCode on a full label: by its bull's eye, six circles one in another.

zxing-cpp reads the symbol only when it stands alone and upright. So it is cut out, turned as the label's bars lie, by
all quarters, and whatever reaches into the cut from outside is wiped off.

Needs OpenCV; importing this module without it raises ImportError.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator

import cv2
import numpy as np

from scanner.decode.locate import Crop, Grey, as_grey, warped

FINDING_SIDE = 2000  # px
CIRCLES = 5  # edges one in another, of six; small ones melt
ROUND = 0.7  # area to that of the circle around it
CENTRED = 0.15  # of the radius
REACH = 3.8  # radii of the outer circle from the middle to the sides, quiet zone included
MOST = 2  # bull's eyes looked at
QUIET = 20  # px
SMALLEST = 400  # px; a smaller cut is drawn larger


def symbols(picture: Grey, angles: Collection[float] = ()) -> Iterator[Crop]:
    """Each bull's eye cut out, by quarter turns from 0 and from `angles` (degrees that the label's bars run off)."""
    for x, y, radius in _bulls_eyes(picture)[:MOST]:
        for angle in dict.fromkeys([0.0, *(round(angle, 1) for angle in angles)]):
            for quarter in (0, 90, 180, 270):
                yield _alone(picture, x, y, radius, angle + quarter)


def _bulls_eyes(picture: Grey) -> list[tuple[float, float, float]]:
    """Middle and outer radius of each set of circles, in pixels of the picture."""
    shrink = min(1.0, FINDING_SIDE / max(picture.shape))
    size = (max(1, round(picture.shape[1] * shrink)), max(1, round(picture.shape[0] * shrink)))
    small = picture if shrink == 1.0 else cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    _, ink = cv2.threshold(small, 0, 255, cv2.THRESH_BINARY_INV | cv2.THRESH_OTSU)
    outlines, family = cv2.findContours(ink, cv2.RETR_TREE, cv2.CHAIN_APPROX_NONE)
    if not outlines:
        return []
    parents = family[0][:, 3]
    elders = np.arange(len(outlines))
    for _ in range(CIRCLES - 1):  # most outlines have no such line of ancestors
        elders = np.where(elders >= 0, parents[elders], -1)
    found = []
    for innermost in np.flatnonzero((elders >= 0) & (family[0][:, 2] < 0))[:50]:
        (x, y), radius = cv2.minEnclosingCircle(outlines[innermost])
        radii: list[float] = []
        at = int(innermost)
        while at >= 0:
            (near_x, near_y), radius = cv2.minEnclosingCircle(outlines[at])
            area = cv2.contourArea(outlines[at])
            off = math.hypot(near_x - x, near_y - y)
            if off > CENTRED * radius + 1 or area < ROUND * math.pi * radius**2:
                break
            radii.append(math.sqrt(area / math.pi))
            at = int(parents[at])
        if len(radii) >= CIRCLES:
            found.append((x / shrink, y / shrink, radii[-1] / shrink))
    return found


def _alone(picture: Grey, x: float, y: float, radius: float, degrees: float) -> Crop:
    reach = REACH * radius
    zoom = 2.0 if 2 * reach < SMALLEST else 1.0
    side = round(2 * reach * zoom)
    reading = np.array([math.cos(math.radians(degrees)), math.sin(math.radians(degrees))])
    down = np.array([-reading[1], reading[0]])
    corner = np.array([x, y]) - reach * (reading + down)
    to_picture = np.column_stack([reading / zoom, down / zoom, corner])
    pixels = warped(picture, to_picture, (side, side))
    _, ink = cv2.threshold(pixels, 0, 255, cv2.THRESH_BINARY_INV | cv2.THRESH_OTSU)
    _, blobs = cv2.connectedComponents(ink)
    rim = np.unique(np.concatenate([blobs[0], blobs[-1], blobs[:, 0], blobs[:, -1]]))
    wiped = cv2.dilate(np.isin(blobs, rim[rim > 0]).astype(np.uint8), np.ones((5, 5), np.uint8))
    clean = as_grey(np.where(wiped > 0, 255, pixels))
    framed = as_grey(cv2.copyMakeBorder(clean, QUIET, QUIET, QUIET, QUIET, cv2.BORDER_CONSTANT, value=(255,)))
    to_picture[:, 2] -= QUIET / zoom * (reading + down)
    return Crop(framed, to_picture, degrees)
