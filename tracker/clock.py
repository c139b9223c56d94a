"""The one wall clock, and the business clock of a demo."""

import os
import struct
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

_FORM = struct.Struct("<qqd")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Clock(Protocol):
    """What time the business has: an aware instant in UTC."""

    def now(self) -> datetime: ...


class WallClock:
    """The time of this machine."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class SharedClock:
    """A business clock that several processes of one machine read, and one of them sets.

    It runs at `speed` times real time from the instant it was set to; with speed 0 it stands until set again.
    What is not business (resend timers, leases, mail, pages) never reads it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def now(self) -> datetime:
        instant, set_at, speed = self._read()
        run = (time.monotonic_ns() - set_at) / 1000 * speed
        return _EPOCH + timedelta(microseconds=instant + int(run))

    @property
    def speed(self) -> float:
        return self._read()[2]

    def set(self, instant: datetime, *, speed: float) -> None:
        """Readers see either the old setting or the new one, never a mixture."""
        micros = (instant - _EPOCH) // timedelta(microseconds=1)
        body = _FORM.pack(micros, time.monotonic_ns(), speed)
        fresh = self._path.with_suffix(".new")
        fresh.write_bytes(body)
        os.replace(fresh, self._path)

    def _read(self) -> tuple[int, int, float]:
        instant, set_at, speed = _FORM.unpack(self._path.read_bytes())
        return instant, set_at, speed


class StoppedClock:
    """A clock for tests and replays: it shows what it was set to."""

    def __init__(self, instant: datetime) -> None:
        self.instant = instant

    def now(self) -> datetime:
        return self.instant


def clock_of(home: Path | None) -> Clock:
    """The demo's business clock where this home has one, else the wall clock."""
    path = home / "run" / "clock" if home is not None else None
    return SharedClock(path) if path is not None and path.exists() else WallClock()
