"""What the running database says of itself: whether a commit survives a power cut, and what waits in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from tracker.store.fact_log import PROJECT
from tracker.store.gaps import GapIncident, Gaps
from tracker.store.schema import devices, facts, outbox, quarantine, readers, timelines

_ASKED = {
    "sqlite": ("journal_mode", "synchronous", "foreign_keys"),
    "postgresql": ("fsync", "full_page_writes", "synchronous_commit"),
}
_SPELLED = {
    "synchronous": {"0": "off", "1": "normal", "2": "full", "3": "extra"},
    "foreign_keys": {"0": "off", "1": "on"},
}
_SAFE = {
    "journal_mode": {"wal"},
    "synchronous": {"full", "extra"},
    "foreign_keys": {"on"},
    "fsync": {"on"},
    "full_page_writes": {"on"},
    "synchronous_commit": {"on", "remote_apply", "remote_write", "local"},
}


def in_force(connection: sa.Connection) -> dict[str, str]:
    """The settings by which a commit is kept, as this connection has them, in the words of the database's manual."""
    sqlite = connection.dialect.name == "sqlite"
    said: dict[str, str] = {}
    for name in _ASKED[connection.dialect.name]:
        value = str(connection.exec_driver_sql(f"PRAGMA {name}" if sqlite else f"SHOW {name}").scalar()).lower()
        said[name] = _SPELLED.get(name, {}).get(value, value)
    return said


def unsafe(settings: Mapping[str, str]) -> dict[str, str]:
    """Those under which a receipt could be given for a scan that a power cut takes; and what each should be."""
    return {name: " or ".join(sorted(_SAFE[name])) for name, value in settings.items() if value not in _SAFE[name]}


def damage(connection: sa.Connection) -> str | None:
    """What SQLite finds wrong in its file, reading all of it; None when nothing. PostgreSQL is not asked."""
    if connection.dialect.name != "sqlite":
        return None
    said = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
    return None if said == "ok" else str(said)


def server_time(connection: sa.Connection) -> datetime | None:
    """The clock of the database's machine; None for SQLite, which has none of its own."""
    if connection.dialect.name != "postgresql":
        return None
    found: datetime = connection.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
    return found.astimezone(UTC)


def encrypted(connection: sa.Connection) -> bool | None:
    """Whether this connection goes over TLS; None where it leaves no machine."""
    if connection.dialect.name != "postgresql":
        return None
    ours = "SELECT ssl, inet_server_addr() IS NULL FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
    ssl, by_socket = connection.exec_driver_sql(ours).one()
    return None if by_socket else bool(ssl)


@dataclass(frozen=True, slots=True)
class Vitals:
    """What waits. Instants are of the business clock."""

    facts_to_fold: int
    judgement_due_since: datetime | None
    notice_unplanned_since: datetime | None
    put_aside: Mapping[str, int]  # how many, by reason
    missing: Mapping[str, int]  # scans a device is known to have made that did not come, by device
    gaps: Sequence[GapIncident]  # those that are open, the oldest first
    waiting_on_devices: Mapping[str, int]  # as each said last


def vitals(connection: sa.Connection, now: datetime) -> Vitals:
    def one(query: sa.Select[Any]) -> Any:
        return connection.execute(query).scalar()

    def pairs(query: sa.Select[Any]) -> dict[str, int]:
        return {row[0]: row[1] for row in connection.execute(query)}

    folded = one(sa.select(readers.c.position).where(readers.c.name == PROJECT)) or 0
    unplanned = sa.select(sa.func.min(outbox.c.not_before)).where(~outbox.c.planned)
    due, gaps = timelines.c.judge_again_at, Gaps(connection)
    depths = sa.select(devices.c.dev, devices.c.depth).where(devices.c.depth > 0, devices.c.revoked_at.is_(None))
    return Vitals(
        facts_to_fold=one(sa.select(sa.func.count()).select_from(facts).where(facts.c.pos > folded)),
        judgement_due_since=one(sa.select(sa.func.min(due)).where(due <= now)),
        notice_unplanned_since=one(unplanned.where(outbox.c.not_before <= now)),
        put_aside=pairs(sa.select(quarantine.c.why, sa.func.count()).group_by(quarantine.c.why)),
        missing=gaps.lacking(),
        gaps=gaps.incidents(),
        waiting_on_devices=pairs(depths),
    )
