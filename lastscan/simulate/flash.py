"""The flash of a simulated handheld: the shipped simulator's, with faults drawn at each call."""

import random
from collections.abc import Callable

from firmware_sim.chip import Chip
from firmware_sim.flash import Flash
from lastscan.simulate.faults import Faults

ROOMY, NARROW = 24, 6  # blocks of 16 KiB


class KilledError(BaseException):
    """The program ends here, wherever it is; nothing in it may catch this and go on."""


class FaultyFlash(Flash):
    """`on_kill` is told when a program dies in the middle of a call."""

    def __init__(self, chance: random.Random, faults: Faults, on_kill: Callable[[], None]) -> None:
        blocks = NARROW if faults.disk_full else ROOMY
        super().__init__(chance, chip=Chip(chance, blocks=blocks, bad_share=0.0), flush_fails=faults.flush_fails)
        self._faults = faults
        self._on_kill = on_kill

    def heal(self) -> None:
        self._faults = self._faults.only(())
        self.flush_fails = 0.0
        self.fails.clear()
        self.chip.cut_after = None

    def append(self, name: str, content: bytes) -> None:
        self._may_die()
        if self._chance.random() < self._faults.write_fails:
            self.fails.add("append")
        super().append(name, content)
        self._may_die()

    def flush(self, name: str) -> None:
        super().flush(name)
        self._may_die()

    def replace(self, name: str, content: bytes) -> None:
        self._may_die()
        if self._chance.random() < self._faults.write_fails:
            self.fails.add("replace")
        super().replace(name, content)
        self._may_die()

    def _may_die(self) -> None:
        if self._chance.random() < self._faults.kill:
            self._on_kill()
            raise KilledError
