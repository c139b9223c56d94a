"""A page as SVG, at its size on paper, one user unit a printer dot."""

from __future__ import annotations

from xml.sax.saxutils import escape

from scanner.label.page import BASELINE, Line, Page, Rectangle

FONTS = "'Noto Sans','Noto Sans SC','Noto Sans CJK SC','PingFang SC','Microsoft YaHei','Source Han Sans SC',sans-serif"


def svg(page: Page) -> bytes:
    """A stand-alone document without scripts, styles or links; texts are escaped.

    Letters are the viewer's, pressed into the width that ours have.
    """
    body = []
    for item in page.items:
        match item:
            case Line():
                body.append(_text(item))
            case Rectangle():
                body.append(_path((item,)))
            case _:
                body.append(_path(item.rectangles()))
    wide, high = page.width // page.dots_per_mm, page.height // page.dots_per_mm
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide}mm" height="{high}mm" '
        f'viewBox="0 0 {page.width} {page.height}" font-family="{FONTS}" font-weight="bold">\n'
        f'<rect width="{page.width}" height="{page.height}" fill="#fff"/>\n'
        f"{''.join(body)}</svg>\n"
    ).encode("utf-8", "replace")


def _path(rectangles: tuple[Rectangle, ...]) -> str:
    drawn = "".join(f"M{black.x} {black.y}h{black.width}v{black.height}h-{black.width}z" for black in rectangles)
    return f'<path d="{drawn}" shape-rendering="crispEdges"/>\n'


def _text(line: Line) -> str:
    baseline = line.y + round(line.size * BASELINE)
    turn = f' transform="rotate(180 {line.x + line.width / 2} {line.y + line.size / 2})"' if line.upside_down else ""
    fill = ' fill="#fff"' if line.white else ""
    return (
        f'<text x="{line.x}" y="{baseline}" font-size="{line.size}" textLength="{line.width}" '
        f'lengthAdjust="spacingAndGlyphs"{fill}{turn}>{escape(line.text)}</text>\n'
    )
