"""Lines of text as dots: for pictures, for thermal printers, and for letters a PDF cannot embed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw

from scanner.label.page import BASELINE, Line
from scanner.label.typeface import face_for


@dataclass(frozen=True, slots=True)
class Ink:
    """Where a line has ink (mode `L`, 255 is ink), and where the picture's top left corner stands."""

    picture: Image.Image
    x: int
    y: int


def ink(line: Line, font: Path | None = None, *, scale: int = 1) -> Ink:
    """The line as dots, `scale` of them for each dot of the page, cut to what has ink.

    Raises UnprintableLabelError when no typeface has its letters.
    """
    face = face_for(line.text, font).at(line.size * scale)
    wide, size = max(line.width, 1) * scale, line.size * scale
    drawn = max(round(face.getlength(line.text)), 1)
    around = size // 2  # accents above and tails below stand out of the box
    picture = Image.new("L", (drawn + 2 * around, size + 2 * around), 0)
    ImageDraw.Draw(picture).text((around, around + round(size * BASELINE)), line.text, fill=255, font=face, anchor="ls")
    if drawn > wide + 1:
        picture = picture.resize((picture.width * wide // drawn, picture.height))
        around_x = around * wide // drawn
    else:
        around_x = around
    box = picture.getbbox() or (0, 0, 1, 1)
    picture = picture.crop(box)
    left, top = box[0] - around_x, box[1] - around
    if line.upside_down:
        picture = picture.transpose(Image.Transpose.ROTATE_180)
        left, top = wide - left - picture.width, size - top - picture.height
    return Ink(picture, line.x * scale + left, line.y * scale + top)
