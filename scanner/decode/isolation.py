"""A process that may die: strangers' pictures are decoded here, never in the tracker or the web server.

The parent starts `python -m scanner.decode.child`, writes one request after another to its standard input and
reads one answer for each. The child gives itself 512 MB of address space and three CPU seconds a picture; past
that the kernel ends it, the parent starts another, and the picture is answered "no read". The child also looks at
its own clock and begins no new stage after two seconds, so a picture that is merely hard does not come to that.

A request is one line of JSON, `{"bytes": n, ...}`, followed by the n bytes of the picture; an answer is one line. The
child's first line says that it is ready.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum
from typing import IO, Any, NamedTuple

from scanner.decode.picture import FILES, MAX_BYTES, PictureRefusedError, open_picture
from scanner.decode.readings import Box, Read
from scanner.symbology import COURIER, Symbology

READY = b"ready\n"
PATIENCE = 15.0  # seconds by the wall: a child that neither answers nor burns CPU is hanging
OUT_OF_CPU = getattr(signal, "SIGXCPU", 0)
DID_NOT_START = "the reading process does not start; run `lastscan doctor` to see what is missing"
DID_NOT_SURVIVE = "the picture took more time or memory than a picture may; take it again, closer and sharper"


class Answer(NamedTuple):
    """The accepted reads, the milliseconds they took, and where there are none what would help, if anything."""

    reads: list[Read]
    ms: float
    advice: str | None


class Fall(StrEnum):
    """How a child ended that had a picture before it."""

    OUT_OF_TIME = "out_of_time"  # its CPU seconds were used up
    HANGS = "hangs"  # it neither answered nor burned CPU
    CRASHES = "crashes"


class ReadingChild:
    """Reads pictures in a child process with hard limits; starts another child whenever one falls.

    A context manager; thread-safe, one picture at a time. The child is started with the first picture.
    """

    def __init__(
        self,
        symbologies: Iterable[str] = COURIER,
        lengths: Mapping[str, Collection[int]] | None = None,
        *,
        formats: tuple[str, ...] = FILES,
        patience: float = PATIENCE,
    ) -> None:
        self._settings = {
            "symbologies": sorted(str(word) for word in symbologies),
            "lengths": {str(word): sorted(allowed) for word, allowed in (lengths or {}).items()},
            "formats": list(formats),
        }
        self._patience = patience
        self.falls: Counter[Fall] = Counter()  # so far
        self._child: subprocess.Popen[bytes] | None = None
        self._one_at_a_time = threading.Lock()

    def __enter__(self) -> ReadingChild:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """The child's process id; None before the first picture and after a fall."""
        return self._child.pid if self._child is not None else None

    def close(self) -> None:
        """End the child; the next picture would start another."""
        with self._one_at_a_time:
            self._end()

    def read(self, content: bytes) -> tuple[list[Read], float]:
        """As `answer`, without the advice."""
        answer = self.answer(content)
        return answer.reads, answer.ms

    def answer(self, content: bytes) -> Answer:
        """What came of one picture file's content.

        Raises PictureRefusedError when it is no picture, too large, or the child did not survive it.
        """
        if len(content) > MAX_BYTES:
            open_picture(content)  # refuses it in words, and nothing is sent
        with self._one_at_a_time:
            said = self._ask(content)
        if "refused" in said:
            raise PictureRefusedError(said["refused"])
        return Answer([_read_from(item) for item in said["reads"]], float(said["ms"]), said["advice"])

    def _ask(self, content: bytes) -> dict[str, Any]:
        if self._child is not None and self._child.poll() is not None:
            self._end()  # it fell between two pictures: not this one's fault
        child = self._child or self._start()
        if child is None or child.stdin is None or child.stdout is None:
            return {"refused": DID_NOT_START}
        try:
            header = json.dumps({"bytes": len(content), **self._settings}).encode()
            child.stdin.write(header + b"\n" + content)
            child.stdin.flush()
            line = _line_within(child.stdout, self._patience)
        except TimeoutError:
            line = b""
            self.falls[Fall.HANGS] += 1
            self._end()
        except (BrokenPipeError, ConnectionResetError):
            line = b""
        if not line.endswith(b"\n"):
            if self._child is not None:
                self.falls[_how_it_ended(child)] += 1
                self._end()
            return {"refused": DID_NOT_SURVIVE}
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _start(self) -> subprocess.Popen[bytes] | None:
        environment = dict(os.environ, OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")
        environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
        self._child = subprocess.Popen(
            [sys.executable, "-m", "scanner.decode.child"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, bufsize=0,
        )  # fmt: skip
        try:
            ready = self._child.stdout is not None and _line_within(self._child.stdout, self._patience)
        except TimeoutError:
            ready = b""
        if ready != READY:
            self._end()
        return self._child

    def _end(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        child.kill()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        child.wait()


def _how_it_ended(child: subprocess.Popen[bytes]) -> Fall:
    try:
        ended = child.wait(timeout=1.0)
    except subprocess.TimeoutExpired:
        return Fall.CRASHES  # it closed its output and lives: nothing we know of
    return Fall.OUT_OF_TIME if ended == -OUT_OF_CPU else Fall.CRASHES


def _line_within(pipe: IO[bytes], seconds: float) -> bytes:
    """One line from an unbuffered pipe; what came so far at its end, TimeoutError when it stays silent."""
    deadline, line = time.monotonic() + seconds, b""
    while not line.endswith(b"\n"):
        ready, _, _ = select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            raise TimeoutError
        piece = os.read(pipe.fileno(), 65536)
        if not piece:
            break
        line += piece
    return line


def _read_from(item: Mapping[str, Any]) -> Read:
    first, second, third, fourth = ((float(x), float(y)) for x, y in item["box"])
    box: Box = (first, second, third, fourth)
    return Read(Symbology(item["symbology"]), item["text"], item["confidence"], box)
