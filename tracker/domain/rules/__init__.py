"""One irregularity a file; a new one is its file, its test, a line in `RULES` and one in `duty.DUTIES`."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime

from tracker.domain.handling import Kind
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

Rule = Callable[[Situation], Iterator[Irregularity]]

RULES: tuple[Rule, ...] = (
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

ONLY_AFTER: Mapping[Rule, Kind] = {
    overage.check: Kind.LOAD,
    shortage.check: Kind.UNSEEN,
    held.check: Kind.HOLD,
    held_at_customs.check: Kind.HOLD,
    held_for_payment.check: Kind.HOLD,
    held_for_address.check: Kind.HOLD,
    damaged.check: Kind.DAMAGE,
    attempt_failed.check: Kind.ATTEMPT,
    refused.check: Kind.ATTEMPT,
    returned.check: Kind.RETURN,
    delivered_elsewhere.check: Kind.DELIVER,
    lost.check: Kind.LOST,
}
"""Rules that find nothing as long as no handling of this kind was heard of; they are not asked before."""

BREAKING: tuple[Rule, ...] = (
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
    heard = situation.heard
    asked = [check for check in RULES if check not in ONLY_AFTER or ONLY_AFTER[check] in heard]
    found = [irregularity for check in asked for irregularity in check(situation)]
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
    "ONLY_AFTER",
    "RULES",
    "Actor",
    "Duty",
    "Irregularity",
    "IrregularityKind",
    "breaking",
    "irregularities",
    "look_again_after",
]
