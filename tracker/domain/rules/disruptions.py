"""Departures that do not go as planned: of whom that is told, since when, and when a piece went on without them."""

from collections.abc import Callable, Iterator

from tracker.domain.handling import Kind
from tracker.domain.itinerary import Leg
from tracker.domain.network import Departure
from tracker.domain.rules.irregularity import Irregularity, IrregularityKind
from tracker.domain.rules.onward import onward
from tracker.domain.situation import Situation
from tracker.domain.why import Why


def disruptions(
    situation: Situation, kind: IrregularityKind, why: Callable[[Leg, Departure], Why | None]
) -> Iterator[Irregularity]:
    """The first leg of the plan in force for which there is a `why`, and those that another way was planned for.

    What a piece had gone on from before that was known, does not concern it.
    """
    if not situation.once(_any_disrupted):
        return
    replanned = {replan.missed for replan in situation.plan.replans}
    in_force = situation.itinerary.legs
    earlier = {leg.departure: leg for version in situation.versions[:-1] for leg in version.legs}
    left_out = [leg for name, leg in earlier.items() if name in replanned and leg not in in_force]
    for leg in (*left_out, *in_force):
        departure = situation.departure(leg.departure)
        if departure is None or departure.disrupted_at is None or (reason := why(leg, departure)) is None:
            continue
        ended = [m for m in situation.progress.marks if m.kind in (Kind.DELIVER, Kind.RETURN)]
        went_on_at = min((m.first_at for m in (*onward(situation, leg), *ended)), default=None)
        if went_on_at is not None and went_on_at <= departure.disrupted_at:
            continue
        yield Irregularity(kind, leg.departure, departure.disrupted_at, reason, cleared_at=went_on_at)
        if leg in in_force and went_on_at is None:
            return


def _any_disrupted(situation: Situation) -> bool:
    planned = (situation.departure(leg.departure) for version in situation.versions for leg in version.legs)
    return any(departure is not None and departure.disrupted_at is not None for departure in planned)
