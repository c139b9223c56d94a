"""A piece as somebody may see it: everything for staff, a part for its recipient, and what a number alone shows.

A form names each field it shows and leaves out all others: what is added to a card is shown to nobody but staff until
it is named here too.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from tracker.domain.asks import Word
from tracker.domain.eta import Eta
from tracker.domain.expectation import Expectation
from tracker.domain.handling import EventKey, Kind
from tracker.domain.ids import is_departure
from tracker.domain.network import Departure, Facility, FacilityKind
from tracker.domain.rules import DUTIES, Irregularity, IrregularityKind
from tracker.domain.rules.attempt_failed import NOT_HANDED_OVER
from tracker.domain.rules.held import HELD
from tracker.domain.shipment import PieceKind
from tracker.domain.staff import Role
from tracker.domain.storms import Storm
from tracker.domain.timeline import State
from tracker.domain.why import Why

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

LOCAL_DELIVERY = "LOCAL"
"""What a number alone shows instead of the delivery station: narrower would say where somebody lives."""


class Form(StrEnum):
    """How much of a piece somebody may see."""

    PUBLIC = "public"  # by its number alone
    SHARED = "shared"  # by a link its recipient passed on: the way as they see it, nothing about persons
    RECIPIENT = "recipient"  # by their own link, or a number and what proves that it is theirs


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
    role: Role | None = None  # of whoever decided it; None: nobody did, it was seen
    via: str | None = None  # read on this container, which it was inside of
    word: Word | None = None  # what its recipient asked for, or was answered

    @property
    def seen(self) -> bool:
        """Whether somebody had it in hand there: neither decided nor asked for."""
        return self.role is None and self.word is None


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
    inside: tuple[str, ...] = ()  # the containers it is in, the innermost first
    storm: Storm | None = None  # the incident that holds it up with others

    @property
    def delivered(self) -> bool:
        return self.state is State.DELIVERED


LAST_PLACES = frozenset({FacilityKind.STATION, FacilityKind.DEPOT, FacilityKind.PICKUP_POINT})
THROUGH_PLACES = frozenset({FacilityKind.HUB, FacilityKind.GATEWAY, FacilityKind.CUSTOMS})
LAST_MILE = frozenset({Kind.OUT_FOR_DELIVERY, Kind.ATTEMPT, Kind.READY_FOR_PICKUP, Kind.DELIVER})
_OF_THE_TIMETABLE = frozenset({"left_at", "round_at"})


def shown(card: PieceCard, form: Form) -> PieceCard:
    """The card in this form, whatever form it had less of before."""
    match form:
        case Form.PUBLIC:
            return public(card)
        case Form.SHARED:
            whole = recipients(card)
            return replace(whole, entries=tuple(entry for entry in whole.entries if entry.word is None))
        case Form.RECIPIENT:
            return recipients(card)


def recipients(card: PieceCard) -> PieceCard:
    """What its recipient sees: places by name, minutes, what it is held for. No device, sort point or container, no
    reason staff gave, not what goes first, nor what is only for those who work on it."""
    told = [found for found in card.irregularities if DUTIES[found.kind].told]
    return PieceCard(
        number=card.number,
        journey=card.journey,
        kind=card.kind,
        origin=card.origin,
        destination=card.destination,
        booked_at=card.booked_at,
        due_by=card.due_by,
        state=card.state,
        held=card.held,
        damaged=card.damaged,
        facility=card.facility,
        aboard=_departure_only(card.aboard),
        milestones=card.milestones,
        entries=tuple(_recipients_entry(entry) for entry in card.entries if not _is_about_others(entry)),
        irregularities=tuple(_without_evidence(found) for found in told),
        eta=card.eta,
        next_expected=card.next_expected,
        legs=card.legs,
        notices=(),
        facilities=card.facilities,
        seen_by=card.seen_by,
        position=card.position,
    )


def _is_about_others(entry: CardEntry) -> bool:
    """Which piece goes first is also a matter of those that wait."""
    return entry.role is not None and entry.kind == Kind.EXPEDITE


def _recipients_entry(entry: CardEntry) -> CardEntry:
    return CardEntry(
        kind=entry.kind,
        facility=entry.facility,
        happened_at=entry.happened_at,
        recorded_at=entry.recorded_at,
        event_key=None,
        into=_departure_only(entry.into),
        withdrawn=entry.withdrawn,
        estimated=entry.estimated,
        error_ms=entry.error_ms,
        day_only=entry.day_only,
        role=entry.role,
        word=entry.word,
    )


def _without_evidence(found: Irregularity) -> Irregularity:
    return replace(found, evidence=())


def public(card: PieceCard) -> PieceCard:
    """What a number alone shows: state, milestones, places no finer than a city, and the last ones only as
    "local delivery" in a country; the delivery as a part of a day. No device, sort point, container, reason, nor what
    others were told, nor what is only for those who work on it. What is public already stays as it is."""
    places = [_coarse(card, place) for place in card.facilities.values()]
    told = [found for found in card.irregularities if DUTIES[found.kind].told]
    return PieceCard(
        number=card.number,
        journey=card.journey,
        kind=card.kind,
        origin=_coarse(card, card.origin),
        destination=_coarse(card, card.destination),
        booked_at=card.booked_at,
        due_by=card.due_by,
        state=card.state,
        held="held" if card.held else None,
        damaged=card.damaged,
        facility=_coarse(card, card.facility) if card.facility else None,
        aboard=_departure_only(card.aboard),
        milestones=tuple(_coarse_step(card, step) for step in card.milestones),
        entries=tuple(_coarse_entry(card, entry) for entry in card.entries if not _of_the_house(entry)),
        irregularities=tuple(_coarse_irregularity(card, _without_reason(found)) for found in told),
        eta=_coarse_eta(card, card.eta) if card.eta else None,
        next_expected=_coarse_expectation(card, card.next_expected) if card.next_expected else None,
        legs=tuple(_coarse_leg(card, leg) for leg in card.legs),
        notices=(),
        facilities={place.code: place for place in places},
        seen_by=card.seen_by,
        position=card.position,
        storm=card.storm,
    )


def _of_the_house(entry: CardEntry) -> bool:
    """Which piece goes first, that an address was wrong, and what its recipient asked for is nobody's business with a
    number alone."""
    if entry.kind in (Kind.ASK, Kind.ANSWER):
        return True
    return entry.role is not None and entry.kind in (Kind.EXPEDITE, Kind.READDRESS, Kind.APOLOGY)


def _is_last_place(card: PieceCard, place: Facility) -> bool:
    """Where the round begins that ends at somebody's door: its destination, or another such place off its way."""
    if card.kind is not PieceKind.PARCEL:
        return False
    if place.code in (card.destination.code, LOCAL_DELIVERY):
        return place.kind not in THROUGH_PLACES
    on_its_way = {card.origin.code, *(leg.departure.origin for leg in card.legs)}
    return place.kind in LAST_PLACES and place.code not in on_its_way


def _coarse(card: PieceCard, place: Facility) -> Facility:
    if _is_last_place(card, place):
        return Facility(LOCAL_DELIVERY, place.kind, place.zone, place.country)
    return _city(place)


def ends_for_all(kind: PieceKind, origin: Facility, destination: Facility) -> tuple[Facility, Facility]:
    """From where to where, as far as a number alone shows it."""
    if kind is PieceKind.PARCEL and destination.kind not in THROUGH_PLACES:
        destination = Facility(LOCAL_DELIVERY, destination.kind, destination.zone, destination.country)
    return _city(origin), destination if destination.code == LOCAL_DELIVERY else _city(destination)


def _city(place: Facility) -> Facility:
    names = {language: place.city(language) for language in ("en", "zh-Hans")}
    return replace(place, names=names, lat=_rounded(place.lat), lon=_rounded(place.lon))


def _coarse_code(card: PieceCard, code: str) -> str:
    place = card.facilities.get(code) or (card.destination if code == card.destination.code else None)
    return LOCAL_DELIVERY if place is not None and _is_last_place(card, place) else code


def _rounded(degrees: float | None) -> float | None:
    return None if degrees is None else round(degrees, 1)


def _departure_only(into: str | None) -> str | None:
    """A container or van says more about our house than about the piece."""
    return into if into is not None and is_departure(into) else None


def _coarse_entry(card: PieceCard, entry: CardEntry) -> CardEntry:
    last_mile = entry.day_only or (
        card.kind is PieceKind.PARCEL and (entry.kind in LAST_MILE or _is_last_place(card, entry.facility))
    )
    zone = entry.facility.zone
    return CardEntry(
        kind=entry.kind,
        facility=_coarse(card, entry.facility),
        happened_at=_part_of_day(entry.happened_at, zone) if last_mile else entry.happened_at,
        recorded_at=_part_of_day(entry.recorded_at, zone) if last_mile else entry.recorded_at,
        event_key=None,
        into=_departure_only(entry.into),
        withdrawn=entry.withdrawn,
        estimated=entry.estimated,
        error_ms=entry.error_ms,
        day_only=last_mile,
        role=entry.role,
    )


def _coarse_leg(card: PieceCard, leg: CardLeg) -> CardLeg:
    ends = replace(leg.departure, destination=_coarse_code(card, leg.departure.destination))
    return replace(leg, departure=ends, origin=_coarse(card, leg.origin), destination=_coarse(card, leg.destination))


_REASON_WITHHELD = {
    IrregularityKind.HELD_AT_CUSTOMS: (IrregularityKind.HELD, HELD),
    IrregularityKind.HELD_FOR_PAYMENT: (IrregularityKind.HELD, HELD),
    IrregularityKind.HELD_FOR_ADDRESS: (IrregularityKind.HELD, HELD),
    IrregularityKind.REFUSED: (IrregularityKind.ATTEMPT_FAILED, NOT_HANDED_OVER),
}


def _without_reason(found: Irregularity) -> Irregularity:
    """That it is held anybody may see, not what for."""
    if found.kind not in _REASON_WITHHELD:
        return found
    kind, sentence = _REASON_WITHHELD[found.kind]
    return replace(found, kind=kind, why=replace(found.why, sentence=sentence))


def _coarse_irregularity(card: PieceCard, found: Irregularity) -> Irregularity:
    """When it cleared may be the minute of the hand-over, and since when it is held one of the last mile."""
    subject = _coarse_code(card, found.subject)
    at_last_place = LOCAL_DELIVERY in (subject, _coarse_code(card, found.why.values.get("facility", "")))
    cleared_at = found.cleared_at
    if cleared_at is not None and card.kind is PieceKind.PARCEL:
        cleared_at = _part_of_day(cleared_at, card.destination.zone)
    return replace(
        found,
        subject=subject,
        since=_part_of_day(found.since, card.destination.zone) if at_last_place else found.since,
        why=_coarse_why(card, found.why),
        evidence=(),
        cleared_at=cleared_at,
    )


def _coarse_eta(card: PieceCard, eta: Eta) -> Eta:
    earliest, latest = window_for_all(card.kind, (eta.earliest, eta.latest))
    return replace(eta, earliest=earliest, latest=latest, why=_coarse_why(card, eta.why))


def window_for_all(kind: PieceKind, window: tuple[datetime, datetime]) -> tuple[datetime, datetime]:
    """A window as far as a number alone shows it: a parcel's in whole half hours, so that nobody reads a minute into
    it."""
    if kind is not PieceKind.PARCEL:
        return window
    half = timedelta(minutes=30)
    return window[0] - (window[0] - _EPOCH) % half, window[1] + (_EPOCH - window[1]) % half


def _coarse_expectation(card: PieceCard, due: Expectation) -> Expectation:
    return replace(due, facility=_coarse_code(card, due.facility))


def _coarse_why(card: PieceCard, why: Why) -> Why:
    """Its sentence stands; the last place goes by no name in it, and what happened there by the hour."""
    codes = {name: _coarse_code(card, value) for name, value in why.facts if name.endswith(("facility", "destination"))}
    last_mile = LOCAL_DELIVERY in codes.values()
    facts = tuple((name, codes.get(name) or (_hour(name, value) if last_mile else value)) for name, value in why.facts)
    return replace(why, facts=facts)


def _hour(name: str, value: str) -> str:
    if not name.endswith("_at") or name in _OF_THE_TIMETABLE:
        return value
    return datetime.fromisoformat(value).replace(minute=0, second=0, microsecond=0).isoformat()


def _part_of_day(moment: datetime, zone: str) -> datetime:
    """The start of the six hours it happened in, at that place."""
    local = moment.astimezone(ZoneInfo(zone))
    return local.replace(hour=local.hour // 6 * 6, minute=0, second=0, microsecond=0)


def _coarse_step(card: PieceCard, step: MilestoneStep) -> MilestoneStep:
    last_mile = step.milestone in (Milestone.OUT_FOR_DELIVERY, Milestone.DELIVERED)
    if card.kind is PieceKind.PARCEL and last_mile and step.reached_at is not None:
        return replace(step, reached_at=_part_of_day(step.reached_at, card.destination.zone))
    return step
