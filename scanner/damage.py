"""What a belt, a lamp and a camera do to a label: picture in, worse picture out, the same for the same seed.

Lengths are in pixels of the picture given, so a strip at 3 px a module blurred by 3 px is blurred by one module.
Needs Pillow alone. Where readers stop under each damage is measured in `docs/reading.md`.
"""

from __future__ import annotations

import functools
import io
import math
import random
from dataclasses import dataclass
from statistics import NormalDist

from PIL import Image, ImageChops, ImageFilter

BELT = 150  # grey around the label


@dataclass(frozen=True, slots=True)
class Damage:
    """One frame's misfortunes; the defaults do nothing."""

    turn: float = 0.0  # degrees
    tilt: float = 0.0  # how much nearer one end of the label is than the middle: 0.1 is ten percent
    defocus: float = 0.0  # sigma of a Gaussian, px
    smear: float = 0.0  # length of the motion blur along the label, px
    light: float = 1.0  # share of the light left
    shade: float = 0.0  # how much darker the far end is, 0 to 1
    noise: float = 0.0  # standard deviation, grey levels of 255
    glare: float = 0.0  # share of the label's width washed out over its whole height
    covered: float = 0.0  # share of the label's width cut off at one end, by tape or the frame's edge
    jpeg: int | None = None  # quality, 1 to 95


def misfortune(rng: random.Random, severity: float) -> Damage:
    """A frame as a handheld sees it on a moving belt.

    `severity` 0 is a label on a desk; up to 1 every damage grows and more frames have glare or lie half outside
    the picture. At BUSY_BELT about nine frames in ten read. Raises ValueError outside 0 to 1.
    """
    if not 0.0 <= severity <= 1.0:
        raise ValueError(f"severity {severity} is outside 0 to 1")
    return Damage(
        turn=rng.gauss(0.0, 8.0 * severity),
        tilt=rng.uniform(-0.12, 0.12) * severity,
        defocus=rng.uniform(0.0, 2.0) * severity,
        smear=rng.uniform(0.0, 5.0) * severity,
        light=1.0 - rng.uniform(0.0, 0.8) * severity,
        shade=rng.uniform(0.0, 0.6) * severity,
        noise=rng.uniform(0.0, 16.0) * severity,
        glare=rng.uniform(0.02, 0.15) if rng.random() < 0.12 * severity else 0.0,
        covered=rng.uniform(0.02, 0.4) if rng.random() < 0.08 * severity else 0.0,
        jpeg=round(95 - rng.uniform(0.0, 60.0) * severity),
    )


BUSY_BELT = 0.5


def damaged(picture: Image.Image, damage: Damage, rng: random.Random) -> Image.Image:
    """The grey `picture` (mode `L`) after `damage`, in the order in which light meets it; the input stays as it is.

    The result is as large as the turned label with a margin of belt around it. `rng` places glare and noise.
    """
    worse = picture.copy()
    if damage.covered:
        _cover(worse, damage.covered, rng)
    if damage.glare:
        _wash_out(worse, damage.glare, rng)
    worse = _on_the_belt(worse, damage.turn, damage.tilt)
    if damage.smear:
        worse = worse.filter(ImageFilter.BoxBlur((damage.smear / 2, 0)))
    if damage.defocus:
        worse = worse.filter(ImageFilter.GaussianBlur(damage.defocus))
    if damage.shade or damage.light < 1.0:
        worse = _dimmed(worse, damage.light, damage.shade)
    if damage.noise:
        worse = _noisy(worse, damage.noise, rng)
    return _through_jpeg(worse, damage.jpeg) if damage.jpeg is not None else worse


def _cover(picture: Image.Image, share: float, rng: random.Random) -> None:
    width = round(picture.width * share)
    left = 0 if rng.random() < 0.5 else picture.width - width
    picture.paste(BELT, (left, 0, left + width, picture.height))


def _wash_out(picture: Image.Image, share: float, rng: random.Random) -> None:
    width = max(1, round(picture.width * share))
    left = rng.randrange(picture.width - width + 1)
    picture.paste(255, (left, 0, left + width, picture.height))


def _on_the_belt(picture: Image.Image, degrees: float, tilt: float) -> Image.Image:
    """Turned and seen at a slant: one projective map from the result's pixels back to the label's."""
    angle = math.radians(degrees)
    cos, sin = math.cos(angle), math.sin(angle)
    room = 1.0 + abs(tilt)
    width = math.ceil((picture.width * abs(cos) + picture.height * abs(sin)) * room) + 16
    height = math.ceil((picture.width * abs(sin) + picture.height * abs(cos)) * room) + 16
    # About both middles: label = middle + R (result - middle) / (1 + slant * (result - middle).x)
    slant = 2.0 * tilt / width
    mid_x, mid_y, label_x, label_y = width / 2, height / 2, picture.width / 2, picture.height / 2
    nearness = 1.0 - slant * mid_x
    rows = (
        (cos + label_x * slant, sin, -cos * mid_x - sin * mid_y + label_x * nearness),
        (-sin + label_y * slant, cos, sin * mid_x - cos * mid_y + label_y * nearness),
    )
    back = [value / nearness for row in rows for value in row] + [slant / nearness, 0.0]
    return picture.transform(
        (width, height), Image.Transform.PERSPECTIVE, back, Image.Resampling.BICUBIC, fillcolor=BELT
    )


def _dimmed(picture: Image.Image, light: float, shade: float) -> Image.Image:
    fall = Image.linear_gradient("L").rotate(90).resize(picture.size)
    lamp = fall.point([round(255 * light * (1.0 - shade * level / 255)) for level in range(256)])
    return ImageChops.multiply(picture, lamp)


def _noisy(picture: Image.Image, sigma: float, rng: random.Random) -> Image.Image:
    dice = Image.frombytes("L", picture.size, rng.randbytes(picture.width * picture.height))
    grain = dice.point([min(255, max(0, round(128 + sigma * quantile))) for quantile in _normal_quantiles()])
    return ImageChops.add(picture, grain, scale=1, offset=-128)


@functools.cache
def _normal_quantiles() -> tuple[float, ...]:
    """The middle of each 256th of a standard normal distribution: an even die through these is normal noise."""
    bell = NormalDist()
    return tuple(bell.inv_cdf((slot + 0.5) / 256) for slot in range(256))


def _through_jpeg(picture: Image.Image, quality: int) -> Image.Image:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    with Image.open(file) as compressed:
        compressed.load()
        return compressed
