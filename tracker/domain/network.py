"""Places and the linehauls between them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from tracker.domain.errors import BadNetworkError


class FacilityKind(StrEnum):
    STATION = "station"
    GATEWAY = "gateway"
    HUB = "hub"
    CUSTOMS = "customs"
    DEPOT = "depot"
    PICKUP_POINT = "pickup_point"
    UNKNOWN = "unknown"


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

    def name(self, language: str) -> str:
        return self.names.get(language) or self.names.get("en") or self.code

    def city(self, language: str) -> str:
        return self.cities.get(language) or self.cities.get("en") or self.name(language)


class Mode(StrEnum):
    AIR = "air"
    ROAD = "road"


@dataclass(frozen=True, slots=True)
class Departure:
    """One run of a linehaul: what the timetable says, and what happened so far."""

    name: str  # `AA1234/2026-11-21`
    origin: str
    destination: str
    departs_at: datetime
    arrives_at: datetime
    mode: Mode = Mode.AIR
    capacity: int = 1000  # pieces
    cutoff: timedelta = timedelta(minutes=20)  # a piece must be at the origin this long before
    left_at: datetime | None = None
    landed_at: datetime | None = None

    def __post_init__(self) -> None:
        if self.arrives_at <= self.departs_at:
            raise BadNetworkError(f"{self.name}: it arrives at {self.arrives_at} before it leaves at {self.departs_at}")
        if self.origin == self.destination:
            raise BadNetworkError(f"{self.name}: it ends where it begins, {self.origin}")

    @property
    def soonest_arrival(self) -> datetime:
        """Landed; or the earliest it can be there: late ones make up time, but never a fifth of their way."""
        if self.landed_at is not None:
            return self.landed_at
        return (self.left_at or self.departs_at) + (self.arrives_at - self.departs_at) * 4 / 5

    @property
    def expected_arrival(self) -> datetime:
        """Landed; or the timetable, moved by how late it left."""
        if self.landed_at is not None:
            return self.landed_at
        if self.left_at is not None and self.left_at > self.departs_at:
            return self.arrives_at + (self.left_at - self.departs_at)
        return self.arrives_at
