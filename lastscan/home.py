"""The directory that holds everything of one installation, and where each thing lies in it."""

import json
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from platformdirs import user_data_path

from tracker.clock import Clock, clock_of

if TYPE_CHECKING:  # a handheld, a label and a picture need no database: half a second sooner without
    import sqlalchemy as sa

    from tracker.store import Store


@dataclass(frozen=True)
class Home:
    """Database, journals, keys, logs. Made readable by its owner only."""

    path: Path

    @classmethod
    def at(cls, given: str | Path | None = None) -> "Home":
        """The home named, else `LASTSCAN_HOME`, else the user's data directory; made when it is not there."""
        path = Path(given or os.environ.get("LASTSCAN_HOME") or user_data_path("lastscan")).expanduser().absolute()
        home = cls(path)
        for part in (path, home.keys, home.run, home.logs):
            part.mkdir(parents=True, exist_ok=True, mode=0o700)
        return home

    @property
    def keys(self) -> Path:
        return self.path / "keys"

    @property
    def run(self) -> Path:
        return self.path / "run"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def mailbox(self) -> Path:
        """The demo's letters."""
        return self.path / "demo" / "mailbox"

    @property
    def is_demo(self) -> bool:
        return (self.path / "demo").exists()

    @property
    def clock(self) -> Clock:
        """The demo's business clock where there is one, else the wall clock."""
        return clock_of(self.path)

    # database

    @property
    def database_url(self) -> str:
        """`DATABASE_URL`, else a SQLite file in here."""
        from tracker.store.engine import sqlite_url

        return os.environ.get("DATABASE_URL") or sqlite_url(self.path / "lastscan.db")

    def engine(self) -> "sa.Engine":
        from tracker.store.engine import open_engine

        return open_engine(self.database_url)

    @contextmanager
    def database(self) -> "Iterator[sa.Engine]":
        """The database as it is; let go of at the end."""
        engine = self.engine()
        try:
            yield engine
        finally:
            engine.dispose()

    def migrated(self) -> "sa.Engine":
        """The database, at the newest schema."""
        from tracker.store.migrations import migrate

        engine = self.engine()
        migrate(engine, lock=self.run / "migrate.lock")
        return engine

    def store(self) -> "Store":
        from tracker.store import Store

        return Store(self.migrated())

    # keys

    def secret(self, name: str, draw: Callable[[], str] = lambda: secrets.token_urlsafe(32)) -> str:
        """A secret in a file of its own that only its owner can read; drawn once, of 256 bits unless told otherwise."""
        path = self.keys / name
        if not path.exists():
            drawn = self.keys / f".{name}.{os.getpid()}"
            with open(os.open(drawn, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                file.write(draw())
            with suppress(FileExistsError):
                os.link(drawn, path)  # whole or not at all, and the first of several processes wins
            drawn.unlink()
        return path.read_text()

    def tracker_password(self, name: str) -> str:
        """What the tracker of this name signs in at the broker with; the broker of this home knows it from then on."""
        return self.secret(f"{name}-mqtt")

    @property
    def trackers(self) -> list[str]:
        """The names of the trackers that have a password here."""
        return sorted(path.name.removesuffix("-mqtt") for path in self.keys.glob("tracker*-mqtt"))

    def has_secret(self, name: str) -> bool:
        return (self.keys / name).exists()

    # what is kept elsewhere

    def note_kept(self, what: str, at: datetime) -> None:
        """That a backup was made, one was restored, or one was tried out; only the last of each counts."""
        known = {name: when.isoformat() for name, when in self.kept().items()} | {what: at.isoformat()}
        replace_file(self.path / "backups.json", json.dumps(known, indent=2).encode())

    def kept(self) -> dict[str, datetime]:
        """When each was last done: `backup`, `restore`, `rehearsal`."""
        try:
            known: dict[str, str] = json.loads((self.path / "backups.json").read_bytes())
        except (FileNotFoundError, json.JSONDecodeError):
            return {}
        return {name: datetime.fromisoformat(when) for name, when in known.items()}

    # what runs

    @property
    def addresses(self) -> dict[str, Any]:
        """`run.json`: where the running process group can be reached; empty when nothing was started here."""
        try:
            found: dict[str, Any] = json.loads((self.path / "run.json").read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return {}
        return found

    def announce(self, running: Mapping[str, Any]) -> None:
        """Replaces `run.json` in one step, so that nobody reads half of it."""
        fresh = self.run / "run.json.new"
        fresh.write_text(json.dumps(running, indent=2) + "\n")
        os.replace(fresh, self.path / "run.json")

    @property
    def mqtt_url(self) -> str | None:
        """`MQTT_URL`, else the broker that runs here."""
        return os.environ.get("MQTT_URL") or self.addresses.get("mqtt")


def replace_file(path: Path, content: bytes) -> None:
    """The whole content or, after a crash, still the old one; readable for its owner only."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(fresh, path)
