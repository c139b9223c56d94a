"""Which registered device `lastscan scan` is: its credentials, its journal and its clock."""

from __future__ import annotations

import json
import random
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import click

from lastscan.home import Home
from scanner.disk import FileDisk, JournalInUseError
from scanner.handheld import Handheld
from scanner.journal import Journal, NotRecordedError
from scanner.link import Link, SystemClock
from scanner.stamp import DeviceClock, Stamp
from tracker.clock import Clock, WallClock
from tracker.domain.errors import LastscanError
from tracker.domain.ids import is_wire_name
from tracker.wire import Address

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DEFAULT_DEVICE = "my-handheld"
DEMO_SITE = "dfw"
JOURNAL_FREE_WITHIN = 5.0
RECORDED_AND_RECEIPTED, NOT_RECORDED, NO_DEVICE, NOT_RECEIPTED_YET = 0, 1, 69, 75


class NoDeviceError(LastscanError):
    """There are no credentials to scan with; the message says how to get some."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What `lastscan device add` hands out, with the broker's present address."""

    address: Address
    key: bytes
    username: str
    password: str
    mqtt: str
    ca: str | None
    web: str | None = None


class BusinessClock:
    """A device's clocks in a demo, where the business day runs faster than ours."""

    def __init__(self, clock: Clock, boot: int) -> None:
        self._clock, self._boot = clock, boot
        self._started = clock.now()
        self._mono = 0

    def stamp(self) -> Stamp:
        now = self._clock.now()
        self._mono = max(self._mono, (now - self._started) // timedelta(milliseconds=1))  # the demo may be set back
        return Stamp(wall=(now - _EPOCH) // timedelta(milliseconds=1), mono=self._mono, boot=self._boot)


def handheld_of(journal: Journal, clock: DeviceClock, credentials: Credentials) -> Handheld:
    return Handheld(journal, clock, random.SystemRandom(), key=credentials.key, firmware=_firmware())


def link_of(handheld: Handheld, credentials: Credentials, on_change: Callable[[], None] | None = None) -> Link:
    return Link(
        handheld,
        credentials.address,
        credentials.mqtt,
        credentials.username,
        credentials.password,
        ca=credentials.ca,
        on_change=on_change,
    )


def clock_here(home: Home, boot: int) -> DeviceClock:
    business = home.clock
    return SystemClock(boot) if isinstance(business, WallClock) else BusinessClock(business, boot)


def _firmware() -> str:
    try:
        return f"lastscan {version('lastscan')}"
    except PackageNotFoundError:
        return "lastscan"


@contextmanager
def journal_here(home: Home, dev: str) -> Iterator[Journal]:
    """The device's journal; waits a moment for another `lastscan scan` that has it."""
    until = time.monotonic() + JOURNAL_FREE_WITHIN
    while True:
        try:
            disk = FileDisk(home.path / "scanner" / dev / "journal")
            break
        except JournalInUseError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
        except OSError as failure:
            raise NotRecordedError(f"the journal cannot be opened: {failure}") from failure
    try:
        yield Journal(disk, new_epoch=lambda: secrets.token_hex(16))
    finally:
        disk.close()


def credentials_here(home: Home, dev: str, site: str | None) -> Credentials:
    """The device's registration; the usual one is registered here when the installation is on this machine."""
    if not is_wire_name(dev):
        raise NoDeviceError(f"{dev!r} cannot be a device: use 1 to 32 of a-z, 0-9 and -, not beginning with -")
    path = home.path / "scanner" / dev / "device.json"
    given = _json_of(path)
    if given is None:
        if not home.addresses or dev != DEFAULT_DEVICE:
            raise NoDeviceError(_how_to_register(dev, site, path))
        given = _register(home, dev, site or DEMO_SITE)
    try:
        return Credentials(
            address=Address(site=given["site"], dev=given["dev"]),
            key=bytes.fromhex(given["key"]),
            username=given["username"],
            password=given["password"],
            mqtt=home.mqtt_url or given["mqtt"],  # the port may have changed since it was registered
            ca=given.get("ca"),
            web=home.addresses.get("web") or given.get("web"),
        )
    except (KeyError, TypeError, ValueError) as unfit:
        raise NoDeviceError(f"{path} is not what `lastscan device add --json` prints: {unfit!r}") from unfit


def _register(home: Home, dev: str, site: str) -> dict[str, Any]:
    device: Any = import_module("lastscan.commands.device")  # opens the database: only when one must be made
    try:
        given: dict[str, Any] = device.register_here(home.path, dev, site)
    except LastscanError as refusal:
        raise NoDeviceError(f"{dev} cannot be registered: {refusal}") from refusal
    click.echo(f"registered {dev} at {site}", err=True)
    return given


def _how_to_register(dev: str, site: str | None, path: Path) -> str:
    return (
        f"no device {dev} here. Register it where Lastscan runs, and keep what it prints:\n"
        f"  mkdir -p {path.parent}\n"
        f"  lastscan device add {dev} --site {site or 'ams'} --json > {path}"
    )


def _json_of(path: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as unfit:
        raise NoDeviceError(f"{path} cannot be read: {unfit}") from unfit
    return content if isinstance(content, dict) else None
