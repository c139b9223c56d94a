"""The figures of a replay as one SVG: is a chance of 70 % missed in 7 of 10, and what does each threshold trade."""

from collections.abc import Sequence
from xml.sax.saxutils import escape

from lastscan.replay.judged import STEPS, Judged

SIDE, MARGIN, GAP = 320, 56, 90
INK, GRID = "#1a1a1a", "#d0d0d0"
COLOURS = {"gate_out": "#b35900", "gate_in": "#00558c"}
NAMES = {"gate_out": "when the inbound left", "gate_in": "when it came in"}


def drawing(judged: Sequence[Judged], title: str) -> str:
    """Left: said against missed, by tenths. Right: recall against precision, a dot for each tenth of the threshold."""
    right = MARGIN + SIDE + GAP
    width, height = right + SIDE + MARGIN // 2, SIDE + 2 * MARGIN + 24
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" font-family="sans-serif"'
        f' font-size="12" fill="{INK}"><title>{escape(title)}</title><rect width="100%" height="100%" fill="#fff"/>',
        f'<text x="{MARGIN}" y="22" font-size="15" font-weight="bold">{escape(title)}</text>',
        *_axes(MARGIN, "chance said", "share missed"),
        f'<path d="M{_spot(MARGIN, 0, 0)}L{_spot(MARGIN, 1, 1)}" stroke="{GRID}" stroke-width="2"/>',
        *_axes(right, "recall: share of the missed that were said", "precision: share of the said that were missed"),
    ]
    for at, each in enumerate(judged):
        colour = COLOURS[each.moment]
        tenths = [(float(b["said"]), float(b["missed"])) for b in each.calibration()]
        parts += [_line(MARGIN, tenths, colour), *(_dot(MARGIN, *spot, colour) for spot in tenths)]
        curve = []
        for threshold in STEPS:
            figures = each.at(threshold)
            if figures["recall"] is not None and figures["precision"] is not None:
                spot = (figures["recall"], figures["precision"])
                curve.append(spot)
                if round(threshold * 100) % 10 == 0:
                    parts.append(_dot(right, *spot, colour))
        parts.append(_line(right, curve, colour))
        y = height - 10
        x = MARGIN + at * 240
        parts.append(f'<rect x="{x}" y="{y - 10}" width="12" height="12" fill="{colour}"/>')
        parts.append(f'<text x="{x + 18}" y="{y}">{escape(NAMES[each.moment])}</text>')
    return "\n".join((*parts, "</svg>")) + "\n"


def _spot(left: int, x: float, y: float) -> str:
    return f"{left + x * SIDE:.1f},{MARGIN + (1 - y) * SIDE:.1f}"


def _line(left: int, spots: Sequence[tuple[float, float]], colour: str) -> str:
    points = " ".join(_spot(left, *spot) for spot in spots)
    return f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'


def _dot(left: int, x: float, y: float, colour: str) -> str:
    cx, cy = _spot(left, x, y).split(",")
    return f'<circle cx="{cx}" cy="{cy}" r="4" fill="{colour}"/>'


def _axes(left: int, below: str, beside: str) -> list[str]:
    parts = []
    for tenth in range(0, 11, 2):
        share = tenth / 10
        parts.append(
            f'<path d="M{_spot(left, share, 0)}V{MARGIN}M{_spot(left, 0, share)}H{left + SIDE}" stroke="{GRID}"/>'
        )
        x, y = left + share * SIDE, MARGIN + (1 - share) * SIDE
        parts.append(f'<text x="{x:.1f}" y="{MARGIN + SIDE + 16}" text-anchor="middle">{share:.1f}</text>')
        parts.append(f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{share:.1f}</text>')
    middle = MARGIN + SIDE / 2
    parts.append(f'<text x="{left + SIDE / 2}" y="{MARGIN + SIDE + 34}" text-anchor="middle">{escape(below)}</text>')
    parts.append(
        f'<text x="{left - 36}" y="{middle}" text-anchor="middle" transform="rotate(-90 {left - 36} {middle})">'
        f"{escape(beside)}</text>"
    )
    return parts
