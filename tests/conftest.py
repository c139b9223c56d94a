"""What every test may count on: a skip that is counted and explained, and a PostgreSQL for whoever asks.

A test that needs something a machine may not have says so with a marker, or by using the fixture:

    needs_chromium    or `chromium_path`
    needs_mosquitto   or `mosquitto_path`
    needs_zbar
    needs_postgres    or `postgres_url`, `new_postgres_url`

Where it is missing the test is skipped, and the run ends with a line such as

    not run: 34 browser tests — chromium missing — apt-get install chromium

With CI=true the same test is an error instead: there, nothing is left out quietly. To see what a smaller
machine would do, name what to overlook: LASTSCAN_TEST_WITHOUT=chromium,zbar.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from ctypes.util import find_library
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from lastscan.prove.postgres import Cluster
from lastscan.prove.postgres import missing as missing_postgres

# --- Laws: the same examples each time, however busy the machine; others with --hypothesis-profile=explore ---

settings.register_profile("explore", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("suite", settings.get_profile("explore"), derandomize=True, database=None)
settings.load_profile("suite")


# --- What was not run, and why ------------------------------------------------------------------------------


def program(*names: str) -> str | None:
    """Debian keeps daemons in /usr/sbin, which is on root's path only."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin"])
    return next((hit for name in names if (hit := shutil.which(name, path=path))), None)


def chromium() -> str | None:
    return program("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def mosquitto() -> str | None:
    return program("mosquitto")


def zbar() -> str | None:
    return find_library("zbar")  # the very question pyzbar asks


def postgres() -> str | None:
    return None if missing_postgres() else "here"


@dataclass(frozen=True)
class Need:
    """A part some machines lack: how its tests are called, how to find it, how to get it."""

    tests: str
    find: Callable[[], str | None]
    remedy: str
    fixtures: frozenset[str] = frozenset()


NEEDS = {
    "chromium": Need("browser", chromium, "apt-get install chromium", frozenset({"chromium_path"})),
    "mosquitto": Need("Mosquitto", mosquitto, "apt-get install mosquitto", frozenset({"mosquitto_path"})),
    "zbar": Need("second-reader", zbar, "apt-get install libzbar0"),
    "postgres": Need(
        "PostgreSQL", postgres, "python3 dev setup --dev", frozenset({"postgres_url", "new_postgres_url"})
    ),
}


@cache
def found(part: str) -> str | None:
    overlooked = os.environ.get("LASTSCAN_TEST_WITHOUT", "").split(",")
    return None if part in overlooked else NEEDS[part].find()


def in_ci() -> bool:
    return os.environ.get("CI", "").lower() == "true"


def pytest_configure(config: pytest.Config) -> None:
    for part, need in NEEDS.items():
        config.addinivalue_line("markers", f"needs_{part}: skipped where {part} is missing ({need.remedy})")


@pytest.hookimpl(tryfirst=True)  # before any fixture is built, which might want the missing part
def pytest_runtest_setup(item: pytest.Item) -> None:
    fixtures = set(getattr(item, "fixturenames", ()))
    for part, need in NEEDS.items():
        if (item.get_closest_marker(f"needs_{part}") or fixtures & need.fixtures) and not found(part):
            # Properties travel in the report, so the process that prints the table hears it from all workers.
            item.user_properties.append(("not_run", part))
            reason = f"{part} missing: {need.remedy}"
            if in_ci():
                pytest.fail(reason, pytrace=False)
            pytest.skip(reason)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    parts: Counter[str] = Counter()
    others: Counter[str] = Counter()
    for outcome in ("skipped", "error"):
        for report in terminalreporter.stats.get(outcome, []):
            missing = [part for name, part in getattr(report, "user_properties", ()) if name == "not_run"]
            if missing:
                parts[missing[0]] += 1
            elif outcome == "skipped" and isinstance(report.longrepr, tuple):
                others[report.longrepr[2].removeprefix("Skipped: ")] += 1
    for part, count in sorted(parts.items()):
        need = NEEDS[part]
        terminalreporter.write_line(
            f"not run: {count} {need.tests} test{'s' * (count != 1)} — {part} missing — {need.remedy}"
        )
    for reason, count in sorted(others.items()):
        terminalreporter.write_line(f"skipped: {count} test{'s' * (count != 1)} — {reason}")


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """The system's Chromium. As root it wants `--no-sandbox`."""
    path = found("chromium")
    assert path is not None
    return path


@pytest.fixture(scope="session")
def mosquitto_path() -> str:
    """The Mosquitto broker, for tests that start their own on a port of their own."""
    path = found("mosquitto")
    assert path is not None
    return path


# --- PostgreSQL ---------------------------------------------------------------------------------------------
# One cluster for the whole run, started by whichever worker first wants it (about a second) and stopped when
# the run ends.

PLACE = "LASTSCAN_TEST_POSTGRES"  # where the cluster is, or would be; in the environment for workers to inherit


def pytest_sessionstart(session: pytest.Session) -> None:
    if PLACE not in os.environ:
        os.environ[PLACE] = tempfile.mkdtemp(prefix="lastscan-pg-")
        session.config.add_cleanup(stop_postgres)


def stop_postgres() -> None:
    """By the process that set the place, after its workers are done."""
    place = Path(os.environ.pop(PLACE))
    cluster(place).stop()
    shutil.rmtree(place, ignore_errors=True)


def cluster(place: Path) -> Cluster:
    # A test cluster need not survive a power cut. 100 connections are few for two workers with a pool each.
    return Cluster(place, "-F", "-c max_connections=200", "-c full_page_writes=off")


@pytest.fixture(scope="session")
def postgres_socket() -> str:
    """The folder with the socket of this run's one PostgreSQL; started when nobody has so far."""
    place = Path(os.environ[PLACE])
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if cluster(place).pid is None:
            cluster(place).start()
    return str(cluster(place).data)


@pytest.fixture(scope="session")
def new_postgres_url(postgres_socket: str) -> Iterator[Callable[[], str]]:
    """Call it for the URL of one more empty database (about 30 ms); all are dropped when the session ends."""
    import psycopg

    names = (f"test_{os.getpid()}_{count}" for count in itertools.count())
    made: list[str] = []

    def administer(*statements: str) -> None:
        with psycopg.connect(host=postgres_socket, user="postgres", dbname="postgres", autocommit=True) as db:
            for statement in statements:
                db.execute(statement.encode())

    def new() -> str:
        name = next(names)
        administer(f"CREATE DATABASE {name} TEMPLATE template0 STRATEGY file_copy")
        made.append(name)
        return f"postgresql+psycopg://postgres@/{name}?host={postgres_socket}"

    yield new
    administer(*(f"DROP DATABASE {name} WITH (FORCE)" for name in made))


@pytest.fixture(scope="session")
def postgres_url(new_postgres_url: Callable[[], str]) -> str:
    """An empty database of this worker's own, for SQLAlchemy. Tests share it: leave it as you found it."""
    return new_postgres_url()
