"""The network as people describe it: facilities and timetables taken in, whatever is wrong in them named."""

import hashlib
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from tracker.clock import Clock
from tracker.domain.credentials import digest_of_key, hash_password, user_name
from tracker.domain.errors import BadNetworkError, FeedExistsError
from tracker.domain.handling import MOVEMENT
from tracker.domain.movements import Said
from tracker.domain.network import Departure, Facility
from tracker.network_files import Line, Misfit, PlannedRun, airport, overlaps, read_departures, read_facilities
from tracker.store import Store, Transaction
from tracker.store.bodies import Movement
from tracker.store.fact_log import NewAside, NewFact
from tracker.store.network import FeedRow

LOADED = "load"
"""The feed that files stand for."""

AT_ONCE = 5000
"""How many departures one transaction brings; scans are kept in between."""


@dataclass(frozen=True, slots=True)
class DepartureUpdate:
    """What somebody who runs departures says of one of them."""

    departure: str  # its name or an alias
    at: datetime  # when this was true, by their clock
    said: Said
    id: str | None = None  # theirs; the same one again is the same update


@dataclass(frozen=True, slots=True)
class Told:
    """What came of updates: how many were new, and names that no timetable has yet. Those wait for one."""

    new: int
    unknown: tuple[str, ...]


@dataclass
class Loaded:
    """What came of a load."""

    lines: int = 0
    added: int = 0
    changed: int = 0
    facilities: int = 0
    told: int = 0  # facts about departures, such as actual times
    misfits: list[Misfit] = field(default_factory=list)


class Network:
    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def load(
        self, files: Iterable[Path], *, facilities: Iterable[Path] = (), told: Callable[[int], None] = lambda done: None
    ) -> Loaded:
        """Takes timetables and facilities in. The same files again change nothing.

        What is wrong is put aside and named; the rest goes on. `told` hears how many departures are in, now and then.
        BadNetworkError where a file cannot be read as one of its kind at all; nothing of it is taken then.
        """
        loaded = Loaded()
        self._load_facilities(facilities, loaded)
        runs = [run for file in files for run in _runs_of(file, loaded)]
        runs.sort(key=lambda run: (run.departure.departs_at, run.line.file, run.line.number))
        runs = self._fit(runs, loaded)
        for at in range(0, len(runs), AT_ONCE):
            some = runs[at : at + AT_ONCE]
            with self._store.writing() as tx:
                added, changed = tx.network.keep_departures([run.departure for run in some])
                tx.network.keep_aliases({alias: run.departure.name for run in some for alias in run.also_as})
            loaded.told += self.tell(LOADED, [_update(run, self._clock.now()) for run in some if run.said]).new
            loaded.added += added
            loaded.changed += changed
            told(at + len(some))
        self._put_aside(loaded.misfits)
        return loaded

    def tell(self, feed: str, updates: Sequence[DepartureUpdate]) -> Told:
        """Keeps what a feed says as facts; the tracker folds them. The same again changes nothing."""
        if not updates:
            return Told(0, ())
        with self._store.writing() as tx:
            tx.log.lock()
            now = self._clock.now()
            known = tx.network.known_as({update.departure for update in updates})
            new = tx.log.append_new(f"feed:{feed}", [_fact(update, known, now) for update in updates])
        return Told(len(new), tuple(sorted({update.departure for update in updates} - known.keys())))

    def add_feed(self, name: str) -> str:
        """Registers a feed and answers its key, which is shown this once: for the API, and its password at the broker.

        BadNameError, FeedExistsError.
        """
        key = f"lsf_{secrets.token_urlsafe(24)}"
        with self._store.writing() as tx:
            row = {"key_digest": digest_of_key(key), "password_hash": hash_password(key, salt=secrets.token_bytes(12))}
            if tx.devices.find(user_name(name)) is not None:
                raise FeedExistsError(f"a device signs in at the broker as {name}; choose another name")
            if not tx.network.add_feed(name, **row, now=self._clock.now()):
                raise FeedExistsError(f"there is a feed {name} already; choose another name")
        return key

    def revoke_feed(self, name: str) -> bool:
        """From now on nothing is taken from it; False when it was not registered, or is revoked already."""
        with self._store.writing() as tx:
            return tx.network.revoke_feed(name, now=self._clock.now())

    def feeds(self) -> list[FeedRow]:
        """All that were ever registered, by name."""
        with self._store.reading() as tx:
            return tx.network.feeds()

    def feed_of(self, key: str) -> str | None:
        """The feed a key belongs to, unless it is revoked."""
        with self._store.reading() as tx:
            return tx.network.feed_of(digest_of_key(key))

    def _load_facilities(self, files: Iterable[Path], loaded: Loaded) -> None:
        described: list[Facility] = []
        for file in files:
            for found in read_facilities(file, this_year=self._clock.now().year):
                if isinstance(found, Misfit):
                    loaded.misfits.append(found)
                else:
                    described.append(found)
        with self._store.writing() as tx:
            known = tx.network.facilities()
            for place in described:
                before = known.get(place.code)
                if before is None or replace(before, closures=()) != place:  # what is closed is decided, not described
                    tx.network.describe(place)
                    loaded.facilities += 1

    def _fit(self, runs: list[PlannedRun], loaded: Loaded) -> list[PlannedRun]:
        """Those that fit the network and each other, by the names they get; airports they name become known."""
        doubtful = {misfit.line: misfit for misfit in overlaps(runs)}  # the run is true, its tail is not
        wrong: dict[Line, Misfit] = {}
        fitting: list[PlannedRun] = []
        with self._store.writing() as tx:
            known = dict(tx.network.facilities())
            origins = tx.network.origins({run.departure.name for run in runs})
            seen: dict[str, int] = {}
            for run in runs:
                missing = self._missing(tx, run.departure, known, loaded)
                if missing:
                    detail = f"nobody has described {missing}, and it is no airport we know"
                    wrong[run.line] = Misfit(run.line, "unknown_facility", detail)
                    continue
                named = _named(run, origins, known[run.departure.origin])
                if run.line in doubtful:
                    named = replace(named, departure=replace(named.departure, tail=None))
                if named.departure.name in seen:
                    detail = f"{named.departure.name} stands in line {seen[named.departure.name]} already"
                    wrong[run.line] = Misfit(run.line, "same_flight_twice", detail)
                    continue
                seen[named.departure.name] = run.line.number
                fitting.append(named)
        loaded.misfits.extend({**doubtful, **wrong}.values())
        return fitting

    @staticmethod
    def _missing(tx: Transaction, departure: Departure, known: dict[str, Facility], loaded: Loaded) -> str | None:
        for code in (departure.origin, departure.destination):
            if code not in known:
                found = airport(code)
                if found is None:
                    return code
                known[code] = found
                tx.network.describe(found)
                loaded.facilities += 1
        return None

    def _put_aside(self, misfits: Sequence[Misfit]) -> None:
        aside = [
            NewAside(
                topic=f"network load {misfit.line.file}",
                why=misfit.why,
                detail=f"line {misfit.line.number}: {misfit.detail}",
                payload=misfit.line.text.encode(),
                heard_at=self._clock.now(),
            )
            for misfit in misfits
        ]
        for at in range(0, len(aside), AT_ONCE):
            with self._store.writing() as tx:
                tx.log.put_aside(aside[at : at + AT_ONCE])


def _runs_of(path: Path, loaded: Loaded) -> Iterator[PlannedRun]:
    with ExitStack() as stack:
        try:
            file = stack.enter_context(path.open(newline="", encoding="utf-8-sig"))
            for found in read_departures(file, path.name):
                loaded.lines += 1
                if isinstance(found, Misfit):
                    loaded.misfits.append(found)
                else:
                    yield found
        except (OSError, UnicodeDecodeError) as wrong:
            raise BadNetworkError(f"{path}: {wrong}") from wrong


def _named(run: PlannedRun, origins: dict[str, str], origin: Facility) -> PlannedRun:
    """Under its own name: a run that leaves several places on one day says for the later ones where from."""
    departure = run.departure
    first = origins.setdefault(departure.name, departure.origin)
    suffix = "" if first == departure.origin else f"/{departure.origin}"
    cutoff = departure.cutoff if departure.cutoff >= timedelta(0) else origin.cutoff
    aliases = tuple(f"{alias}{suffix}" for alias in run.also_as)
    return replace(run, departure=replace(departure, name=departure.name + suffix, cutoff=cutoff), also_as=aliases)


def _update(run: PlannedRun, now: datetime) -> DepartureUpdate:
    """Of the same content as before, it is the same update, whenever the file is loaded."""
    return DepartureUpdate(run.departure.name, now, run.said, id=_digest(run.departure.name, run.said))


def _fact(update: DepartureUpdate, known: Mapping[str, str], now: datetime) -> NewFact:
    name = known.get(update.departure, update.departure)
    return NewFact(
        kind=MOVEMENT,
        code=name,
        facility="",
        happened_at=min(update.at, now),
        recorded_at=now,
        key=update.id or _digest(name, {**update.said, "at": update.at}),
        body=msgspec.json.encode(Movement(**update.said)).decode(),  # type: ignore[arg-type]
    )


def _digest(name: str, said: Said) -> str:
    return hashlib.sha256(msgspec.json.encode([name, dict(sorted(said.items()))])).hexdigest()[:32]
