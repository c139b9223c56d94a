"""Time and chance of a simulated world: a heap of events, a virtual clock, and generators from one seed."""

import heapq
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Event = Callable[[], None]

DAWN = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)
SPEED = 60
"""Business seconds in a second of wires, leases and timers: a shift of hours in minutes, as in the demo."""


class VirtualTime:
    """`now` is in seconds, for wires and leases. What is to happen at one time happens in the order it was asked."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.now = 0.0
        self._heap: list[tuple[float, int, Event]] = []
        self._asked = 0
        self.after_each: Event = lambda: None

    def chance(self, of: str) -> random.Random:
        """A generator of its own for each thing that chances, so that one without another stays what it was."""
        return random.Random(f"{self.seed}/{of}")

    def after(self, seconds: float, event: Event) -> None:
        self._asked += 1
        heapq.heappush(self._heap, (self.now + max(0.0, seconds), self._asked, event))

    def run(self, until: float) -> None:
        """Everything that happens up to then. It may be called from within an event: that is what a pause is."""
        while self._heap and self._heap[0][0] <= until:
            self.now, _, event = heapq.heappop(self._heap)
            event()
            self.after_each()
        self.now = max(self.now, until)

    def business(self) -> datetime:
        return DAWN + timedelta(seconds=self.now * SPEED)


class OurClock:
    """The clock of the machine that tracker and notifier run on; `wrong_by` while somebody has set it."""

    def __init__(self, time: VirtualTime) -> None:
        self._time = time
        self.wrong_by = timedelta(0)

    def now(self) -> datetime:
        """Business time, as the tracker believes."""
        return self._time.business() + self.wrong_by

    def real(self) -> datetime:
        """What leases and waits go by."""
        return DAWN + timedelta(seconds=self._time.now) + self.wrong_by

    def monotonic(self) -> float:
        return self._time.now
