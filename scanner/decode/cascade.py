"""The order of the attempts on one frame, cheapest first; it stops at the first whose read is accepted.

1. zxing-cpp on the frame as it is: 86 % of codes end here; where it saw nothing, on the frame's negative.
2. zbar: first a few lines through what zxing-cpp saw and must be seconded, then all the same pixels.
3. Crops: the bars found and straightened (`locate`), zxing-cpp with a local and then a global threshold, zbar
   where that saw something to be seconded; 2 of 5 by our own reader, from the upper and the lower half of each;
   then a MaxiCode's bull's eye, cut out and turned.
4. `still` only: the crops by zbar, evened out, smoothed along the bars; the whole frame enlarged, turned, evened,
   sharpened, where zbar again only seconds: alone it found nothing there, in a quarter of the time.

A camera stops after 3, because the next frame is the better attempt. Without OpenCV there are 1 and 2 only.
Never a union of all attempts: measured, that gains 1.4 points and brings dozens of wrong reads.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from PIL import Image, ImageOps

from scanner.decode.readers import BarReader
from scanner.decode.readings import Box, Corner, Read
from scanner.decode.votes import View, Votes
from scanner.symbology import Symbology

if TYPE_CHECKING:
    from scanner.decode.readers import Pixels

log = logging.getLogger(__name__)

WORKING_PIXELS = 4_000_000  # above it the whole-frame attempts see a reduced copy; crops come from the original
FEW_LINES = 12  # px to either side
NO_NEW_STAGE_AFTER = 2.0  # seconds; the child is killed at three


class Mode(Enum):
    LIVE = "live"  # a camera: another frame follows
    STILL = "still"  # one picture is all there is


@dataclass(frozen=True, slots=True)
class Readers:
    """Who looks: the first reader, and the second voter where there is one."""

    first: BarReader
    second: BarReader | None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One reader on one view."""

    stage: int
    crop: str
    pixels: Pixels
    in_picture: Callable[[Box], Box]
    reader: BarReader
    rough: bool = False
    only: Symbology | None = None  # what is to be seconded


def read_frame(
    picture: Image.Image,
    votes: Votes,
    *,
    frame: int,
    mode: Mode,
    readers: Readers,
    symbologies: frozenset[Symbology],
    wanted: frozenset[Symbology] = frozenset(),
    now: Callable[[], float] = time.perf_counter,
) -> None:
    """Cast the votes of one grey picture (mode `L`) until the frame has what it needs.

    That is: one accepted read or, with `wanted`, an accepted read of each of them; and no code left
    waiting for a vote that stages 2 and 3 could still give.
    """
    started = now()
    for attempt in _attempts(picture, mode, readers, symbologies, lambda: votes.glimpsed(frame)):
        due = wanted | _implied(votes, frame, mode) & symbologies if attempt.stage <= 3 else wanted
        if _enough(votes, frame, attempt.stage, due):
            return
        if now() - started > NO_NEW_STAGE_AFTER:
            log.debug("out of time before stage %d", attempt.stage)
            return
        looked_for = symbologies if attempt.only is None else frozenset({attempt.only})
        for seen in attempt.reader.read(attempt.pixels, looked_for, rough=attempt.rough):
            box = attempt.in_picture(seen.box)
            votes.cast(seen, view=View(frame, attempt.crop), reader=attempt.reader.name, box=box)


def _implied(votes: Votes, frame: int, mode: Mode) -> frozenset[Symbology]:
    """What else a label bears for certain, by what was read of it: a UPS number never comes without its MaxiCode."""
    if mode is Mode.STILL and any(read.text.startswith("1Z") for read in votes.accepted(frame)):
        return frozenset({Symbology.MAXICODE})
    return frozenset()


def _enough(votes: Votes, frame: int, next_stage: int, wanted: frozenset[Symbology]) -> bool:
    accepted = votes.accepted(frame)
    if not accepted or not wanted <= {read.symbology for read in accepted}:
        return False
    return next_stage > 3 or not votes.glimpsed(frame)


def _attempts(
    picture: Image.Image,
    mode: Mode,
    readers: Readers,
    symbologies: frozenset[Symbology],
    glimpsed: Callable[[], list[Read]],
) -> Iterator[Attempt]:
    whole, enlarge = _working_frame(picture)
    yield Attempt(1, "whole", whole, enlarge, readers.first)
    if not glimpsed():
        yield Attempt(1, "whole", ImageOps.invert(whole), enlarge, readers.first)
    if readers.second is not None:
        for read in glimpsed():
            pixels, place = _strip_through(picture, read.box)
            yield Attempt(2, "whole", pixels, place, readers.second, only=read.symbology)
        yield Attempt(2, "whole", whole, enlarge, readers.second)
    try:
        import cv2
    except ImportError:
        log.debug("OpenCV is not installed: stages 1 and 2 only (pip install lastscan[scan])")
        return
    try:
        yield from _straightened(picture, whole, enlarge, mode, readers, symbologies, glimpsed)
    except cv2.error as failure:
        log.debug("OpenCV gave up on a picture: %s", failure)


def _straightened(
    picture: Image.Image,
    whole: Image.Image,
    enlarge: Callable[[Box], Box],
    mode: Mode,
    readers: Readers,
    symbologies: frozenset[Symbology],
    glimpsed: Callable[[], list[Read]],
) -> Iterator[Attempt]:
    """Stages 3 and 4."""
    import numpy as np

    from scanner.decode import locate, maxicode, retouch
    from scanner.decode.two_of_five import TwoOfFive

    def seconded(stage: int, crop: str, pixels: Pixels, place: Callable[[Box], Box]) -> Iterator[Attempt]:
        yield Attempt(stage, crop, pixels, place, readers.first)
        if readers.second is not None and glimpsed():
            yield Attempt(stage, crop, pixels, place, readers.second)

    crops = [(f"bars {rank}", crop) for rank, crop in enumerate(locate.bars(np.asarray(picture)))]
    for name, crop in crops:
        yield from seconded(3, name, crop.pixels, crop.in_picture)
        yield Attempt(3, name, crop.pixels, crop.in_picture, readers.first, rough=True)
    if Symbology.TWO_OF_FIVE in symbologies:
        two_of_five = TwoOfFive()
        for name, crop in crops:
            for half, part in locate.halves(crop):
                yield Attempt(
                    3, f"{name} {half}", part.pixels, part.in_picture, two_of_five, only=Symbology.TWO_OF_FIVE
                )
    if Symbology.MAXICODE in symbologies:
        angles = [crop.turned for _, crop in crops]
        for rank, crop in enumerate(maxicode.symbols(np.asarray(whole), angles)):
            place = _then(crop.in_picture, enlarge)
            yield Attempt(3, f"eye {rank}", crop.pixels, place, readers.first, only=Symbology.MAXICODE)
    if mode is Mode.LIVE:
        return
    if readers.second is not None:
        for name, crop in crops:
            yield Attempt(4, name, crop.pixels, crop.in_picture, readers.second)
    for treatment in (retouch.evened, retouch.smoothed_along_bars):
        for name, crop in crops:
            treated = treatment(crop.pixels)
            yield Attempt(4, name, treated, crop.in_picture, readers.first)
            if readers.second is not None:
                yield Attempt(4, name, treated, crop.in_picture, readers.second)
    for name, view in retouch.views(np.asarray(whole)):
        yield from seconded(4, name, view.pixels, _then(view.in_picture, enlarge))


def _then(first: Callable[[Box], Box], second: Callable[[Box], Box]) -> Callable[[Box], Box]:
    return lambda box: second(first(box))


def _strip_through(picture: Image.Image, box: Box) -> tuple[Image.Image, Callable[[Box], Box]]:
    """The middle of the bars in `box` with room for quiet zones, and how its boxes lie in the picture.

    A few lines across the bars are all that a second reader needs, and cost a third of the whole code.
    """
    ends = [_middle(box[0], box[3]), _middle(box[1], box[2])]
    reach = [abs(ends[0][axis] - ends[1][axis]) for axis in (0, 1)]
    reading = 0 if reach[0] >= reach[1] else 1
    room = [0.0, 0.0]
    room[reading] = 15 + 0.12 * reach[reading]
    thickness = max(corner[1 - reading] for corner in box) - min(corner[1 - reading] for corner in box)
    room[1 - reading] = max(FEW_LINES, 0.2 * (thickness - reach[1 - reading]))
    left, top = (max(0, int(min(end[axis] for end in ends) - room[axis])) for axis in (0, 1))
    right, bottom = (min(picture.size[axis], math.ceil(max(end[axis] for end in ends) + room[axis])) for axis in (0, 1))

    def in_picture(seen: Box) -> Box:
        first, second, third, fourth = ((x + left, y + top) for x, y in seen)
        return (first, second, third, fourth)

    return picture.crop((left, top, right, bottom)), in_picture


def _middle(one: Corner, other: Corner) -> Corner:
    return ((one[0] + other[0]) / 2, (one[1] + other[1]) / 2)


def _working_frame(picture: Image.Image) -> tuple[Image.Image, Callable[[Box], Box]]:
    """The frame for whole-picture attempts, and how its boxes lie in the picture."""
    scale = max(1.0, (picture.width * picture.height / WORKING_PIXELS) ** 0.5)

    def in_picture(box: Box) -> Box:
        first, second, third, fourth = ((round(x * scale, 1), round(y * scale, 1)) for x, y in box)
        return (first, second, third, fourth)

    if scale == 1.0:
        return picture, in_picture
    size = (max(1, int(picture.width / scale)), max(1, int(picture.height / scale)))
    return picture.resize(size, Image.Resampling.BOX), in_picture
