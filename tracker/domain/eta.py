"""When a piece should be in the customer's hands: a window, and why. Simple until history teaches better."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from tracker.domain.handling import Kind
from tracker.domain.itinerary import Leg
from tracker.domain.network import Facility
from tracker.domain.shipment import PieceKind, Promise
from tracker.domain.situation import Situation
from tracker.domain.timeline import State
from tracker.domain.transit.tables import Ride
from tracker.domain.why import Facts, Why, because

ROUNDS = (time(9), time(13), time(17))
"""When vans leave a station, local time."""

STATION_HANDLING = timedelta(minutes=45)
ROUND_TAKES = timedelta(hours=4)
BELT_FROM, BELT_TO = timedelta(minutes=10), timedelta(minutes=40)
PROMISE_SLACK = timedelta(hours=2)

STATED = 0.8
"""The confidence of a window, where legs gone by were learned from."""

BY_ROUND = "{departure} should be at {facility} at {arrives_at}; a van leaves there at {round_at}."
BY_BELT = "{departure} should land at {facility} at {arrives_at}; bags reach the belt 10 to 40 minutes later."
BY_VAN = "A van leaves {facility} at {round_at}."
TO_COUNTER = "{departure} should be at {facility} at {arrives_at}; from 45 minutes later on it can be picked up there."
ON_THE_VAN = "It left {facility} on the van at {out_at}; a round takes up to four hours."
AT_COUNTER = "It waits at {facility} to be picked up."


@dataclass(frozen=True, slots=True)
class Eta:
    """A window in which the piece should be handed over."""

    earliest: datetime
    latest: datetime
    why: Why
    confidence: float | None = None  # the share of such legs that come in time for it; None: nobody has checked


def next_round(station: Facility, *, arrives_at: datetime) -> datetime:
    """When the first van leaves that can take a piece arriving at this instant, in UTC: on a working day of the
    station, and while it is not closed."""
    zone = ZoneInfo(station.zone)
    handled_at = station.handled_from(arrives_at.astimezone(UTC))
    ready = (handled_at + STATION_HANDLING).astimezone(zone)
    while True:
        for hour in ROUNDS:
            leaves = datetime.combine(ready.date(), hour, zone)
            if leaves >= ready and station.works_at(leaves.astimezone(UTC)):
                return leaves.astimezone(UTC)
        tomorrow = datetime.combine(ready.date() + timedelta(days=1), time(), zone).astimezone(UTC)
        ready = station.handled_from(tomorrow).astimezone(zone)


def window(kind: PieceKind, place: Facility, *, arrives_at: datetime) -> tuple[datetime, datetime]:
    """When a piece that reaches its last facility at this instant should be handed over."""
    if kind is PieceKind.BAG:
        return arrives_at + BELT_FROM, arrives_at + BELT_TO
    leaves = next_round(place, arrives_at=arrives_at)
    return leaves, leaves + ROUND_TAKES


def promised(kind: PieceKind, place: Facility, *, arrives_at: datetime) -> Promise:
    """What we dare to promise for a plan that reaches the last facility at this instant."""
    return Promise(due_by=window(kind, place, arrives_at=arrives_at)[1] + PROMISE_SLACK)


def eta(situation: Situation) -> Eta | None:
    """None once delivered or on its way back, and where there is no plan to reckon with."""
    progress = situation.progress
    if progress.state in (State.DELIVERED, State.RETURNING):
        return None
    place = situation.facility(situation.piece.destination)
    if progress.state is State.READY_FOR_PICKUP and (ready := progress.reached(Kind.READY_FOR_PICKUP)) is not None:
        return Eta(ready.last_at, ready.last_at, because(AT_COUNTER, {"facility": ready.facility}))
    if progress.state is State.OUT_FOR_DELIVERY and (out := progress.reached(Kind.OUT_FOR_DELIVERY)) is not None:
        facts: Facts = {"facility": out.facility, "out_at": out.last_at}
        return Eta(out.last_at, out.last_at + ROUND_TAKES, because(ON_THE_VAN, facts))
    legs = situation.itinerary.legs
    if not legs:
        return None
    last = legs[-1]
    arrives_at, soonest, latest_arrival, confidence = _arrival(situation, last)
    there = [m.first_at for m in progress.marks if m.facility == place.code and m.kind in (Kind.ARRIVE, Kind.UNLOAD)]
    if there:
        arrives_at = min(there)
    if progress.state is State.ATTEMPTED and (attempt := progress.reached(Kind.ATTEMPT)) is not None:
        arrives_at = max(arrives_at, attempt.last_at)  # the next van, not the one it was on
        there.append(attempt.last_at)
    if there:
        soonest, latest_arrival, confidence = arrives_at, arrives_at, None
    kind = situation.piece.kind
    if progress.wish is not None and progress.wish.ask == "pickup":
        return _to_be_fetched(last, place, arrives_at, (soonest, latest_arrival), confidence)
    if situation.not_before is not None and situation.not_before > arrives_at:
        leaves = next_round(place, arrives_at=situation.not_before)
        return Eta(leaves, leaves + ROUND_TAKES, because(BY_VAN, {"facility": place.code, "round_at": leaves}))
    earliest, latest = window(kind, place, arrives_at=soonest)
    if latest_arrival != soonest:
        _, latest = window(kind, place, arrives_at=latest_arrival)
    facts = {"departure": last.departure, "facility": place.code, "arrives_at": arrives_at}
    if kind is PieceKind.BAG:
        return Eta(earliest, latest, because(BY_BELT, facts), confidence)
    round_at = earliest if soonest == arrives_at else next_round(place, arrives_at=arrives_at)
    return Eta(earliest, latest, because(BY_ROUND, {**facts, "round_at": round_at}), confidence)


def _to_be_fetched(
    last: Leg, place: Facility, arrives_at: datetime, between: tuple[datetime, datetime], confidence: float | None
) -> Eta:
    facts: Facts = {"departure": last.departure, "facility": place.code, "arrives_at": arrives_at}
    ready, ready_by = (moment + STATION_HANDLING for moment in between)
    return Eta(ready, ready_by, because(TO_COUNTER, facts), confidence)


def _arrival(situation: Situation, leg: Leg) -> tuple[datetime, datetime, datetime, float | None]:
    """When the leg ends: as told, at the soonest and at the latest, and how sure the last two are.

    The legs before it need no window of their own: the next departure waits for its time, or is missed, which shows.
    """
    known = situation.departure(leg.departure)
    if known is None:
        return leg.arrives_at, leg.arrives_at, leg.arrives_at, None
    told, planned = known.told, known.arrives_at - known.departs_at
    if known.landed_at is not None or not situation.transit.cases:
        return told, told, told, None
    origin, end = situation.facility(known.origin), situation.facility(known.destination)
    departs_at = known.departs_at.astimezone(ZoneInfo(origin.zone))
    minutes = planned / timedelta(minutes=1)
    ride = Ride(
        origin.code,
        end.code,
        departs_at,
        minutes,
        mode=known.mode,
        kinds=f"{origin.kind}>{end.kind}",
        km=origin.km_to(end) or None,  # two places at one spot have no pace
        run=known.name.partition("/")[0],
    )
    learned, middle = situation.transit.window(ride, STATED), situation.transit.minutes(ride, 0.5)
    if learned is None or middle is None:
        return told, told, told, None
    # an estimate knows the day better than its timetable does; how far estimates are off was not learned
    begins = told - (timedelta(minutes=middle) if known.estimated_arrival is not None else planned)
    return told, begins + timedelta(minutes=learned[0]), begins + timedelta(minutes=learned[1]), STATED
