"""How a piece stands: irregularities, ETA, what it goes with next; and when to look again without any news."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from tracker.domain import pickup
from tracker.domain.eta import eta
from tracker.domain.handling import EventKey, Kind
from tracker.domain.itinerary import Leg
from tracker.domain.notices import Judgement
from tracker.domain.rules import BREAKS_THE_PLAN, Irregularity, IrregularityKind, irregularities, look_again_after
from tracker.domain.rules.connection_at_risk import warnings
from tracker.domain.situation import Situation
from tracker.domain.timeline import is_run

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
        eta=eta(situation) if certain and situation.progress.held is None and not situation.withdrawn else None,
        next_departure=goes_with.departure if goes_with is not None and certain else None,
        out_on=_out_on(situation),
        warned=warnings(situation),
        replans=len(situation.versions) - 1,
        due_by=situation.due_by if situation.not_before is not None else None,
    )


def next_leg(situation: Situation) -> Leg | None:
    """The first leg of the plan in force that is still before it; None when it has them all behind it."""
    legs = situation.itinerary.legs
    behind = [at for at, leg in enumerate(legs) if situation.rode(leg.departure) or _came_through(situation, leg)]
    ahead = legs[max(behind, default=-1) + 1 :]
    return ahead[0] if ahead and not situation.delivered and not situation.withdrawn else None


@dataclass(frozen=True, slots=True)
class Stranded:
    """A piece that cannot go as planned, and nothing is planned instead yet: from where and when it needs a way."""

    place: str
    ready_at: datetime
    instead_of: Leg | None  # the first leg it does without; None: it has no leg ahead of it
    evidence: tuple[EventKey, ...] = ()  # the scans that show it
    left: str | None = None  # the departure that left without it, or with it unplanned


def stranded(situation: Situation, found: tuple[Irregularity, ...]) -> Stranded | None:
    """None while it can go as planned, and once its journey is over."""
    if situation.over:
        return None
    return _carried_off(situation) or _held_up(situation, found)


def may_be_stranded(situation: Situation) -> bool:
    """Whether a departure of its plan is called off or goes elsewhere, or a place of it closes: then it is worth to
    ask for another way before it is judged whole."""
    for leg in situation.itinerary.legs:
        known = situation.departure(leg.departure)
        if (known is not None and known.disrupted_at is not None) or situation.facility(leg.origin).closures:
            return True
    return False


def _carried_off(situation: Situation) -> Stranded | None:
    """On a departure that does not go where its plan goes on, or come in with one: not planned for it, or diverted."""
    loads = [m for m in situation.progress.marks if m.kind == Kind.LOAD and is_run(m.into)]
    load = max(loads, key=lambda m: (m.last_at, m.key), default=None)
    run = situation.departure(load.into) if load is not None and load.into is not None else None
    if load is None or run is None or run.left_at is None or not situation.rode(run.name):
        return None
    place, itinerary = run.diverted_to or run.destination, situation.itinerary
    planned = itinerary.rides(run.name)
    if (planned and run.diverted_to is None) or place == situation.piece.destination:
        return None
    if situation.progress.aboard != run.name and situation.progress.facility != place:
        return None
    ahead = next_leg(situation)
    legs = itinerary.legs[itinerary.legs.index(ahead) :] if ahead is not None else ()
    if any(leg.origin == place for leg in legs):
        return None
    ready_at = max(situation.now, run.expected_arrival + situation.facility(place).minimum_connection)
    return Stranded(place, ready_at, ahead, () if planned else (load.key,), None if planned else run.name)


def _held_up(situation: Situation, found: tuple[Irregularity, ...]) -> Stranded | None:
    """Before a leg of the plan in force that it cannot take."""
    broken = {i.subject: i for i in found if i.kind in BREAKS_THE_PLAN and i.open}
    legs = situation.itinerary.legs
    leg = next((leg for leg in legs if leg.departure in broken and not situation.rode(leg.departure)), None)
    if leg is None:
        return None
    why = broken[leg.departure]
    if why.kind is IrregularityKind.PLACE_CLOSED:
        leg = _may_do_without(situation, leg)
    missed = leg.departure if why.kind is IrregularityKind.MISSED_CONNECTION else None
    return Stranded(leg.origin, ready_again_at(situation, leg), leg, why.evidence, missed)


def _may_do_without(situation: Situation, broken: Leg) -> Leg:
    """The first leg up to this one that it is not on and that has not left: there it may turn off."""
    legs = situation.itinerary.legs
    upto = legs[: legs.index(broken) + 1]
    behind = [
        at
        for at, leg in enumerate(upto[:-1])
        if situation.left(leg.departure, situation.now)
        or situation.rode(leg.departure)
        or _came_through(situation, leg)
    ]
    return upto[max(behind, default=-1) + 1]


def ready_again_at(situation: Situation, leg: Leg) -> datetime:
    """When the piece can leave from where this leg begins: by the linehaul it comes in on, and never before now."""
    before = situation.itinerary.before(leg.departure)
    inbound = situation.departure(before[-1].departure) if before else None
    if inbound is None:
        # A piece that is not handed in yet may come as late as the leg it was planned on would have allowed.
        departure = situation.departure(leg.departure)
        cutoff = departure.cutoff if departure is not None else situation.facility(leg.origin).cutoff
        return max(situation.now, leg.departs_at - cutoff)
    return max(situation.now, inbound.expected_arrival + situation.facility(leg.origin).minimum_connection)


def judge_again_at(situation: Situation, why: Stranded | None) -> datetime | None:
    """The next instant at which the judgement may change though nothing is heard; `why`: it is `stranded`."""
    if situation.delivered:
        return None
    by_rule = look_again_after(situation)
    moments = [by_rule + timedelta(seconds=1)] if by_rule is not None else []
    if (ready := pickup.waiting(situation.progress)) is not None:
        moments += [moment for moment in pickup.reminders(ready) if moment > situation.now]
    if why is not None:
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
