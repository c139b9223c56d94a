"""One irregularity a file; a new one is its file, its test, a line in `RULES` and one in `duty.DUTIES`."""

from collections.abc import Callable, Iterator
from datetime import datetime

from tracker.domain.rules import (
    attempt_failed,
    connection_at_risk,
    damaged,
    delivered_elsewhere,
    dwelling,
    held,
    held_at_customs,
    held_for_address,
    held_for_payment,
    late,
    leg_cancelled,
    leg_diverted,
    lost,
    missed_connection,
    missorted,
    never_inducted,
    overage,
    papers_missing,
    place_closed,
    refused,
    returned,
    shortage,
    silent,
)
from tracker.domain.rules.duty import DUTIES, Actor, Duty
from tracker.domain.rules.irregularity import BREAKS_THE_PLAN, Irregularity, IrregularityKind
from tracker.domain.situation import Situation

RULES: tuple[Callable[[Situation], Iterator[Irregularity]], ...] = (
    connection_at_risk.check,
    missed_connection.check,
    leg_cancelled.check,
    leg_diverted.check,
    place_closed.check,
    missorted.check,
    overage.check,
    shortage.check,
    never_inducted.check,
    silent.check,
    dwelling.check,
    held.check,
    held_at_customs.check,
    held_for_payment.check,
    held_for_address.check,
    papers_missing.check,
    damaged.check,
    attempt_failed.check,
    refused.check,
    returned.check,
    delivered_elsewhere.check,
    lost.check,
    late.check,
)

BREAKING: tuple[Callable[[Situation], Iterator[Irregularity]], ...] = (
    missed_connection.check,
    leg_cancelled.check,
    leg_diverted.check,
    place_closed.check,
)
"""Those of them that find what breaks a plan (`BREAKS_THE_PLAN`)."""

BY_TIME: tuple[Callable[[Situation], Iterator[datetime]], ...] = (
    never_inducted.look_again,
    silent.look_again,
    dwelling.look_again,
    late.look_again,
)
"""The rules that time alone may set off: each says after which instants to look again."""


def irregularities(situation: Situation) -> tuple[Irregularity, ...]:
    """All that went or goes wrong with a piece, cleared ones included, earliest first; nothing of one withdrawn."""
    if situation.withdrawn:
        return ()
    found = [irregularity for check in RULES for irregularity in check(situation)]
    return tuple(sorted(found, key=lambda i: (i.since, i.kind, i.subject)))


def breaking(situation: Situation) -> tuple[Irregularity, ...]:
    """Only what breaks its plan, in any order."""
    if situation.withdrawn:
        return ()
    return tuple(irregularity for check in BREAKING for irregularity in check(situation))


def look_again_after(situation: Situation) -> datetime | None:
    """The next instant past which a rule may say something else though nothing is heard; None: never."""
    if situation.withdrawn:
        return None
    moments = (moment for look_again in BY_TIME for moment in look_again(situation) if moment >= situation.now)
    return min(moments, default=None)


__all__ = [
    "BREAKING",
    "BREAKS_THE_PLAN",
    "DUTIES",
    "RULES",
    "Actor",
    "Duty",
    "Irregularity",
    "IrregularityKind",
    "breaking",
    "irregularities",
    "look_again_after",
]
