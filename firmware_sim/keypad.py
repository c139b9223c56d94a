"""The keypad: a person types what does not scan, and now and then slips. Only a check digit finds that."""

import random
from dataclasses import dataclass

from tracker.domain.ids import readings


@dataclass(frozen=True, slots=True)
class Keyed:
    """A number as it was typed in the end. `slips`: how often the device said that it cannot be right."""

    meant: str
    typed: str
    slips: int = 0

    @property
    def is_wrong(self) -> bool:
        return self.meant != self.typed


class Keypad:
    """`slips` is the chance that a digit comes out as its neighbour on the keypad."""

    def __init__(self, chance: random.Random, *, slips: float = 0.005) -> None:
        self._chance = chance
        self._slips = slips

    def type(self, number: str) -> Keyed:
        """Type it, and again as long as the device can tell that it is wrong."""
        noticed = 0
        while True:
            typed = "".join(self._key(letter) for letter in number)
            if typed == number or not _forms(number) or _forms(number) & _forms(typed):
                return Keyed(number, typed, noticed)
            noticed += 1

    def _key(self, letter: str) -> str:
        if letter.isdigit() and self._chance.random() < self._slips:
            return self._chance.choice(_NEIGHBOURS[letter])
        return letter


def _forms(number: str) -> frozenset[str]:
    return frozenset(reading.scheme for reading in readings(number))


_NEIGHBOURS = {
    "0": "8", "1": "24", "2": "135", "3": "26", "4": "157", "5": "2468", "6": "359", "7": "48", "8": "5790", "9": "68",
}  # fmt: skip
"""On a keypad laid out like a telephone's."""
