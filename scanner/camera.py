"""Where frames come from: a camera shows one label again and again, never twice the same."""

from __future__ import annotations

import random

from PIL import Image

from scanner.damage import BUSY_BELT, damaged, misfortune


class LabelCamera:
    """Looks at one drawn label on a moving belt.

    Each `frame()` is another grey picture (mode `L`) of the same label, damaged anew by `severity` (0 to 1), so a
    frame that does not read is followed by one that may. The same `rng` state gives the same frames.
    """

    def __init__(self, label: Image.Image, rng: random.Random, severity: float = BUSY_BELT) -> None:
        self._label = label
        self._rng = rng
        self._severity = severity

    def frame(self) -> Image.Image:
        return damaged(self._label, misfortune(self._rng, self._severity), self._rng)
