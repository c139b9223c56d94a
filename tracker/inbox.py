"""What has arrived and is not committed yet: live scans first, then as much of a backlog as one transaction may hold.

After a long outage hundreds of handhelds send full batches at once. Taken in the order of arrival, a scan made now
would wait behind all of them; so what is small goes first, and of what is large each transaction takes a bounded part.
"""

from collections import deque
from dataclasses import dataclass

from tracker.ingest import Heard

LIVE_BYTES = 2048
"""A message up to this size is live: one scan with everything that may be in it, a hello, a status."""

MOST_LIVE = 2000
"""Live messages in one transaction."""

BACKLOG_BYTES = 512 * 1024
"""Of larger messages, one transaction takes at least one, and no more than this: some three thousand scans, 50 ms."""

MOST_HELD_BYTES = 16 * 1024 * 1024


@dataclass(eq=False, slots=True)
class Arrived:
    """One message off the wire, and the number under which it is acknowledged there."""

    heard: Heard
    packet_id: int
    settled: bool = False


class Inbox:
    def __init__(self) -> None:
        self._live: deque[Arrived] = deque()
        self._backlog: deque[Arrived] = deque()
        self._unsettled: deque[Arrived] = deque()
        self._held_bytes = 0

    def __len__(self) -> int:
        """How many wait for a transaction."""
        return len(self._live) + len(self._backlog)

    @property
    def is_full(self) -> bool:
        """Whether a transaction should be made before more is read."""
        return len(self._live) >= MOST_LIVE or self._held_bytes >= MOST_HELD_BYTES

    def put(self, heard: Heard, packet_id: int) -> None:
        arrived = Arrived(heard, packet_id)
        (self._live if len(heard.payload) <= LIVE_BYTES else self._backlog).append(arrived)
        self._unsettled.append(arrived)
        self._held_bytes += len(heard.payload)

    def take(self) -> list[Arrived]:
        """The next to be committed together."""
        taken = [self._live.popleft() for _ in range(min(len(self._live), MOST_LIVE))]
        room = BACKLOG_BYTES
        while self._backlog and room > 0:
            taken.append(self._backlog.popleft())
            room -= len(taken[-1].heard.payload)
        return taken

    def settle(self, taken: list[Arrived]) -> list[int]:
        """These are committed. Answers the packet ids to acknowledge now, in the order of arrival, as MQTT wants them:
        one that was overtaken holds back the acknowledgements of those behind it, though not their receipts.
        """
        for arrived in taken:
            arrived.settled = True
        numbers: list[int] = []
        while self._unsettled and self._unsettled[0].settled:
            first = self._unsettled.popleft()
            self._held_bytes -= len(first.heard.payload)
            numbers.append(first.packet_id)
        return numbers

    def clear(self) -> None:
        """Forgets everything: the connection it came by is gone, and whoever sent it will send it again."""
        self.__init__()  # type: ignore[misc]
