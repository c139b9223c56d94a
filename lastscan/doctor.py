"""What `lastscan doctor` says of what it was told: one small function a subject, without a clock, a disk or a wire.

`lastscan.probes` asks the running system; what it found comes in here as plain values.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from tracker.store.gaps import GapIncident

LONGEST_FLUSH_MS = 50.0
"""A beep comes after the flush, and within this time in 99 of 100 scans."""
WAITS_TOO_LONG = timedelta(seconds=60)
CLOCKS_AGREE = timedelta(seconds=2)
BACKUP_EVERY = timedelta(hours=25)
REHEARSE_EVERY = timedelta(days=31)
CERTIFICATE_LEFT = timedelta(days=21)
ROOM_LEFT, ROOM_NEEDED = 1 << 30, 200 << 20


class Level(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was asked, what is in force, and what to do where that is not well."""

    name: str
    level: Level
    found: str
    remedy: str = ""


def _judged(name: str, well: bool, found: str, remedy: str, otherwise: Level = Level.FAIL) -> Finding:
    return Finding(name, Level.OK, found) if well else Finding(name, otherwise, found, remedy)


# The database


def commits(settings: Mapping[str, str], unsafe: Mapping[str, str]) -> list[Finding]:
    """Whether a commit survives a power cut."""
    return [
        _judged(f"database {name}", name not in unsafe, value, f"set it to {unsafe.get(name)}: {_HOW.get(name, _OURS)}")
        for name, value in settings.items()
    ]


_OURS = "Lastscan sets it on each connection, so another program has changed the file: stop that one"
_HOW = dict.fromkeys(
    ("fsync", "full_page_writes", "synchronous_commit"), "ALTER SYSTEM SET …, then SELECT pg_reload_conf()"
)


def integrity(damage: str | None) -> Finding:
    return _judged("database integrity", damage is None, damage or "ok", "stop, and restore the last backup")


def database_wire(encrypted: bool | None) -> Finding:
    """`encrypted` is None where the database is on this machine."""
    found = "on this machine" if encrypted is None else "TLS" if encrypted else "plain, over the network"
    return _judged("database wire", encrypted is not False, found, "add ?sslmode=verify-full to DATABASE_URL")


# Clocks


def against_the_database(offset: timedelta | None) -> Finding:
    """`offset` is how far the database's machine is ahead; None where it is this machine."""
    if offset is None:
        return Finding("clock against database", Level.OK, "the same machine")
    found = f"{offset.total_seconds():+.3f} s"
    return _judged("clock against database", abs(offset) <= CLOCKS_AGREE, found, "set both by NTP", Level.WARN)


def kept_by_ntp(synchronised: bool | None) -> Finding:
    """What the kernel says; None where it cannot be asked. No time server is contacted."""
    if synchronised is None:
        return Finding("clock", Level.WARN, "unknown: this system does not say", "see to it that NTP sets it")
    found = (
        "kept by NTP, says the kernel" if synchronised else "not kept by NTP, says the kernel; how far off is unknown"
    )
    return _judged("clock", synchronised, found, "start chrony or systemd-timesyncd, here or on the host", Level.WARN)


def business_clock(offset: timedelta, demo: bool) -> Finding:
    if demo:
        return Finding(
            "business clock", Level.OK, f"a demo's, {offset / timedelta(hours=1):+.1f} h from the wall clock"
        )
    found = f"{offset.total_seconds():+.3f} s from the wall clock"
    return _judged("business clock", abs(offset) <= CLOCKS_AGREE, found, "remove run/clock from the home")


def steady(monotonic: bool, resolution_s: float) -> Finding:
    found = f"resolution {resolution_s:.9f} s" + ("" if monotonic else ", may go back")
    well = monotonic and resolution_s <= 0.001
    return _judged("steady clock", well, found, "timers of links and leases need a steady clock: another system")


def zones(release: str | None, now: datetime) -> Finding:
    """`release` as the IANA names them: a year and a letter, 2026a."""
    if release is None:
        return Finding("time zones", Level.WARN, "unknown release", "install tzdata")
    fresh = release[:4].isdigit() and int(release[:4]) >= now.year - 1
    return _judged("time zones", fresh, release, "update tzdata: local times shown may be wrong", Level.WARN)


# Files and disks


def room(free: int, total: int) -> Finding:
    found = f"{free / (1 << 30):.1f} of {total / (1 << 30):.1f} GiB free"
    if free < ROOM_NEEDED:
        return Finding("disk room", Level.FAIL, found, "make room now: without it no scan can be kept")
    return _judged("disk room", free >= max(ROOM_LEFT, total // 20), found, "make room, or add some", Level.WARN)


def owners_only(name: str, modes: Mapping[str, int], level: Level = Level.FAIL) -> Finding:
    """`modes` of what only its owner may read, by path."""
    open_to = {path: mode for path, mode in modes.items() if mode & 0o077}
    found = ", ".join(f"{path} has {mode:04o}" for path, mode in sorted(open_to.items())[:3]) or "for the owner only"
    return _judged(name, not open_to, found, f"chmod go= {' '.join(sorted(open_to)[:3])}", level)


def flushes(took_ms: Sequence[float]) -> Finding:
    """Milliseconds that flushes on the journals' disk took."""
    p99 = sorted(took_ms)[min(len(took_ms) - 1, len(took_ms) * 99 // 100)]
    found = f"{p99:.1f} ms in 99 of 100"
    return _judged("disk flush", p99 <= LONGEST_FLUSH_MS, found, "beeps come late: a quicker disk", Level.WARN)


def left_behind(names: Sequence[str]) -> list[Finding]:
    """What a restore has put aside."""
    remedy = "it holds personal data: remove it when all is well"
    return [Finding("put aside by a restore", Level.WARN, name, remedy) for name in names]


# The broker

REFUSED, ACCEPTED, SILENT = "refused", "accepted", "silent"


def broker(host: str | None, port: int | None, *, tls: bool, loopback: bool, reached: bool) -> list[Finding]:
    if host is None:
        return [Finding("broker", Level.WARN, "none is known", "start `lastscan up`, or set MQTT_URL")]
    where = f"{host}:{port}"
    found = [
        _judged("broker", reached, where if reached else f"{where} does not answer", "start it; see logs/broker.log")
    ]
    wire = "TLS" if tls else "plain, on this machine" if loopback else "plain, over the network"
    return [*found, _judged("broker wire", tls or loopback, wire, "mqtts:// in MQTT_URL, and a certificate")]


def strangers(anonymous: str, guessed: str) -> list[Finding]:
    """How the broker answered somebody without a name, and one with a wrong password."""
    remedy = "allow_anonymous false, and a password_file: docs/brokers.md"
    return [
        _judged("broker, no name", anonymous == REFUSED, anonymous, remedy),
        _judged("broker, wrong password", guessed == REFUSED, guessed, remedy),
    ]


QUEUED_AT_LEAST = 10_000
IN_FLIGHT_AT_LEAST = 100


def mosquitto(conf: str | None) -> list[Finding]:
    """What a `mosquitto.conf` sets, or leaves to the defaults of Mosquitto 2.0; None: a broker whose file is not ours.

    Nothing that was beeped rests on it (docs/protocol.md): the worse it is set, the more is sent again.
    """
    if conf is None:
        return [Finding("broker settings", Level.OK, "its own; nothing relies on them (docs/protocol.md)")]
    words = (line.split(maxsplit=1) for line in conf.splitlines() if line and not line.startswith("#"))
    given = {word[0]: word[1].strip() if len(word) > 1 else "" for word in words}
    persistent = given.get("persistence", "false") == "true"
    limits = {
        name: int(given.get(name, stock)) for name, stock in (("max_queued_messages", 1000), ("max_queued_bytes", 0))
    }
    queued = ", ".join(f"{name} {limit or 'unlimited'}" for name, limit in limits.items())
    in_flight = int(given.get("max_inflight_messages", "20"))
    largest = given.get("message_size_limit")
    return [
        _judged("broker persistence", persistent, "on" if persistent else "off",
                "persistence true: it need not be told everything again after a restart", Level.WARN),
        _judged("broker queues", not 0 < limits["max_queued_messages"] < QUEUED_AT_LEAST, queued,
                f"max_queued_messages {QUEUED_AT_LEAST} or more: beyond it drops what is sent again later", Level.WARN),
        _judged("broker in flight", in_flight == 0 or in_flight >= IN_FLIGHT_AT_LEAST, str(in_flight or "unlimited"),
                "max_inflight_messages 2000: a commit of the tracker takes so many at once", Level.WARN),
        _judged("broker size limit", largest is None, "none" if largest is None else f"message_size_limit {largest}",
                "max_packet_size instead: this one acknowledges what is too large and throws it away"),
    ]  # fmt: skip


def certificate(ends: datetime | None, now: datetime, wrong: str = "") -> Finding:
    if ends is None:
        return Finding("broker certificate", Level.FAIL, wrong, "one that this machine trusts, for that name")
    found = f"until {ends:%Y-%m-%d}"
    remedy = "renew it"
    if ends <= now:
        return Finding("broker certificate", Level.FAIL, found, remedy)
    return _judged("broker certificate", ends - now > CERTIFICATE_LEFT, found, remedy, Level.WARN)


# What waits


def waiting(name: str, since: timedelta | None, remedy: str) -> Finding:
    """How long, in real time, the oldest of something has waited; None when there is none."""
    found = "nothing waits" if since is None else f"for {since.total_seconds():.0f} s"
    return _judged(name, since is None or since <= WAITS_TOO_LONG, found, remedy, Level.WARN)


def folding(facts: int, at_once: int = 2000) -> Finding:
    found = f"{facts} facts behind"
    return _judged("projection", facts <= at_once, found, "is the tracker running? logs/tracker.log", Level.WARN)


def put_aside(by_reason: Mapping[str, int]) -> list[Finding]:
    conflicts = by_reason.get("conflict", 0)
    others = ", ".join(f"{count} {why}" for why, count in sorted(by_reason.items()) if why != "conflict")
    return [
        _judged(
            "conflicts", not conflicts, str(conflicts),
            "one scan number, two contents: is a device cloned? lastscan quarantine; device revoke", Level.WARN,
        ),
        _judged("quarantine", not others, others or "empty", "lastscan quarantine shows why", Level.WARN),
    ]  # fmt: skip


def custody(missing: Mapping[str, int], waiting_on: Mapping[str, int]) -> list[Finding]:
    """Scans known to exist: those that a later one of their device overtook, and those a device says it still has."""
    gaps = ", ".join(f"{count} of {dev}" for dev, count in sorted(missing.items()))
    held = ", ".join(f"{count} on {dev}" for dev, count in sorted(waiting_on.items()))
    remedy = "bring the devices on line: they are asked for them"
    return [
        _judged("scans missing", not gaps, gaps or "none", remedy, Level.WARN),
        _judged("scans on devices", not held, held or "none, as they said last", remedy, Level.WARN),
    ]


def gaps(still_open: Sequence[GapIncident]) -> Finding:
    """Scans of which people were told that they are lost, and on which nobody has decided."""
    if not still_open:
        return Finding("gaps", Level.OK, "none is open")
    worst = max(still_open, key=lambda gap: gap.lacks)
    found = f"{len(still_open)} open; the worst is {worst.id}: {worst.lacks} scans of {worst.dev} at {worst.site}"
    return Finding("gaps", Level.WARN, found, "lastscan gap list shows them; close each once its device was looked at")


# Backups


def backups(kept: Mapping[str, datetime], now: datetime) -> list[Finding]:
    made, tried = (
        kept.get("backup"),
        max((kept[name] for name in ("rehearsal", "restore") if name in kept), default=None),
    )
    return [
        _aged("last backup", made, now, BACKUP_EVERY, "lastscan backup FILE"),
        _aged("last tested restore", tried, now, REHEARSE_EVERY, "lastscan restore FILE --rehearse"),
    ]


def _aged(name: str, at: datetime | None, now: datetime, every: timedelta, remedy: str) -> Finding:
    if at is None:
        return Finding(name, Level.WARN, "never", remedy)
    return _judged(name, now - at <= every, f"{at:%Y-%m-%d %H:%M}Z", remedy, Level.WARN)
