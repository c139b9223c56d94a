"""Devices: who may speak, from which site, and when they were last heard."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
import sqlalchemy as sa

from tracker.domain.drift import BootClock
from tracker.store.schema import boot_clocks, device_sites, devices


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
        valid = [site for since, site in self.sites if since <= instant]
        return valid[-1] if valid else self.sites[0][1]


class DeviceRegistry:
    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def all(self) -> list[DeviceRow]:
        sites: dict[str, list[tuple[datetime, str]]] = {}
        for row in self._connection.execute(sa.select(device_sites).order_by(device_sites.c.valid_from)):
            sites.setdefault(row.dev, []).append((row.valid_from, row.site))
        return [
            _device(row, sites[row.dev]) for row in self._connection.execute(sa.select(devices).order_by(devices.c.dev))
        ]

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

    def heard(
        self,
        dev: str,
        *,
        at: datetime,
        wall_error_ms: int | None = None,
        depth: int | None = None,
        battery: float | None = None,
        firmware: str | None = None,
    ) -> None:
        news = {"wall_error_ms": wall_error_ms, "depth": depth, "battery": battery, "firmware": firmware}
        known = {name: value for name, value in news.items() if value is not None}
        self._connection.execute(sa.update(devices).where(devices.c.dev == dev).values(heard_at=at, **known))

    def boot_clock(self, dev: str, boot: int) -> BootClock | None:
        query = sa.select(boot_clocks.c.clock).where(boot_clocks.c.dev == dev, boot_clocks.c.boot == boot)
        kept = self._connection.execute(query).scalar()
        return msgspec.json.decode(kept, type=BootClock) if kept else None

    def keep_boot_clock(self, dev: str, boot: int, clock: BootClock) -> None:
        spelled = msgspec.json.encode(clock).decode()
        where = (boot_clocks.c.dev == dev) & (boot_clocks.c.boot == boot)
        kept = self._connection.execute(sa.update(boot_clocks).where(where).values(clock=spelled))
        if kept.rowcount == 0:
            self._connection.execute(sa.insert(boot_clocks).values(dev=dev, boot=boot, clock=spelled))


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
