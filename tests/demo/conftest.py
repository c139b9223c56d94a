"""A small demo played to its end once, with a real broker, tracker, notifier and mailbox, for all tests of a worker."""

import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lastscan import mailbox
from lastscan.broker import free_port
from lastscan.demo import prepare, run_once
from lastscan.home import Home
from lastscan.roles import run_broker_role, run_notify_role, run_tracker_role

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)


@contextmanager
def around(home: Home) -> Iterator[str]:
    """Broker, tracker and notifier of a prepared home, while inside; the broker's address."""
    stop, threads = threading.Event(), []

    def role(run: Callable[..., None], **given: Any) -> dict[str, Any]:
        came_up, found = threading.Event(), {}

        def ready(addresses: Any) -> None:
            found.update(addresses)
            came_up.set()

        thread = threading.Thread(target=lambda: run(home, stop=stop, ready=ready, **given), daemon=True)
        thread.start()
        threads.append(thread)
        assert came_up.wait(20), f"{run.__name__} does not come up"
        return found

    smtp, end_mailbox = mailbox.start(home.mailbox)
    try:
        mqtt_url = role(run_broker_role, mqtt_port=free_port(), ws_port=free_port())["mqtt"]
        role(run_tracker_role, mqtt_url=mqtt_url)
        role(run_notify_role, smtp_url=smtp, pages="http://localhost:8080")
        yield mqtt_url
    finally:
        stop.set()
        for thread in threads:
            thread.join(15)
        end_mailbox()


@dataclass(frozen=True)
class Played:
    home: Path
    report: dict[str, Any]


@pytest.fixture(scope="session")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """Four shipments, played to their end."""
    with pytest.MonkeyPatch.context() as environment:
        for name in ("DATABASE_URL", "MQTT_URL", "LASTSCAN_HOME"):
            environment.delenv(name, raising=False)
        home = Home.at(tmp_path_factory.mktemp("played"))
        engine = home.migrated()
        prepare(home.path, engine, seed=7, now=NOW, speed=0)
        with around(home) as mqtt_url:
            found = run_once(home.path, engine, mqtt_url=mqtt_url, seed=7, shipments=4, stop=threading.Event())
        engine.dispose()
    return Played(home.path, found)


@pytest.fixture
def copy(played: Played, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, sqlite3.Connection]:
    """A copy of the played home to do damage to, and its database."""
    monkeypatch.delenv("DATABASE_URL", raising=False)
    home = tmp_path / "copy"
    shutil.copytree(played.home, home)
    return home, sqlite3.connect(home / "lastscan.db", isolation_level=None)
