"""A shift of many handhelds in one process: they scan for some seconds, and each beep is followed to its receipt."""

from __future__ import annotations

import random
import resource
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import NamedTuple

from firmware_sim.chip import Chip
from firmware_sim.clock import Business
from firmware_sim.device import DeviceOffError, Habits, VirtualHandheld
from firmware_sim.engine import Engine, PatternEngine, ScanEngine
from firmware_sim.flash import Flash
from firmware_sim.labels import numbers, symbology_of
from firmware_sim.radio import Radio
from firmware_sim.rim import Registration
from firmware_sim.storage import Soldered
from firmware_sim.switchboard import Line, Switchboard
from scanner.journal import NotRecordedError
from tracker.domain.handling import Kind

ALL_ON_LINE_WITHIN = 60.0
DRAINED_WITHIN = 60.0
KINDS = (Kind.ACCEPT, Kind.ARRIVE, Kind.SORT, Kind.SORT, Kind.LOAD, Kind.UNLOAD)
FLASH_BLOCKS = 64  # a MiB: enough for a shift, and a thousand of them fit in memory
AT_ONCE = 200  # scans before the lines are looked at again
POWER_CUT_EVERY = 200.0  # seconds, for one device, when times are rough
OFF_FOR = 2.0


@dataclass(frozen=True, slots=True)
class Orders:
    """What is to be done. `rate` is scans a second of all devices together. `rough`: shadows, roaming, power cuts in
    the middle of writes, flat batteries and failing flushes."""

    seconds: float
    rate: float
    seed: int
    rough: bool = False
    labels: int = 100


@dataclass(slots=True)
class Figures:
    """How it went. `lost` and `doubled` are what must never be: beeped and nowhere, or one number for two scans."""

    devices: int = 0
    on_line: int = 0
    on_line_s: float = 0.0  # until they all were, or we stopped waiting
    seconds: float = 0.0
    beeped: int = 0
    receipted: int = 0
    waiting: int = 0
    lost: int = 0
    doubled: int = 0
    not_read: int = 0
    not_recorded: int = 0
    scans_per_second: float = 0.0
    receipt_p50_ms: float | None = None
    receipt_p99_ms: float | None = None
    receipt_max_ms: float | None = None
    drained_s: float = 0.0
    connections: int = 0
    power_cuts: int = 0
    cpu_s: float = 0.0
    cpu_share: float = 0.0  # of one core, while they scanned
    memory_mib: float = 0.0


class _Beep(NamedTuple):
    ep: str
    q: int
    at: float


@dataclass(slots=True)
class _Worker:
    device: VirtualHandheld
    chance: random.Random
    unreceipted: deque[_Beep] = field(default_factory=deque)
    on_again_at: float = 0.0


class Shift:
    """Builds the devices, works once, and is closed. `keep_on` is asked now and then whether to go on."""

    def __init__(
        self,
        given: Iterable[Registration],
        url: str,
        orders: Orders,
        *,
        business: Business,
        keep_on: Callable[[], bool],
    ) -> None:
        self._orders = orders
        self._business = business
        self._keep_on = keep_on
        self._chance = random.Random(f"{orders.seed}/shift")
        self._board = Switchboard(url, self._chance, on_answer=self._answered)
        self._latencies: list[float] = []
        self._ids: set[tuple[str, str, int]] = set()
        self.figures = Figures()
        self._numbers = [(number, symbology_of(number)) for number in numbers(orders.seed, orders.labels)]
        engine = PatternEngine(ScanEngine(f"{orders.seed}"), self._chance)
        self._workers = [self._worker(each, engine) for each in given]
        self._by_dev = {worker.device.registration.dev: worker for worker in self._workers}
        self.figures.devices = len(self._workers)

    def work(self) -> Figures:
        """All on line; scans at their rate; then until the last receipt."""
        _allow_sockets(len(self._workers) + 64)
        self._begin()
        self._scan_on()
        self._drain()
        self._count()
        return self.figures

    def close(self) -> None:
        for worker in self._workers:
            worker.device.stop()
        self._board.close()

    # --- building ---

    def _worker(self, given: Registration, engine: Engine) -> _Worker:
        rough = self._orders.rough
        chance = random.Random(f"{self._orders.seed}/{given.dev}")
        radio = Radio(self._orders.seed, given.dev)
        if rough:
            stay = timedelta(seconds=20)
            radio = Radio(self._orders.seed, given.dev, access_points=("ap1", "ap2", "ap3"), stay=stay, shadows=0.1)
        flash = Flash(chance, chip=Chip(chance, blocks=FLASH_BLOCKS), flush_fails=0.002 if rough else 0.0)
        device = VirtualHandheld(
            given,
            Soldered(flash),
            Habits(radio, drift_ppm=chance.uniform(-80, 80)),
            new_rim=self._board.line,
            business=self._business,
            chance=chance,
            on_beep=self._beeped,
            engine=engine,
        )
        if rough and chance.random() < 0.1:
            device.battery.level = chance.uniform(2, 40) / device.battery.scans
        return _Worker(device, chance)

    # --- working ---

    def _begin(self) -> None:
        began = time.monotonic()
        for worker in self._workers:
            worker.device.start()
            self._board.turn(0.0)
        while time.monotonic() - began < ALL_ON_LINE_WITHIN and self._keep_on():
            if all(worker.device.online for worker in self._workers):
                break
            self._board.turn(0.05)
        self.figures.on_line = sum(worker.device.online for worker in self._workers)
        self.figures.on_line_s = round(time.monotonic() - began, 2)

    def _scan_on(self) -> None:
        began, cpu = time.monotonic(), time.process_time()
        until = began + self._orders.seconds
        next_scan, next_look = began, began + 1.0
        while (now := time.monotonic()) < until and self._keep_on():
            scans = 0
            while next_scan <= now and scans < AT_ONCE:
                self._scan(self._chance.choice(self._workers))
                next_scan += self._chance.expovariate(self._orders.rate)
                scans += 1
            if self._orders.rough and now >= next_look:
                next_look = now + 1.0
                self._rough_second(now)
            self._board.turn(max(0.0, min(next_scan, until) - time.monotonic()))
        took = time.monotonic() - began
        self.figures.seconds = round(took, 2)
        self.figures.cpu_s = round(time.process_time() - cpu, 2)
        self.figures.cpu_share = round(self.figures.cpu_s / took, 3) if took else 0.0
        self.figures.scans_per_second = round(self.figures.beeped / took, 1) if took else 0.0

    def _scan(self, worker: _Worker) -> None:
        number, sym = self._chance.choice(self._numbers)
        try:
            if worker.device.pull_trigger(number, sym, self._chance.choice(KINDS)) is None:
                self.figures.not_read += 1
        except NotRecordedError:
            self.figures.not_recorded += 1
        except DeviceOffError:
            self.figures.not_recorded += worker.device.is_on

    def _rough_second(self, now: float) -> None:
        business = self._business()
        for worker in self._workers:
            device = worker.device
            if not device.is_on:
                self._see_to(worker, now)
                continue
            device.heed_radio(business)
            if worker.chance.random() < 1 / POWER_CUT_EVERY:
                self.figures.power_cuts += 1
                storage = device.storage
                if isinstance(storage, Soldered) and worker.chance.random() < 0.5:
                    storage.flash.cut_power_after(worker.chance.randrange(600))  # in the middle of a scan to come
                else:
                    device.cut_power()

    def _see_to(self, worker: _Worker, now: float) -> None:
        """Somebody finds it dark, puts another battery in, and switches it on."""
        if worker.on_again_at == 0.0:
            worker.on_again_at = now + worker.chance.uniform(0, OFF_FOR)
        elif now >= worker.on_again_at:
            worker.on_again_at = 0.0
            worker.device.battery.swap()
            with suppress(DeviceOffError):
                worker.device.start()

    def _drain(self) -> None:
        began = time.monotonic()
        for worker in self._workers:
            worker.device.come_back()
            while not worker.device.is_on and time.monotonic() - began < DRAINED_WITHIN:
                worker.device.battery.swap()
                with suppress(DeviceOffError):
                    worker.device.start()
        while time.monotonic() - began < DRAINED_WITHIN and self._keep_on():
            if not any(worker.unreceipted for worker in self._workers):
                break
            self._board.turn(0.05)
        self.figures.drained_s = round(time.monotonic() - began, 2)

    # --- following each beep ---

    def _beeped(self, dev: str, ep: str, q: int, _code: str) -> None:
        self.figures.beeped += 1
        self.figures.doubled += (dev, ep, q) in self._ids
        self._ids.add((dev, ep, q))
        self._by_dev[dev].unreceipted.append(_Beep(ep, q, time.monotonic()))

    def _answered(self, line: Line) -> None:
        waiting = self._by_dev[line.dev].unreceipted
        now = time.monotonic()
        while waiting:
            ep, q, at = waiting[0]
            epoch = line.handheld.journal.epoch(ep)
            if epoch is None or q > epoch.acked:
                return
            waiting.popleft()
            self._latencies.append(now - at)

    def _count(self) -> None:
        found, figures = sorted(self._latencies), self.figures
        figures.receipted = len(found)
        for worker in self._workers:
            journal = worker.device.handheld.journal
            for ep, q, _ in worker.unreceipted:
                epoch = journal.epoch(ep)
                kept = epoch is not None and journal.record(epoch, q) is not None
                figures.waiting += kept
                figures.lost += not kept
        if found:
            figures.receipt_p50_ms, figures.receipt_p99_ms, figures.receipt_max_ms = (
                round(1000 * found[min(len(found) - 1, int(len(found) * share))], 1) for share in (0.5, 0.99, 1.0)
            )
        figures.connections = self._board.connections
        figures.memory_mib = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


def _allow_sockets(count: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        wanted = count if hard == resource.RLIM_INFINITY else min(count, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
