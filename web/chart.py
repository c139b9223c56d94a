"""Maps drawn by the server: coast, lines and places of one journey or one network, in a projection of their own.

Azimuthal equidistant, centred on what is shown, so that a route over the Pacific is as whole as one over land and a
flight through the middle is a straight line.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise
from math import acos, asin, atan2, cos, degrees, hypot, pi, radians, sin
from pathlib import Path

from tracker.domain.network import EARTH_KM

COAST = Path(__file__).parent / "coast" / "world-110m.json"

Position = tuple[float, float]  # latitude, longitude
Point = tuple[float, float]  # x, y on the drawing

FAR_KM = 15_000.0
"""A coast that reaches farther than this from the middle may go around the other side of the earth."""


def great_circle(start: Position, end: Position, *, steps: int = 16) -> list[Position]:
    """The shortest way over the globe, both ends included."""
    return [on_the_way(start, end, done=step / steps) for step in range(steps + 1)]


def on_the_way(start: Position, end: Position, *, done: float) -> Position:
    """Where somebody is who has `done` this part, 0 to 1, of the shortest way."""
    a, b = _vector(start), _vector(end)
    angle = acos(max(-1.0, min(1.0, sum(p * q for p, q in zip(a, b, strict=True)))))
    if angle < 1e-9:
        return start
    before, after = sin((1 - done) * angle) / sin(angle), sin(done * angle) / sin(angle)
    x, y, z = (before * p + after * q for p, q in zip(a, b, strict=True))
    return degrees(atan2(z, hypot(x, y))), degrees(atan2(y, x))


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing of `width` by `height` units in which all the positions it was made for fit."""

    width: int
    height: int
    centre: Position
    scale: float  # units per kilometre
    shift: Point  # kilometres from the centre to the middle of the drawing

    def point(self, position: Position) -> Point:
        x, y = _plane(self.centre, position)
        return (
            self.width / 2 + (x - self.shift[0]) * self.scale,
            self.height / 2 - (y - self.shift[1]) * self.scale,
        )

    def line(self, start: Position, end: Position) -> str:
        """A path along the great circle."""
        return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in map(self.point, great_circle(start, end)))

    @property
    def coast(self) -> str:
        """One path of all land in the box, to be filled by the even-odd rule."""
        return _coast(self)

    @property
    def borders(self) -> str:
        return _borders(self)


def chart_for(positions: Iterable[Position], *, width: int, height: int, margin: int, least_km: float) -> Chart:
    """Fits all positions with a margin; never shows less than `least_km` across, for a coast to be known by."""
    known = list(positions)
    xs, ys, zs = zip(*(_vector(p) for p in known), strict=True)
    centre = (degrees(atan2(sum(zs), hypot(sum(xs), sum(ys)))), degrees(atan2(sum(ys), sum(xs))))
    plane = [_plane(centre, p) for p in known]
    left, right = min(x for x, _ in plane), max(x for x, _ in plane)
    low, high = min(y for _, y in plane), max(y for _, y in plane)
    scale = min(
        (width - 2 * margin) / max(right - left, least_km * (1 - 2 * margin / width)),
        (height - 2 * margin) / max(high - low, 1.0),
    )
    return Chart(width, height, centre, scale, ((left + right) / 2, (low + high) / 2))


@dataclass(frozen=True, slots=True)
class Label:
    """A word beside its place; `anchor` is how SVG aligns it."""

    text: str
    x: float
    y: float
    anchor: str


def labels(
    chart: Chart,
    places: Sequence[tuple[Point, str]],
    *,
    size: float,
    gap: float,
    avoid: Sequence[Point] = (),
    lines: Sequence[Point] = (),
) -> list[Label]:
    """Words set beside their places, the first ones first; one that would cover another, or a place, is left out.

    They keep off `lines`, given as points along them, where there is room.
    """
    spots = [*(point for point, _ in places), *avoid]
    taken = [(x - gap / 2, y - gap / 2, x + gap / 2, y + gap / 2) for x, y in spots]
    placed: list[Label] = []
    for (x, y), text in places:
        wide = sum(size if ord(letter) > 0x2E80 else size * 0.58 for letter in text)
        around = (
            (Label(text, x + gap, y + size * 0.35, "start"), (x + gap, y - size * 0.6, x + gap + wide, y + size * 0.6)),
            (Label(text, x - gap, y + size * 0.35, "end"), (x - gap - wide, y - size * 0.6, x - gap, y + size * 0.6)),
            (Label(text, x, y - gap, "middle"), (x - wide / 2, y - gap - size, x + wide / 2, y - gap)),
            (Label(text, x, y + gap + size * 0.8, "middle"), (x - wide / 2, y + gap, x + wide / 2, y + gap + size)),
        )
        free = [
            (label, box)
            for label, box in around
            if box[0] >= 2 and box[2] <= chart.width - 2 and box[1] >= 2 and box[3] <= chart.height - 2
            if not any(_overlap(box, other) for other in taken)
        ]
        clear = [(label, box) for label, box in free if not any(_holds(box, point) for point in lines)]
        for label, box in (clear or free)[:1]:
            placed.append(label)
            taken.append(box)
    return placed


Box = tuple[float, float, float, float]


def _holds(box: Box, point: Point) -> bool:
    return box[0] <= point[0] <= box[2] and box[1] <= point[1] <= box[3]


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _vector(position: Position) -> tuple[float, float, float]:
    latitude, longitude = map(radians, position)
    return cos(latitude) * cos(longitude), cos(latitude) * sin(longitude), sin(latitude)


def _plane(centre: Position, position: Position) -> Point:
    """Kilometres east and north of the centre; distances and directions from there are true."""
    lat0, lon0, lat, lon = radians(centre[0]), radians(centre[1]), radians(position[0]), radians(position[1])
    sine = sin(lat0) * sin(lat) + cos(lat0) * cos(lat) * cos(lon - lon0)
    angle = pi / 2 - asin(max(-1.0, min(1.0, sine)))
    bearing = atan2(sin(lon - lon0) * cos(lat), cos(lat0) * sin(lat) - sin(lat0) * cos(lat) * cos(lon - lon0))
    return EARTH_KM * angle * sin(bearing), EARTH_KM * angle * cos(bearing)


@cache
def _world() -> tuple[tuple[tuple[Position, ...], ...], tuple[tuple[Position, ...], ...]]:
    world = json.loads(COAST.read_text())

    def lines(flat: list[list[int]]) -> tuple[tuple[Position, ...], ...]:
        return tuple(tuple((lat / 10, lon / 10) for lon, lat in zip(one[::2], one[1::2], strict=True)) for one in flat)

    return lines(world["land"]), lines(world["borders"])


@lru_cache(maxsize=256)
def _coast(chart: Chart) -> str:
    drawn = []
    for ring in _world()[0]:
        far = max(hypot(*_plane(chart.centre, p)) for p in ring) > FAR_KM
        points = [chart.point(p) for p in ring]
        if far and _area(points) < 0 and len(points) > 30:  # it goes around the other side: land is what is outside
            drawn.append(f"M0 0H{chart.width}V{chart.height}H0Z")
        cut = _clipped(points, chart)
        if len(cut) > 2 and abs(_area(cut)) > 4:
            drawn.append(_path(cut) + "Z")
    return "".join(drawn)


@lru_cache(maxsize=256)
def _borders(chart: Chart) -> str:
    drawn = []
    for line in _world()[1]:
        points = [chart.point(p) for p in line]
        run: list[Point] = []
        for point in points:
            if -40 <= point[0] <= chart.width + 40 and -40 <= point[1] <= chart.height + 40:
                run.append(point)
            else:
                drawn += [_path(run)] if len(run) > 1 else []
                run = []
        drawn += [_path(run)] if len(run) > 1 else []
    return "".join(drawn)


def _area(points: Sequence[Point]) -> float:
    """Twice-signed: above nothing for a ring that runs as the coasts of our file do, on a page whose y points down."""
    return sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(points, [*points[1:], points[0]], strict=True)) / 2


def _clipped(points: list[Point], chart: Chart) -> list[Point]:
    """Sutherland and Hodgman, against the four sides of the drawing and a little more."""
    slack = 4.0
    for axis, limit, sign in (
        (0, -slack, 1),
        (0, chart.width + slack, -1),
        (1, -slack, 1),
        (1, chart.height + slack, -1),
    ):
        kept: list[Point] = []
        for a, b in zip(points, [*points[1:], *points[:1]], strict=True):
            inside_a, inside_b = sign * (a[axis] - limit) >= 0, sign * (b[axis] - limit) >= 0
            if inside_a:
                kept.append(a)
            if inside_a != inside_b:
                part = (limit - a[axis]) / (b[axis] - a[axis])
                kept.append((a[0] + part * (b[0] - a[0]), a[1] + part * (b[1] - a[1])))
        points = kept
    return points


def _path(points: Sequence[Point]) -> str:
    """Whole units, each step from the point before, repeats left out: a third of the bytes, and nobody sees it."""
    rounded = [(round(x), round(y)) for x, y in points]
    if not rounded:
        return ""
    spelled = [f"M{rounded[0][0]} {rounded[0][1]}"]
    for before, after in pairwise(rounded):
        dx, dy = after[0] - before[0], after[1] - before[1]
        if dx or dy:
            spelled.append(f"l{dx} {dy}")
    return "".join(spelled)
