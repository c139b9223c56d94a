"""How fast a provider may be asked, and by how many at once; and when it is better left alone for a while.

The rate is a token bucket whose whole state is one instant, up to which its tokens are spent (the virtual scheduling
form of the generic cell rate algorithm, ITU-T I.371). It stands in the database, so however many notifiers there are,
together they keep it.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from tracker.domain.errors import LastscanError

RESERVED = 0.2
"""Of a bucket, for notices whose cause is not shared by many pieces: a storm cannot starve "courier at your door"."""

SMALLEST_BURST = 5

RESTS_AFTER = 20
RESTS_FOR = timedelta(minutes=1)
"""A provider that fails so many times in a row is left alone for so long, and again at the next failure after that."""


@dataclass(frozen=True, slots=True)
class Pace:
    """What a provider bears. Without `per_second` it is asked as fast as it answers."""

    concurrency: int = 1
    per_second: float | None = None

    @property
    def burst(self) -> int:
        """How many may go at once after a silence: a second's worth."""
        return max(SMALLEST_BURST, math.ceil(self.per_second or 0))

    def room(self, spent_until: datetime | None, now: datetime, *, shared: bool) -> int | None:
        """How many may go now, of causes that many pieces share or of others; None: as many as there are."""
        if self.per_second is None:
            return None
        spent = max(0.0, (spent_until - now).total_seconds() * self.per_second) if spent_until else 0.0
        reserved = math.ceil(self.burst * RESERVED) if shared else 0
        return max(0, math.floor(self.burst - spent + 1e-6) - reserved)

    def spend(self, spent_until: datetime | None, now: datetime, count: int) -> datetime | None:
        """Up to when tokens are spent after so many more went."""
        if self.per_second is None:
            return spent_until
        return max(spent_until or now, now) + timedelta(seconds=count / self.per_second)


UNPACED = Pace()

AT_ONCE = 4
"""How many wait for one provider at the same time, unless somebody says otherwise."""


class BadPaceError(LastscanError):
    """A setting for how fast to send makes no sense; the text names it and its form."""


def paces(channels: Iterable[str], rates: str = "") -> dict[str, Pace]:
    """The pace of each channel. `rates` sets messages a second, as in `email=20 sms=0.5`. Raises BadPaceError."""
    given: dict[str, float] = {}
    for word in rates.split():
        channel, _, rate = word.partition("=")
        try:
            given[channel] = float(rate)
        except ValueError:
            given[channel] = 0
        if not (channel and 0 < given[channel] < math.inf):
            raise BadPaceError(f"{word}: the rate of a channel should be as in email=20, messages a second")
    return {channel: Pace(AT_ONCE, given.get(channel)) for channel in channels}
