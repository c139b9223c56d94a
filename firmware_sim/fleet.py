"""The virtual handhelds of the demo: who scans what, and who is off line."""

import random
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

from firmware_sim.clock import Business
from firmware_sim.device import Habits, OnBeep, VirtualHandheld
from firmware_sim.engine import BELT
from firmware_sim.journey import Handling
from firmware_sim.radio import Radio
from firmware_sim.rim import Registration, linked_to
from firmware_sim.sight import Eyes, Sight
from firmware_sim.storage import Directory

FLICKERS = 0.01
LOOKERS = 2  # labels read at once; the readers leave the interpreter alone while they work
STATION = "-st"  # how the site of a station ends: only trucks call there

OnSight = Callable[[Sight], None]


def habits_of(seed: int, dev: str, *, carries_flights: bool) -> Habits:
    """The same device is equally wrong in every run of a seed. One that scans the cards of flights stays on line:
    where it does not, everybody who waits for news of a flight waits for it."""
    chance = random.Random(f"{seed}/{dev}")
    drift = chance.uniform(-80, 80)
    offset = chance.choice(
        (timedelta(0), timedelta(0), timedelta(minutes=7), timedelta(hours=-1), timedelta(days=-400))
    )
    outages = 0 if carries_flights else chance.choice((0, 2, 3))
    return Habits(Radio(seed, dev, most=outages), offset, drift, FLICKERS)


class Fleet:
    """Starts, drives and stops the devices. One thread calls it; each device has a thread of its own for its link."""

    def __init__(
        self,
        registrations: Iterable[Registration],
        journals: Path,
        *,
        url: str,
        seed: int,
        business: Business,
        on_beep: OnBeep,
        on_sight: OnSight,
    ) -> None:
        self._seed = seed
        self._on_sight = on_sight
        self._eyes = threading.local()
        self._lookers = ThreadPoolExecutor(LOOKERS, thread_name_prefix="eyes")
        self._scans = 0
        self._at_site: dict[str, list[VirtualHandheld]] = {}
        given = sorted(registrations, key=lambda each: each.dev)
        last_at_site = {each.site: each.dev for each in given}
        for each in given:
            device = VirtualHandheld(
                each,
                Directory(journals / each.dev),
                habits_of(
                    seed,
                    each.dev,
                    carries_flights=each.dev == last_at_site[each.site] and not each.site.endswith(STATION),
                ),
                new_rim=linked_to(url),
                business=business,
                on_beep=on_beep,
                chance=random.Random(f"{seed}/link/{each.dev}"),
            )
            self._at_site.setdefault(each.site, []).append(device)

    @property
    def devices(self) -> Sequence[VirtualHandheld]:
        return [device for devices in self._at_site.values() for device in devices]

    def start(self) -> None:
        for device in self.devices:
            device.start()

    def stop(self) -> None:
        self._lookers.shutdown()
        for device in self.devices:
            device.stop()

    def scan(self, handlings: Sequence[Handling]) -> None:
        """Labels are read side by side, then scanned in the order given, each by the right person at its place:
        cards by the ramp agent, pieces by whoever sorts."""
        numbered = [(handling, self._scans + n) for n, handling in enumerate(handlings, 1)]
        self._scans += len(numbered)
        for (handling, _), sight in zip(numbered, self._lookers.map(self._look, numbered), strict=True):
            self._on_sight(sight)
            here = self._at_site[handling.facility.lower()]
            (here[-1] if handling.is_card else here[0]).scan(handling, sight)

    def _look(self, numbered: tuple[Handling, int]) -> Sight:
        handling, number = numbered
        if not hasattr(self._eyes, "mine"):
            self._eyes.mine = Eyes(BELT)
        eyes: Eyes = self._eyes.mine
        return eyes.look(handling.code, handling.sym, f"{self._seed}/{number}")

    def heed_radio(self, now: datetime) -> None:
        """Everybody goes off or on line; whose battery is low by now gets another one."""
        for device in self.devices:
            device.heed_radio(now)
            if device.battery.is_low:
                device.change_battery()

    def change_battery(self, nth: int) -> None:
        """A device goes off and comes back, with a new start of its clock and whatever its journal holds."""
        self.devices[nth % len(self.devices)].change_battery()

    def come_back(self) -> None:
        """Everybody on line."""
        for device in self.devices:
            device.come_back()

    def empties(self, timeout: float) -> bool:
        """Whether every device that is on line has all its receipts within `timeout` seconds of real time."""
        until = time.monotonic() + timeout
        return all(
            device.empties(max(0.0, until - time.monotonic())) for device in self.devices if not device.is_off_line
        )

    @property
    def off_line(self) -> int:
        return sum(device.is_off_line for device in self.devices)

    @property
    def waiting(self) -> int:
        """Scans without a receipt, of all devices."""
        return sum(device.waiting for device in self.devices)
