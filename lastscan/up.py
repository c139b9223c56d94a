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
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn, Protocol

import structlog

from lastscan.home import Home
from tracker.domain.errors import LastscanError

log = structlog.get_logger()

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


class Process(Protocol):
    """One that was started, as of `subprocess.Popen`."""

    returncode: int | None

    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def terminate(self) -> None: ...
    def kill(self) -> None: ...


class Forked:
    """A role that begins with all that its supervisor has imported, a second sooner than a new Python.

    Only for a process without other threads, which would be missing in the child while the locks they hold were not,
    and without an open database, which SQLite must not carry over a fork.
    """

    def __init__(self, words: Sequence[str], to: Path | None) -> None:
        self.returncode: int | None = None
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            _become(words, to)

    def poll(self) -> int | None:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        give_up_at = None if timeout is None else time.monotonic() + timeout
        while (ended := self.poll()) is None:
            if give_up_at is not None and time.monotonic() > give_up_at:
                raise subprocess.TimeoutExpired("role", timeout or 0)
            time.sleep(0.01)
        return ended

    def terminate(self) -> None:
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        self._send(signal.SIGKILL)

    def _send(self, number: int) -> None:
        if self.poll() is None:  # else the number may be somebody else's by now
            os.kill(self.pid, number)


def _become(words: Sequence[str], to: Path | None) -> NoReturn:
    """In the child: lets go of all that is the supervisor's, then runs the command; never returns."""
    code = 1
    try:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        os.setsid()
        null = os.open(os.devnull, os.O_RDWR)
        said = 2 if to is None else os.open(to, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for source, ours in ((null, 0), (null, 1), (said, 2)):
            os.dup2(source, ours)
        os.closerange(3, os.sysconf("SC_OPEN_MAX"))
        from lastscan.cli import main

        main(words)
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1
    except Exception:
        log.exception("tripped, and ends")
    finally:
        with suppress(OSError, ValueError):
            sys.stderr.flush()
        os._exit(code)


@dataclass
class Role:
    """One process of the group."""

    name: str
    words: list[str]
    aloud: bool = False
    process: "Process | None" = None
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
        role = self.roles[name] = Role(name, [name, "--home", str(self.home.path), *arguments], aloud)
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
        to = None if role.aloud else self.home.logs / f"{role.name}.log"
        role.process = Forked(role.words, to) if _may_fork() else _anew(role.words, to)
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


def _may_fork() -> bool:
    """Whether this process has but one thread, and no file or connection open besides its lock and its output."""
    if sys.platform != "linux" or threading.active_count() > 1:
        return False
    opened = [os.readlink(fd) for fd in Path("/proc/self/fd").iterdir() if int(fd.name) > 2 and fd.exists()]
    return not [path for path in opened if path.startswith("socket:") or ".db" in Path(path).name]


def _anew(words: Sequence[str], to: Path | None) -> Process:
    with to.open("ab") if to else nullcontext() as said:
        return subprocess.Popen(
            [sys.executable, "-m", "lastscan", *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
            start_new_session=True,
        )


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
