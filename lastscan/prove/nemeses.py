"""The faults: each drawn from the seed, done, looked at, undone. What was not seen to happen is not counted."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

from lastscan.prove.databases import Bench, PostgreSQL, SQLite
from lastscan.prove.processes import Process, state
from lastscan.prove.proxy import Direction, FaultProxy, Weather
from lastscan.prove.sides import Side, wipe

LONGEST_DOWN_S = 2.0
SHORTEST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 30.0
LONGEST_WEATHER_S = 4.0
_GONE_WITHIN_S = 5.0


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault with all its numbers drawn. `do` takes as long as the fault lasts and answers what was seen of it."""

    kind: str
    target: str  # no two at once on the same
    do: Callable[[], str]


Draw = Callable[[Random], Fault]


class Nemeses:
    """Draws faults for both sides of a run: what hits ours hits the control's counterpart at the same moment."""

    def __init__(self, ours: Side, control: Side, bench: Bench, *, calm: threading.Event) -> None:
        """When `calm` is set, every fault under way ends at once."""
        self._ours = ours
        self._control = control
        self._bench = bench
        self._calm = calm
        self.draws = list(self._all())

    def _all(self) -> Iterator[Draw]:
        ours, control = self._ours, self._control
        pairs: list[tuple[str, list[tuple[Process, Process | None]]]] = [
            ("broker", [(ours.broker, control.broker)]),
            ("tracker", [(ours.reader, control.reader)]),
            ("device", list(zip(ours.devices, control.devices, strict=True))),
        ]
        pairs += [(each.name, [(each, None)]) for each in ours.others]
        for role, choice in pairs:
            yield self._ends(f"kill_{role}", choice, signal.SIGKILL)
            yield self._ends(f"term_{role}", choice, signal.SIGTERM)
            if role != "broker":
                yield self._pauses(f"pause_{role}", choice)
        yield self._pause_broker
        yield self._second_tracker
        yield self._journal_full
        yield self.kill_device_off_line
        if ours.home.path.joinpath("broker").exists():  # Mosquitto's; the other keeps nothing, and has no watcher
            yield self._kill_mosquitto
            yield self._broker_wiped
        for road in ours.roads:
            yield self._reset(road)
            yield self._weather("half_open", road, lambda chance: Weather(holds=frozenset(_one_or_both(chance))))
            yield self._weather("delay", road, lambda chance: Weather(delay_s=chance.uniform(0.02, 1.0)))
            yield self._weather("cut_in_packet", road, lambda chance: Weather(cut_after=chance.randrange(20, 3000)))
            yield self._weather("byte_by_byte", road, lambda _: Weather(byte_by_byte=True))
        if isinstance(self._bench, SQLite):
            yield self._file_limit
            if self._bench.can_be_full:
                yield self._disk_full
        if isinstance(self._bench, PostgreSQL):
            yield self._backend_killed
            yield self._backend_killed
            if self._bench.cluster is not None:
                yield self._postgres_killed

    def _wait(self, seconds: float) -> None:
        self._calm.wait(seconds)

    # --- processes ---

    def _ends(self, kind: str, choice: list[tuple[Process, Process | None]], number: signal.Signals) -> Draw:
        def draw(chance: Random) -> Fault:
            process, counterpart = chance.choice(choice)
            down = chance.choice((0.0, chance.uniform(0, LONGEST_DOWN_S)))

            def do() -> str:
                if counterpart is not None:
                    counterpart.end(number)
                seen = process.end(number)
                self._wait(down)
                for each in filter(None, (process, counterpart)):
                    each.start()
                return seen

            return Fault(kind, process.name, do)

        return draw

    def _pauses(self, kind: str, choice: list[tuple[Process, Process | None]]) -> Draw:
        def draw(chance: Random) -> Fault:
            pair = [each for each in chance.choice(choice) if each is not None]
            seconds = _pause(chance)

            def do() -> str:
                seen = [each.pause() for each in pair]
                self._wait(seconds)
                for each in pair:
                    each.go_on()
                return seen[0] and f"{seen[0]} for {seconds:.1f} s"

            return Fault(kind, pair[0].name, do)

        return draw

    def _pause_broker(self, chance: Random) -> Fault:
        seconds = _pause(chance)

        def do() -> str:
            pids = [side.broker_pid() for side in (self._ours, self._control)]
            for pid in filter(None, pids):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGSTOP)
            self._wait(min(seconds, 0.05))
            seen = pids[0] is not None and state(pids[0]) == "T"
            self._wait(max(0.0, seconds - 0.05))
            for pid in filter(None, pids):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)
            return f"pid {pids[0]} stopped for {seconds:.1f} s" if seen else ""

        return Fault("pause_broker", "broker", do)

    def _kill_mosquitto(self, chance: Random) -> Fault:
        """The broker alone; the role that watches it starts another."""

        def do() -> str:
            pids = [side.broker_pid() for side in (self._control, self._ours)]
            for pid in filter(None, pids):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            return f"pid {pids[1]} gone" if pids[1] is not None and _gone(pids[1]) else ""

        return Fault("kill_mosquitto", "broker", do)

    def _broker_wiped(self, chance: Random) -> Fault:
        down = chance.uniform(0, LONGEST_DOWN_S)

        def do() -> str:
            seen = ""
            for side in (self._control, self._ours):
                pid = side.broker_pid()
                seen = side.broker.end(signal.SIGKILL)
                if pid is not None and not _gone(pid):
                    seen = ""
                seen = seen and wipe(side.home.path / "broker")
            self._wait(down)
            for side in (self._control, self._ours):
                side.broker.start()
            return seen

        return Fault("broker_wiped", "broker", do)

    def _second_tracker(self, chance: Random) -> Fault:
        """Another instance under the same name, then killed: they take the session from each other."""
        seconds = chance.uniform(3, 8)

        def do() -> str:
            twins = [side.reader.twin() for side in (self._ours, self._control)]
            for each in twins:
                each.start()
            self._wait(seconds)
            seen = [each.end(signal.SIGKILL) for each in twins]
            return seen[0] and f"a second for {seconds:.1f} s, {seen[0]}"

        return Fault("second_tracker", "second tracker", do)

    def _journal_full(self, chance: Random) -> Fault:
        """Its files cannot grow: the next record may be torn anywhere, and must be refused."""
        number = chance.randrange(len(self._ours.devices))
        room, seconds = chance.randrange(0, 400), chance.uniform(0.5, 5)
        process = self._ours.devices[number]

        def do() -> str:
            newest = max((file.stat().st_size for file in self._ours.journal(number).glob("*.scans")), default=0)
            seen = process.limit_files(newest + room)
            self._wait(seconds)
            process.limit_files(None)
            return seen

        return Fault("journal_full", process.name, do)

    def kill_device_off_line(self, chance: Random) -> Fault:
        """Nothing passes, somebody goes on scanning, and then the device dies."""
        number = chance.randrange(len(self._ours.devices))
        seconds = chance.uniform(0.5, 2)
        pair = self._control.devices[number], self._ours.devices[number]

        def do() -> str:
            roads = [side.roads["devices"] for side in (self._control, self._ours)]
            for road in roads:
                road.begin(Weather(holds=frozenset(("up", "down"))))
            self._wait(seconds)
            seen = [process.end(signal.SIGKILL) for process in pair]
            for road in roads:
                _fair(road, reset=True)
            for process in pair:
                process.start()
            return seen[1] and f"{seen[1]} after {seconds:.1f} s off line"

        return Fault("kill_device_off_line", "road of devices", do)

    # --- network ---

    def _reset(self, road: str) -> Draw:
        def draw(chance: Random) -> Fault:
            def do() -> str:
                self._control.roads[road].reset()
                cut = self._ours.roads[road].reset()
                return f"{cut} connections reset" if cut else ""

            return Fault("reset", f"road of {road}", do)

        return draw

    def _weather(self, kind: str, road: str, draw_weather: Callable[[Random], Weather]) -> Draw:
        def draw(chance: Random) -> Fault:
            seed, seconds = chance.random(), chance.uniform(0.3, LONGEST_WEATHER_S)
            ends_in_reset = chance.random() < 0.5

            def do() -> str:
                both = [(side.roads[road], draw_weather(Random(seed))) for side in (self._control, self._ours)]
                for proxy, weather in both:
                    proxy.begin(weather)
                self._wait(seconds)
                for proxy, _ in both:
                    _fair(proxy, reset=kind == "half_open" and ends_in_reset)
                met = both[1][1]
                return f"{met.touched} bytes met it, {met.cut} connections cut" if met.touched else ""

            return Fault(kind, f"road of {road}", do)

        return draw

    # --- databases ---

    def _file_limit(self, chance: Random) -> Fault:
        """The tracker's files cannot grow (EFBIG), often in the middle of a page."""
        room, seconds = chance.choice((0, chance.randrange(20_000))), chance.uniform(0.5, 5)
        process = self._ours.reader

        def do() -> str:
            ahead = Path(self._bench.ours.removeprefix("sqlite:///") + "-wal")
            size = ahead.stat().st_size if ahead.exists() else 0
            limited = [each.limit_files(size + room) for each in (process, self._control.reader)]
            self._wait(seconds)
            for each in (process, self._control.reader):
                each.limit_files(None)
            return limited[0]

        return Fault("file_limit", "tracker", do)

    def _disk_full(self, chance: Random) -> Fault:
        seconds = chance.uniform(0.5, 6)
        bench = self._bench
        assert isinstance(bench, SQLite)

        def do() -> str:
            free = bench.fill()
            self._wait(seconds)
            bench.make_room()
            return f"{free} bytes free for {seconds:.1f} s" if free < 4096 else ""

        return Fault("disk_full", "database", do)

    def _backend_killed(self, chance: Random) -> Fault:
        seed = chance.random()
        bench = self._bench
        assert isinstance(bench, PostgreSQL)

        def do() -> str:
            return bench.end_backend(Random(seed))

        return Fault("kill_postgres_backend", "database", do)

    def _postgres_killed(self, chance: Random) -> Fault:
        down = chance.uniform(0, LONGEST_DOWN_S)
        assert isinstance(self._bench, PostgreSQL)
        assert self._bench.cluster is not None
        cluster = self._bench.cluster

        def do() -> str:
            pid = cluster.pid
            gone = cluster.kill()
            self._wait(down)
            cluster.start()
            return f"postmaster {pid} and its backends gone" if gone else ""

        return Fault("kill_postgres", "database", do)


def _pause(chance: Random) -> float:
    """Many short ones, few long ones."""
    span: float = LONGEST_PAUSE_S / SHORTEST_PAUSE_S
    seconds: float = SHORTEST_PAUSE_S * span ** (chance.random() ** 2)
    return seconds


def _one_or_both(chance: Random) -> tuple[Direction, ...]:
    ways: tuple[tuple[Direction, ...], ...] = (("up",), ("down",), ("up", "down"))
    return chance.choice(ways)


def _fair(proxy: FaultProxy, *, reset: bool) -> None:
    if reset:
        proxy.reset()
    proxy.clear()


def _gone(pid: int) -> bool:
    until = time.monotonic() + _GONE_WITHIN_S
    while time.monotonic() < until:
        if state(pid) in ("", "Z"):
            return True
        time.sleep(0.005)
    return False
