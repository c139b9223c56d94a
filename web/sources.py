"""What the web asks of the rest of the house, as forms that the services and the tests' stand-ins both have."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from notify.channels.webhook.endpoint import Attempt, Endpoint, Wanted
from notify.channels.webhook.endpoints import Repeated
from tracker.booking import Booked
from tracker.devices import Credentials
from tracker.domain.booking import BookingRequest
from tracker.domain.card import PieceCard
from tracker.domain.network import Departure
from tracker.network import DepartureUpdate, Told
from tracker.queries import LoadList, News, Overview, Update
from tracker.rounds import Stop
from tracker.wire import Address


class Queries(Protocol):
    """What anyone may read; every call is one short read of the store, safe from any thread."""

    def card(self, number: str) -> PieceCard | None: ...
    def candidates(self, number: str) -> Sequence[PieceCard]: ...
    def last_update(self) -> int: ...
    def updates_after(self, seq: int, limit: int = 1000) -> Sequence[Update]: ...
    def news(self, since: int | None) -> News: ...
    def overview(self) -> Overview: ...
    def load_list(self, departure: str) -> LoadList | None: ...
    def healthy(self) -> dict[str, bool | int | float | str]: ...


class Bookings(Protocol):
    def account_of(self, key: str) -> str | None: ...
    def book(
        self, request: BookingRequest, *, account: str, idempotency_key: str | None = None, body_hash: str = ""
    ) -> Booked: ...


class Feeds(Protocol):
    """Those who run departures, and what they say of them."""

    def feed_of(self, key: str) -> str | None: ...
    def tell(self, feed: str, updates: Sequence[DepartureUpdate]) -> Told: ...


class Devices(Protocol):
    def site_of(self, dev: str, *, password: str) -> str | None: ...
    def address_of(self, dev: str, *, password: str) -> Address | None: ...


class ListedDevice(Protocol):
    """A device as its administrators see it."""

    @property
    def dev(self) -> str: ...
    @property
    def site(self) -> str: ...
    @property
    def heard_at(self) -> datetime | None: ...
    @property
    def depth(self) -> int | None: ...
    @property
    def battery(self) -> float | None: ...
    @property
    def firmware(self) -> str | None: ...
    @property
    def revoked_at(self) -> datetime | None: ...


class DeviceList(Protocol):
    def list(self) -> Sequence[ListedDevice]: ...
    def revoke(self, dev: str) -> None: ...


class Invitations(Protocol):
    """By which a phone becomes a device, once."""

    def take_up(self, token: str) -> Credentials | None: ...


class Rounds(Protocol):
    """What one device has to do today."""

    def departures(self, facility: str) -> Sequence[Departure]: ...
    def stops(self, dev: str) -> Sequence[Stop]: ...


class HandoverFiles(Protocol):
    """Pictures and signatures that devices bring apart from their scans."""

    def keep(self, content: bytes, *, named: str, dev: str) -> bool: ...


class Door(Protocol):
    """Where a device's messages go in without a broker."""

    def take(self, address: Address, messages: Sequence[bytes]) -> list[bytes]: ...


class Endpoints(Protocol):
    """The webhooks of an account, as `notify.channels.webhook.endpoints.Endpoints` keeps them."""

    def add(
        self, account: str, url: str, *, kinds: Sequence[str] = (), owner: str | None = None, language: str = "en"
    ) -> Endpoint: ...
    def all(self, account: str) -> Sequence[Endpoint]: ...
    def find(self, account: str, id: str) -> Endpoint: ...
    def remove(self, account: str, id: str) -> None: ...
    def rotate(self, account: str, id: str) -> Endpoint: ...
    def test(self, account: str, id: str) -> str: ...
    def attempts(
        self, account: str, id: str, *, limit: int = 25, before: tuple[datetime, str] | None = None
    ) -> Sequence[Attempt]: ...
    def replay(self, account: str, id: str, wanted: Wanted) -> int: ...
    def once(self, account: str, key: str | None, request: bytes, act: Callable[[], str]) -> Repeated: ...


class Letter(Protocol):
    """One mail in the demo's mailbox."""

    @property
    def id(self) -> str: ...
    @property
    def at(self) -> datetime: ...
    @property
    def to(self) -> str: ...
    @property
    def subject(self) -> str: ...
    @property
    def language(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def html(self) -> str | None: ...
    @property
    def number(self) -> str | None: ...


__all__ = [
    "Booked",
    "Bookings",
    "DeviceList",
    "Devices",
    "Door",
    "Feeds",
    "Letter",
    "LoadList",
    "Overview",
    "Queries",
    "Update",
]
