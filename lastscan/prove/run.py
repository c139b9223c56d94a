"""One combination of database and broker: storms of faults, lulls in which recovery is measured, and the judgement."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from lastscan.prove.databases import Bench, UnreachableError, ask, log_after, set_aside
from lastscan.prove.history import History, Kept, judge
from lastscan.prove.nemeses import Fault, Nemeses
from lastscan.prove.processes import Process
from lastscan.prove.proxy import Network
from lastscan.prove.sides import Broker, Load, Side, control, environment, shipped
from lastscan.up import InterruptedStartError, announcer
from tracker.domain.errors import LastscanError

RECOVERS_WITHIN_S = 60.0
LONGEST_STORM_S = 25.0
RESTORES_EVERY = 2  # storms
UP_WITHIN_S = 40.0
CONTROL_WAITS_S = 10.0  # without any progress, before what it has lost is lost
A_FAULT_EVERY_S = 0.4
PATIENCE_S = 1.0  # for something to be committed between two faults
MOST_AT_ONCE = 6
_LOOK_EVERY_S = 0.02
_READ_EVERY_S = 0.25


class CannotRunError(LastscanError):
    """Something a run needs does not work while nothing is done to it; the message holds its last words."""


@dataclass
class Figures:
    """What one combination came to."""

    database: str
    broker: str
    seed: int
    version: str = ""
    seconds: float = 0.0
    beeped: int = 0
    committed: int = 0
    lost: int = 0
    doubled: int = 0
    invented: int = 0
    vanished: int = 0  # seen in the log by a reader, and not there at the end
    receipted_too_far: int = 0  # devices told of more than the log holds
    unheard: int = 0  # recorded, killed before the beep, committed: allowed
    refused: int = 0  # "not recorded", and so it was
    unfolded: int = 0  # in the log, and not yet in a timeline at the end
    set_aside: dict[str, int] = field(default_factory=dict)
    faults: dict[str, int] = field(default_factory=dict)
    not_seen: dict[str, int] = field(default_factory=dict)  # begun; nothing met it, or it was over at once
    commits_refused: int = 0  # by a full disk, a dead database; each batch of scans then came again
    died_by_itself: int = 0
    recovery_s: list[float] = field(default_factory=list)
    recovered: bool = True
    wait_p50_s: float = 0.0
    wait_p99_s: float = 0.0
    wait_max_s: float = 0.0
    deepest_journal: int = 0
    peak_mib: dict[str, float] = field(default_factory=dict)
    integrity: str = ""
    control_beeped: int = 0
    control_lost: int = 0
    control_lost_acknowledged: int = 0
    control_lost_afterwards: int = 0  # beeped when the last fault was over
    control_doubled: int = 0

    @property
    def broken(self) -> list[str]:
        """The promises it shows broken, one sentence each."""
        held = [
            (self.lost == 0, f"{self.lost} scans that beeped are not in the log"),
            (self.doubled == 0, f"{self.doubled} scans are in the log twice"),
            (self.invented == 0, f"{self.invented} scans in the log were never made, or were refused"),
            (self.vanished == 0, f"{self.vanished} scans were in the log and are not any more"),
            (self.receipted_too_far == 0, f"{self.receipted_too_far} devices were receipted more than the log holds"),
            (not self.set_aside, f"in quarantine, of honest devices: {self.set_aside}"),
            (self.recovered, f"not recovered {RECOVERS_WITHIN_S:.0f} s after the last fault"),
            (self.unfolded == 0, f"{self.unfolded} scans are in the log and in no timeline"),
            (self.integrity == "ok", f"the database says of its files: {self.integrity}"),
            (self.beeped > 0, "nothing was scanned"),
            (sum(self.faults.values()) > 0, "no fault was seen to happen"),
        ]
        return [f"{self.database} and {self.broker}: {sentence}" for ok, sentence in held if not ok]


Say = Callable[[str], None]


class Combination:
    """Built for one run: `run` starts everything, and nothing of it is left when it returns or raises."""

    def __init__(
        self, place: Path, bench: Bench, broker: Broker, load: Load, *, stop: threading.Event, say: Say
    ) -> None:
        self._place = place
        self._bench = bench
        self._broker: Broker = broker
        self._load = load
        self._stop = stop
        self._say = say
        self._chance = Random(f"{load.seed}/{bench.name}/{broker}")
        self._calm = threading.Event()
        self._busy: dict[str, Future[str]] = {}
        self._deck: list[int] | None = None  # none dealt so far
        self._went_wrong: list[BaseException] = []  # faults we could not do or undo
        self._log: dict[int, Kept] = {}  # as a reader follows it; begun anew after a restore
        self._seen: set[Kept] = set()  # whatever it showed, wherever it stood
        self._backup: Path | None = None
        self._storms = 0
        self._said_in_storms: set[str] = set()
        self._read_at = 0.0
        self.figures = Figures(bench.name, broker, load.seed)

    def run(self, seconds: float) -> Figures:
        """Scans under faults for so long, not counting what starting and coming to rest take; unjudged when stopped."""
        began = time.monotonic()
        self._place.mkdir(mode=0o700)
        with ExitStack() as ends:
            ends.callback(self._bench.close)
            ends.callback(self._keep_database)
            self._bench.start()
            self.figures.version = self._bench.version
            network = Network()
            ends.callback(network.close)
            self._ours = shipped(self._place / "ours", network, self._bench, self._broker, self._load)
            self._control = control(self._place / "control", network, self._bench, self._broker, self._load)
            ends.callback(self._end_all)
            self._start_all()
            nemeses = Nemeses(self._ours, self._control, self._bench, calm=self._calm)
            # Its threads start processes, and the kernel tells these when their starter ends: so it outlives them.
            hands = ends.enter_context(ThreadPoolExecutor(MOST_AT_ONCE, thread_name_prefix="nemesis"))
            ends.callback(self._end_all)
            ends.callback(self._calm.set)
            self._faults = (self._place / "faults.tsv").open("w", buffering=1)
            ends.enter_context(self._faults)
            until = time.monotonic() + seconds
            while time.monotonic() < until and not self._stop.is_set():
                self._storms += 1
                if self._storms % RESTORES_EVERY == 0:
                    self._back_up()
                self._storm(nemeses, hands, min(until, time.monotonic() + LONGEST_STORM_S))
                if self._backup is not None and not self._stop.is_set():
                    self._restore(self._backup)
                self._lull()
            if not self._stop.is_set():
                self._come_to_rest()
                self._judge()
        self.figures.seconds = round(time.monotonic() - began, 1)
        return self.figures

    def _keep_database(self) -> None:
        """For whoever wants to know why; its place is emptied with all else when nothing was wrong."""
        with suppress(OSError):
            self._bench.keep(self._place / "database")

    # --- starting and ending ---

    @property
    def _processes(self) -> Iterator[Process]:
        yield from self._ours.processes
        yield from self._control.processes

    def _start_all(self) -> None:
        for side in (self._ours, self._control):
            side.oracle.start()
            side.broker.start()
        self._until_ready(self._ours, "broker")
        self._until_ready(self._control, "broker")
        for side in (self._ours, self._control):
            side.reader.start()
            for other in side.others:
                other.start()
        for role in ("tracker", "notify", "web"):
            self._until_ready(self._ours, role)
        for side in (self._ours, self._control):
            for device in side.devices:
                device.start()
        if not self._eventually(self._all_at_work, UP_WITHIN_S):
            raise CannotRunError(f"no scan arrives before any fault; look into {self._ours.home.logs}")

    def _all_at_work(self) -> bool:
        """Every device of both sides scans, and what they scan arrives."""
        for side in (self._ours, self._control):
            if len({dev for dev, _, _ in self._heard(side).beeped}) < len(side.devices):
                return False
        return bool(self._follow_log()) and bool(self._control_rows())

    def _until_ready(self, side: Side, role: str) -> None:
        process = next(each for each in side.processes if each.name == role)
        if not self._eventually(announcer(side.home, role).exists, UP_WITHIN_S):
            raise CannotRunError(f"{role} does not come up: {process.last_words}")

    def _eventually(self, true: Callable[[], bool], seconds: float) -> bool:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if true():
                return True
            if self._stop.wait(_LOOK_EVERY_S):
                raise InterruptedStartError("stopped while it was starting")
        return False

    def _end_all(self) -> None:
        """Everything is gone when it returns, also what is paused."""
        for side in (self._ours, self._control):
            pid = side.broker_pid()
            for process in side.processes:
                process.end(signal.SIGKILL)
            side.oracle.end(signal.SIGKILL)
            if pid is not None:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    # --- storms ---

    def _storm(self, nemeses: Nemeses, hands: ThreadPoolExecutor, until: float) -> None:
        self._calm.clear()
        while time.monotonic() < until and not self._stop.is_set():
            fault = self._deal(nemeses) if len(self._busy) < MOST_AT_ONCE else None
            if fault is not None and fault.target not in self._busy:
                self._busy[fault.target] = hands.submit(fault.do)
                self._begun(fault)
            before = len(self._log)
            self._attend(self._chance.expovariate(1 / A_FAULT_EVERY_S))
            # A system that does nothing can lose nothing: so the next fault gives it a chance to do something.
            patience = time.monotonic() + PATIENCE_S
            while len(self._log) == before and time.monotonic() < min(patience, until) and not self._stop.is_set():
                self._attend(_LOOK_EVERY_S)
        self._calm.set()
        while self._busy:
            self._attend(_LOOK_EVERY_S)
        if self._went_wrong:
            raise self._went_wrong[0]

    def _deal(self, nemeses: Nemeses) -> Fault:
        """A device that dies off line, which no queue in memory survives, so that a short run has its control as well;
        then every kind once, in an order of the seed's, and all again in another.
        """
        if self._deck is None:
            self._deck = []
            return nemeses.kill_device_off_line(self._chance)
        if not self._deck:
            self._deck = list(range(len(nemeses.draws)))
            self._chance.shuffle(self._deck)
        return nemeses.draws[self._deck.pop()](self._chance)

    def _begun(self, fault: Fault) -> None:
        began = time.monotonic()

        def over(done: Future[str]) -> None:
            wrong = done.exception()
            if wrong is not None and not isinstance(wrong, UnreachableError):
                self._went_wrong.append(wrong)
            seen = "" if wrong else done.result()
            self._faults.write(f"{began:.3f}\t{time.monotonic():.3f}\t{fault.kind}\t{fault.target}\t{wrong or seen}\n")
            counts = self.figures.faults if seen else self.figures.not_seen
            counts[fault.kind] = counts.get(fault.kind, 0) + 1

        self._busy[fault.target].add_done_callback(over)

    def _attend(self, seconds: float) -> None:
        """Starts whoever died by itself, reads the log as any reader would, and forgets faults that are over."""
        until = time.monotonic() + seconds
        while True:
            self._busy = {target: done for target, done in self._busy.items() if not done.done()}
            for process in self._processes:
                if process.name not in self._busy and process.notice_death():
                    process.start()
            if time.monotonic() - self._read_at >= _READ_EVERY_S:
                self._follow_log()
            left = until - time.monotonic()
            if left <= 0:
                return
            self._stop.wait(min(left, _LOOK_EVERY_S))

    def _follow_log(self) -> dict[int, Kept]:
        self._read_at = time.monotonic()
        with suppress(UnreachableError):
            new = log_after(self._bench.ours, max(self._log, default=0))
            self._log.update((scan.pos, scan) for scan in new)
            self._seen.update(scan._replace(pos=0) for scan in new)
        return self._log

    def _heard(self, side: Side) -> History:
        return side.tail.follow()

    # --- an older backup, in the middle of it all ---

    def _back_up(self) -> None:
        self._backup = self._place / f"backup-{self._storms}.lastscan"
        self._command("backup", self._backup)

    def _restore(self, backup: Path) -> None:
        """Every role is killed, what was kept since the backup is gone, and the devices know better."""
        ours, self._backup = self._ours, None
        roles = (ours.broker, ours.reader, *ours.others)
        for role in roles:
            role.end(signal.SIGKILL)
        held = len(log_after(self._bench.ours, 0))
        self._command("restore", backup)
        self._log.clear()
        gone = held - len(self._follow_log())
        for role in roles:
            role.start()
        if gone > 0:
            self.figures.faults["restore_backup"] = self.figures.faults.get("restore_backup", 0) + 1
        self._say(f"an older backup restored: {gone} scans less in the log")

    def _command(self, name: str, file: Path) -> None:
        """One of ours, in the home under test; its own words in the error if it fails."""
        home = self._ours.home
        ran = subprocess.run(
            [sys.executable, "-m", "lastscan", name, str(file), "--home", str(home.path)],
            env=environment(self._broker, self._bench.ours),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if ran.returncode != 0:
            raise CannotRunError(f"lastscan {name}: {ran.stderr.strip()}")

    # --- lulls and rest ---

    def _lull(self) -> None:
        """Everybody goes on scanning; how long until all that had beeped in the storm is in the log."""
        over = time.monotonic()
        self._said_in_storms = set(self._heard(self._control).beeped.values())
        owed = set(self._heard(self._ours).beeped)
        while time.monotonic() - over < RECOVERS_WITHIN_S:
            self._attend(_LOOK_EVERY_S)
            owed -= {scan.id for scan in self._follow_log().values()}
            if not owed or self._stop.is_set():
                break
        took = time.monotonic() - over
        self.figures.recovery_s.append(round(took, 2))
        self.figures.recovered &= not owed
        faults = sum(self.figures.faults.values())
        self._say(f"{faults} faults, {self._heard(self._ours).beeps} beeps, recovered in {took:.1f} s")

    def _come_to_rest(self) -> None:
        """Nobody scans any more, until every journal is empty and everything is folded."""
        devices = [*self._ours.devices, *self._control.devices]
        for device in devices:
            device.tell(signal.SIGUSR1)
        self._rest(lambda: len(self._heard(self._ours).waits) >= self._heard(self._ours).beeps)
        self._rest(lambda: self._unfolded() == 0)
        missing, moved_at = -1, time.monotonic()
        while (now_missing := len(self._control_missing())) and time.monotonic() - moved_at < CONTROL_WAITS_S:
            if now_missing != missing:
                missing, moved_at = now_missing, time.monotonic()
            self._attend(_READ_EVERY_S)
            if self._stop.is_set():
                break
        for process in self._processes:
            if process.alive:
                process.measure()
        for device in devices:
            device.end(signal.SIGTERM)
        for side in (self._ours, self._control):
            with (side.home.path / "heard").open("w") as heard:
                heard.write("end\n")
            side.oracle.end(signal.SIGCONT)
        for role in (*self._ours.others, self._ours.reader, self._control.reader):
            role.end(signal.SIGTERM)

    def _rest(self, there: Callable[[], bool]) -> None:
        until = time.monotonic() + RECOVERS_WITHIN_S
        while not there() and time.monotonic() < until and not self._stop.is_set():
            self._attend(_READ_EVERY_S)

    def _unfolded(self) -> int:
        with suppress(UnreachableError):
            query = (
                "SELECT count(*) FROM facts WHERE pos >"
                " coalesce((SELECT position FROM readers WHERE name = 'project'), 0)"
            )
            return int(ask(self._bench.ours, query)[0][0])
        return -1

    def _control_missing(self) -> set[str]:
        return set(self._heard(self._control).beeped.values()) - set(self._control_rows())

    def _control_rows(self) -> list[str]:
        with suppress(UnreachableError):
            return [row[0] for row in ask(self._bench.control, "SELECT code FROM scans")]
        return []

    # --- judging ---

    def _judge(self) -> None:
        figures, heard = self.figures, self._heard(self._ours)
        log = log_after(self._bench.ours, 0)
        verdict = judge(heard, log)
        final = {scan.pos: scan for scan in log}
        figures.beeped = heard.beeps
        figures.committed = len(log)
        figures.lost = len(verdict.lost)
        figures.doubled = len(verdict.doubled)
        figures.invented = len(verdict.invented)
        figures.unheard = verdict.unheard
        figures.receipted_too_far = len(verdict.receipted_too_far)
        moved = sum(final.get(pos) != scan for pos, scan in self._log.items())
        figures.vanished = max(moved, len(self._seen - {scan._replace(pos=0) for scan in log}))
        figures.refused = len(heard.refused)
        figures.unfolded = self._unfolded()
        figures.set_aside = set_aside(self._bench.ours)
        figures.integrity = self._bench.integrity()
        figures.deepest_journal = heard.deepest
        figures.died_by_itself = sum(len(process.died_by_itself) for process in self._ours.processes)
        figures.commits_refused = (self._ours.home.logs / "tracker.log").read_text().count("cannot commit")
        waits = sorted(heard.waits)
        if waits:
            figures.wait_p50_s, figures.wait_p99_s, figures.wait_max_s = (
                round(waits[min(len(waits) - 1, int(len(waits) * share))], 3) for share in (0.5, 0.99, 1.0)
            )
        for process in self._ours.processes:
            name = "device" if process in self._ours.devices else process.name
            figures.peak_mib[name] = max(figures.peak_mib.get(name, 0.0), round(process.peak_kib / 1024, 1))
        said, rows = self._heard(self._control), self._control_rows()
        missing = self._control_missing()
        figures.control_beeped = said.beeps
        figures.control_lost = len(missing)
        figures.control_lost_acknowledged = len(missing & said.acknowledged)
        figures.control_lost_afterwards = len(missing - self._said_in_storms)
        figures.control_doubled = len(rows) - len(set(rows))
        with (self._place / "verdict.txt").open("w") as file:
            for name, found in (("lost", verdict.lost), ("doubled", verdict.doubled), ("invented", verdict.invented)):
                file.writelines(f"{name}\t{each}\n" for each in found)
            for process in self._ours.processes:
                file.writelines(f"died\t{words}\n" for words in process.died_by_itself)
