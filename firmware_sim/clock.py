"""The clocks of a virtual handheld: business time, told as wrongly as its own crystal and its owner make it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from scanner.stamp import Stamp

Business = Callable[[], datetime]
"""What time it is in the simulated world."""

_MS = timedelta(milliseconds=1)


class RealTimeClock:
    """The chip with a cell of its own: it goes on while the device is off, too fast or too slow, and somebody sets it.

    It reads business time plus `offset`, and gains `drift_ppm` millionths from then on.
    """

    def __init__(self, business: Business, *, offset: timedelta = timedelta(0), drift_ppm: float = 0.0) -> None:
        self.business = business
        self.drift_ppm = drift_ppm
        self._set_at = business()
        self._offset = offset

    def off_by(self, at: datetime) -> timedelta:
        """How far it is from business time at this instant."""
        return self._offset + (at - self._set_at) * (self.drift_ppm / 1e6)

    def jump(self, by: timedelta) -> None:
        """Somebody sets it, or a cosmic ray does."""
        self._offset += by

    def drift(self, ppm: float) -> None:
        """The crystal gets warm or cold: from now on it gains so many millionths."""
        now = self.business()
        self._offset, self._set_at, self.drift_ppm = self.off_by(now), now, ppm


class VirtualClock:
    """A `scanner.stamp.DeviceClock` of one start of a device.

    Its running time is business time since the start, by the same crystal; it never steps, whatever is done to the
    clock on the wall. Inside `at(…)` the stamps of this thread are those of the given instant: a scan is stamped when
    it was made, and sent when it is sent.
    """

    def __init__(self, real: RealTimeClock, *, booted_at: datetime, boot: int) -> None:
        self._real = real
        self._boot = boot
        self._anchor = booted_at, timedelta(0), real.drift_ppm  # since when, how long it ran until then, by what rate
        self._held = threading.local()

    def stamp(self) -> Stamp:
        instant: datetime = getattr(self._held, "instant", None) or self._real.business()
        since, ran, ppm = self._anchor
        if ppm != self._real.drift_ppm:
            now = max(since, self._real.business())
            self._anchor = since, ran, ppm = now, ran + (now - since) * (1 + ppm / 1e6), self._real.drift_ppm
        mono = max(timedelta(0), ran + (instant - since) * (1 + ppm / 1e6))
        wall = instant + self._real.off_by(instant)
        return Stamp(wall=max(0, int(wall.timestamp() * 1000)), mono=mono // _MS, boot=self._boot)

    @contextmanager
    def at(self, instant: datetime) -> Iterator[None]:
        """Stamps asked for in here, by this thread, are of this instant."""
        self._held.instant = instant
        try:
            yield
        finally:
            self._held.instant = None
