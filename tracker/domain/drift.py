"""When a scan happened, from the device's running time instead of its wall clock.

The difference between the moment we hear a message and its `mono` at sending is the offset of that start of the device
plus however long the message queued; queueing only makes it larger, so the least one is the offset. Two leasts half an
hour or more apart give the drift of the device's oscillator.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

WINDOW = timedelta(hours=1)
_DRIFT_NEEDS = timedelta(minutes=30)
_MOST_DRIFT = 500e-6
_UNKNOWN_DRIFT = 200e-6
_STEPPED = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Least:
    """The least difference heard in one window of contact; `mono` and `heard_at` are those of its message."""

    since: datetime
    heard_at: datetime
    mono: int  # ms

    @property
    def starts_at(self) -> datetime:
        """The instant `mono` was 0, as this message tells it."""
        return self.heard_at - timedelta(milliseconds=self.mono)


@dataclass(frozen=True, slots=True)
class BootClock:
    """What is known of the running time of one start of one device."""

    now: Least
    before: Least | None = None
    heard_last: datetime | None = None

    def hearing(self, *, mono: int, heard_at: datetime) -> "BootClock":
        """After one more message. If our own clock went back, all that was known is forgotten."""
        fresh = Least(since=heard_at, heard_at=heard_at, mono=mono)
        if self.heard_last is not None and heard_at < self.heard_last - _STEPPED:
            return BootClock(fresh, None, heard_at)
        if heard_at - self.now.since >= WINDOW:
            return BootClock(fresh, self.now, heard_at)
        least = self.now
        if fresh.starts_at < least.starts_at:
            least = replace(fresh, since=least.since)
        return BootClock(least, self.before, heard_at)

    @property
    def drift(self) -> float | None:
        """Seconds of real time gained on each second of the device's, minus one; None while too little is known."""
        if self.before is None or self.now.heard_at - self.before.heard_at < _DRIFT_NEEDS:
            return None
        ran = (self.now.mono - self.before.mono) / 1000
        if ran <= 0:
            return None
        rate = (self.now.starts_at - self.before.starts_at).total_seconds() / ran
        return rate if abs(rate) <= _MOST_DRIFT else None

    def at(self, mono: int) -> tuple[datetime, int]:
        """The instant of a scan with this `mono`, and how many milliseconds it may be off."""
        base = self.now
        if self.drift is None and self.before is not None and self.before.starts_at < base.starts_at:
            base = self.before
        apart = (mono - base.mono) / 1000
        drift = self.drift or 0.0
        doubt = abs(apart) * (_UNKNOWN_DRIFT if self.drift is None else _UNKNOWN_DRIFT / 10)
        return base.heard_at + timedelta(seconds=apart * (1 + drift)), int(doubt * 1000) + 20


def first_heard(*, mono: int, heard_at: datetime) -> BootClock:
    return BootClock(Least(since=heard_at, heard_at=heard_at, mono=mono), None, heard_at)
