"""Working virtual handhelds by words: what a person types at `lastscan sim`, and what a script says line by line."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Iterable
from datetime import timedelta

from firmware_sim.device import DeviceOffError, VirtualHandheld
from firmware_sim.labels import symbology_of
from firmware_sim.storage import Soldered
from scanner.feedback import Sound
from scanner.journal import NotRecordedError
from tracker.domain.handling import Kind

PULLS = 5  # of the trigger, turning the thing to the light in between, before somebody types the number
RECEIPTS_WITHIN = 10.0

NewDevice = Callable[[str, str], VirtualHandheld]
"""Makes the device of this name and site, registered and with its credentials."""


class NotUnderstoodError(ValueError):
    """A line that says nothing we can do. `help` shows what can be said."""


class NotAsExpectedError(AssertionError):
    """A script's `expect` does not hold."""


class Console:
    """Devices at hand, one of them in hand. `say` is given each line of an answer."""

    def __init__(self, new_device: NewDevice, say: Callable[[str], None]) -> None:
        self._new_device = new_device
        self._say = say
        self._devices: dict[str, VirtualHandheld] = {}
        self._in_hand: VirtualHandheld | None = None
        self._label: tuple[str, str, str | None] | None = None  # number, kind, container

    @property
    def devices(self) -> list[VirtualHandheld]:
        return list(self._devices.values())

    @property
    def device(self) -> VirtualHandheld:
        if self._in_hand is None:
            raise NotUnderstoodError("no handheld in hand; say: on DEVICE SITE")
        return self._in_hand

    @property
    def prompt(self) -> str:
        """How the device in hand is, in a few words."""
        device = self.device
        if not device.is_on:
            return f"{device.registration.dev} (off)> "
        device.passes(device.clock.business())
        net = "on line" if device.online else "cut off" if device.is_off_line else "no broker"
        waits = f", {device.waiting} wait" if device.waiting else ""
        return f"{device.registration.dev} ({net}{waits}, {device.battery.level:.0%})> "

    def obey(self, line: str) -> bool:
        """Do what a line says; False for `quit`. Raises NotUnderstoodError or NotAsExpectedError with the reason."""
        try:
            words = shlex.split(line, comments=True)
        except ValueError as unfit:
            raise NotUnderstoodError(f"{line!r}: {unfit}") from unfit
        if not words:
            return True
        word, *rest = words
        if word in ("quit", "exit"):
            return False
        found = COMMANDS.get(word)
        if found is None:
            raise NotUnderstoodError(f"{word!r} is no command; help shows them all")
        usage, _, do = found
        least = sum(not part.startswith("[") for part in usage.split())
        if not least <= len(rest) <= len(usage.split()):
            raise NotUnderstoodError(f"say: {word} {usage}".rstrip())
        try:
            do(self, *rest)
        except NotRecordedError:
            pass  # its sound has been heard, and its words
        except DeviceOffError as refusal:
            self._say(str(refusal))
        return True

    def close(self) -> None:
        for device in self._devices.values():
            device.stop()

    # --- what can be said ---

    def _on(self, dev: str, site: str = "") -> None:
        if dev not in self._devices:
            if not site:
                raise NotUnderstoodError(f"{dev} is new here; say: on {dev} SITE")
            self._devices[dev] = self._new_device(dev, site)
            self._devices[dev].start()
        self._in_hand = self._devices[dev]

    def _scan(self, number: str, kind: str = Kind.SORT, into: str | None = None) -> None:
        self._label = number, kind, into
        for _ in range(PULLS):
            if self._pull():
                return
        self._say(f"{number}: does not scan; say: type {number} {kind}")

    def _trigger(self) -> None:
        if self._label is None:
            raise NotUnderstoodError("no label before the lens; say: scan NUMBER")
        self._pull()

    def _pull(self) -> bool:
        assert self._label is not None
        number, kind, into = self._label
        return self.device.pull_trigger(number, symbology_of(number), kind, into=into) is not None

    def _type(self, number: str, kind: str = Kind.SORT, into: str | None = None) -> None:
        self.device.key_in(number, kind, into=into)

    def _power(self, how: str) -> None:
        match how:
            case "on":
                self.device.start()
            case "off":
                self.device.stop()
            case "cut":
                self.device.cut_power()
            case _:
                raise NotUnderstoodError("say: power on, power off or power cut")

    def _battery(self, level: str = "") -> None:
        if level == "swap":
            self.device.change_battery()
        elif level:
            self.device.battery.level = min(1.0, max(0.0, _number(level.removesuffix("%")) / 100))
        self.device.passes(self.device.clock.business())
        self._say(f"battery {self.device.battery.level:.0%}{' in the cradle' if self.device.battery.in_cradle else ''}")

    def _cradle(self, how: str) -> None:
        self.device.cradle(into=_is_on(how))

    def _drift(self, ppm: str) -> None:
        self.device.clock.drift(_number(ppm))

    def _jump(self, seconds: str) -> None:
        self.device.clock.jump(timedelta(seconds=_number(seconds)))

    def _update(self, firmware: str) -> None:
        self.device.update(firmware)

    def _fail(self, call: str) -> None:
        storage = self.device.storage
        if not isinstance(storage, Soldered):
            raise NotUnderstoodError("this device keeps its journal in files, which do not fail by word; use a script")
        if call.isdigit():
            storage.flash.cut_power_after(int(call))
        elif call in ("append", "flush", "replace", "remove"):
            storage.flash.fails.add(call)
        else:
            raise NotUnderstoodError("say: fail append, flush, replace, remove; or fail BYTES to be cut in a write")

    def _wait(self, seconds: str = "") -> None:
        until = time.monotonic() + (_number(seconds) if seconds else RECEIPTS_WITHIN)
        for device in self._devices.values():
            if device.is_on:
                device.empties(max(0.0, until - time.monotonic()))
        waiting = sum(device.waiting for device in self._devices.values())
        self._say("the tracker has everything" if not waiting else f"{waiting} scans wait for their receipts")

    def _pause(self, seconds: str) -> None:
        time.sleep(max(0.0, _number(seconds)))

    def _expect(self, what: str, number: str = "") -> None:
        found: str | int
        match what:
            case "waiting":
                found = sum(device.waiting for device in self._devices.values())
            case "recorded":
                counts = self.device.beeper.counts
                found = counts[Sound.RECORDED] + counts[Sound.RECORDED_AGAIN]
            case "refused":
                found = self.device.beeper.counts[Sound.NOT_RECORDED]
            case "on" | "off":
                found, number = ("on" if self.device.is_on else "off"), what
            case _:
                raise NotUnderstoodError("say: expect waiting N, recorded N, refused N, on or off")
        if str(found) != number:
            raise NotAsExpectedError(f"expected {what} {number}, found {found}")

    def _status(self) -> None:
        for device in self._devices.values():
            for name, value in status(device).items():
                self._say(f"  {name:10} {value}")

    def _help(self) -> None:
        for word, (usage, what, _) in COMMANDS.items():
            self._say(f"  {f'{word} {usage}'.strip():34} {what}")
        self._say(f"  {'quit':34} put everything away; what waits stays in the journal")


def play(lines: Iterable[str], console: Console, say: Callable[[str], None]) -> None:
    """A script, to its end or its `quit`. What is wrong with a line is said with its number."""
    for nth, line in enumerate(lines, 1):
        if line.strip() and not line.lstrip().startswith("#"):
            say(f"{nth:4}  {line.strip()}")
        try:
            if not console.obey(line):
                return
        except (NotUnderstoodError, NotAsExpectedError) as wrong:
            raise type(wrong)(f"line {nth}: {wrong}") from wrong


def status(device: VirtualHandheld) -> dict[str, str]:
    """How a device is, for people."""
    now = device.clock.business()
    device.passes(now)
    reached = "on line" if device.online else device.trouble or "off line"
    told = {
        "device": f"{device.registration.dev} at {device.registration.site}, firmware {device.firmware}",
        "power": f"{'on' if device.is_on else 'off'}, battery {device.battery.level:.0%}",
        "network": "cut off" if device.is_off_line else reached,
        "clock": f"off by {device.clock.off_by(now).total_seconds():+.1f} s, gains {device.clock.drift_ppm:+g} ppm",
        "journal": f"{device.waiting} wait for a receipt",
        "sounds": ", ".join(f"{count} {s.name.lower().replace('_', ' ')}" for s, count in device.beeper.counts.items()),
    }
    if isinstance(device.storage, Soldered):
        flash = device.storage.flash
        told["flash"] = f"{flash.fullness:.0%} full, {len(flash.chip.bad)} bad blocks, worn by {flash.wear[1]} erases"
    return told


def _number(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        raise NotUnderstoodError(f"{word!r} is no number") from None


def _is_on(word: str) -> bool:
    if word not in ("on", "off"):
        raise NotUnderstoodError("say on or off")
    return word == "on"


COMMANDS: dict[str, tuple[str, str, Callable[..., None]]] = {
    "on": ("DEVICE [SITE]", "take this handheld in hand; a new one is registered at its site", Console._on),
    "scan": ("NUMBER [KIND] [INTO]", "point it at a label and pull until it reads; kind is sort", Console._scan),
    "trigger": ("", "pull once more at the same label", Console._trigger),
    "type": ("NUMBER [KIND] [INTO]", "key the number in", Console._type),
    "cut": ("", "no network from now on", lambda console: console.device.cut()),
    "restore": ("", "network again", lambda console: console.device.restore()),
    "power": ("on|off|cut", "switch it, or pull the battery out", Console._power),
    "battery": ("[PERCENT|swap]", "how full; make it so full; put another in", Console._battery),
    "cradle": ("on|off", "charge it or take it out", Console._cradle),
    "drift": ("PPM", "its clock gains so many millionths from now on", Console._drift),
    "jump": ("SECONDS", "somebody sets its clock so much ahead, or back", Console._jump),
    "update": ("FIRMWARE", "take a new firmware and restart", Console._update),
    "fail": ("append|flush|replace|remove|BYTES", "the next such call fails; power gone after BYTES", Console._fail),
    "wait": ("[SECONDS]", "until the tracker has everything, at most so long", Console._wait),
    "pause": ("SECONDS", "let time pass", Console._pause),
    "expect": ("WHAT [N]", "waiting N, recorded N, refused N, on, off: else the script fails", Console._expect),
    "status": ("", "how everything is", Console._status),
    "help": ("", "this", Console._help),
}
"""Word: what follows it, what it does, and who does it."""
