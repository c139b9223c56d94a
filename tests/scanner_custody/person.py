"""A person at a terminal: runs `lastscan scan` behind a pty, presses keys, and reads the screen as it is painted."""

import atexit
import codecs
import fcntl
import json
import os
import pty
import re
import resource
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path

_SEQUENCE = re.compile(r"(\x1b\[[0-9;?]*[A-Za-z])")
_MOVE = re.compile(r"\x1b\[(\d+);(\d+)H")


class Person:
    def __init__(
        self,
        home: Path,
        *arguments: str,
        columns: int = 80,
        rows: int = 24,
        disk_full: bool = False,
        encoding: str = "utf-8",
        **environment: str,
    ) -> None:
        self._keys, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.before = termios.tcgetattr(theirs)
        self._theirs = theirs
        self._stderr, said = os.pipe()
        arguments = ("--home", str(home), "--wait", "0.3", *arguments)
        self._pid = _nursery().bears(theirs, said, arguments, encoding, environment, disk_full=disk_full)
        os.close(said)
        self._said = b""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rows: dict[int, str] = {}
        self._row: int | None = None
        self._fresh = True
        self._unread = ""
        self.raw = ""

    # --- hands ---

    def scans(self, code: str, end: str = "\r") -> None:
        """A keyboard scanner: all keys at once, and not on the heels of another key."""
        time.sleep(0.035)
        os.write(self._keys, (code + end).encode())

    def types(self, text: str) -> None:
        """A person: each key is seen on the screen, and the time of a finger passes, before the next."""
        field = self.field
        for letter in text:
            time.sleep(0.035)  # what makes it a person
            os.write(self._keys, letter.encode())
            field += letter
            self.sees_typed(field)

    def presses(self, key: str) -> None:
        """ENTER and other keys that are no letters; never within the time of a scanner."""
        time.sleep(0.035)
        os.write(self._keys, _KEYS[key])

    def resizes(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self._keys, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        os.kill(self._pid, signal.SIGWINCH)  # it is no foreground group here

    def hangs_up(self) -> None:
        """The window is closed."""
        os.close(self._theirs)
        os.close(self._keys)
        self._keys = self._theirs = -1

    # --- eyes and ears ---

    @property
    def screen(self) -> str:
        return "\n".join(self._rows[row] for row in sorted(self._rows))

    @property
    def rings(self) -> int:
        return self.raw.count("\a")

    @property
    def field(self) -> str:
        """What stands in the field for typing."""
        return self._rows.get(max(self._rows, default=0), "").removeprefix(">").strip()

    def sees_typed(self, text: str) -> None:
        self._waits(lambda: self.field == text, f"{text!r} in the field")

    def sees(self, *texts: str) -> None:
        """Waits until all of these stand on the screen at once."""
        self._waits(lambda: all(text in self.screen for text in texts), f"{texts} on the screen")

    def hears(self, rings: int) -> None:
        self._waits(lambda: self.rings >= rings, f"{rings} rings, {self.rings} so far")

    def ends(self) -> tuple[int, str]:
        """Waits for the end: exit code, and what stands in the terminal after."""
        until = time.monotonic() + 20
        while not (ended := self._ended()) and time.monotonic() < until:
            self._reads(0.02)
        assert ended, self.screen
        *said, last = self._said.decode().rstrip().splitlines()
        assert last.startswith("EXIT "), self._said
        return int(last.removeprefix("EXIT ")), "\n".join(said)

    def is_as_before(self) -> bool:
        """Whether the terminal was given back as it was found."""
        self._reads(0)
        return termios.tcgetattr(self._theirs) == self.before and "\x1b[?1049l" in self.raw

    def leaves(self) -> None:
        if not self._ended():
            os.kill(self._pid, signal.SIGKILL)
        os.close(self._stderr)
        for fd in (self._keys, self._theirs):
            if fd >= 0:
                os.close(fd)

    def _ended(self) -> bool:
        """Whether its standard error is closed, which happens when it ends."""
        while select.select([self._stderr], [], [], 0)[0]:
            if not (said := os.read(self._stderr, 65536)):
                return True
            self._said += said
        return False

    def _waits(self, condition: Callable[[], bool], what: str) -> None:
        until = time.monotonic() + 20
        while not condition():
            assert not self._ended(), f"it ended: {self._said.decode()}\n{self.screen}"
            assert time.monotonic() < until, f"not seen: {what}\n{self.screen}"
            self._reads(0.5)

    def _reads(self, seconds: float) -> None:
        if self._keys < 0 or not select.select([self._keys], [], [], seconds)[0]:
            return
        try:
            raw = self._decoder.decode(os.read(self._keys, 65536))
        except OSError:
            return
        self.raw += raw
        *parts, self._unread = re.split(r"(?=\x1b)", self._unread + raw) if "\x1b" in raw else [self._unread + raw]
        if _SEQUENCE.match(self._unread) or "\x1b" not in self._unread:
            parts, self._unread = [*parts, self._unread], ""
        for piece in (piece for part in parts for piece in _SEQUENCE.split(part) if piece):
            self._understands(piece)

    def _understands(self, piece: str) -> None:
        if move := _MOVE.fullmatch(piece):
            self._row, self._fresh = int(move[1]), True
        elif piece.endswith("2J"):
            self._rows.clear()
        elif not _SEQUENCE.fullmatch(piece) and self._row is not None and (text := piece.replace("\a", "")):
            self._rows[self._row] = text if self._fresh else self._rows.get(self._row, "") + text
            self._fresh = False


_KEYS = {
    "ENTER": b"\r", "ESC": b"\x1b", "Ctrl-C": b"\x03", "F1": b"\x1bOP", "F2": b"\x1bOQ", "F3": b"\x1bOR",
    "F4": b"\x1bOS", "F5": b"\x1b[15~", "F10": b"\x1b[21~", "Ctrl-U": b"\x15",
}  # fmt: skip


class _Nursery:
    """A process that has everything loaded and turns into handhelds: each begins at once, and none shares a thread."""

    def __init__(self) -> None:
        self._ours, theirs = socket.socketpair()
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )
        theirs.close()
        atexit.register(self.close)

    def bears(
        self,
        terminal: int,
        stderr: int,
        arguments: Sequence[str],
        encoding: str,
        environment: Mapping[str, str],
        *,
        disk_full: bool,
    ) -> int:
        asked = {"args": arguments, "encoding": encoding, "environment": dict(environment), "disk_full": disk_full}
        socket.send_fds(self._ours, [json.dumps(asked).encode()], [terminal, stderr])
        return int(self._ours.recv(32))

    def close(self) -> None:
        self._ours.close()
        self._process.wait()


@cache
def _nursery() -> _Nursery:
    return _Nursery()


def _bear(channel: socket.socket) -> None:
    import lastscan.commands.scan_screen  # noqa: F401  everything, before the first is born

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        asked, fds, _, _ = socket.recv_fds(channel, 65536, 2)
        if not asked:
            return
        pid = os.fork()
        if pid == 0:
            channel.close()
            _be(fds, **json.loads(asked))
        for fd in fds:
            os.close(fd)
        channel.send(str(pid).encode())


def _be(fds: list[int], args: list[str], encoding: str, environment: dict[str, str], disk_full: bool) -> None:
    """This process is the handheld from now on; its last words are its exit code."""
    from lastscan.commands.scan import scan

    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for target, fd in enumerate((fds[0], fds[0], fds[1])):
        os.dup2(fd, target)
    for fd in fds:
        os.close(fd)
    sys.stdin, sys.stdout = open(0, closefd=False), open(1, "w", encoding=encoding, closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    for name in ("NO_COLOR", "MQTT_URL", "DATABASE_URL"):
        os.environ.pop(name, None)
    os.environ.update({"TERM": "xterm-256color", **environment})
    if disk_full:  # every write to a file fails from here on
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    code: object = "broken"
    try:
        scan(args, prog_name="scan")
    except SystemExit as end:
        code = end.code
    except BaseException:  # noqa: BLE001  told where the test reads it
        traceback.print_exc()
    sys.stderr.flush()
    os.write(2, f"EXIT {code}\n".encode())
    os._exit(0)


if __name__ == "__main__":
    _bear(socket.socket(fileno=int(sys.argv[1])))
