"""How a piece stands: irregularities, ETA, what it goes with next; and when to look again without any news."""

from datetime import datetime, timedelta

from tracker.domain.eta import eta
from tracker.domain.itinerary import Leg
from tracker.domain.notices import Judgement
from tracker.domain.rules import Irregularity, IrregularityKind, irregularities
from tracker.domain.situation import Situation

TRY_AGAIN = timedelta(hours=1)
"""How soon to look for another way when there was none."""


def judge(situation: Situation) -> Judgement:
    """The whole judgement of a piece at `situation.now`, from values alone."""
    found = irregularities(situation)
    goes_with = next_leg(situation)
    missed = {i.subject for i in found if i.kind is IrregularityKind.MISSED_CONNECTION and i.open}
    certain = goes_with is None or goes_with.departure not in missed
    return Judgement(
        progress=situation.progress,
        irregularities=found,
        eta=eta(situation) if certain else None,
        next_departure=goes_with.departure if goes_with is not None and certain else None,
    )


def next_leg(situation: Situation) -> Leg | None:
    """The first leg of the plan in force that it has not ridden; None when it rode them all."""
    ridden = [at for at, leg in enumerate(situation.itinerary.legs) if situation.rode(leg.departure)]
    ahead = situation.itinerary.legs[max(ridden, default=-1) + 1 :]
    return ahead[0] if ahead and not situation.delivered else None


def leg_to_replan(situation: Situation, found: tuple[Irregularity, ...]) -> Leg | None:
    """The leg of the plan in force that was missed, where nothing was planned in its place yet."""
    missed = {i.subject for i in found if i.kind is IrregularityKind.MISSED_CONNECTION and i.open}
    return next((leg for leg in situation.itinerary.legs if leg.departure in missed), None)


def ready_again_at(situation: Situation, leg: Leg) -> datetime:
    """When the piece can leave from where it missed this leg: by the linehaul it comes in on, and never before now."""
    before = situation.itinerary.before(leg.departure)
    inbound = situation.departure(before[-1].departure) if before else None
    if inbound is None or inbound.landed_at is not None:
        return situation.now
    return max(situation.now, inbound.expected_arrival + situation.facility(leg.origin).minimum_connection)


def judge_again_at(situation: Situation, judgement: Judgement) -> datetime | None:
    """The next instant at which the judgement may change though nothing is heard."""
    if situation.delivered:
        return None
    due_by = situation.piece.promise.due_by
    moments = [due_by + timedelta(seconds=1)] if situation.now <= due_by else []
    if leg_to_replan(situation, judgement.irregularities) is not None:
        moments.append(situation.now + TRY_AGAIN)
    return min(moments, default=None)
