"""How often one address may look numbers up: a bucket of tokens each, in this process."""

import time
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address
from threading import Lock

MOST_ADDRESSES = 20_000
"""Buckets kept; past that the one not touched for longest goes, which by then is full again or nearly."""


class Lookups:
    """At most `a_minute` look-ups a minute and address, in bursts of as many. A whole IPv6 /64 is one address."""

    def __init__(self, a_minute: int | None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._a_minute = a_minute
        self._clock = clock
        self._lock = Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, address: str | None) -> int:
        """0 and one token taken, or the whole seconds after which to come again."""
        if self._a_minute is None:
            return 0
        who, now, rate = _neighbourhood(address or ""), self._clock(), self._a_minute / 60
        with self._lock:
            tokens, since = self._buckets.pop(who, (float(self._a_minute), now))
            tokens = min(float(self._a_minute), tokens + (now - since) * rate)
            allowed = tokens >= 1
            self._buckets[who] = (tokens - 1 if allowed else tokens, now)
            if len(self._buckets) > MOST_ADDRESSES:
                self._buckets.popitem(last=False)
        return 0 if allowed else max(1, round((1 - tokens) / rate + 0.5))


def _neighbourhood(address: str) -> str:
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        return str(parsed.ipv4_mapped or int(parsed) >> 64)
    return address
