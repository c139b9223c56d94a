"""LDP/1 without a broker: what a device says in one request, kept and answered in the same."""

import threading
from collections.abc import Sequence

from tracker.clock import Clock
from tracker.ingest import Heard, Ingest
from tracker.wire import Address, encode


class Door:
    """An ingest behind a lock, for as many threads as a web server has.

    It is one tracker more on the same database: what it takes and what others take of one device comes to the same.
    """

    def __init__(self, ingest: Ingest, clock: Clock) -> None:
        self._ingest = ingest
        self._clock = clock
        self._one_at_a_time = threading.Lock()

    def take(self, address: Address, messages: Sequence[bytes]) -> list[bytes]:
        """Keeps what the device of this address says, and answers it, a message each, once all of it is committed.

        Who speaks must be known by then. Raises StoreError where nothing was kept and the device is to try again.
        """
        heard_at = self._clock.now()
        with self._one_at_a_time:
            replies = self._ingest.take([Heard(address.up, message, heard_at) for message in messages])
            replies += self._ingest.overdue(address.dev)
        return [encode(reply.message) for reply in replies if reply.address == address]
