"""A virtual handheld: the shipped journal, state machine and MQTT link, on a clock and a radio of the simulator's."""

import random
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from firmware_sim.clock import Business, VirtualClock
from firmware_sim.journey import Handling
from firmware_sim.radio import Radio
from firmware_sim.sight import Sight
from scanner.handheld import Handheld
from scanner.journal import FileDisk, Journal
from scanner.link import Link
from tracker.wire import Address

FIRMWARE = "virtual 1"

OnBeep = Callable[[str, str, int, str], None]
"""Called with device, epoch, number and code after the scan is flushed to the journal: the beep."""


@dataclass(frozen=True, slots=True)
class Registration:
    """What a device was given when it was registered."""

    dev: str
    site: str
    key: str
    password: str


@dataclass(frozen=True, slots=True)
class Habits:
    """What is peculiar to one device: its clocks, its radio, and how often it drops a connection just after sending."""

    radio: Radio
    wall_offset: timedelta = timedelta(0)
    drift_ppm: float = 0.0
    flickers: float = 0.0  # share of scans whose receipt meets a dead connection, so that they are sent again


class VirtualDevice:
    """One handheld with its journal in `directory`; `start` before `scan`. Killing the process loses no beeped scan."""

    def __init__(
        self,
        registration: Registration,
        directory: Path,
        habits: Habits,
        *,
        url: str,
        business: Business,
        on_beep: OnBeep,
        chance: random.Random,
    ) -> None:
        self.registration = registration
        self._directory = directory
        self._habits = habits
        self._url = url
        self._business = business
        self._on_beep = on_beep
        self._chance = chance
        self._cut = False

    def start(self) -> None:
        """Switch on: read the journal, count a start of the device, and go on line as far as the radio allows."""
        self._disk = FileDisk(self._directory)
        journal = Journal(self._disk, new_epoch=lambda: secrets.token_hex(16))
        self._clock = VirtualClock(
            self._business,
            booted_at=self._business(),
            boot=journal.boot,
            wall_offset=self._habits.wall_offset,
            drift_ppm=self._habits.drift_ppm,
        )
        given = self.registration
        handheld = Handheld(journal, self._clock, self._chance, key=bytes.fromhex(given.key), firmware=FIRMWARE)
        self._link = Link(handheld, Address(given.site, given.dev), self._url, given.dev, given.password)
        if self._cut:
            self._link.cut()
        self._link.start()

    def stop(self) -> None:
        """Switch off. What waits stays in the journal."""
        self._link.stop()
        self._disk.close()

    def scan(self, handling: Handling, sight: Sight) -> None:
        """Record what was read, stamped with the moment of the handling, and beep."""
        with self._clock.at(handling.at):
            recorded = self._link.record(
                sight.read,
                sight.sym,
                handling.kind,
                at=handling.sort_point,
                into=handling.into,
                x=dict(handling.x) if handling.x else None,
            )
        self._on_beep(self.registration.dev, recorded.ep, recorded.q, sight.read)
        if not self._cut and self._chance.random() < self._habits.flickers:
            self._link.cut()
            self._link.restore()

    def heed_radio(self, now: datetime) -> None:
        """Go off or on line as the radio has it at this business time."""
        cut = not self._habits.radio.is_on(now)
        if cut != self._cut:
            self._cut = cut
            (self._link.cut if cut else self._link.restore)()

    def come_back(self) -> None:
        """On line from now on, until the radio is heeded again."""
        if self._cut:
            self._cut = False
            self._link.restore()

    @property
    def is_off_line(self) -> bool:
        """Cut off by its radio; not: waiting for a broker."""
        return self._cut

    def empties(self, timeout: float) -> bool:
        """Whether all its scans are receipted within `timeout` seconds of real time."""
        return self._link.wait_until_empty(timeout)

    @property
    def waiting(self) -> int:
        """Scans without a receipt."""
        return self._link.ask(lambda handheld: handheld.waiting_count)
