"""The scan engine: the trigger is pulled, frames come, and a label is read from its pixels or is not.

A misread is real damage that the shipped reader met; no text is ever made up here.
"""

import random
from typing import Protocol

from firmware_sim.sight import Eyes, Sight

BELT = 0.4  # how rough labels are treated where somebody sees to the lamps


class Engine(Protocol):
    """Anything with a trigger."""

    def trigger(self, code: str, sym: str) -> Sight | None:
        """Point it at a label and pull: what was read, or nothing in the frames of one pull."""


class ScanEngine:
    """Draws the label, damages it anew with each frame, and reads it. The same seed and pulls see the same frames."""

    def __init__(self, seed: str, *, severity: float = BELT) -> None:
        self._seed = seed
        self._eyes = Eyes(severity)
        self._pulls = 0

    def trigger(self, code: str, sym: str) -> Sight | None:
        self._pulls += 1
        return self._eyes.glance(code, sym, f"{self._seed}/{self._pulls}")


class PatternEngine:
    """Each label is drawn and read from its pixels once, and seen again like that ever after.

    For load, where what matters is custody and not pixels: `misses` of the pulls read nothing all the same.
    """

    def __init__(self, engine: Engine, chance: random.Random, *, misses: float = 0.02) -> None:
        self._engine = engine
        self._chance = chance
        self._misses = misses
        self._seen: dict[tuple[str, str], Sight] = {}

    def trigger(self, code: str, sym: str) -> Sight | None:
        if self._chance.random() < self._misses:
            return None
        label = code, sym
        if label not in self._seen:
            sight = self._engine.trigger(code, sym)
            if sight is None:
                return None
            self._seen[label] = sight
        return self._seen[label]
