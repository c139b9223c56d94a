"""A terminal as a screen of rows: keys with the moment they arrived, painting, bells, and the way back.

Keys are read from the device in a thread of their own, because only the moment of arrival tells a scanner from a
person: `curses` gives keys without it, and only when asked. Rows are painted by `rich`, which knows colours, widths of
letters and NO_COLOR; it needs no terminfo, and a row is written whole when it changed, which is kind to slow lines
and lets a test wait for words.
"""

from __future__ import annotations

import io
import os
import select
import signal
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rich.console import Console
from rich.text import Text

from scanner.wedge import Keys

ESCAPE_WITHIN = 0.05  # what follows ESC later than this is another key
LOG_AT_MOST = 1 << 20  # bytes at the start; then it begins anew
_ENTER_SCREEN, _LEAVE_SCREEN = "\x1b[?1049h\x1b[2J\x1b[H", "\x1b[0m\x1b[?25h\x1b[?1049l"


class TerminalGoneError(Exception):
    """Nobody is there any more: the window was closed, the line cut."""


def is_fit(environment: dict[str, str] | None = None) -> bool:
    """Whether a screen can be shown here: a terminal both ways that can move its cursor."""
    kind = (os.environ if environment is None else environment).get("TERM", "")
    return sys.stdin.isatty() and sys.stdout.isatty() and kind not in ("", "dumb")


def shows_signs() -> bool:
    """Whether more than ASCII can be written."""
    return (sys.stdout.encoding or "ascii").lower().replace("-", "") == "utf8"


class Terminal:
    def __init__(self, in_fd: int = 0, out_fd: int = 1, encoding: str | None = None) -> None:
        self._in, self._out = in_fd, out_fd
        self._encoding = encoding or sys.stdout.encoding or "ascii"
        self._shown: list[str] = []
        self._size = (0, 0)
        self._stop_reading, self._stopped = os.pipe()
        self._reading: threading.Thread | None = None
        self._canvas = io.StringIO()
        self._console = Console(
            file=self._canvas, force_terminal=True, highlight=False, markup=False, emoji=False, legacy_windows=False
        )

    @contextmanager
    def taken(self) -> Iterator[None]:
        """The whole screen, keys one by one; given back as it was, whatever happens."""
        before = termios.tcgetattr(self._in)
        raw = termios.tcgetattr(self._in)
        raw[0] &= ~(termios.IXON | termios.ICRNL | termios.INLCR)  # Ctrl-S must not freeze a shift
        raw[3] &= ~(termios.ICANON | termios.ECHO | termios.ISIG | termios.IEXTEN)
        raw[6][termios.VMIN], raw[6][termios.VTIME] = 1, 0
        termios.tcsetattr(self._in, termios.TCSADRAIN, raw)
        try:
            self._write(_ENTER_SCREEN)
            yield
        finally:
            os.write(self._stopped, b"!")
            if self._reading is not None:
                self._reading.join(1.0)
            with suppress(TerminalGoneError, termios.error):
                self._write(_LEAVE_SCREEN)
                termios.tcsetattr(self._in, termios.TCSADRAIN, before)

    def read_keys(self, came: Callable[[list[str], float], None], gone: Callable[[], None]) -> None:
        """Begin to read: `came(keys, at)` and at the end `gone()` are called from the reading thread."""
        self._reading = threading.Thread(target=self._read, args=(came, gone), name="keys", daemon=True)
        self._reading.start()

    def size(self) -> tuple[int, int]:
        """Columns and rows."""
        try:
            found = os.get_terminal_size(self._out)
        except OSError:
            return 80, 24
        return (found.columns or 80, found.lines or 24)

    def ring(self) -> None:
        self._write("\a")

    def paint(self, rows: list[Text], cursor: tuple[int, int]) -> None:
        """Write the rows that changed since they were painted last."""
        size = self.size()
        out = []
        if size != self._size:
            self._size, self._shown = size, []
            out.append("\x1b[0m\x1b[2J")
        lines = [self._as_ansi(row) for row in rows]
        shown = self._shown + [""] * (len(lines) - len(self._shown))
        for at, (line, old) in enumerate(zip(lines, shown, strict=False)):
            if line != old:
                out.append(f"\x1b[{at + 1};1H{line}\x1b[0m")
        self._shown = lines
        self._write(f"\x1b[?25l{''.join(out)}\x1b[{cursor[0] + 1};{cursor[1] + 1}H\x1b[?25h")

    def _as_ansi(self, row: Text) -> str:
        self._canvas.seek(0)
        self._canvas.truncate()
        self._console.print(row, end="", soft_wrap=True)
        return self._canvas.getvalue()

    def _write(self, text: str) -> None:
        left = text.encode(self._encoding, "replace")
        while left:
            try:
                left = left[os.write(self._out, left) :]
            except BlockingIOError:
                select.select([], [self._out], [], 1.0)
            except OSError as gone:
                raise TerminalGoneError from gone

    def _read(self, came: Callable[[list[str], float], None], gone: Callable[[], None]) -> None:
        keys = Keys()
        while True:
            ready, _, _ = select.select(
                [self._in, self._stop_reading], [], [], ESCAPE_WITHIN if keys.unfinished else None
            )
            if self._stop_reading in ready:
                return
            if not ready:
                came(keys.flush(), time.monotonic())
                continue
            try:
                raw = os.read(self._in, 4096)
            except OSError:
                raw = b""
            if not raw:
                gone()
                return
            at = time.monotonic()
            if found := keys.feed(raw):
                came(found, at)


@contextmanager
def errors_into(path: Path) -> Iterator[None]:
    """What libraries and logs write to standard error goes to a file meanwhile: on the screen it would be dirt."""
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        aside = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        if os.fstat(aside).st_size > LOG_AT_MOST:
            os.ftruncate(aside, 0)
    except OSError:
        aside = os.open(os.devnull, os.O_WRONLY)
    os.dup2(aside, 2)
    os.close(aside)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)


@contextmanager
def signals(resized: Callable[[], None], ended: Callable[[], None]) -> Iterator[None]:
    """While the screen is up: a new size, and everything that asks us to end."""
    calls = {
        signal.SIGWINCH: resized,
        signal.SIGINT: ended,
        signal.SIGTERM: ended,
        signal.SIGHUP: ended,
    }
    before = {number: signal.getsignal(number) for number in calls}

    def heard(number: int, _frame: object) -> None:
        calls[signal.Signals(number)]()

    for number in calls:
        signal.signal(number, heard)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
