"""What legs gone by taught: how many times its planned minutes a leg takes, and how sure one can be of that."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

POINTS = 39
"""A spread is this many values in order: its quantiles at 1/40, 2/40 … 39/40."""

Key = str
Spread = tuple[float, ...]

_LENGTHS = (60, 120, 240)  # planned minutes: within a town, to the next, within a day's round, longer


@dataclass(frozen=True, slots=True)
class Ride:
    """One leg as it is known before it begins."""

    origin: str
    destination: str
    departs_at: datetime  # in the zone of the origin: its hour counts there
    planned: float  # minutes, over 0
    mode: str = ""
    kinds: str = ""  # of the places at both ends, `hub>station`
    km: float | None = None  # between its ends as the crow flies, over 0
    run: str = ""  # the linehaul, under the name it has every day


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
    """What one case of a level adds to what the other levels say, already drawn towards 0 where it was seen seldom."""

    adds: float
    seen: int


@dataclass(frozen=True, slots=True)
class Transit:
    """Learned by `fit`. Without cases it knows nothing, and says so by answering None."""

    origin: str = ""  # where the legs come from, and their licence
    cases: Mapping[Key, Case] = field(default_factory=dict)
    spreads: Mapping[Key, Spread] = field(default_factory=dict)  # by `spread_keys`; around what the cases add up to
    areas: tuple[int, ...] = ()  # places whose codes begin with the same so many letters lie near each other

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
        return sum(case.adds for key in keys(ride, self.areas) if (case := self.cases.get(key)) is not None)

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


def keys(ride: Ride, areas: Sequence[int]) -> tuple[Key, ...]:
    """The case a leg falls in at each level, the coarsest first; the first word is the level's name."""
    length = math.floor(2 * math.log2(max(8.0, ride.planned)))
    pace = math.floor(6 * math.log(ride.km / ride.planned)) if ride.km is not None else ""
    return (
        "",
        f"length {ride.mode} {length}",
        f"pace {pace}",
        f"kinds {ride.kinds}",
        f"hour {ride.mode} {ride.departs_at.hour // 3}",
        *(f"area {letters} from {ride.origin[:letters]}" for letters in areas),
        *(f"area {letters} to {ride.destination[:letters]}" for letters in areas),
        f"from {ride.origin}",
        f"to {ride.destination}",
        _lane(ride),
        f"run {ride.run}",
    )


def _lane(ride: Ride) -> Key:
    return f"lane {ride.origin} {ride.destination}"


def _at(spread: Spread, share: float) -> float:
    """Between two points in a straight line; beyond the first and the last, those."""
    place = min(max(share * (POINTS + 1) - 1, 0.0), POINTS - 1.0)
    below = math.floor(place)
    above = min(below + 1, POINTS - 1)
    return spread[below] + (place - below) * (spread[above] - spread[below])
