"""What every benchmark shares: the machine and commit a figure belongs to, what a process used, and percentiles."""

import os
import platform
import re
import resource
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.table import Table

from lastscan.options import print_json

_TICKS_PER_S = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


def provenance() -> dict[str, Any]:
    """The machine, the interpreter, the commit and the command: a figure without them is hearsay."""
    return {
        "machine": f"{_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "commit": _commit(),
        "command": _without_passwords(" ".join(["lastscan", *sys.argv[1:]])),
    }


@dataclass
class Stopwatch:
    """Seconds of real time, and CPU seconds of one process, spent inside a `with`.

    The process is this one, or another of this machine by its id (on Linux; elsewhere its CPU time stays 0).
    """

    pid: int | None = None
    seconds: float = 0.0
    cpu_s: float = 0.0

    def __enter__(self) -> "Stopwatch":
        self._began, self._cpu = time.perf_counter(), cpu_seconds(self.pid)
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _tb: TracebackType | None
    ) -> None:
        self.seconds, self.cpu_s = time.perf_counter() - self._began, cpu_seconds(self.pid) - self._cpu

    def rate(self, count: int) -> int:
        """So many a second."""
        return round(count / self.seconds)

    def cpu_us(self, count: int) -> float:
        """Microseconds of CPU for each."""
        return round(self.cpu_s / count * 1e6, 1)


def cpu_seconds(pid: int | None = None) -> float:
    """CPU time a process has used so far, user and system; in ticks of 10 ms for another process."""
    if pid is None:
        used = resource.getrusage(resource.RUSAGE_SELF)
        return used.ru_utime + used.ru_stime
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def peak_mb(pid: int | None = None) -> float:
    """The most memory a process ever held (peak RSS), in MB; 0 where this machine does not tell of another process."""
    if pid is None:
        return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return round(next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0), 1)


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of all do not exceed (nearest rank); ValueError without any value."""
    ordered = sorted(values)
    if not ordered:
        raise ValueError("no values, no percentile")
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def tell(name: str, figures: Mapping[str, Any], *, as_json: bool) -> None:
    """Prints what one benchmark found, with where it was found."""
    document = {"bench": name, **provenance(), **figures}
    if as_json:
        print_json(document)
        return
    table = Table(show_header=False, box=None)
    for key, value in _flat("", document):
        number = isinstance(value, int | float) and not isinstance(value, bool)
        table.add_row(key, f"{value:,}" if number else str(value))
    Console().print(table)


def _flat(prefix: str, document: Mapping[str, Any]) -> list[tuple[str, Any]]:
    lines: list[tuple[str, Any]] = []
    for key, value in document.items():
        lines += _flat(f"{prefix}{key}.", value) if isinstance(value, Mapping) else [(f"{prefix}{key}", value)]
    return lines


def _without_passwords(command: str) -> str:
    return re.sub(r"//([^:/@ ]*):[^@ ]*@", r"//\1:...@", command)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _commit() -> str:
    here = Path(__file__).parent
    asked = ["git", "-C", str(here), "describe", "--always", "--dirty", "--exclude", "*"]
    try:
        told = subprocess.run(asked, capture_output=True, text=True, timeout=5, check=True)
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return told.stdout.strip()
