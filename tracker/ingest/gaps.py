"""The watch over numbers that are missing: what a device says it has, and we have not."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from tracker.store.device_registry import DeviceRow
from tracker.store.fact_log import Stream
from tracker.wire import Address

GAP_WAIT_S = 10.0
"""How long a gap may stand before the device is asked for what is missing."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A stream with numbers missing up to `last`; nothing below has come since `since`, in real monotonic seconds."""

    device: DeviceRow
    address: Address
    epoch: str
    upto: int
    last: int
    since: float

    @property
    def stream(self) -> tuple[str, str]:
        return f"dev:{self.device.dev}", self.epoch


class GapWatch:
    """The gaps of all streams heard of since this process began. Only what is committed may be told it."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._gaps: dict[tuple[str, str], Gap] = {}

    def see(self, device: DeviceRow, address: Address, stream: Stream, *, last: int) -> None:
        """A stream as it stands, and the highest number its device is known to have given out."""
        name = stream.name
        known = self._gaps.get(name)
        if known is not None:
            last = max(last, known.last)
        if last <= stream.upto:
            if known is not None:
                del self._gaps[name]
            return
        stands = known is not None and known.upto == stream.upto  # a backlog that flows is no gap
        since = known.since if known is not None and stands else self._monotonic()
        self._gaps[name] = Gap(device, address, stream.epoch, stream.upto, last, since)

    def overdue(self) -> list[Gap]:
        """Those that have stood for `GAP_WAIT_S` seconds since they were last asked for."""
        now = self._monotonic()
        return [gap for gap in self._gaps.values() if now - gap.since >= GAP_WAIT_S]

    def asked(self, gap: Gap) -> None:
        """The device was asked for it: it may stand as long again."""
        self._gaps[gap.stream] = replace(gap, since=self._monotonic())

    def closed(self, gap: Gap) -> None:
        self._gaps.pop(gap.stream, None)
