"""A virtual handheld: the shipped journal and state machine in a case with battery, clock, radio, keypad and beeper."""

import random
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from firmware_sim.battery import Battery
from firmware_sim.beeper import Beeper
from firmware_sim.clock import Business, RealTimeClock, VirtualClock
from firmware_sim.engine import Engine
from firmware_sim.journey import Handling
from firmware_sim.keypad import Keypad
from firmware_sim.radio import Radio
from firmware_sim.rim import NewRim, Registration, Rim, linked_to
from firmware_sim.sight import Sight
from firmware_sim.storage import Directory, Soldered, Storage
from scanner import feedback
from scanner.handheld import Handheld, Recorded
from scanner.journal import Journal, NotRecordedError

__all__ = ["DeviceOffError", "Directory", "Habits", "Registration", "Soldered", "VirtualHandheld", "linked_to"]

FIRMWARE = "virtual 2.0"

OnBeep = Callable[[str, str, int, str], None]
"""Called with device, epoch, number and code after the scan is flushed to the journal: the beep."""


class DeviceOffError(RuntimeError):
    """It is switched off, or its battery is flat. Nothing was recorded: switch it on and scan again."""


@dataclass(frozen=True, slots=True)
class Habits:
    """What is peculiar to one device: its clocks, its radio, and how often it drops a connection just after sending."""

    radio: Radio
    wall_offset: timedelta = timedelta(0)
    drift_ppm: float = 0.0
    flickers: float = 0.0  # share of scans whose receipt meets a dead connection, so that they are sent again


@dataclass(slots=True)
class _Network:
    """Why a device is off line, and where it was last on."""

    access_point: str | None = None
    in_shadow: bool = False
    cut_by_hand: bool = False

    @property
    def is_cut(self) -> bool:
        return self.in_shadow or self.cut_by_hand


@dataclass(slots=True)
class _Running:
    """What exists from one start of the device to the next."""

    clock: VirtualClock
    handheld: Handheld
    rim: Rim
    on: bool = field(default=True)


class VirtualHandheld:
    """One handheld; `start` before scanning. What has beeped survives whatever is done to it.

    A person and the surroundings are the caller: one thread. `storage` decides whether the journal outlives this
    program, `new_rim` how the device gets on line.
    """

    def __init__(
        self,
        registration: Registration,
        storage: Storage,
        habits: Habits,
        *,
        new_rim: NewRim,
        business: Business,
        chance: random.Random,
        on_beep: OnBeep | None = None,
        beeper: Beeper | None = None,
        engine: Engine | None = None,
    ) -> None:
        self.registration = registration
        self.storage = storage
        self.clock = RealTimeClock(business, offset=habits.wall_offset, drift_ppm=habits.drift_ppm)
        self.battery = Battery()
        self.beeper = beeper or Beeper()
        self.keypad = Keypad(chance)
        self.firmware = FIRMWARE
        self.engine = engine
        self._habits = habits
        self._new_rim = new_rim
        self._business = business
        self._chance = chance
        self._on_beep = on_beep
        self._network = _Network()
        self._seen_at = business()
        self._running: _Running | None = None

    # --- its switch ---

    @property
    def is_on(self) -> bool:
        return self._running is not None and self._running.on and self.storage.is_on

    def start(self) -> None:
        """Switch on: read the journal, count a start of the device, and go on line as far as the radio allows."""
        self._notice_the_dark()
        if self.is_on:
            return
        if self.battery.is_flat:
            raise DeviceOffError(f"{self.registration.dev}: the battery is flat; charge it or put another in")
        # Epochs are drawn, not seeded: a seed played again must not give other scans the ids of the first time.
        journal = Journal(self.storage.open(), new_epoch=lambda: secrets.token_hex(16))
        if not self.storage.is_on:
            raise DeviceOffError(f"{self.registration.dev}: the power went while it started")
        clock = VirtualClock(self.clock, booted_at=self._business(), boot=journal.boot)
        key = bytes.fromhex(self.registration.key)
        handheld = Handheld(journal, clock, self._chance, key=key, firmware=self.firmware)
        handheld.battery = round(self.battery.level, 2)
        rim = self._new_rim(handheld, self.registration)
        self._running = _Running(clock, handheld, rim)
        if self._network.is_cut:
            rim.cut()
        rim.start()

    def stop(self) -> None:
        """Switch off in good order. What waits stays in the journal."""
        if self._running is not None and self._running.on:
            self._running.on = False
            self._running.rim.stop()
            self.storage.close()

    def cut_power(self) -> None:
        """The battery falls out: no good-bye to the broker, and what is not flushed is lost."""
        if self._running is not None and self._running.on:
            self._running.on = False
            self._running.rim.cut()
            self.storage.power_cut()
            self._running.rim.stop()

    def update(self, firmware: str) -> None:
        """Take a new firmware, which it runs from the restart on; the journal stays."""
        self.stop()
        self.firmware = firmware
        self.start()

    # --- what its bearer does ---

    def pull_trigger(self, code: str, sym: str, kind: str, *, into: str | None = None) -> Recorded | None:
        """Point it at a label. None with its sound where the frames of one pull do not read."""
        self._must_be_on()
        if self.engine is None:
            raise DeviceOffError(f"{self.registration.dev} was built without a scan engine; type the number")
        sight = self.engine.trigger(code, sym)
        self._drain()
        if sight is None:
            self.beeper.sound(feedback.unreadable("the label"))
            return None
        return self.record(sight.read, sight.sym, kind, into=into)

    def key_in(self, number: str, kind: str, *, into: str | None = None) -> Recorded:
        """Type a number that does not scan."""
        self._must_be_on()
        return self.record(self.keypad.type(number).typed, "keyed", kind, into=into)

    def scan(self, handling: Handling, sight: Sight) -> Recorded:
        """Record what was read, stamped with the moment of the handling."""
        running = self._must_be_on()
        with running.clock.at(handling.at):
            recorded = self.record(
                sight.read,
                sight.sym,
                handling.kind,
                at=handling.sort_point,
                into=handling.into,
                x=dict(handling.x) if handling.x else None,
            )
        if not self.is_off_line and self._chance.random() < self._habits.flickers:
            running.rim.cut()
            running.rim.restore()
        return recorded

    def record(
        self,
        code: str,
        sym: str,
        kind: str,
        *,
        at: str | None = None,
        into: str | None = None,
        x: dict[str, object] | None = None,
    ) -> Recorded:
        """Journal it, then beep. NotRecordedError, with its own sound, for what could not be kept."""
        running = self._must_be_on()
        try:
            recorded = running.rim.record(code, sym, kind, at=at, into=into, x=x)
        except NotRecordedError as refusal:
            if not self.storage.is_on:
                self._notice_the_dark()
                raise DeviceOffError(f"{self.registration.dev}: the power went before it beeped") from refusal
            self.beeper.sound(feedback.not_recorded(code, refusal))
            raise
        self.beeper.sound(feedback.recorded(code, recorded))
        if self._on_beep is not None:
            self._on_beep(self.registration.dev, recorded.ep, recorded.q, code)
        self._drain()
        return recorded

    def cradle(self, *, into: bool) -> None:
        """Put it into its cradle, or take it out."""
        self.passes(self._business())
        self.battery.in_cradle = into

    def change_battery(self) -> None:
        """Another, full battery: the device goes off and comes back with whatever its journal holds."""
        self.stop()
        self.battery.swap()
        self.start()

    # --- its surroundings ---

    def passes(self, now: datetime) -> None:
        """Time goes by up to this instant: the battery drains, and the device dies with it."""
        gone = max(timedelta(0), now - self._seen_at)
        self._seen_at = max(now, self._seen_at)
        self._notice_the_dark()
        self.battery.passes(gone, on=self.is_on, radio=not self.is_off_line)
        self._feel()

    def heed_radio(self, now: datetime) -> None:
        """Go off or on line, or to another access point, as the radio has it at this business time."""
        self.passes(now)
        before, found = self._network.access_point, self._habits.radio.access_point(now)
        was_cut, self._network.in_shadow = self._network.is_cut, found is None
        self._network.access_point = found or before
        roamed = found is not None and before is not None and found != before
        self._go(was_cut, roamed=roamed)

    def come_back(self) -> None:
        """On line from now on, until the radio is heeded again."""
        was_cut, self._network.in_shadow = self._network.is_cut, False
        self._go(was_cut)

    def cut(self) -> None:
        """No network, whatever the radio says, until `restore`."""
        was_cut, self._network.cut_by_hand = self._network.is_cut, True
        self._go(was_cut)

    def restore(self) -> None:
        was_cut, self._network.cut_by_hand = self._network.is_cut, False
        self._go(was_cut)

    # --- what may be asked ---

    @property
    def is_off_line(self) -> bool:
        """Cut off by its radio or by hand; not: waiting for a broker."""
        return self._network.is_cut

    @property
    def access_point(self) -> str | None:
        return None if self.is_off_line else self._network.access_point

    @property
    def online(self) -> bool:
        """On line with the broker, as far as the device knows."""
        return self.is_on and self._running is not None and self._running.rim.online

    @property
    def trouble(self) -> str | None:
        """Why it is not on line, where it knows."""
        return self._running.rim.trouble if self._running is not None else None

    def empties(self, timeout: float) -> bool:
        """Whether all its scans are receipted within `timeout` seconds of real time."""
        return self._running is not None and self._running.rim.wait_until_empty(timeout)

    @property
    def waiting(self) -> int:
        """Scans without a receipt, as of when it was last on."""
        return self._running.rim.ask(lambda handheld: handheld.waiting_count) if self._running is not None else 0

    @property
    def handheld(self) -> Handheld:
        """The state machine of the present or last start; under a `Link` ask the rim instead."""
        if self._running is None:
            raise DeviceOffError(f"{self.registration.dev} was never switched on")
        return self._running.handheld

    # --- inside ---

    def _go(self, was_cut: bool, *, roamed: bool = False) -> None:
        if not self.is_on or self._running is None:
            return
        cut, rim = self._network.is_cut, self._running.rim
        if cut and not was_cut:
            rim.cut()
        elif was_cut and not cut:
            rim.restore()
        elif roamed and not cut:
            rim.cut()
            rim.restore()

    def _drain(self) -> None:
        self.battery.scanned()
        self._feel()

    def _feel(self) -> None:
        if self._running is not None:
            self._running.handheld.battery = round(self.battery.level, 2)
        if self.battery.is_flat and self.is_on:
            self.cut_power()

    def _notice_the_dark(self) -> None:
        """The power went within a write, perhaps while nobody looked: the rest goes with it."""
        if self._running is not None and self._running.on and not self.storage.is_on:
            self.cut_power()

    def _must_be_on(self) -> _Running:
        self._notice_the_dark()
        if self._running is None or not self._running.on:
            raise DeviceOffError(f"{self.registration.dev} is off; switch it on")
        return self._running
