"""The receipt path, measured: what the broker routes, what the database takes, and what Lastscan makes of both."""

import multiprocessing
import os
import random
import secrets
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any

import sqlalchemy as sa

from lastscan.bench import naive, sink
from lastscan.bench.harness import Stopwatch, peak_mb, percentile
from lastscan.bench.load import WINDOW, Account, Fleet, StalledError
from lastscan.home import Home
from lastscan.roles import TRACKER
from lastscan.up import port_or_free
from tracker.devices import Devices
from tracker.store import Store
from tracker.store.bulk import fill
from tracker.store.engine import open_engine, sqlite_url
from tracker.store.migrations import migrate
from tracker.store.schema import facts
from tracker.wire import up_of_site

HOST = "127.0.0.1"
OURS, LIMIT, NAIVE = "bench", "limit", "naive"  # sites: the tracker takes what comes from the first
RAW = "RAW"
BESIDE = "tracker-beside"  # as whom the others sign in
RAW_BATCH = 500
PACE = 1000
PACED_DEVICES = 8
NAIVE_SCANS = 400
_READY_WITHIN_S = 20.0


class RowsMissingError(RuntimeError):
    """The log does not hold what was sent: no figure of this run is worth anything."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much of what."""

    rows: int
    seconds: float
    rounds: int
    devices: int
    broker: str
    database_url: str | None  # None: SQLite, in the scratch home
    prefill: int
    fold: bool


def measure(plan: Plan) -> dict[str, Any]:
    """All figures, the medians of the rounds. Raises RowsMissingError unless every scan sent was kept once."""
    with tempfile.TemporaryDirectory(prefix="lastscan-bench-") as scratch, _house(plan, Path(scratch)) as house:
        rounds = [house.round() for _ in range(plan.rounds)]
        memory = peak_mb(house.tracker_pid)
        kept = house.count()
    if kept != house.sent + plan.prefill:
        raise RowsMissingError(f"{house.sent + plan.prefill:,} scans were sent and {kept:,} are in the log")
    figures = {name: round(median(one[name] for one in rounds), 3) for name in rounds[0]}
    return {
        "broker": plan.broker,
        "database": "postgresql" if plan.database_url else f"sqlite {sqlite3.sqlite_version}",
        "folding": plan.fold,
        "rows_before": plan.prefill,
        "rounds": plan.rounds,
        "rows_sent": house.sent,
        "rows_kept": kept - plan.prefill,
        "tracker_peak_mb": memory,
        **figures,
    }


class _House:
    """A broker, a tracker of one site, and fleets there and at sites it does not hear; each in a process of its own."""

    tracker_pid: int

    def __init__(self, plan: Plan, home: Home, port: int) -> None:
        self._plan = plan
        self._home = home
        self._port = port
        self.sent = 0
        with _store(home) as store:
            devices = Devices(store, home.clock)
            sites = {OURS: plan.devices, LIMIT: plan.devices, NAIVE: PACED_DEVICES}
            drawn = {site: [devices.add(f"{site}-{n}", site=site) for n in range(many)] for site, many in sites.items()}
        self._accounts = {
            site: [Account(c.dev, c.site, c.password, bytes.fromhex(c.key)) for c in known]
            for site, known in drawn.items()
        }

    @contextmanager
    def tracker(self) -> Iterator[None]:
        """Runs the tracker, from its first receipt on."""
        if self._plan.prefill:
            with _store(self._home) as store:
                _insert(store, self._plan.prefill, self._plan.devices, batch=20_000)
        fold = () if self._plan.fold else ("--no-fold",)
        words = (TRACKER, "--mqtt", f"mqtt://{HOST}:{self._port}", "--sites", OURS, *fold)
        with _role(self._home, *words) as self.tracker_pid:
            with self._fleet(OURS, 1) as fleet:
                self.sent += fleet.load(1)
                fleet.drain()
            yield

    def round(self) -> dict[str, float]:
        """Back to back, so that what slows the machine slows all of them."""
        limit, (raw, raw_cpu) = self._broker_limit(), self._raw_inserts()
        with self._fleet(OURS) as fleet:
            live, live_cpu, load_cpu = self._drain(fleet, 1, self._plan.rows)
            backlog, backlog_cpu, _ = self._drain(fleet, WINDOW, self._plan.rows * 2)
        with self._fleet(OURS, PACED_DEVICES) as fleet:
            count = fleet.load(int(PACE * self._plan.seconds))
            self.sent += count
            with Stopwatch(self.tracker_pid) as paced:
                fleet.pace(PACE)
            latencies = fleet.latencies
        simple = self._naive()
        return {
            "broker_limit_per_s": limit,
            "raw_inserts_per_s": raw,
            "live_per_s": live,
            "backlog_per_s": backlog,
            "naive_per_s": simple,
            "live_of_broker_limit": live / limit,
            "live_of_raw_inserts": live / raw,
            "backlog_of_raw_inserts": backlog / raw,
            "live_of_naive": live / simple,
            "raw_cpu_us": raw_cpu,
            "live_cpu_us": live_cpu,
            "backlog_cpu_us": backlog_cpu,
            "paced_cpu_us": paced.cpu_us(count),
            "load_cpu_us": load_cpu,
            "paced_p50_ms": percentile(latencies, 0.50) * 1000,
            "paced_p99_ms": percentile(latencies, 0.99) * 1000,
        }

    def count(self) -> int:
        with _store(self._home) as store, store.reading() as tx:
            return sum(tx.log.scans_by_facility().values())

    def _drain(self, fleet: Fleet, batch: int, rows: int) -> tuple[float, float, float]:
        """Scans a second from the first publish to the last receipt; CPU of the tracker and of the load for each."""
        count = fleet.load(rows, batch=batch)
        self.sent += count
        with Stopwatch(self.tracker_pid) as tracker, Stopwatch() as load:
            fleet.drain()
        return tracker.rate(count), tracker.cpu_us(count), load.cpu_us(count)

    def _broker_limit(self) -> float:
        with self._fleet(LIMIT) as fleet:
            count = fleet.load(self._plan.rows)
            with _beside(sink.drain, *self._sign_in, up_of_site(LIMIT), count) as said, Stopwatch() as watch:
                fleet.flood(said.poll)
        return watch.rate(count)

    def _naive(self) -> float:
        with (
            tempfile.TemporaryDirectory(dir=self._home.path) as folder,
            self._fleet(NAIVE) as fleet,
            _beside(naive.serve, *self._sign_in, up_of_site(NAIVE), Path(folder) / "naive.db") as said,
        ):
            count = fleet.load(min(NAIVE_SCANS, self._plan.rows))
            with Stopwatch() as watch:
                fleet.drain()
            said.send("stop")
        return watch.rate(count)

    def _raw_inserts(self) -> tuple[float, float]:
        """The same rows into the same table, 500 a transaction, by the database's driver; nothing else.

        How many a second, and our own CPU for each.
        """
        with tempfile.TemporaryDirectory(dir=self._home.path) as folder:
            url = self._plan.database_url or sqlite_url(Path(folder) / "raw.db")
            store = Store(open_engine(url))
            migrate(store.engine)
            seconds, cpu_s = _insert(store, self._plan.rows, self._plan.devices, batch=RAW_BATCH)
            with store.writing() as tx:
                tx.connection.execute(sa.delete(facts).where(facts.c.facility == RAW))
            store.close()
        return round(self._plan.rows / seconds), cpu_s / self._plan.rows * 1e6

    @property
    def _sign_in(self) -> tuple[str, str, str, int]:
        return BESIDE, self._home.tracker_password(BESIDE), HOST, self._port

    @contextmanager
    def _fleet(self, site: str, count: int | None = None) -> Iterator[Fleet]:
        fleet = Fleet(self._accounts[site][:count], HOST, self._port)
        try:
            yield fleet
        finally:
            fleet.close()


@contextmanager
def _house(plan: Plan, scratch: Path) -> Iterator[_House]:
    home, port = Home.at(scratch), port_or_free(0, HOST, insist=True)
    settings = {"LASTSCAN_BROKER": plan.broker} | ({"DATABASE_URL": plan.database_url} if plan.database_url else {})
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        home.tracker_password(BESIDE)
        house = _House(plan, home, port)
        with _role(home, "broker", "--mqtt-port", str(port)):
            _answers(port)
            with house.tracker():
                yield house
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _role(home: Home, *words: str) -> Iterator[int]:
    """One role, in a Python of its own so that its memory is its own; answers its process id."""
    with (home.logs / f"{words[0]}.log").open("wb") as said:
        process = subprocess.Popen([sys.executable, "-m", "lastscan", *words, "--home", str(home.path)], stderr=said)
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait()


def _answers(port: int) -> None:
    """Returns once somebody accepts connections there."""
    give_up_at = time.monotonic() + _READY_WITHIN_S
    while True:
        try:
            return socket.create_connection((HOST, port), timeout=1).close()
        except OSError:
            if time.monotonic() > give_up_at:
                raise
            time.sleep(0.05)


@contextmanager
def _store(home: Home) -> Iterator[Store]:
    store = home.store()
    try:
        yield store
    finally:
        store.close()


@contextmanager
def _beside(serve: Callable[..., None], *arguments: Any) -> Iterator[Connection]:
    """Runs something in a process of its own, which says when it is ready."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=serve, args=(theirs, *arguments), daemon=True)
    process.start()
    try:
        if not ours.poll(_READY_WITHIN_S):
            raise StalledError(f"{serve.__module__} does not come up")
        ours.recv()
        yield ours
    finally:
        process.join(_READY_WITHIN_S)
        process.kill()


_COLUMNS = ("stream", "q", "kind", "code", "sym", "facility", "sort_point", "operator", "happened_at", "recorded_at")
_MORE = ("estimated", "error_ms", "wall", "mono", "boot", "digest")


def _insert(store: Store, rows: int, devices: int, *, batch: int) -> tuple[float, float]:
    """So many scans of so many devices, in turn; answers the seconds it took, of real time and of CPU."""
    with store.writing() as tx:
        streams = sorted(
            s.id for s in tx.log.streams({(f"dev:{RAW}-{n}", secrets.token_hex(16)) for n in range(devices)}).values()
        )
    now, rng = int(time.time() * 1e6), random.Random(4711)
    seconds = cpu_s = 0.0
    for first in range(0, rows, batch):
        made = [
            (
                streams[n % devices], n // devices + 1, "sort", f"LS{rng.randrange(10**8):08d}5NL", "code128", RAW,
                "AMS-S3", "c17", now + n, now + n, False, 20, now // 1000, n, 7, rng.randbytes(16),
            )
            for n in range(first, min(first + batch, rows))
        ]  # fmt: skip
        with Stopwatch() as watch, store.writing() as tx:
            fill(tx.connection, facts, _COLUMNS + _MORE, made)
        seconds, cpu_s = seconds + watch.seconds, cpu_s + watch.cpu_s
    return seconds, cpu_s
