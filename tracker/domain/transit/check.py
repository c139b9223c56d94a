"""Windows held against what happened."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from tracker.domain.transit.tables import Ridden, Transit

CONFIDENCES = (0.5, 0.8, 0.95)
_MANY = 10**9


@dataclass(frozen=True, slots=True)
class Checked:
    """How well the tables spoke of some legs."""

    lanes: str  # which: `all`, or by how many legs of their lane were learned from
    legs: int
    mean_absolute_error: float  # minutes, of the middle of what is expected
    planned_error: float  # minutes, had one believed the plan
    covered: dict[float, float]  # stated confidence -> share of the legs that came within the window
    width: dict[float, float]  # stated confidence -> mean minutes from its begin to its end


def check(transit: Transit, legs: Sequence[Ridden]) -> list[Checked]:
    """All the legs, then those of lanes never seen, seen once or twice, and oftener. Without those that were none."""
    kinds = {
        "all": range(_MANY),
        "never seen": range(1),
        "seen 1 or 2 times": range(1, 3),
        "seen oftener": range(3, _MANY),
    }
    chosen = {name: [each for each in legs if transit.seen(each.ride) in seen] for name, seen in kinds.items()}
    return [_checked(transit, name, each) for name, each in chosen.items() if each]


def _checked(transit: Transit, lanes: str, legs: Sequence[Ridden]) -> Checked:
    covered, width = {}, {}
    for confidence in CONFIDENCES:
        windows = [transit.window(each.ride, confidence) or (0.0, 0.0) for each in legs]
        within = [low <= each.took <= high for each, (low, high) in zip(legs, windows, strict=True)]
        covered[confidence], width[confidence] = fmean(within), fmean(high - low for low, high in windows)
    return Checked(
        lanes=lanes,
        legs=len(legs),
        mean_absolute_error=fmean(abs(each.took - (transit.minutes(each.ride, 0.5) or 0.0)) for each in legs),
        planned_error=fmean(abs(each.took - each.ride.planned) for each in legs),
        covered=covered,
        width=width,
    )
