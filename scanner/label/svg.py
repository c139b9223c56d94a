"""A label as SVG, 100 x 150 mm, one user unit a printer dot."""

from __future__ import annotations

from xml.sax.saxutils import escape

from scanner.label.layout import HEIGHT, WIDTH, Label, Line, layout


def svg(label: Label) -> bytes:
    """A stand-alone document without scripts, styles or links; texts are escaped. Raises UnprintableLabelError."""
    plan = layout(label)
    bars = "".join(f"M{bar.x} {bar.y}h{bar.width}v{bar.height}h-{bar.width}z" for bar in plan.bars.rectangles())
    lines = "".join(_text(line) for line in plan.lines)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<svg xmlns="http://www.w3.org/2000/svg" width="100mm" height="150mm" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif">\n'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>\n'
        f'<path d="{bars}" shape-rendering="crispEdges"/>\n{lines}</svg>\n'
    ).encode()


def _text(line: Line) -> str:
    baseline = line.y + round(line.size * 0.8)
    return f'<text x="{line.x}" y="{baseline}" font-size="{line.size}">{escape(line.text)}</text>\n'
