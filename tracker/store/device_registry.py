"""Devices: who may speak, from which site, and when they were last heard."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from tracker.domain.drift import BootClock
from tracker.store.bulk import matching, pairs, per_dialect, upsert
from tracker.store.engine import Exact
from tracker.store.schema import boot_clocks, device_sites, devices, invitations


@dataclass(frozen=True, slots=True)
class DeviceRow:
    dev: str
    site: str
    password_hash: str
    mac_key: bytes | None
    registered_at: datetime
    revoked_at: datetime | None
    heard_at: datetime | None
    wall_error_ms: int | None
    depth: int | None
    battery: float | None
    firmware: str | None
    sites: tuple[tuple[datetime, str], ...]  # dated: the site of a scan is the one valid when it happened

    def site_at(self, instant: datetime) -> str:
        if len(self.sites) == 1:
            return self.site
        valid = [site for since, site in self.sites if since <= instant]
        return valid[-1] if valid else self.sites[0][1]


Boot = tuple[str, int]
"""One start of one device: its name and the number of that start."""


@dataclass(frozen=True, slots=True)
class Contact:
    """What one or several messages said of a device. What is None was not said."""

    dev: str
    at: datetime
    wall_error_ms: int
    depth: int | None = None
    battery: float | None = None
    firmware: str | None = None
    says_more: bool = False  # a hello or a status, not just a scan

    def then(self, later: "Contact") -> "Contact":
        """Both, one after the other."""
        if not self.says_more:
            return later
        return replace(
            later,
            depth=self.depth if later.depth is None else later.depth,
            battery=self.battery if later.battery is None else later.battery,
            firmware=self.firmware if later.firmware is None else later.firmware,
            says_more=True,
        )

    @property
    def optional(self) -> dict[str, Any]:
        return {"new_depth": self.depth, "new_battery": self.battery, "new_firmware": self.firmware}


class DeviceRegistry:
    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def all(self) -> list[DeviceRow]:
        sites: dict[str, list[tuple[datetime, str]]] = {}
        for row in self._connection.execute(_ALL_SITES):
            sites.setdefault(row.dev, []).append((row.valid_from, row.site))
        return [_device(row, sites[row.dev]) for row in self._connection.execute(_ALL)]

    def find(self, dev: str) -> DeviceRow | None:
        row = self._connection.execute(sa.select(devices).where(devices.c.dev == dev)).one_or_none()
        if row is None:
            return None
        dated = sa.select(device_sites).where(device_sites.c.dev == dev).order_by(device_sites.c.valid_from)
        return _device(row, [(r.valid_from, r.site) for r in self._connection.execute(dated)])

    def add(self, dev: str, *, site: str, password_hash: str, mac_key: bytes, now: datetime) -> None:
        values = {"dev": dev, "password_hash": password_hash, "mac_key": mac_key.hex(), "registered_at": now}
        self._connection.execute(sa.insert(devices).values(**values))
        self._connection.execute(sa.insert(device_sites).values(dev=dev, valid_from=now, site=site))

    def move(self, dev: str, *, site: str, password_hash: str, mac_key: bytes, now: datetime) -> None:
        """To a new site from now on, with new credentials; the scans it made before keep the old one."""
        values = {"password_hash": password_hash, "mac_key": mac_key.hex(), "revoked_at": None}
        self._connection.execute(sa.update(devices).where(devices.c.dev == dev).values(**values))
        same = (device_sites.c.dev == dev) & (device_sites.c.valid_from == now)  # a business clock may stand
        self._connection.execute(sa.delete(device_sites).where(same))
        self._connection.execute(sa.insert(device_sites).values(dev=dev, valid_from=now, site=site))

    def revoke(self, dev: str, *, now: datetime) -> None:
        self._connection.execute(sa.update(devices).where(devices.c.dev == dev).values(revoked_at=now))

    def invite(self, dev: str, *, site: str, token_digest: str, expires_at: datetime) -> None:
        """Whoever brings this token becomes the device. An earlier invitation of it ends."""
        self.withdraw_invitation(dev)
        values = {"dev": dev, "site": site, "token_digest": token_digest, "expires_at": expires_at}
        self._connection.execute(sa.insert(invitations).values(**values))

    def withdraw_invitation(self, dev: str) -> None:
        self._connection.execute(sa.delete(invitations).where(invitations.c.dev == dev))

    def take_invitation(self, token_digest: str, *, now: datetime) -> tuple[str, str] | None:
        """Device and site this token is for, once; those that have ended go with it."""
        ours = (invitations.c.token_digest == token_digest) & (invitations.c.expires_at > now)
        taken = sa.delete(invitations).where(ours).returning(invitations.c.dev, invitations.c.site)
        row = self._connection.execute(taken).one_or_none()
        self._connection.execute(sa.delete(invitations).where(invitations.c.expires_at <= now))
        return None if row is None else (row.dev, row.site)

    def heard(self, news: Sequence[Contact]) -> None:
        """What their last messages said; one line a device."""
        if news:
            rows = [{"named": n.dev, "at": n.at, "wall_error": n.wall_error_ms, **n.optional} for n in news]
            self._connection.execute(_HEARD, rows)

    def boot_clocks(self, boots: Collection[Boot]) -> dict[Boot, BootClock]:
        """Those of these starts whose clock is known."""
        kept = self._connection.execute(_boot_clocks(self._connection), pairs(self._connection, list(boots)))
        return {(row.dev, row.boot): msgspec.json.decode(row.clock, type=BootClock) for row in kept}

    def keep_boot_clocks(self, clocks: Mapping[Boot, BootClock]) -> None:
        if clocks:
            rows = [
                {"dev": dev, "boot": boot, "clock": msgspec.json.encode(clocks[dev, boot]).decode()}
                for dev, boot in sorted(clocks)
            ]
            self._connection.execute(_keep_boot_clocks(self._connection), rows)


_ALL = sa.select(devices).order_by(devices.c.dev)
_ALL_SITES = sa.select(device_sites).order_by(device_sites.c.valid_from)


@per_dialect
def _boot_clocks(dialect: str) -> sa.Select[Any]:
    return sa.select(boot_clocks).select_from(matching(dialect, boot_clocks.c.dev, boot_clocks.c.boot))


@per_dialect
def _keep_boot_clocks(dialect: str) -> Any:
    insert = upsert(dialect)(boot_clocks)
    return insert.on_conflict_do_update(index_elements=["dev", "boot"], set_={"clock": insert.excluded.clock})


_HEARD = (
    sa.update(devices)
    .where(devices.c.dev == sa.bindparam("named"))
    .values(
        heard_at=sa.bindparam("at"),
        wall_error_ms=sa.bindparam("wall_error"),
        depth=sa.func.coalesce(sa.bindparam("new_depth", type_=sa.Integer), devices.c.depth),
        battery=sa.func.coalesce(sa.bindparam("new_battery", type_=sa.Float), devices.c.battery),
        firmware=sa.func.coalesce(sa.bindparam("new_firmware", type_=Exact), devices.c.firmware),
    )
)


def _device(row: sa.Row[tuple[object, ...]], sites: Sequence[tuple[datetime, str]]) -> DeviceRow:
    return DeviceRow(
        dev=row.dev,
        site=sites[-1][1],
        password_hash=row.password_hash,
        mac_key=bytes.fromhex(row.mac_key) if row.mac_key else None,
        registered_at=row.registered_at,
        revoked_at=row.revoked_at,
        heard_at=row.heard_at,
        wall_error_ms=row.wall_error_ms,
        depth=row.depth,
        battery=row.battery,
        firmware=row.firmware,
        sites=tuple(sites),
    )
