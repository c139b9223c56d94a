"""What a scanner sees: a label drawn, damaged by the belt, and read from its pixels, frame by frame."""

import random
from dataclasses import dataclass

from scanner.camera import LabelCamera
from scanner.decode import Reader
from scanner.label import strip
from scanner.symbology import Symbology

FRAMES_IN_PASSING = 6
FRAMES_A_LOOK = 4  # then the courier takes the thing in hand, turns to the light and aims anew
GIVE_UP_AFTER = 60


class NeverReadError(RuntimeError):
    """No frame of a label could be read. Print a new label; the demo has none so bad."""


@dataclass(frozen=True, slots=True)
class Sight:
    """One label read: what was drawn, what was read, and how many frames that took."""

    drawn: str
    read: str
    sym: str
    frames: int

    @property
    def is_wrong(self) -> bool:
        return self.drawn != self.read


class Eyes:
    """Reads labels with the shipped `Reader`. Belongs to one thread."""

    def __init__(self, severity: float) -> None:
        self._severity = severity
        self._reader = Reader(lengths={"itf": [10]})

    def glance(self, text: str, sym: str, seed: str) -> Sight | None:
        """The frames of one pull of the trigger; None where not one of them reads."""
        chance = random.Random(seed)
        camera = LabelCamera(strip(text, Symbology(sym)), chance, self._severity)
        self._reader.next_label()
        for frame in range(1, FRAMES_IN_PASSING + 1):
            reads = self._reader.look(camera.frame())
            if reads:
                return Sight(text, reads[0].text, reads[0].symbology.value, frame)
        return None

    def look(self, text: str, sym: str, seed: str) -> Sight:
        """Frames of one label until one reads; the same seed sees the same frames. Nothing is ever typed."""
        chance = random.Random(seed)
        label = strip(text, Symbology(sym))
        severity, frames = self._severity, 0
        while frames < GIVE_UP_AFTER:
            camera = LabelCamera(label, chance, severity)
            self._reader.next_label()
            for _ in range(FRAMES_IN_PASSING if frames == 0 else FRAMES_A_LOOK):
                frames += 1
                reads = self._reader.look(camera.frame())
                if reads:
                    return Sight(text, reads[0].text, reads[0].symbology.value, frames)
            severity *= 0.6
        raise NeverReadError(f"{text}: {frames} frames and not one reads")
