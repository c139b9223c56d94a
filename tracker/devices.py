"""Registering devices, and asking who a device is."""

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from tracker.clock import Clock
from tracker.domain.credentials import SALT_BYTES, hash_password, user_name, verify_password
from tracker.domain.errors import BadNameError, DeviceExistsError, UnknownDeviceError
from tracker.domain.ids import facility_of_site, is_wire_name, wire_name
from tracker.store import Store
from tracker.store.device_registry import DeviceRow
from tracker.wire import Address

REFRESH_S = 2.0
_NOBODYS = hash_password("", salt=bytes(SALT_BYTES))
"""Checked in place of a device that is not there, so that the time taken tells no names."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a device needs to speak; shown once."""

    dev: str
    site: str
    key: str  # 32 bytes as 64 hex digits
    username: str
    password: str


class Devices:
    """The registry of handhelds, phones and fixed readers."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def add(self, dev: str, *, site: str, move: bool = False) -> Credentials:
        """Registers a device and draws its key and password. A site unknown so far is made, in UTC.

        A device known already raises DeviceExistsError, unless `move` gives it this site and new credentials.
        """
        user_name(dev)
        wire_name(site)
        drawn = Credentials(dev, site, secrets.token_hex(32), dev, secrets.token_urlsafe(32))
        row = {
            "site": site,
            "password_hash": hash_password(drawn.password, salt=secrets.token_bytes(12)),
            "mac_key": bytes.fromhex(drawn.key),
            "now": self._clock.now(),
        }
        with self._store.writing() as tx:
            if any(feed.name == dev for feed in tx.network.feeds()):
                raise BadNameError(f"{dev}: a feed signs in at the broker under this name; choose another")
            known = tx.devices.find(dev) is not None
            if known and not move:
                raise DeviceExistsError(f"{dev} is registered already; give it a new site with --move")
            tx.network.know(facility_of_site(site))
            (tx.devices.move if known else tx.devices.add)(dev, **row)  # type: ignore[arg-type]
        return drawn

    def revoke(self, dev: str) -> None:
        """From now on nothing of this device reaches a timeline; what it still sends is put aside."""
        with self._store.writing() as tx:
            if tx.devices.find(dev) is None:
                raise UnknownDeviceError(f"{dev} is not registered; `lastscan device list` shows those that are")
            tx.devices.revoke(dev, now=self._clock.now())

    def site_of(self, dev: str, *, password: str) -> str | None:
        """The site of the device that gives this password; None for a wrong one, an unknown or a revoked device.

        All three take the same time.
        """
        found = self._giving(dev, password)
        return found.site if found is not None and found.revoked_at is None else None

    def address_of(self, dev: str, *, password: str) -> Address | None:
        """Who gives this password, revoked devices too: what they say is not thrown away but put aside."""
        found = self._giving(dev, password)
        return None if found is None else Address(found.site, found.dev)

    def _giving(self, dev: str, password: str) -> DeviceRow | None:
        found = None
        if is_wire_name(dev):
            with self._store.reading() as tx:
                found = tx.devices.find(dev)
        fits = verify_password(password, found.password_hash if found else _NOBODYS)
        return found if fits else None

    def list(self) -> list[DeviceRow]:
        with self._store.reading() as tx:
            return tx.devices.all()


class Roll:
    """Who may speak, at most `REFRESH_S` seconds old, without asking the database for each batch."""

    def __init__(self, store: Store, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._monotonic = monotonic
        self._known: dict[str, DeviceRow] = {}
        self._read_at: float | None = None
        self._lock = threading.Lock()

    def find(self, dev: str) -> DeviceRow | None:
        """The device of this name, revoked ones included; one just added is found at once."""
        with self._lock:
            stale = self._read_at is None or self._monotonic() - self._read_at > REFRESH_S
            if stale or dev not in self._known:
                with self._store.reading() as tx:
                    self._known = {row.dev: row for row in tx.devices.all()}
                self._read_at = self._monotonic()
            return self._known.get(dev)
