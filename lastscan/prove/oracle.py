"""The oracle: a process of its own that writes down what the people with the handhelds heard.

It needs nothing but the standard library, and shares no code with journal, link or tracker. A device says a line into
a pipe: before it tries to record a scan (`pull`), when it beeps (`beep`), when it says *not recorded* (`refused`), and
when a receipt came (`receipt`). A line in the pipe outlives the device that wrote it.
"""

import os
import select
import sys
import time
from pathlib import Path

LAST_LINE = b"end\n"
_LOOK_UP_EVERY_S = 1.0


def pipe(path: Path) -> int:
    """The pipe to the oracle, for `say`."""
    return os.open(path, os.O_WRONLY)


def say(into: int, what: str, dev: str, *more: object) -> None:
    """One line with the time, on the clock that all processes of this machine share; whole or not at all."""
    words = (what, dev, f"{time.monotonic():.4f}", *map(str, more))
    os.write(into, ("\t".join(words) + "\n").encode())


def write_down(source: Path, target: Path) -> None:
    """Copies what is said into the file until the last line came, or until whoever started us is gone."""
    starter = os.getppid()
    said = os.open(source, os.O_RDWR)  # to write as well, so that it does not end when the last device dies
    with target.open("ab", buffering=0) as file:
        tail = b""
        while tail != LAST_LINE and os.getppid() == starter:
            if select.select([said], [], [], _LOOK_UP_EVERY_S)[0]:
                words = os.read(said, 1 << 16)
                file.write(words)
                tail = (tail + words)[-len(LAST_LINE) :]


if __name__ == "__main__":
    write_down(Path(sys.argv[1]), Path(sys.argv[2]))
