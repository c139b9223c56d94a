"""Where a virtual handheld keeps its journal: files that outlive this program, or a flash chip of its own."""

from pathlib import Path
from typing import Protocol

from firmware_sim.flash import Flash
from scanner.disk import Disk, FileDisk


class Storage(Protocol):
    """A disk that is there while the device is on."""

    @property
    def is_on(self) -> bool:
        """Whether there is power, once opened."""

    def open(self) -> Disk:
        """The device starts."""

    def close(self) -> None:
        """It is switched off in good order."""

    def power_cut(self) -> None:
        """It is not."""


class Directory:
    """A folder of files. Power cuts cost nothing here but what a killed program would lose."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._disk: FileDisk | None = None

    @property
    def is_on(self) -> bool:
        return self._disk is not None

    def open(self) -> Disk:
        self.close()
        self._disk = FileDisk(self._folder)
        return self._disk

    def close(self) -> None:
        if self._disk is not None:
            self._disk.close()
            self._disk = None

    def power_cut(self) -> None:
        self.close()


class Soldered:
    """A flash chip, gone with this program."""

    def __init__(self, flash: Flash) -> None:
        self.flash = flash

    @property
    def is_on(self) -> bool:
        return self.flash.is_on

    def open(self) -> Disk:
        self.flash.power_on()
        return self.flash

    def close(self) -> None:
        """Nobody writes any more; what was not flushed is as lost as by a cut."""
        self.flash.power_cut()

    def power_cut(self) -> None:
        self.flash.power_cut()
