"""One process group: starts the roles in order, starts again whoever dies, stops them all together."""

import ctypes
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lastscan.home import Home
from tracker.domain.errors import LastscanError

READY_WITHIN_S = 30.0
STOP_WITHIN_S = 15.0
_LONGEST_PAUSE_S = 5.0
_SETTLED_AFTER_S = 10.0


class RoleFailedError(LastscanError):
    """A role does not come up; its log says why."""


class InterruptedStartError(LastscanError):
    """Somebody stopped it before it was up."""


class AlreadyRunningError(LastscanError):
    """This home has a process group already: stop it first, or name another home with --home."""


@contextmanager
def alone(home: Home) -> Iterator[None]:
    """One process group a home, and none while it is being restored."""
    with (home.run / "up.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as busy:
            where = home.addresses.get("web") or str(home.path)
            raise AlreadyRunningError(f"it runs already: {where}") from busy
        yield


def announcer(home: Home, role: str) -> Path:
    """The file in which a role says that it is ready, and where it can be reached."""
    return home.run / f"{role}.json"


def announce(home: Home, role: str, addresses: dict[str, Any]) -> None:
    fresh = announcer(home, role).with_suffix(".new")
    fresh.write_text(json.dumps({"pid": os.getpid(), **addresses}))
    os.replace(fresh, announcer(home, role))


def die_with_parent() -> None:
    """On Linux, a role whose supervisor was killed stops by itself instead of keeping ports and files."""
    if sys.platform == "linux":
        parent = os.getppid()
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)
        if os.getppid() != parent:
            raise SystemExit(1)


@dataclass
class Role:
    """One process of the group."""

    name: str
    command: list[str]
    aloud: bool = False
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    restarts: int = 0
    not_before: float = 0.0


@dataclass
class Supervisor:
    """Keeps the roles of one home running."""

    home: Home
    roles: dict[str, Role] = field(default_factory=dict)
    stop: threading.Event = field(default_factory=threading.Event)
    _announced: dict[str, Any] = field(default_factory=dict)

    def start(self, name: str, *arguments: str, aloud: bool = False) -> None:
        """Starts a role; `wait_for` says when it is ready. One that speaks `aloud` does so here, not in its log."""
        announcer(self.home, name).unlink(missing_ok=True)
        command = [sys.executable, "-m", "lastscan", name, "--home", str(self.home.path), *arguments]
        role = self.roles[name] = Role(name, command, aloud)
        self._spawn(role)

    def wait_for(self, *names: str) -> None:
        """Until all of these are ready; RoleFailedError with the last words of one that is not."""
        for name in names:
            self._ready(self.roles[name])

    def last_words(self, name: str) -> str:
        """The end of a role's log, and where the rest is."""
        log = self.home.logs / f"{name}.log"
        return "\n".join(log.read_text(errors="replace").splitlines()[-12:]) + f"\n(all of it: {log})"

    def keep_running(self, until: Role | None = None) -> int | None:
        """Starts again whoever dies, until told to stop or until one given role has ended; answers its exit code."""
        while not self.stop.wait(0.1):
            if until is not None and until.process is not None and until.process.poll() is not None:
                return until.process.returncode
            for role in self.roles.values():
                if role is not until:
                    self._look_after(role)
            self._announce()
        return None

    def shut_down(self) -> None:
        """Asks every role to stop, the last started first, and ends those that do not."""
        for role in reversed(self.roles.values()):
            self._end(role)
        with suppress(FileNotFoundError):
            (self.home.path / "run.json").unlink()

    def _spawn(self, role: Role) -> None:
        with (self.home.logs / f"{role.name}.log").open("ab") as log:
            role.process = subprocess.Popen(
                role.command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=None if role.aloud else log,
                start_new_session=True,
            )
        role.started_at = time.monotonic()

    def _ready(self, role: Role) -> None:
        deadline = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < deadline and not self.stop.is_set():
            if _read(announcer(self.home, role.name)) is not None:
                self._announce()
                return
            if role.process is not None and role.process.poll() is not None:
                break
            time.sleep(0.02)
        if self.stop.is_set():
            raise InterruptedStartError("stopped while it was starting; everything is kept")
        raise RoleFailedError(f"{role.name} does not come up; its last words:\n{self.last_words(role.name)}")

    def _look_after(self, role: Role) -> None:
        now = time.monotonic()
        if role.process is not None and role.process.poll() is None:
            if role.restarts and now - role.started_at > _SETTLED_AFTER_S:
                role.restarts = 0
            return
        if role.process is not None:
            role.process = None
            role.not_before = now + min(0.1 * 2**role.restarts, _LONGEST_PAUSE_S)
            role.restarts += 1
            print(f"{role.name} died; starting it again (log: {self.home.logs / role.name}.log)", file=sys.stderr)  # noqa: T201
        if now >= role.not_before:
            self._spawn(role)

    def _announce(self) -> None:
        """Keeps `run.json` true: addresses, and the process that serves each role."""
        said = {name: _read(announcer(self.home, name)) or {} for name in self.roles}
        running: dict[str, Any] = {"web": None, "mqtt": None, "mqtt_ws": None}
        for addresses in said.values():
            running |= {name: addresses[name] for name in running if name in addresses}
        running["pids"] = {name: addresses["pid"] for name, addresses in said.items() if "pid" in addresses}
        if running != self._announced:
            self.home.announce(running)
            self._announced = running

    def _end(self, role: Role) -> None:
        if role.process is None or role.process.poll() is not None:
            return
        role.process.terminate()
        try:
            role.process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            role.process.kill()
            role.process.wait()


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(path.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    return found


def port_or_free(port: int, host: str, *, insist: bool) -> int:
    """This port if it can be had; else a free one, unless somebody insists on it. 0 asks for a free one."""
    for wanted in (port, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, wanted))
            except OSError as wrong:
                if insist:
                    why = f"port {wanted} on {host} cannot be had ({wrong.strerror}); choose another"
                    raise RoleFailedError(why) from wrong
                continue
            return int(probe.getsockname()[1])
    raise RoleFailedError(f"no free port on {host}")
