"""The child's side of `isolation`: limits itself, says that it is ready, reads one picture after another."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Mapping
from typing import IO, Any

from scanner.decode.cascade import Mode
from scanner.decode.isolation import DID_NOT_SURVIVE, READY
from scanner.decode.picture import PictureRefusedError, open_picture
from scanner.decode.reader import Reader

ADDRESS_SPACE = 512 * 2**20  # bytes
CPU_SECONDS = 3


def serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    """One request after another until standard input ends."""
    answers.write(READY)
    answers.flush()
    while header := requests.readline():
        request = json.loads(header)
        content = requests.read(request["bytes"])
        _allow_cpu(CPU_SECONDS)
        answers.write(json.dumps(_answer(content, request)).encode() + b"\n")
        answers.flush()


def _answer(content: bytes, request: Mapping[str, Any]) -> dict[str, Any]:
    started = time.perf_counter()
    try:
        picture = open_picture(content, tuple(request["formats"]))
        reader = Reader(request["symbologies"], request["lengths"], mode=Mode.STILL)
        reads = reader.look(picture)
    except PictureRefusedError as refusal:
        return {"refused": str(refusal)}
    except MemoryError:
        return {"refused": DID_NOT_SURVIVE}
    ms = (time.perf_counter() - started) * 1000
    items = [
        {"symbology": read.symbology, "text": read.text, "confidence": read.confidence, "box": read.box}
        for read in reads
    ]
    return {"reads": items, "ms": round(ms, 2), "advice": reader.advice()}


def _limit_memory() -> None:
    with contextlib.suppress(ImportError, ValueError, OSError):  # no such limits on Windows
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _allow_cpu(seconds: int) -> None:
    """From here on `seconds` of CPU more, then SIGXCPU, which nobody catches."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        used = resource.getrusage(resource.RUSAGE_SELF)
        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + 1 + seconds, hard))


if __name__ == "__main__":
    _limit_memory()
    serve(sys.stdin.buffer, sys.stdout.buffer)
