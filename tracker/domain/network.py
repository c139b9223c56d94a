"""Places and the linehauls between them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from math import asin, cos, radians, sin, sqrt
from zoneinfo import ZoneInfo

from tracker.domain.errors import BadNetworkError
from tracker.domain.ids import carrier_of


class FacilityKind(StrEnum):
    STATION = "station"
    GATEWAY = "gateway"
    HUB = "hub"
    CUSTOMS = "customs"
    DEPOT = "depot"
    PICKUP_POINT = "pickup_point"
    UNKNOWN = "unknown"


EARTH_KM = 6371.0
"""Its mean radius."""


@dataclass(frozen=True, slots=True)
class ConnectionTime:
    """The least time between two linehauls at one place, for the terminals and carriers it names; None: whichever."""

    minimum: timedelta
    inbound_carrier: str | None = None
    outbound_carrier: str | None = None
    inbound_terminal: str | None = None
    outbound_terminal: str | None = None

    @property
    def named(self) -> int:
        """How specific it is."""
        parts = (self.inbound_carrier, self.outbound_carrier, self.inbound_terminal, self.outbound_terminal)
        return sum(part is not None for part in parts)

    def fits(self, inbound: "Side", outbound: "Side") -> bool:
        pairs = (
            (self.inbound_carrier, inbound.carrier),
            (self.inbound_terminal, inbound.terminal),
            (self.outbound_carrier, outbound.carrier),
            (self.outbound_terminal, outbound.terminal),
        )
        return all(wanted is None or wanted == given for wanted, given in pairs)


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a connection: whose linehaul it is, and at which terminal of the place it stands."""

    carrier: str | None = None
    terminal: str | None = None


@dataclass(frozen=True, slots=True)
class Closure:
    """A place handles nothing from one instant to another."""

    since: datetime
    until: datetime
    known_at: datetime  # when it was decided
    reason: str = ""
    said_until: datetime | None = None  # where it was opened before the time that was said


@dataclass(frozen=True, slots=True)
class ClosureWord:
    """One decision about a place: closed for a while, or (`closed` is None) open again from then on."""

    said_at: datetime
    closed: tuple[datetime, datetime] | None
    reason: str = ""


def closures(words: Iterable[ClosureWord]) -> tuple[Closure, ...]:
    """What is closed by all these words, in the order in which they were said: opening ends what is closed and calls
    off what was to be closed later."""
    found: list[Closure] = []
    for word in sorted(words, key=lambda word: word.said_at):
        if word.closed is not None:
            found.append(Closure(*word.closed, known_at=word.said_at, reason=word.reason))
        else:
            found = [_opened(closure, word.said_at) for closure in found]
    return tuple(found)


def _opened(closure: Closure, at: datetime) -> Closure:
    """Kept though nothing be left of it: what was planned anew for its sake was so for a reason."""
    if closure.until <= at:
        return closure
    return replace(closure, until=max(closure.since, at), said_until=closure.said_until or closure.until)


@dataclass(frozen=True, slots=True)
class Facility:
    """A place with a code where pieces are handled. A site nobody described yet is UNKNOWN, in UTC."""

    code: str
    kind: FacilityKind = FacilityKind.UNKNOWN
    zone: str = "UTC"  # IANA
    country: str = ""  # ISO 3166 alpha-2
    lat: float | None = None
    lon: float | None = None
    names: Mapping[str, str] = field(default_factory=dict)  # BCP 47 language -> what people call it
    cities: Mapping[str, str] = field(default_factory=dict)
    minimum_connection: timedelta = timedelta(minutes=30)  # least time from landing to leaving again
    cutoff: timedelta = timedelta(minutes=20)  # how long before a departure a piece must be here, where that says none
    connections: tuple[ConnectionTime, ...] = ()  # where terminals or carriers need another time
    sort_points: tuple[str, ...] = ()
    rest_days: tuple[int, ...] = ()  # days of the week without work, Monday is 0
    holidays: tuple[date, ...] = ()  # other days without work, by its own calendar
    closures: tuple[Closure, ...] = ()

    def km_to(self, other: "Facility") -> float | None:
        """Kilometres as the crow flies, on a sphere (haversine); None where the coordinates of either are not known."""
        if self.lat is None or self.lon is None or other.lat is None or other.lon is None:
            return None
        lat, other_lat = radians(self.lat), radians(other.lat)
        half = sin((other_lat - lat) / 2) ** 2 + cos(lat) * cos(other_lat) * sin(radians(other.lon - self.lon) / 2) ** 2
        return 2 * EARTH_KM * asin(sqrt(min(1.0, half)))

    def name(self, language: str) -> str:
        return self.names.get(language) or self.names.get("en") or self.code

    def city(self, language: str) -> str:
        return self.cities.get(language) or self.cities.get("en") or self.name(language)

    def connection(self, inbound: Side, outbound: Side) -> timedelta:
        """The least time from the arrival of one to the departure of the other: the most specific rule that fits, and
        of several the one that stands first."""
        fitting = [rule for rule in self.connections if rule.fits(inbound, outbound)]
        return max(fitting, key=lambda rule: rule.named).minimum if fitting else self.minimum_connection

    @property
    def never_rests(self) -> bool:
        return not (self.rest_days or self.holidays or self.closures)

    def works_on(self, day: date) -> bool:
        """Whether pieces are handled here on this local day, by its calendar."""
        return day.weekday() not in self.rest_days and day not in self.holidays

    def works_at(self, instant: datetime) -> bool:
        return self.handled_from(instant) == instant

    def handled_from(self, instant: datetime) -> datetime:
        """When a piece that is here at `instant` is first handled: at once, or when the next working day begins, or
        when a closure ends. A calendar that never works again within a year is taken for a slip and not followed."""
        if self.never_rests:
            return instant
        zone = ZoneInfo(self.zone)
        at, latest = instant, instant + timedelta(days=366)
        while at < latest:
            closure = next((c for c in self.closures if c.since <= at < c.until), None)
            day = at.astimezone(zone).date()
            if closure is not None:
                at = closure.until
            elif not self.works_on(day):
                at = datetime.combine(day + timedelta(days=1), time(), zone).astimezone(UTC)
            else:
                return at
        return instant


class Mode(StrEnum):
    AIR = "air"
    ROAD = "road"


WORTH_TELLING = timedelta(minutes=15)
"""An arrival that moved by less since one was told is no news for who waits for a piece."""


@dataclass(frozen=True, slots=True)
class Departure:
    """One run of a linehaul: what the timetable says, and what is known of it so far."""

    name: str  # `AA1234/2026-11-21`
    origin: str
    destination: str
    departs_at: datetime
    arrives_at: datetime
    mode: Mode = Mode.AIR
    capacity: int = 1000  # pieces
    cutoff: timedelta = timedelta(minutes=20)  # a piece must be at the origin this long before
    origin_terminal: str | None = None
    destination_terminal: str | None = None
    services: tuple[str, ...] = ()  # the service levels it takes; none named: all
    tail: str | None = None  # the aircraft or vehicle
    estimated_departure: datetime | None = None
    estimated_arrival: datetime | None = None
    left_at: datetime | None = None
    landed_at: datetime | None = None
    cancelled: bool = False
    diverted_to: str | None = None
    disrupted_at: datetime | None = None  # since when it is known as cancelled or diverted
    told_arrival: datetime | None = None  # the one told last, where that is not the timetable's

    def __post_init__(self) -> None:
        if self.arrives_at <= self.departs_at:
            raise BadNetworkError(f"{self.name}: it arrives at {self.arrives_at} before it leaves at {self.departs_at}")
        if self.origin == self.destination:
            raise BadNetworkError(f"{self.name}: it ends where it begins, {self.origin}")

    @property
    def carrier(self) -> str:
        return carrier_of(self.name)

    @property
    def takes_pieces(self) -> bool:
        """Whether one could still be planned on it: it has not left and goes where it should."""
        return self.left_at is None and not self.cancelled and self.diverted_to is None

    def takes(self, service: str) -> bool:
        """Whether it carries pieces of this service level."""
        return not self.services or service in self.services

    @property
    def leaves_at(self) -> datetime:
        """When it left, or should leave as far as is known now."""
        return self.left_at or self.estimated_departure or self.departs_at

    @property
    def soonest_arrival(self) -> datetime:
        """Landed; or the earliest it can be there: late ones make up time, but never a fifth of their way."""
        if self.landed_at is not None:
            return self.landed_at
        return (self.left_at or self.departs_at) + (self.arrives_at - self.departs_at) * 4 / 5

    @property
    def expected_arrival(self) -> datetime:
        """Landed; or as estimated, if that can be; or the timetable, moved by how late it leaves."""
        if self.landed_at is not None:
            return self.landed_at
        if self.estimated_arrival is not None and self.estimated_arrival > self.leaves_at:
            return self.estimated_arrival
        return self.arrives_at + max(self.leaves_at - self.departs_at, timedelta(0))

    @property
    def told(self) -> datetime:
        """The arrival that who waits for a piece is told of: it stands until it cannot be, or moved far enough."""
        told, expected = self.told_arrival or self.arrives_at, self.expected_arrival
        news = self.landed_at is not None or told <= self.leaves_at or abs(expected - told) >= WORTH_TELLING
        return expected if news else told
