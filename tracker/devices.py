"""Registering devices, and asking who a device is."""

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tracker.clock import Clock
from tracker.domain.credentials import SALT_BYTES, digest_of_key, hash_password, user_name, verify_password
from tracker.domain.errors import BadNameError, DeviceExistsError, UnknownDeviceError
from tracker.domain.ids import facility_of_site, is_wire_name, wire_name
from tracker.store import Store, Transaction
from tracker.store.device_registry import DeviceRow
from tracker.wire import Address

REFRESH_S = 2.0
INVITED_FOR = timedelta(minutes=10)
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

    def __init__(self, store: Store, clock: Clock, real: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        """`real` times invitations: a demo's clock would end them in a second."""
        self._store = store
        self._clock = clock
        self._real = real

    def add(self, dev: str, *, site: str, move: bool = False) -> Credentials:
        """Registers a device and draws its key and password. A site unknown so far is made, in UTC.

        A device known already raises DeviceExistsError, unless `move` gives it this site and new credentials.
        """
        with self._store.writing() as tx:
            _refuse_unfit(tx, dev, site, move=move)
            return self._register(tx, dev, site)

    def invite(self, dev: str, *, site: str | None = None, move: bool = False) -> str:
        """A token that makes the phone which brings it first this device, good for `INVITED_FOR` of real time.

        For a device known already, without `site`: another phone takes its place and its old credentials end with
        that. With `site` the rules are those of `add`. A later invitation, and `revoke`, end this one.
        """
        token = secrets.token_urlsafe(24)
        with self._store.writing() as tx:
            if site is None:
                known = tx.devices.find(dev)
                if known is None or known.revoked_at is not None:
                    raise UnknownDeviceError(f"{dev} is not registered, or revoked: `lastscan device add {dev} --qr`")
                site, move = known.site, True
            _refuse_unfit(tx, dev, site, move=move)
            ends = self._real() + INVITED_FOR
            tx.devices.invite(dev, site=site, token_digest=digest_of_key(token), expires_at=ends)
        return token

    def take_up(self, token: str) -> Credentials | None:
        """Registers the device this token invites, once, and draws its key and password; None for any other token."""
        with self._store.writing() as tx:
            taken = tx.devices.take_invitation(digest_of_key(token), now=self._real())
            return None if taken is None else self._register(tx, *taken)

    def _register(self, tx: Transaction, dev: str, site: str) -> Credentials:
        drawn = Credentials(dev, site, secrets.token_hex(32), dev, secrets.token_urlsafe(32))
        keep = tx.devices.add if tx.devices.find(dev) is None else tx.devices.move
        tx.network.know(facility_of_site(site))
        keep(
            dev,
            site=site,
            password_hash=hash_password(drawn.password, salt=secrets.token_bytes(12)),
            mac_key=bytes.fromhex(drawn.key),
            now=self._clock.now(),
        )
        return drawn

    def revoke(self, dev: str) -> None:
        """From now on nothing of this device reaches a timeline; what it still sends is put aside."""
        with self._store.writing() as tx:
            if tx.devices.find(dev) is None:
                raise UnknownDeviceError(f"{dev} is not registered; `lastscan device list` shows those that are")
            tx.devices.withdraw_invitation(dev)
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


def _refuse_unfit(tx: Transaction, dev: str, site: str, *, move: bool) -> None:
    user_name(dev)
    wire_name(site)
    if any(feed.name == dev for feed in tx.network.feeds()):
        raise BadNameError(f"{dev}: a feed signs in at the broker under this name; choose another")
    if not move and tx.devices.find(dev) is not None:
        raise DeviceExistsError(f"{dev} is registered already; give it a new site with --move")


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
