"""The clocks of a virtual handheld: business time, told as wrongly as its own crystal and its owner make it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from scanner.stamp import Stamp

Business = Callable[[], datetime]
"""What time it is in the simulated world."""


class VirtualClock:
    """A `scanner.stamp.DeviceClock` on business time.

    The running time gains `drift_ppm` millionths; the wall clock besides is off by `wall_offset`. Inside `at(…)` the
    stamps of this thread are those of the given instant: a scan is stamped when it was made, and sent when it is sent.
    """

    def __init__(
        self, business: Business, *, booted_at: datetime, boot: int, wall_offset: timedelta, drift_ppm: float
    ) -> None:
        self._business = business
        self._booted_at = booted_at
        self._boot = boot
        self._wall_offset = wall_offset
        self._rate = 1 + drift_ppm / 1e6
        self._held = threading.local()

    def stamp(self) -> Stamp:
        instant: datetime = getattr(self._held, "instant", None) or self._business()
        ran = max(timedelta(0), (instant - self._booted_at) * self._rate)
        wall = self._booted_at + ran + self._wall_offset
        return Stamp(wall=max(0, int(wall.timestamp() * 1000)), mono=ran // timedelta(milliseconds=1), boot=self._boot)

    @contextmanager
    def at(self, instant: datetime) -> Iterator[None]:
        """Stamps asked for in here, by this thread, are of this instant."""
        self._held.instant = instant
        try:
            yield
        finally:
            self._held.instant = None
