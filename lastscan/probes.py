"""Asks the running database, broker, kernel and file system what `lastscan doctor` wants to know. Changes nothing."""

import ctypes
import os
import shutil
import socket
import ssl
import sys
import time
import zoneinfo
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path
from urllib.parse import urlsplit

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from lastscan import doctor
from lastscan.doctor import ACCEPTED, REFUSED, SILENT, Finding, Level
from lastscan.home import Home
from notify.store.deliveries import DeliveryStore
from tracker.clock import SharedClock
from tracker.domain.errors import LastscanError
from tracker.store import health
from tracker.store.migrations import schema_of

_FLUSHES = 100
_ANSWERS_WITHIN_S = 3.0
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class UnsafeError(LastscanError):
    """Started like this, scans that were receipted could be lost or keys be read by others; the message says what to
    do. `--unsafe` starts all the same."""


def examine(home: Home) -> Iterator[Finding]:
    """Everything, in order; each line as soon as it is known."""
    now = datetime.now(UTC)
    yield from _database(home)
    yield doctor.kept_by_ntp(_synchronised())
    yield doctor.business_clock(home.clock.now() - datetime.now(UTC), isinstance(home.clock, SharedClock))
    steady = time.get_clock_info("monotonic")
    yield doctor.steady(steady.monotonic, steady.resolution)
    yield doctor.zones(_tzdata(), now)
    usage = shutil.disk_usage(home.path)
    yield doctor.room(usage.free, usage.total)
    yield doctor.owners_only("home", _modes(home.path), Level.WARN)
    yield doctor.owners_only("keys", key_modes(home))
    yield doctor.flushes(_flush_times(home.run))
    yield from doctor.left_behind([path.name for path in sorted(home.path.glob("before_restore_*"))])
    yield from _broker(home, now)
    yield from doctor.backups(home.kept(), now)


def refuse_unsafe(home: Home, engine: sa.Engine) -> None:
    """UnsafeError where a receipt would promise what this machine does not keep."""
    with engine.connect().execution_options(reading=True) as connection:
        settings = health.in_force(connection)
    found = [*doctor.commits(settings, health.unsafe(settings)), doctor.owners_only("keys", key_modes(home))]
    wrong = [each for each in found if each.level is Level.FAIL]
    if wrong:
        lines = "; ".join(f"{each.name}: {each.found} ({each.remedy})" for each in wrong)
        raise UnsafeError(f"not started, it would not be safe: {lines}. --unsafe starts it all the same")


def _database(home: Home) -> Iterator[Finding]:
    try:
        with home.database() as engine, engine.connect().execution_options(reading=True) as connection:
            settings = health.in_force(connection)
            yield from doctor.commits(settings, health.unsafe(settings))
            yield doctor.integrity(health.damage(connection))
            yield doctor.database_wire(health.encrypted(connection))
            asked = datetime.now(UTC)
            said = health.server_time(connection)
            offset = None if said is None else said - asked - (datetime.now(UTC) - asked) / 2
            yield doctor.against_the_database(offset)
            if schema_of(connection) is None:
                yield Finding("database", Level.WARN, "nothing of Lastscan is in it", "lastscan up makes it")
            else:
                yield from _waiting(home, engine, connection)
    except SQLAlchemyError as wrong:
        why = str(getattr(wrong, "orig", wrong)).splitlines()[0]
        yield Finding("database", Level.FAIL, why, "start it, or correct DATABASE_URL")


def _waiting(home: Home, engine: sa.Engine, connection: sa.Connection) -> Iterator[Finding]:
    business, speed = home.clock.now(), home.clock.speed if isinstance(home.clock, SharedClock) else 1.0
    found = health.vitals(connection, business)

    def real(since: datetime | None) -> timedelta | None:
        return None if since is None else (business - since) / max(speed, 1.0)

    yield doctor.folding(found.facts_to_fold)
    yield doctor.waiting("judgement", real(found.judgement_due_since), "is the tracker running? logs/tracker.log")
    unplanned = "is notify running, and has it a mail server (--smtp)? logs/notify.log"
    yield doctor.waiting("notices not taken up", real(found.notice_unplanned_since), unplanned)
    due, now = DeliveryStore(engine).oldest_due(), datetime.now(UTC)
    overdue = now - due if due is not None and due <= now else None
    yield doctor.waiting("notices not sent", overdue, "is notify running? logs/notify.log")
    yield from doctor.put_aside(found.put_aside)
    yield from doctor.custody(found.missing, found.waiting_on_devices)
    yield doctor.gaps(found.gaps)


# The machine


def _modes(*paths: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mode & 0o777 for path in paths}


def key_modes(home: Home) -> dict[str, int]:
    return _modes(home.keys, *(path for path in home.keys.iterdir() if not path.name.startswith(".")))


def _flush_times(folder: Path) -> list[float]:
    """Milliseconds of an append of 200 bytes, flushed as a journal does."""
    path, took = folder / f".flush.{os.getpid()}", []
    try:
        with path.open("wb", buffering=0) as file:
            for _ in range(_FLUSHES):
                began = time.perf_counter()
                file.write(b"\0" * 200)
                os.fsync(file.fileno())
                took.append((time.perf_counter() - began) * 1000)
    finally:
        path.unlink(missing_ok=True)
    return took


def _synchronised() -> bool | None:
    """What the kernel believes of its clock: adjtimex(2) answers TIME_ERROR, 5, until something keeps it."""
    if sys.platform != "linux":
        return None
    try:
        state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.create_string_buffer(512))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else state != 5


def _tzdata() -> str | None:
    """The release of the zones that Python takes: the system's, else the package's."""
    places = [Path(place, "tzdata.zi") for place in zoneinfo.TZPATH]
    for text in (path.read_text(errors="replace") for path in places if path.is_file()):
        if text.startswith("# version "):
            return text[10:20].split()[0]
    if any(Path(place, "UTC").is_file() for place in zoneinfo.TZPATH):
        return None
    with suppress(ModuleNotFoundError, FileNotFoundError):
        return resources.files("tzdata").joinpath("zoneinfo", "tzdata.zi").read_text()[10:20].split()[0]
    return None


# The broker


def _broker(home: Home, now: datetime) -> Iterator[Finding]:
    address = urlsplit(home.mqtt_url or "")
    host, tls = address.hostname, address.scheme == "mqtts"
    port = address.port or (8883 if tls else 1883)
    reached, ends, wrong = False, None, ""
    if host is not None:
        try:
            with _connected(host, port, tls) as wire:
                reached = True
                ends = _ends(wire) if isinstance(wire, ssl.SSLSocket) else None
        except ssl.SSLError as refused:
            reached, wrong = True, str(refused)
        except OSError:
            pass
    yield from doctor.broker(host, port, tls=tls, loopback=host in LOOPBACK, reached=reached)
    if reached and tls:
        yield doctor.certificate(ends, now, wrong)
    if reached and host is not None and not wrong:
        yield from doctor.strangers(
            _answer(host, port, tls, connect_packet(None)), _answer(host, port, tls, connect_packet("doctor"))
        )
        yield from doctor.mosquitto(_our_mosquitto(home, port))


def _our_mosquitto(home: Home, port: int) -> str | None:
    """The file by which this home runs Mosquitto, if it is that which answers on this port."""
    path = home.path / "broker" / "mosquitto.conf"
    conf = path.read_text() if path.exists() else ""
    return conf if f"listener {port} " in conf else None


def _connected(host: str, port: int, tls: bool) -> socket.socket:
    wire = socket.create_connection((host, port), timeout=_ANSWERS_WITHIN_S)
    if not tls:
        return wire
    try:
        return ssl.create_default_context().wrap_socket(wire, server_hostname=host)
    except OSError:
        wire.close()
        raise


def _ends(wire: ssl.SSLSocket) -> datetime:
    found = wire.getpeercert() or {}
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(found["notAfter"])), UTC)


def connect_packet(username: str | None) -> bytes:
    """MQTT 3.1.1, section 3.1: a client that means to stay a second, without a name or with a wrong password."""

    def text(value: str) -> bytes:
        return len(value).to_bytes(2, "big") + value.encode()

    flags = 0x02 if username is None else 0xC2
    body = text("MQTT") + bytes([4, flags, 0, 1]) + text("lastscan-doctor")
    if username is not None:
        body += text(username) + text("not the password")
    return bytes([0x10, len(body)]) + body


def _answer(host: str, port: int, tls: bool, packet: bytes) -> str:
    """By section 3.2: a CONNACK whose code is not 0, or a closed connection, is a refusal."""
    try:
        with _connected(host, port, tls) as wire:
            wire.sendall(packet)
            said = wire.recv(4)
    except ConnectionError:
        return REFUSED
    except OSError:
        return SILENT
    return ACCEPTED if len(said) == 4 and said[0] == 0x20 and said[3] == 0 else REFUSED
