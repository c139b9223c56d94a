"""Labels as PDF, one page of 100 x 150 mm each, drawn by reportlab."""

from __future__ import annotations

import io
from collections.abc import Sequence

from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from scanner.label.layout import DOTS_PER_MM, HEIGHT, WIDTH, Label, layout

DOT = mm / DOTS_PER_MM  # points


def pdf(labels: Sequence[Label]) -> bytes:
    """The same labels always give the same bytes. Letters beyond western Europe's print as `?`; bars do not care.

    Raises UnprintableLabelError.
    """
    plans = [layout(label) for label in labels]
    file = io.BytesIO()
    canvas = Canvas(file, pagesize=(WIDTH * DOT, HEIGHT * DOT), invariant=True, pageCompression=0)
    canvas.setTitle("Lastscan label" if len(plans) == 1 else "Lastscan labels")
    for plan in plans:
        for bar in plan.bars.rectangles():
            canvas.rect(
                bar.x * DOT, (HEIGHT - bar.y - bar.height) * DOT, bar.width * DOT, bar.height * DOT, stroke=0, fill=1
            )
        for line in plan.lines:
            canvas.setFont("Helvetica", line.size * DOT)
            canvas.drawString(line.x * DOT, (HEIGHT - line.y - line.size * 0.8) * DOT, _western(line.text))
        canvas.showPage()
    canvas.save()
    return file.getvalue()


def _western(text: str) -> str:
    return text.replace("→", ">").encode("cp1252", "replace").decode("cp1252")
