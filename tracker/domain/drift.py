"""When a scan happened, from the device's running time instead of its wall clock.

The difference between the moment we hear a message and its `mono` at sending is the offset of that start of the device
plus however long the message queued; queueing only makes it larger, so the least one is the offset. Two leasts an hour
or more apart give the drift of the device's oscillator, once the later window was listened to for a while: its first
message alone may have queued, and would pass for drift.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

WINDOW = timedelta(hours=1)
_SETTLED = timedelta(minutes=30)
_MOST_DRIFT = 200e-6
_STEPPED = timedelta(seconds=2)
_MS = timedelta(milliseconds=1)


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
        if self.heard_last is not None and heard_at < self.heard_last - _STEPPED:
            return first_heard(mono=mono, heard_at=heard_at)
        least, before = self.now, self.before
        if heard_at - least.since >= WINDOW:
            least, before = Least(since=heard_at, heard_at=heard_at, mono=mono), least
        elif heard_at - least.heard_at < timedelta(milliseconds=mono - least.mono):
            least = Least(since=least.since, heard_at=heard_at, mono=mono)
        return BootClock(least, before, heard_at)

    @property
    def drift(self) -> float | None:
        """Seconds of real time gained on each second of the device's, minus one; None while too little is known."""
        if self.before is None or self.now.heard_at - self.before.heard_at < WINDOW or self._listened < _SETTLED:
            return None
        ran = (self.now.mono - self.before.mono) / 1000
        if ran <= 0:
            return None
        rate = (self.now.starts_at - self.before.starts_at).total_seconds() / ran
        return rate if abs(rate) <= _MOST_DRIFT else None

    def at(self, mono: int) -> tuple[datetime, int]:
        """The instant of a scan with this `mono`, and how many milliseconds it may be off.

        That bound holds for a drift up to 200 ppm once any message of these windows came without queueing: then no
        least is further off than the oscillator strays between it and that message.
        """
        base, drift = self.now, self.drift
        furthest, window = abs(mono - base.mono), self._listened
        if self.before is not None:
            furthest, window = max(furthest, abs(mono - self.before.mono)), WINDOW
            if drift is None and self.before.starts_at < base.starts_at:
                base = self.before
        doubt = (furthest + window / _MS) * _MOST_DRIFT
        apart = (mono - base.mono) * (1 + drift) if drift is not None else mono - base.mono
        return base.heard_at + timedelta(milliseconds=apart), int(doubt) + 20

    @property
    def _listened(self) -> timedelta:
        """For how long messages of the present window came in."""
        return (self.heard_last or self.now.heard_at) - self.now.since


def first_heard(*, mono: int, heard_at: datetime) -> BootClock:
    return BootClock(Least(since=heard_at, heard_at=heard_at, mono=mono), None, heard_at)
