"""A page as a picture: what a thermal printer puts on paper, dot by dot, with soft edges of letters."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from scanner.label.forms import page_of
from scanner.label.ink import ink
from scanner.label.label import Label
from scanner.label.page import Line, Page, Rectangle

MM_PER_INCH = 25.4


def draw(label: Label, dpi: int = 203, font: Path | None = None) -> Image.Image:
    """The whole label in grey (mode `L`); a parcel's has 800 x 1200 pixels at 203 dpi. Raises as `page_of` does."""
    return picture_of(page_of(label, dpi), font)


def png(page: Page, font: Path | None = None) -> bytes:
    """The page as a PNG file that knows its size on paper."""
    file = io.BytesIO()
    dpi = page.dots_per_mm * MM_PER_INCH
    picture_of(page, font).save(file, "PNG", dpi=(dpi, dpi), optimize=True)
    return file.getvalue()


def picture_of(page: Page, font: Path | None = None) -> Image.Image:
    """The page in grey. Raises UnprintableLabelError when no typeface has its letters."""
    picture = Image.new("L", (page.width, page.height), 255)
    for item in page.items:
        match item:
            case Line():
                letters = ink(item, font)
                colour = 255 if item.white else 0
                picture.paste(colour, (letters.x, letters.y), letters.picture)
            case Rectangle():
                _fill(picture, item)
            case _:
                for black in item.rectangles():
                    _fill(picture, black)
    return picture


def _fill(picture: Image.Image, black: Rectangle) -> None:
    picture.paste(0, (black.x, black.y, black.x + black.width, black.y + black.height))
