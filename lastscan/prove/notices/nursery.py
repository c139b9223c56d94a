"""Where the processes of a run are born: one that has read all modules, opened nothing, and forks in milliseconds.

Line by line on standard input: what to run and its arguments, as JSON; the pid of the new process is answered. When the
input ends, because whoever started it has ended, all of them are killed.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from lastscan.prove.notices.notifier import run_notifier
from lastscan.prove.notices.provider import run_provider
from lastscan.prove.processes import state

BODIES: dict[str, Callable[..., None]] = {"notifier": run_notifier, "provider": run_provider}


class Nursery:
    """From the side of whoever wants processes."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "lastscan.prove.notices.nursery"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self, name: str, *said: Any) -> int:
        """A process that runs this body; its pid."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([name, *said]) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def kill(self, pid: int) -> None:
        """With -9; gone when it returns."""
        os.kill(pid, signal.SIGKILL)
        while state(pid):
            time.sleep(0.001)

    def close(self) -> None:
        """All that it started are gone when it returns."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def _serve() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them: whoever is dead is gone
    born: list[int] = []
    for line in sys.stdin:
        name, *said = json.loads(line)
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            with suppress(KeyboardInterrupt):
                BODIES[name](*said)
            os._exit(0)
        born.append(pid)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()
    for pid in born:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    _serve()
