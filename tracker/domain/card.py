"""A piece as somebody may see it: everything for staff, and the part a tracking number alone shows."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from tracker.domain.eta import Eta
from tracker.domain.expectation import Expectation
from tracker.domain.handling import EventKey, Kind
from tracker.domain.network import Departure, Facility, FacilityKind
from tracker.domain.rules import Irregularity
from tracker.domain.shipment import PieceKind
from tracker.domain.timeline import State

LOCAL_DELIVERY = "LOCAL"
"""What a number alone shows instead of the delivery station: narrower would say where somebody lives."""


class Milestone(StrEnum):
    BOOKED = "booked"
    ACCEPTED = "accepted"
    ON_ITS_WAY = "on_its_way"
    AT_DESTINATION = "at_destination"
    OUT_FOR_DELIVERY = "out_for_delivery"
    DELIVERED = "delivered"


PARCEL_MILESTONES = (
    Milestone.BOOKED,
    Milestone.ACCEPTED,
    Milestone.ON_ITS_WAY,
    Milestone.OUT_FOR_DELIVERY,
    Milestone.DELIVERED,
)
BAG_MILESTONES = (
    Milestone.BOOKED,
    Milestone.ACCEPTED,
    Milestone.ON_ITS_WAY,
    Milestone.AT_DESTINATION,
    Milestone.DELIVERED,
)


@dataclass(frozen=True, slots=True)
class MilestoneStep:
    milestone: Milestone
    reached_at: datetime | None  # None: not yet


@dataclass(frozen=True, slots=True)
class CardEntry:
    """One line of the timeline, and the scan that made it."""

    kind: str
    facility: Facility
    happened_at: datetime
    recorded_at: datetime
    event_key: EventKey | None  # None where the viewer may not see which device it was
    sort_point: str | None = None
    into: str | None = None
    reason: str | None = None
    withdrawn: bool = False
    estimated: bool = False
    error_ms: int = 0
    day_only: bool = False  # show the day and a part of it, not the minute


@dataclass(frozen=True, slots=True)
class CardLeg:
    """One leg of the plan, with what is known of its departure. `missed`: it left without the piece."""

    departure: Departure
    origin: Facility
    destination: Facility
    missed: bool
    ridden: bool


@dataclass(frozen=True, slots=True)
class ToldNotice:
    """A notice owed for this piece and how far it got: `due`, `accepted`, `failed`, `cancelled` …"""

    kind: str
    cause: str
    owed_at: datetime
    outcome: str


@dataclass(frozen=True, slots=True)
class PieceCard:
    number: str
    journey: int
    kind: PieceKind
    origin: Facility
    destination: Facility
    booked_at: datetime
    due_by: datetime
    state: State
    held: str | None
    damaged: bool
    facility: Facility | None  # where it was seen last
    aboard: str | None
    milestones: tuple[MilestoneStep, ...]
    entries: tuple[CardEntry, ...]  # in the order they happened
    irregularities: tuple[Irregularity, ...]
    eta: Eta | None
    next_expected: Expectation | None
    legs: tuple[CardLeg, ...]
    notices: tuple[ToldNotice, ...]
    facilities: dict[str, Facility]  # every place named anywhere on the card
    seen_by: datetime  # business time at which this was judged
    position: int  # in the update log: what an event stream goes on from

    @property
    def delivered(self) -> bool:
        return self.state is State.DELIVERED


LAST_PLACES = frozenset({FacilityKind.STATION, FacilityKind.DEPOT, FacilityKind.PICKUP_POINT})


def public(card: PieceCard) -> PieceCard:
    """What a number alone shows: state, milestones, places no finer than a city, and the last ones only as
    "local delivery" in a country; the delivery as a day. No device, sort point, reason, nor what others were told."""
    shown = {code: _coarse(card, place) for code, place in card.facilities.items()}
    entries = tuple(
        replace(
            entry,
            facility=_coarse(card, entry.facility),
            event_key=None,
            sort_point=None,
            reason=None,
            happened_at=_part_of_day(entry) if _last_mile(card, entry) else entry.happened_at,
            day_only=_last_mile(card, entry),
        )
        for entry in card.entries
    )
    legs = tuple(
        replace(leg, origin=_coarse(card, leg.origin), destination=_coarse(card, leg.destination)) for leg in card.legs
    )
    return replace(
        card,
        origin=_coarse(card, card.origin),
        destination=_coarse(card, card.destination),
        facility=_coarse(card, card.facility) if card.facility else None,
        entries=entries,
        legs=legs,
        notices=(),
        facilities=shown,
        held="held" if card.held else None,
        milestones=tuple(_coarse_step(card, step) for step in card.milestones),
    )


def _is_last_place(card: PieceCard, place: Facility) -> bool:
    return card.kind is PieceKind.PARCEL and place.code == card.destination.code and place.kind in LAST_PLACES


def _coarse(card: PieceCard, place: Facility) -> Facility:
    if _is_last_place(card, place):
        return Facility(LOCAL_DELIVERY, place.kind, place.zone, place.country)
    names = {language: place.city(language) for language in ("en", "zh-Hans")}
    return replace(place, names=names, lat=_rounded(place.lat), lon=_rounded(place.lon))


def _rounded(degrees: float | None) -> float | None:
    return None if degrees is None else round(degrees, 1)


def _last_mile(card: PieceCard, entry: CardEntry) -> bool:
    return card.kind is PieceKind.PARCEL and (entry.kind == Kind.DELIVER or _is_last_place(card, entry.facility))


def _part_of_day(entry: CardEntry) -> datetime:
    """The start of the six hours it happened in, at its place."""
    local = entry.happened_at.astimezone(ZoneInfo(entry.facility.zone))
    return (local - timedelta(hours=local.hour % 6, minutes=local.minute, seconds=local.second)).replace(microsecond=0)


def _coarse_step(card: PieceCard, step: MilestoneStep) -> MilestoneStep:
    last_mile = step.milestone in (Milestone.OUT_FOR_DELIVERY, Milestone.DELIVERED)
    if card.kind is PieceKind.PARCEL and last_mile and step.reached_at is not None:
        local = step.reached_at.astimezone(ZoneInfo(card.destination.zone))
        day = local.replace(hour=local.hour // 6 * 6, minute=0, second=0, microsecond=0)
        return replace(step, reached_at=day)
    return step
