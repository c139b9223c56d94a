"""A process under test: started, killed, paused; each of these looked at until the kernel says that it is so."""

import os
import resource
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

GONE_WITHIN_S = 20.0


class Process:
    """One of the group. `command` is asked again at each start, with the number of the start."""

    def __init__(self, name: str, command: Callable[[int], Sequence[str]], env: Mapping[str, str], log: Path) -> None:
        self.name = name
        self._command = command
        self._env = dict(env)
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._one_at_a_time = threading.RLock()  # several faults may meet
        self.starts = 0
        self.peak_kib = 0
        self.died_by_itself: list[str] = []

    def start(self) -> None:
        """Starts it, unless it runs."""
        with self._one_at_a_time, self._log.open("ab") as log:
            if self.alive:
                return
            self.starts += 1
            self._process = subprocess.Popen(
                list(self._command(self.starts)),
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def twin(self) -> "Process":
        """Another of the same, not started."""
        return Process(f"second {self.name}", self._command, self._env, self._log)

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def notice_death(self) -> bool:
        """Whether it has ended though nobody ended it."""
        with self._one_at_a_time:
            if self._process is None or self._process.poll() is None:
                return False
            self.died_by_itself.append(f"{self.name} ended with {self._process.returncode}: {self.last_words}")
            self._process = None
        return True

    @property
    def last_words(self) -> str:
        with suppress(OSError):
            return " / ".join(self._log.read_text(errors="replace").splitlines()[-2:])[-400:]
        return ""

    def end(self, number: signal.Signals) -> str:
        """By this signal, SIGKILL if that takes too long; `pid N gone` once it is, empty if it was not running."""
        with self._one_at_a_time:
            process = self._process
            if process is None or process.poll() is not None:
                return ""
            self.measure()
            self._process = None
        process.send_signal(number)
        try:
            process.wait(GONE_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return f"pid {process.pid} gone, but only after SIGKILL"
        return f"pid {process.pid} gone ({process.returncode})"

    def tell(self, number: signal.Signals) -> None:
        if self.alive:
            os.kill(self.pid, number)

    def pause(self) -> str:
        """SIGSTOP; `pid N stopped` once the kernel says so."""
        if not self.alive:
            return ""
        os.kill(self.pid, signal.SIGSTOP)
        until = time.monotonic() + 1.0
        while time.monotonic() < until:
            if state(self.pid) == "T":
                return f"pid {self.pid} stopped"
            time.sleep(0.001)
        return ""

    def go_on(self) -> None:
        self.tell(signal.SIGCONT)

    def limit_files(self, size: int | None) -> str:
        """No file of it grows past `size` bytes (EFBIG); without one, as before. What the kernel has in force."""
        if not self.alive:
            return ""
        hard = resource.prlimit(self.pid, resource.RLIMIT_FSIZE)[1]
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (hard if size is None else size, hard))
        in_force = resource.prlimit(self.pid, resource.RLIMIT_FSIZE)[0]
        return f"pid {self.pid} may write files up to {in_force} bytes" if in_force == size else ""

    def measure(self) -> None:
        """Remembers the most memory it ever had."""
        with suppress(OSError, StopIteration):
            lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
            peak = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
            self.peak_kib = max(self.peak_kib, peak)


def state(pid: int) -> str:
    """One letter, as `ps` has it; empty when there is no such process."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return ""
