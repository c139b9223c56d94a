"""A label as a picture: what a 203 dpi printer would put on paper, dot by dot."""

from __future__ import annotations

import functools
import io

from PIL import Image, ImageDraw, ImageFont

from scanner.label.layout import HEIGHT, WIDTH, Label, layout

DOTS_PER_INCH = {203: 1, 406: 2, 609: 3}  # what thermal printers have: whole dots a module in each


def draw(label: Label, dpi: int = 203) -> Image.Image:
    """The whole label in grey (mode `L`), 800 x 1200 pixels at 203 dpi; 406 and 609 are larger.

    Raises UnprintableLabelError, and ValueError for another resolution.
    """
    if dpi not in DOTS_PER_INCH:
        raise ValueError(f"{dpi} dpi would break bars between dots; choose one of {sorted(DOTS_PER_INCH)}")
    scale = DOTS_PER_INCH[dpi]
    plan = layout(label)
    picture = Image.new("L", (WIDTH * scale, HEIGHT * scale), 255)
    pen = ImageDraw.Draw(picture)
    for bar in plan.bars.rectangles():
        right, bottom = bar.x + bar.width, bar.y + bar.height
        picture.paste(0, (bar.x * scale, bar.y * scale, right * scale, bottom * scale))
    for line in plan.lines:
        pen.text((line.x * scale, line.y * scale), line.text, fill=0, font=_font(line.size * scale))
    return picture


def png(label: Label) -> bytes:
    """The label as a PNG file that knows its size on paper."""
    file = io.BytesIO()
    draw(label).save(file, "PNG", dpi=(203.2, 203.2), optimize=True)
    return file.getvalue()


@functools.cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
