"""Pages as PDF, at their size on paper, drawn by reportlab."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image
from reportlab.lib.units import mm
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from scanner.label.ink import ink
from scanner.label.page import BASELINE, Line, Page, Rectangle
from scanner.label.typeface import OUR_FACE, OURS

NAME = "LabelSans-Bold"
FINEST = 16  # dots a millimetre, of letters drawn as dots


def pdf(pages: Sequence[Page], font: Path | None = None) -> bytes:
    """The same pages always give the same bytes. Our typeface goes along in the file; letters it lacks are drawn as
    dots from the machine's, so that no reader of the file needs a font. Raises UnprintableLabelError when none has
    them.
    """
    if NAME not in pdfmetrics.getRegisteredFontNames():
        pdfmetrics.registerFont(TTFont(NAME, str(OURS)))
    file = io.BytesIO()
    canvas = Canvas(file, invariant=True, pageCompression=1)
    canvas.setTitle("Lastscan label" if len(pages) == 1 else "Lastscan labels")
    for page in pages:
        dot = mm / page.dots_per_mm
        canvas.setPageSize((page.width * dot, page.height * dot))
        canvas.translate(0, page.height * dot)
        canvas.scale(dot, -dot)  # from here on in dots, from the top left
        _draw(canvas, page, font)
        canvas.showPage()
    canvas.save()
    return file.getvalue()


def _draw(canvas: Any, page: Page, font: Path | None) -> None:
    for item in page.items:
        match item:
            case Line() if OUR_FACE.has(item.text):
                _write(canvas, item)
            case Line():
                _dots(canvas, item, font, max(FINEST // page.dots_per_mm, 1))
            case Rectangle():
                _fill(canvas, (item,))
            case _:
                _fill(canvas, item.rectangles())


def _fill(canvas: Any, rectangles: tuple[Rectangle, ...]) -> None:
    """All in one path: a viewer that smooths edges then leaves no hair lines between neighbours."""
    path = canvas.beginPath()
    for black in rectangles:
        path.rect(black.x, black.y, black.width, black.height)
    canvas.drawPath(path, stroke=0, fill=1)


def _write(canvas: Any, line: Line) -> None:
    canvas.saveState()
    canvas.setFillGray(1 if line.white else 0)
    canvas.translate(line.x + line.width / 2, line.y + line.size / 2)
    canvas.scale(-1 if line.upside_down else 1, 1 if line.upside_down else -1)
    canvas.setFont(NAME, line.size)
    canvas.drawString(-line.width / 2, line.size * (0.5 - BASELINE), line.text)
    canvas.restoreState()


def _dots(canvas: Any, line: Line, font: Path | None, scale: int) -> None:
    letters = ink(line, font, scale=scale)
    image = Image.new("RGBA", letters.picture.size, "white" if line.white else "black")
    image.putalpha(letters.picture)
    canvas.saveState()
    canvas.translate(letters.x / scale, letters.y / scale)
    canvas.scale(1, -1)
    high = image.height / scale
    canvas.drawImage(ImageReader(image), 0, -high, image.width / scale, high, mask="auto")
    canvas.restoreState()
