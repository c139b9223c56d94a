"""The two databases to prove on, read with their plain drivers: what is judged is not read by the code under test."""

import os
import secrets
import shutil
import sqlite3
import subprocess
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from random import Random
from typing import Any, Protocol
from urllib.parse import urlsplit

from lastscan.prove.history import Kept
from lastscan.prove.postgres import Cluster

_LOG = """
SELECT f.pos, s.origin, s.epoch, f.q, f.code FROM facts f JOIN streams s ON s.id = f.stream
WHERE f.q IS NOT NULL AND f.pos > {after} ORDER BY f.pos
"""
_CHECK_INDEXES = """
SELECT bt_index_check(c.oid, true) FROM pg_class c JOIN pg_am a ON a.oid = c.relam
JOIN pg_namespace n ON n.oid = c.relnamespace WHERE a.amname = 'btree' AND c.relkind = 'i' AND n.nspname = 'public'
"""
_TMPFS_BYTES = 2 << 30


class UnreachableError(Exception):
    """The database does not answer now, as it should not while it is killed."""


def connect(url: str) -> Any:
    """A connection of the plain driver (DB-API), committing by itself."""
    if url.startswith("sqlite:///"):
        return sqlite3.connect(url.removeprefix("sqlite:///"), timeout=5, isolation_level=None)
    import psycopg

    return psycopg.connect(url.replace("+psycopg", "", 1), autocommit=True, connect_timeout=3)


def ask(url: str, query: str) -> Sequence[Any]:
    """The rows of a query; UnreachableError when there is no answer."""
    try:
        with closing(connect(url)) as database:
            answer = database.execute(query)
            rows: Sequence[Any] = answer.fetchall() if answer.description else []
            return rows
    except Exception as wrong:
        if type(wrong).__module__.partition(".")[0] not in ("sqlite3", "psycopg"):
            raise
        raise UnreachableError(str(wrong)) from wrong


def log_after(url: str, pos: int) -> list[Kept]:
    """The scans in the log behind this position."""
    return [
        Kept(pos, origin.removeprefix("dev:"), epoch, q, code)
        for pos, origin, epoch, q, code in ask(url, _LOG.format(after=int(pos)))
    ]


def set_aside(url: str) -> dict[str, int]:
    """What lies in quarantine, by reason."""
    return {why: int(times) for why, times in ask(url, "SELECT why, sum(times) FROM quarantine GROUP BY why")}


class Bench(Protocol):
    """A place with two empty databases: ours, and the control's."""

    name: str
    ours: str
    control: str

    def start(self) -> None: ...

    def close(self) -> None:
        """Nothing is left of it, not even after a failed start."""

    def integrity(self) -> str:
        """`ok`, or what the database says of its own files."""

    def keep(self, place: Path) -> None:
        """Copies to `place` what tells of a failure."""

    @property
    def version(self) -> str: ...


class SQLite:
    """Files; on a small file system of their own where we may mount one, so that it can be full."""

    name = "sqlite"

    def __init__(self, place: Path) -> None:
        self._place = place
        self.ours = f"sqlite:///{place / 'lastscan.db'}"
        self.control = f"sqlite:///{place / 'control.db'}"
        self.can_be_full = False

    def start(self) -> None:
        self._place.mkdir(mode=0o700)
        self.can_be_full = os.geteuid() == 0 and _mount(
            "-t", "tmpfs", "-o", f"size={_TMPFS_BYTES}", "tmpfs", self._place
        )

    def fill(self) -> int:
        """The file system has just the size of what is in it; how many bytes are free now."""
        status = os.statvfs(self._place)
        used = (status.f_blocks - status.f_bfree) * status.f_frsize
        _mount("-o", f"remount,size={max(used, status.f_frsize)}", self._place)
        status = os.statvfs(self._place)
        return status.f_bavail * status.f_frsize

    def make_room(self) -> None:
        _mount("-o", f"remount,size={_TMPFS_BYTES}", self._place)

    def integrity(self) -> str:
        said = [str(row[0]) for row in ask(self.ours, "PRAGMA integrity_check")]
        orphans = ask(self.ours, "PRAGMA foreign_key_check")
        return "; ".join(said) + (f"; {len(orphans)} rows without their parent" if orphans else "")

    def keep(self, place: Path) -> None:
        shutil.copytree(self._place, place, dirs_exist_ok=True)

    def close(self) -> None:
        if self.can_be_full:
            subprocess.run(["umount", "-l", str(self._place)], capture_output=True, check=False)
            self.can_be_full = False

    @property
    def version(self) -> str:
        return f"SQLite {sqlite3.sqlite_version}"


class PostgreSQL:
    """Two databases of our own on a server: on somebody's, or on one started in `place` that may be killed as well."""

    name = "postgresql"

    def __init__(self, place: Path, given: str | None = None) -> None:
        self._place = place
        self.cluster = None if given else Cluster(place, "-c max_connections=100")
        self._server = given or Cluster(place).url("postgres")
        self._names = [f"lastscan_prove_{secrets.token_hex(4)}_{side}" for side in ("ours", "control")]
        self.ours, self.control = (_with_database(self._server, name) for name in self._names)

    def start(self) -> None:
        if self.cluster is not None:
            self._place.mkdir(mode=0o755)
            self.cluster.start()
        for name in self._names:
            ask(self._server, f"CREATE DATABASE {name}")

    def end_backend(self, chance: Random) -> str:
        """Ends the process behind one connection to our two databases; empty when there was none."""
        named = ", ".join(f"'{name}'" for name in self._names)
        query = f"SELECT pid FROM pg_stat_activity WHERE datname IN ({named}) ORDER BY pid"  # noqa: S608
        pids = [row[0] for row in ask(self._server, query)]
        if not pids:
            return ""
        pid = chance.choice(pids)
        ask(self._server, f"SELECT pg_terminate_backend({pid}, 5000)")
        left = ask(self._server, f"SELECT 1 FROM pg_stat_activity WHERE pid = {pid}")  # noqa: S608
        return "" if left else f"backend {pid} gone"

    def integrity(self) -> str:
        """Every row of every table is read, and every index held against its table where amcheck is there."""
        tables = [row[0] for row in ask(self.ours, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
        for table in tables:
            ask(self.ours, f'SELECT count(t.*::text) FROM "{table}" t')  # noqa: S608
        try:
            ask(self.ours, "CREATE EXTENSION IF NOT EXISTS amcheck")
        except UnreachableError:
            return "ok"
        try:
            ask(self.ours, _CHECK_INDEXES)
        except UnreachableError as wrong:
            return str(wrong)
        return "ok"

    def keep(self, place: Path) -> None:
        """The server's log; what it holds would be as much again."""
        if self.cluster is not None:
            place.mkdir(parents=True, exist_ok=True)
            with suppress(FileNotFoundError):
                shutil.copy(self.cluster.data / "server.log", place)

    def close(self) -> None:
        if self.cluster is not None:
            self.cluster.stop()
            shutil.rmtree(self._place, ignore_errors=True)
            return
        for name in self._names:
            ask(self._server, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    @property
    def version(self) -> str:
        return f"PostgreSQL {ask(self._server, 'SHOW server_version')[0][0]}"


def _with_database(url: str, name: str) -> str:
    """The same server's URL for another of its databases, in the form SQLAlchemy takes."""
    parts = urlsplit(url)
    rest = f"?{parts.query}" if parts.query else ""
    return f"postgresql+psycopg://{parts.netloc}/{name}{rest}"


def _mount(*what: object) -> bool:
    return subprocess.run(["mount", *map(str, what)], capture_output=True, check=False).returncode == 0
