"""Which combinations can be run here, and running them one after the other in a scratch directory."""

import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lastscan.broker import BrokerUnavailableError, choose
from lastscan.prove import postgres
from lastscan.prove.databases import Bench, PostgreSQL, SQLite
from lastscan.prove.run import Combination, Figures
from lastscan.prove.sides import Broker, Load

DATABASES = ("sqlite", "postgresql")
BROKERS: tuple[Broker, ...] = ("mosquitto", "amqtt")


@dataclass(frozen=True, slots=True)
class Pairing:
    """A database with a broker; `missing` says what keeps it from being run here."""

    database: str
    broker: Broker
    missing: str | None = None

    @property
    def name(self) -> str:
        return f"{self.database}+{self.broker}"


ALL = tuple(Pairing(database, broker) for database in DATABASES for broker in BROKERS)
NAMES = tuple(pairing.name for pairing in ALL)


def asked(names: Sequence[str], database_url: str | None = None) -> list[Pairing]:
    """Those named, or all, each with what is missing for it; with a `database_url` no PostgreSQL need be started."""
    return [replace(each, missing=_missing(each, database_url)) for each in ALL if not names or each.name in names]


def _missing(pairing: Pairing, database_url: str | None) -> str | None:
    if not sys.platform.startswith("linux"):
        return "only Linux says of a process what has to be seen here"
    if pairing.broker == "mosquitto":
        try:
            choose(mqtt_url=None, asked="mosquitto")
        except BrokerUnavailableError as unavailable:
            return str(unavailable)
    return postgres.missing(given=database_url) if pairing.database == "postgresql" else None


def run_all(
    pairings: Sequence[Pairing],
    load: Load,
    *,
    seconds: float,
    database_url: str | None,
    keep: bool,
    stop: threading.Event,
    say: Callable[[str], None],
) -> tuple[list[Figures], Path | None]:
    """The figures of each, and where the raw history of those that failed, or of all, is kept; None for nowhere."""
    place = Path(tempfile.mkdtemp(prefix="lastscan-prove-"))
    place.chmod(0o755)  # PostgreSQL may run as somebody else below it; what is ours in there is not open to others
    runs: list[Figures] = []
    failed = True
    try:
        for pairing in pairings:
            say(f"{pairing.name}: starting")
            share = seconds / len(pairings)
            runs.append(_run(place, pairing, load, seconds=share, database_url=database_url, stop=stop, say=say))
            if stop.is_set():
                break
        failed = any(figures.broken for figures in runs)
    finally:
        for kept in place.iterdir():
            if not (keep or (failed and not stop.is_set() and _tells_of_failure(kept, runs))):
                shutil.rmtree(kept, ignore_errors=True)
        if not any(place.iterdir()):
            place.rmdir()
    return runs, place if place.exists() else None


def _tells_of_failure(kept: Path, runs: Sequence[Figures]) -> bool:
    """Also of a combination that raised and so has no figures."""
    return not any(kept.name == f"{run.database}+{run.broker}" and not run.broken for run in runs)


def _run(
    place: Path,
    pairing: Pairing,
    load: Load,
    *,
    seconds: float,
    database_url: str | None,
    stop: threading.Event,
    say: Callable[[str], None],
) -> Figures:
    files = place / f"{pairing.database}-{pairing.broker}"  # a plus would be a blank in the URL of its socket
    bench: Bench = SQLite(files) if pairing.database == "sqlite" else PostgreSQL(files, database_url)

    def tell(words: str) -> None:
        say(f"{pairing.name}: {words}")

    try:
        return Combination(place / pairing.name, bench, pairing.broker, load, stop=stop, say=tell).run(seconds)
    finally:
        shutil.rmtree(files, ignore_errors=True)
