"""What reading a label costs, beside its limit: one look of zxing-cpp at the same frames, whatever it makes of them."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from lastscan.bench.harness import Stopwatch, peak_mb, percentile
from scanner.camera import LabelCamera
from scanner.damage import BUSY_BELT
from scanner.decode import Reader
from scanner.decode.readers import Zxing
from scanner.label import strip
from scanner.measure import LENGTHS, number
from scanner.symbology import Symbology

_SYMBOLOGIES = (Symbology.CODE128, Symbology.ITF)


@dataclass(frozen=True, slots=True)
class Plan:
    frames: int
    seed: int


@dataclass(frozen=True, slots=True)
class _Label:
    text: str
    frame: Image.Image


@dataclass(frozen=True, slots=True)
class _Looks:
    """One look at each frame: how many were read as they are, how many otherwise, and what each took."""

    right: int
    wrong: int
    seconds: Sequence[float]
    cpu_ms: float


def measure(plan: Plan) -> dict[str, Any]:
    """One frame each of parcels' labels and bags' tags on a busy belt, by the whole cascade and by zxing-cpp alone."""
    rng = random.Random(plan.seed)
    labels = [_label(rng, _SYMBOLOGIES[turn % 2]) for turn in range(plan.frames)]
    ours, limit = _look(labels, _cascade()), _look(labels, _zxing_alone())
    return {
        "frames": plan.frames,
        "seed": plan.seed,
        "read_share": round(ours.right / plan.frames, 4),
        "wrong": ours.wrong,
        "cpu_ms": round(ours.cpu_ms, 2),
        "p50_ms": round(percentile(ours.seconds, 0.5) * 1000, 2),
        "p95_ms": round(percentile(ours.seconds, 0.95) * 1000, 2),
        "zxing_read_share": round(limit.right / plan.frames, 4),
        "zxing_wrong": limit.wrong,
        "zxing_cpu_ms": round(limit.cpu_ms, 2),
        "speed_of_zxing": round(limit.cpu_ms / ours.cpu_ms, 3),
        "peak_mb": peak_mb(),
    }


def _label(rng: random.Random, symbology: Symbology) -> _Label:
    text = number(rng, symbology)
    return _Label(text, LabelCamera(strip(text, symbology), rng, BUSY_BELT).frame())


def _cascade() -> Callable[[Image.Image], list[str]]:
    reader = Reader([symbology.value for symbology in _SYMBOLOGIES], LENGTHS)

    def read(frame: Image.Image) -> list[str]:
        reader.next_label()
        return [read.text for read in reader.look(frame)]

    return read


def _zxing_alone() -> Callable[[Image.Image], list[str]]:
    zxing, wanted = Zxing(), frozenset(_SYMBOLOGIES)
    return lambda frame: [sighting.text for sighting in zxing.read(np.asarray(frame), wanted)]


def _look(labels: Sequence[_Label], read: Callable[[Image.Image], list[str]]) -> _Looks:
    right = wrong = 0
    seconds = []
    read(labels[0].frame)  # what is made once only
    with Stopwatch() as all_of_them:
        for label in labels:
            with Stopwatch() as one:
                texts = read(label.frame)
            seconds.append(one.seconds)
            right += label.text in texts
            wrong += any(text != label.text for text in texts)
    return _Looks(right, wrong, seconds, all_of_them.cpu_us(len(labels)) / 1000)
