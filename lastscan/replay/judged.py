"""What the forecast was worth: the chances it gave, held against what happened afterwards."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lastscan.replay.day import Look
from lastscan.replay.files import BagPlan
from tracker.domain.forecast.board import Flown

MOMENTS = ("gate_out", "gate_in")
STEPS = tuple(step / 50 for step in range(1, 50))
"""Thresholds for the curve of precision and recall."""


@dataclass(frozen=True, slots=True)
class Judged:
    """Of each booked connection that was flown: the chance given at one moment of its inbound; was it missed."""

    moment: str
    pairs: tuple[tuple[float, bool], ...]

    @property
    def brier(self) -> float | None:
        return sum((chance - missed) ** 2 for chance, missed in self.pairs) / len(self.pairs) if self.pairs else None

    def at(self, threshold: float) -> dict[str, float | None]:
        """Precision, recall and F1 of an alert from this chance on."""
        hit = sum(1 for chance, missed in self.pairs if chance >= threshold and missed)
        said = sum(1 for chance, _ in self.pairs if chance >= threshold)
        true = sum(1 for _, missed in self.pairs if missed)
        return {
            "precision": round(hit / said, 4) if said else None,
            "recall": round(hit / true, 4) if true else None,
            "f1": round(2 * hit / (said + true), 4) if said + true else None,
        }

    def calibration(self, bins: int = 10) -> list[dict[str, float | int]]:
        """Chances put together by tenths: how many, their mean, and the share that was missed."""
        found = []
        for at in range(bins):
            within = [p for p in self.pairs if min(int(p[0] * bins), bins - 1) == at]
            if within:
                said = sum(chance for chance, _ in within) / len(within)
                missed = sum(1 for _, missed in within if missed) / len(within)
                found.append({"connections": len(within), "said": round(said, 4), "missed": round(missed, 4)})
        return found

    def report(self, threshold: float) -> dict[str, Any]:
        brier = self.brier
        return {
            "connections": len(self.pairs),
            **self.at(threshold),
            "brier": round(brier, 4) if brier is not None else None,
            "calibration": self.calibration(),
        }


def judged(
    flown: Sequence[Flown], bags: Iterable[BagPlan], looks: Iterable[Look], *, minimum: int
) -> tuple[Judged, ...]:
    """At the inbound's gate-out and at its gate-in."""
    truth = {each.run.name: each for each in flown}
    seen = {(look.bag, look.outbound, look.landed): look.chance for look in looks}
    pairs: Mapping[str, list[tuple[float, bool]]] = {moment: [] for moment in MOMENTS}
    for plan in bags:
        for first, second in zip(plan.legs, plan.legs[1:], strict=False):
            inbound, outbound = truth[first], truth[second]
            if inbound.left is None or inbound.landed is None or outbound.left is None:
                continue
            missed = outbound.left - inbound.landed < minimum
            for moment, at in zip(MOMENTS, (inbound.left, inbound.landed), strict=True):
                known = seen.get((plan.bag, second, moment == "gate_in"))
                if (
                    known is None
                ):  # nothing to forecast any more: it had left already, or its bag had lost its way before
                    known = 1.0 if outbound.left <= at else 0.0
                pairs[moment].append((known, missed))
    return tuple(Judged(moment, tuple(pairs[moment])) for moment in MOMENTS)
