"""The stamps a device puts on a scan, and the clock they come from."""

from typing import NamedTuple, Protocol


class Stamp(NamedTuple):
    """One reading of a device's clocks, in milliseconds."""

    wall: int  # since 1970, as the device believes
    mono: int  # since this start of the device; never steps
    boot: int  # the number of this start


class DeviceClock(Protocol):
    """Where stamps come from: the device's own clocks, or a virtual business clock in the demo.

    Wire timers never look here: they run on the `now` each call is given.
    """

    def stamp(self) -> Stamp: ...
