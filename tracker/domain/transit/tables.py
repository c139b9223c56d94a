"""What legs gone by taught: how many times its planned minutes a leg takes, and how sure one can be of that."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

POINTS = 39
"""A spread is this many values in order: its quantiles at 1/40, 2/40 … 39/40."""

Key = str
Spread = tuple[float, ...]

_LENGTHS = (60, 240)  # planned minutes: within a town, within a day's round, longer


@dataclass(frozen=True, slots=True)
class Ride:
    """One leg as it is known before it begins."""

    origin: str
    destination: str
    departs_at: datetime  # in the zone of the origin: its hour and its weekday count there
    planned: float  # minutes, over 0
    mode: str = ""
    kinds: str = ""  # of the places at both ends, `hub>station`


@dataclass(frozen=True, slots=True)
class Ridden:
    """A leg that is over."""

    ride: Ride
    took: float  # minutes, over 0

    @property
    def off(self) -> float:
        """The logarithm of how many times the planned minutes it took: late and early weigh the same."""
        return math.log(self.took / self.ride.planned)


@dataclass(frozen=True, slots=True)
class Case:
    """What a level adds to the coarser ones before it, already drawn towards 0 where it was seen seldom."""

    adds: float
    seen: int


@dataclass(frozen=True, slots=True)
class Transit:
    """Learned by `fit`. Without cases it knows nothing, and says so by answering None."""

    origin: str = ""  # where the legs come from, and their licence
    cases: Mapping[Key, Case] = field(default_factory=dict)
    spreads: Mapping[Key, Spread] = field(default_factory=dict)  # by `spread_keys`; around what the cases add up to

    def minutes(self, ride: Ride, share: float) -> float | None:
        """The minutes within which this share of such legs is over; grows with the share."""
        if not self.cases:
            return None
        spread = next(self.spreads[key] for key in self.spread_keys(ride) if key in self.spreads)
        return ride.planned * math.exp(self.centre(ride) + _at(spread, share))

    def window(self, ride: Ride, confidence: float) -> tuple[float, float] | None:
        """The minutes between which the leg takes with this confidence; a higher one gives a window around it."""
        earliest, latest = self.minutes(ride, (1 - confidence) / 2), self.minutes(ride, (1 + confidence) / 2)
        return (earliest, latest) if earliest is not None and latest is not None else None

    def centre(self, ride: Ride) -> float:
        return sum(case.adds for key in keys(ride) if (case := self.cases.get(key)) is not None)

    def seen(self, ride: Ride) -> int:
        """How many legs of this very lane were learned from."""
        case = self.cases.get(_lane(ride))
        return case.seen if case is not None else 0

    def spread_keys(self, ride: Ride) -> tuple[Key, ...]:
        """The spreads that may speak for it, the most telling first. The last one is always there."""
        length = sum(ride.planned >= edge for edge in _LENGTHS)
        seen = self.seen(ride)
        return f"{length}.{(seen > 0) + (seen > 2)}", f"{length}", ""


NO_HISTORY = Transit()


def keys(ride: Ride) -> tuple[Key, ...]:
    """The cases a leg falls in, the coarsest first: mode, length, kinds of places, hour, weekday, hubs, lane."""
    length = math.floor(2 * math.log2(max(8.0, ride.planned)))
    return (
        "",
        f"mode {ride.mode}",
        f"length {ride.mode} {length}",
        f"kinds {ride.kinds}",
        f"hour {ride.mode} {ride.departs_at.hour // 3}",
        f"weekday {ride.mode} {ride.departs_at.weekday()}",
        f"from {ride.origin}",
        f"to {ride.destination}",
        _lane(ride),
    )


def _lane(ride: Ride) -> Key:
    return f"lane {ride.origin} {ride.destination}"


def _at(spread: Spread, share: float) -> float:
    """Between two points in a straight line; beyond the first and the last, those."""
    place = min(max(share * (POINTS + 1) - 1, 0.0), POINTS - 1.0)
    below = math.floor(place)
    above = min(below + 1, POINTS - 1)
    return spread[below] + (place - below) * (spread[above] - spread[below])
