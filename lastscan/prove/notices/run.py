"""One run: notices due in a real database, notifiers killed with -9, the provider double, and the count at the end."""

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from lastscan.bench.harness import provenance
from lastscan.prove.databases import UnreachableError, ask, connect
from lastscan.prove.notices.notifier import MovedOn
from lastscan.prove.notices.nursery import Nursery
from lastscan.prove.notices.owed import kind_of, owe
from lastscan.prove.notices.provider import TIMEOUT_S, Heard, heard
from notify.routing import AT_LEAST_ONCE, SPREAD
from notify.store.ledger import Ledger
from tracker.domain.chain import Broken
from tracker.store.engine import open_engine
from tracker.store.migrations import migrate

OVERTAKEN = 0.05
"""So many more are owed, and no longer true at some moment of the run."""

TOO_LATE_S = 3 * TIMEOUT_S
"""Between the question whether it is still true and the last byte lies at most what a provider takes: it may read late
what was sent in time."""

QUIET_S = 1.5 * TIMEOUT_S
LOOK_S = 0.2


@dataclass(frozen=True, slots=True)
class Plan:
    due: int
    processes: int
    kill_every_s: float
    seed: int
    smtp: bool = False
    most_kills: int | None = None
    within_s: float = 1800.0  # then whatever is left counts as missing


def run(plan: Plan, database_url: str, place: Path, say: Callable[[str], None]) -> dict[str, Any]:
    """The report. `place` is an empty scratch directory; the database is empty as well."""
    engine = open_engine(database_url)
    migrate(engine)
    spare = round(plan.due * OVERTAKEN)
    owe(engine, plan.due + spare)
    engine.dispose()
    ahead = MovedOn(place / "ahead")
    ahead.by(timedelta())
    fire = _Fire(plan, database_url, place, ahead)
    began = time.monotonic()
    try:
        fire.burn(spare, say)
    finally:
        fire.end()
    seconds = time.monotonic() - began
    found = _judged(plan, spare, database_url, heard(place / "accepted"))
    engine = open_engine(database_url)
    holds = not isinstance(Ledger(engine).verified(), Broken)
    engine.dispose()
    hours = round(ahead.ahead.total_seconds() / 3600, 1)
    about = {"processes": plan.processes, "channel": "smtp" if plan.smtp else "http", "database": database_url[:6]}
    cost = {"kills": fire.kills, "seconds": round(seconds, 1), "seed": plan.seed, "hours_moved_on": hours}
    return {**found, **cost, **about, "proofs_hold": holds, **provenance()}


class _Fire:
    """The processes, and what is done to them."""

    def __init__(self, plan: Plan, database_url: str, place: Path, ahead: MovedOn) -> None:
        self._plan, self._url, self._place, self._ahead = plan, database_url, place, ahead
        self._chance = random.Random(plan.seed)
        self._nursery = Nursery()
        self._nursery.start("provider", plan.seed, plan.smtp, str(place / "accepted"), str(place / "port"))
        while not (place / "port").exists():
            time.sleep(0.01)
        self._port = int((place / "port").read_text())
        self._notifiers = [self._notifier() for _ in range(plan.processes)]
        self.kills = 0

    def _notifier(self) -> int:
        return self._nursery.start("notifier", self._url, self._port, self._plan.smtp, str(self._place / "ahead"))

    def burn(self, spare: int, say: Callable[[str], None]) -> None:
        """Until nothing is left to send, or the time is up."""
        doomed = list(range(self._plan.due, self._plan.due + spare))
        self._chance.shuffle(doomed)
        give_up_at = time.monotonic() + self._plan.within_s
        kill_at = time.monotonic() + self._plan.kill_every_s
        busy_at = said_at = time.monotonic()
        while time.monotonic() < give_up_at:
            time.sleep(LOOK_S)
            if time.monotonic() >= kill_at and self.kills != self._plan.most_kills:
                self._kill_one()
                kill_at = time.monotonic() + self._plan.kill_every_s
            state = self._state()
            if state is None:
                continue
            unplanned, waiting, unreported, next_at, settled, held, ready = state
            self._overtake(doomed, settled)
            if not unplanned and not waiting and not unreported:
                return
            if unplanned or ready:
                busy_at = time.monotonic()
            elif next_at is not None and (not held or time.monotonic() - busy_at > QUIET_S):
                self._move_on(next_at)
            if time.monotonic() - said_at > 10:
                said_at = time.monotonic()
                say(f"{waiting + unplanned} to go, {self.kills} killed")

    def _kill_one(self) -> None:
        n = self._chance.randrange(len(self._notifiers))
        self._nursery.kill(self._notifiers[n])
        self.kills += 1
        self._notifiers[n] = self._notifier()

    def _state(self) -> tuple[int, int, int, int | None, int, int, int] | None:
        latest = "max" if self._url.startswith("sqlite") else "greatest"
        now = round((time.time() + self._ahead.ahead.total_seconds()) * 1e6)
        try:
            (row,) = ask(self._url, _STATE.format(latest=latest, now=now))
        except UnreachableError:
            return None
        return tuple(row)

    def _overtake(self, doomed: list[int], settled: int) -> None:
        """As many as belong to how far the run has come, in an order that is the seed's."""
        share = settled / max(1, self._plan.due)
        done = round(self._plan.due * OVERTAKEN * share) - (round(self._plan.due * OVERTAKEN) - len(doomed))
        if done > 0 and doomed:
            now = time.time()
            several, doomed[:] = doomed[:done], doomed[done:]
            names = ",".join(f"'n-{n}'" for n in several)
            database = connect(self._url)
            try:
                database.execute(f"UPDATE owed SET overtaken_at = {now} WHERE id IN ({names})")  # noqa: S608  # ours
            finally:
                database.close()

    def _move_on(self, next_at: int) -> None:
        """To when the next is due, or its lease lapses, and those that wait with it: everybody only waits."""
        left = next_at / 1e6 - time.time() - self._ahead.ahead.total_seconds()
        if left > 0:
            self._ahead.by(self._ahead.ahead + timedelta(seconds=left * (1 + 2 * SPREAD)))

    def end(self) -> None:
        self._nursery.close()


_STATE = """
SELECT (SELECT count(*) FROM owed WHERE NOT planned),
       (SELECT count(*) FROM deliveries WHERE due_at IS NOT NULL),
       (SELECT count(*) FROM deliveries WHERE reported <> state AND due_at IS NULL),
       (SELECT min({latest}(due_at, coalesce(lease_until, 0), coalesce(rests_until, 0)))
          FROM deliveries LEFT JOIN lanes ON lanes.channel = deliveries.channel WHERE due_at IS NOT NULL),
       (SELECT count(*) FROM deliveries WHERE due_at IS NULL),
       (SELECT count(*) FROM deliveries WHERE due_at IS NOT NULL AND lease_until >= {now}),
       (SELECT count(*) FROM deliveries WHERE due_at <= {now} AND coalesce(lease_until, 0) < {now})
"""


def _judged(plan: Plan, spare: int, database_url: str, accepted: list[Heard]) -> dict[str, Any]:
    rows = ask(database_url, "SELECT id, n, overtaken_at, outcome FROM owed")
    copies = Counter(each.notice for each in accepted)
    first = {each.notice: each.at for each in reversed(accepted)}
    must, must_not = _promised(plan.smtp)
    standing = [(notice, n) for notice, n, overtaken_at, _ in rows if overtaken_at is None]
    late = [notice for notice, _, at, _ in rows if at is not None and first.get(notice, 0) > at + TOO_LATE_S]
    ended = Counter(outcome for _, _, at, outcome in rows if at is None)
    return {
        "due": len(standing),
        "accepted": sum(notice in first for notice, _ in standing),
        "missing": sum(notice not in first for notice, n in standing if must(n)),
        "doubled": sum(copies[notice] > 1 for notice, n, _, _ in rows if must_not(n)),
        "stale": len(late),
        "unknown": ended["unknown"],
        "repeated": sum(count - 1 for count in copies.values()),
        "overtaken": len(rows) - len(standing),
    }


def _promised(smtp: bool) -> tuple[Callable[[int], bool], Callable[[int], bool]]:
    """Which must arrive, and which must not twice: with keys all of both, without them either."""
    if not smtp:
        return lambda n: True, lambda n: True
    return lambda n: kind_of(n) in AT_LEAST_ONCE, lambda n: kind_of(n) not in AT_LEAST_ONCE


def broken(report: dict[str, Any]) -> list[str]:
    """The promises that were not kept."""
    return [name for name in ("missing", "doubled", "stale") if report[name]] + (
        [] if report["proofs_hold"] else ["proofs_hold"]
    )
