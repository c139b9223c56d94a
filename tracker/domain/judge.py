"""How a piece stands: irregularities, ETA, what it goes with next; and when to look again without any news."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from tracker.domain.eta import eta
from tracker.domain.handling import Kind
from tracker.domain.itinerary import Leg
from tracker.domain.notices import Judgement
from tracker.domain.rules import BREAKS_THE_PLAN, Irregularity, irregularities, look_again_after
from tracker.domain.rules.connection_at_risk import warnings
from tracker.domain.situation import Situation

TRY_AGAIN = timedelta(hours=1)
"""How soon to look for another way when there was none."""


def judge(situation: Situation) -> Judgement:
    """The whole judgement of a piece at `situation.now`, from values alone."""
    found = irregularities(situation)
    goes_with = next_leg(situation)
    broken = {i.subject for i in found if i.kind in BREAKS_THE_PLAN}
    certain = goes_with is None or goes_with.departure not in broken
    return Judgement(
        progress=situation.progress,
        irregularities=found,
        eta=eta(situation) if certain and situation.progress.held is None else None,
        next_departure=goes_with.departure if goes_with is not None and certain else None,
        out_on=_out_on(situation),
        warned=warnings(situation),
    )


def next_leg(situation: Situation) -> Leg | None:
    """The first leg of the plan in force that is still before it; None when it has them all behind it."""
    legs = situation.itinerary.legs
    behind = [at for at, leg in enumerate(legs) if situation.rode(leg.departure) or _came_through(situation, leg)]
    ahead = legs[max(behind, default=-1) + 1 :]
    return ahead[0] if ahead and not situation.delivered else None


def leg_to_replan(situation: Situation, found: tuple[Irregularity, ...]) -> Leg | None:
    """The first leg of the plan in force that it cannot take; nothing is planned instead yet."""
    broken = {i.subject for i in found if i.kind in BREAKS_THE_PLAN and i.open}
    legs = situation.itinerary.legs
    return next((leg for leg in legs if leg.departure in broken and not situation.rode(leg.departure)), None)


def ready_again_at(situation: Situation, leg: Leg) -> datetime:
    """When the piece can leave from where it missed this leg: by the linehaul it comes in on, and never before now."""
    before = situation.itinerary.before(leg.departure)
    inbound = situation.departure(before[-1].departure) if before else None
    if inbound is None:
        # A piece that is not handed in yet may come as late as the leg it was planned on would have allowed.
        departure = situation.departure(leg.departure)
        cutoff = departure.cutoff if departure is not None else situation.facility(leg.origin).cutoff
        return max(situation.now, leg.departs_at - cutoff)
    return max(situation.now, inbound.expected_arrival + situation.facility(leg.origin).minimum_connection)


def judge_again_at(situation: Situation, judgement: Judgement) -> datetime | None:
    """The next instant at which the judgement may change though nothing is heard."""
    if situation.delivered:
        return None
    by_rule = look_again_after(situation)
    moments = [by_rule + timedelta(seconds=1)] if by_rule is not None else []
    if leg_to_replan(situation, judgement.irregularities) is not None:
        moments.append(situation.now + TRY_AGAIN)
    return min(moments, default=None)


def _came_through(situation: Situation, leg: Leg) -> bool:
    """Whether it was seen where the leg ends since that began, though no scan shows it loaded."""
    known = situation.departure(leg.departure)
    began = known.left_at if known is not None and known.left_at is not None else leg.departs_at
    return any(m.facility == leg.destination and m.last_at > began for m in situation.progress.marks)


def _out_on(situation: Situation) -> date | None:
    out = situation.progress.reached(Kind.OUT_FOR_DELIVERY)
    return out.last_at.astimezone(ZoneInfo(situation.facility(out.facility).zone)).date() if out is not None else None
