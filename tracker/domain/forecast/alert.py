"""When a chance becomes an alert, and when the alert no longer stands."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Threshold:
    """An alert opens at one chance and closes below a lower one, so that it does not flap between."""

    opens: float
    closes: float

    def stands(self, chance: float, *, stood: bool) -> bool:
        return chance >= (self.closes if stood else self.opens)


DESK = Threshold(opens=0.55, closes=0.4)
"""For the desk and machines: the best balance of true and missing alerts on past days (`docs/connections.md`)."""

CAUTIOUS = Threshold(opens=0.4, closes=0.3)
"""For who would rather look in vain than overlook one."""

CUSTOMER = Threshold(opens=0.8, closes=0.5)
"""Before customers are told of a risk; what is certain they are told at once."""

MOVED = 0.1
"""By how much the chance of a standing alert moves before it is said again."""


@dataclass(frozen=True, slots=True)
class Alert:
    """What stands of one connection: the chance as it was last said, and whether the piece's owner was told of it."""

    chance: float
    warned: bool = False


def follow(before: Alert | None, chance: float, desk: Threshold) -> Alert | None:
    """The alert that stands now; `before` itself where there is nothing to say, None where none stands."""
    if not desk.stands(chance, stood=before is not None):
        return None
    warned = before is not None and before.warned
    warn = CUSTOMER.stands(chance, stood=warned)
    if before is not None and warn == warned and abs(chance - before.chance) < MOVED:
        return before
    return Alert(chance, warn)
