"""What it takes to plan everybody anew when a hub closes, beside raw batched inserts of the rows that come of it."""

import gc
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from lastscan.bench.filling import HUBS, NOW, fill_on_their_way
from lastscan.bench.harness import Stopwatch, peak_mb, percentile
from lastscan.bench.scratch import scratch_database
from tracker.clock import StoppedClock
from tracker.desk import Desk
from tracker.domain.decisions import CloseFacility
from tracker.domain.handling import REPLANNER, Kind
from tracker.domain.notices import NoticeKind
from tracker.domain.staff import Role, Staff
from tracker.project import Projector
from tracker.store import Store
from tracker.store.bulk import fill
from tracker.store.schema import facts, irregularities, outbox, planned_rides, timelines, updates
from tracker.sweep import Sweep

HUB = HUBS[0]
RAW_BATCH = 500
COMMITS_EVERY_S = 0.02


@dataclass(frozen=True, slots=True)
class Plan:
    pieces: int
    seed: int
    database_url: str | None


def measure(plan: Plan) -> dict[str, Any]:
    """Closes a hub for a day and judges everybody anew, in the batches the tracker makes; then copies the rows that
    came of it with raw inserts. Beside it somebody commits something small all the time, as ingest does: how long that
    takes (`commit_beside_ms_p99`) is what scans wait for their receipts."""
    with scratch_database(plan.database_url) as store:
        with Stopwatch() as filling:
            fill_on_their_way(store, pieces=plan.pieces, through=HUB, seed=plan.seed)
        clock = StoppedClock(NOW)
        projector = Projector(store, clock)
        sweep = Sweep(projector)
        gc.freeze()
        gc.set_threshold(100_000, 50, 100)  # as in the tracker's process
        closing = CloseFacility(facility=HUB, since=NOW, until=NOW + timedelta(days=1), reason="bench")
        batches: list[float] = []
        with Stopwatch() as replanning, _committing(store) as beside:
            Desk(store, clock).decide(closing, by=Staff("bench", Role.NETWORK_MANAGER), key="close")
            head = _head(store)
            while _position(store) < head:
                projector.step()
            while _timed(sweep, batches):
                pass
        replanned, notices = _counts(store)
        with Stopwatch() as folding:
            while projector.step(500):
                pass
        with Stopwatch() as raw:
            _raw(store)
        return {
            "pieces": plan.pieces,
            "replanned": replanned,
            "notices": notices,
            "database": store.engine.dialect.name,
            "replan_s": round(replanning.seconds, 2),
            "replan_cpu_us": round(replanning.cpu_us(plan.pieces) - 1e6 * beside.cpu / plan.pieces, 1),
            "batch_ms_p99": round(1000 * percentile(batches, 0.99), 1),
            "commit_beside_ms_p99": round(1000 * percentile(beside.took, 0.99), 1),
            "commit_beside_ms_max": round(1000 * max(beside.took), 1),
            "folded_again_s": round(folding.seconds, 2),
            "raw_s": round(raw.seconds, 2),
            "replan_of_raw": round(raw.seconds / replanning.seconds, 3),
            "peak_mb": peak_mb(),
            "filled_s": round(filling.seconds, 1),
        }


def _timed(sweep: Sweep, batches: list[float]) -> int:
    began = time.perf_counter()
    judged = sweep.turn()
    batches.append(time.perf_counter() - began)
    return judged


@dataclass
class _Beside:
    took: list[float] = field(default_factory=list)
    cpu: float = 0.0  # of all of them, in seconds


@contextmanager
def _committing(store: Store) -> Iterator[_Beside]:
    """A commit of one row beside what is measured, and a pause, until the end; how long each took, in seconds."""
    beside = _Beside()
    done = threading.Event()

    def commit() -> None:
        while not done.wait(COMMITS_EVERY_S):
            began = time.perf_counter()
            with store.writing() as tx:
                tx.meta.put("bench", str(len(beside.took)))
            beside.took.append(time.perf_counter() - began)
        beside.cpu = time.thread_time()

    thread = threading.Thread(target=commit)
    thread.start()
    try:
        yield beside
    finally:
        done.set()
        thread.join()


def _head(store: Store) -> int:
    with store.reading() as tx:
        return tx.log.head()


def _position(store: Store) -> int:
    with store.reading() as tx:
        return tx.log.position("project")


def _counts(store: Store) -> tuple[int, int]:
    with store.reading() as tx:
        told = sa.select(sa.func.count()).where(outbox.c.kind == NoticeKind.LEG_CANCELLED.value)
        return len(tx.log.said_by(REPLANNER)), tx.connection.execute(told).scalar_one()


_TABLES = (facts, timelines, planned_rides, irregularities, outbox, updates)
"""What planning a piece anew writes to."""


_OF_REPLANNING = {"facts": facts.c.kind == Kind.REPLAN, "outbox": outbox.c.kind == NoticeKind.LEG_CANCELLED.value}


def _raw(store: Store) -> None:
    """The same rows into empty tables of the same form, in batches, each kept before the next."""
    for table in _TABLES:
        columns = [column.name for column in table.columns]
        where = _OF_REPLANNING.get(table.name, sa.true())
        as_kept = [sa.type_coerce(column, sa.types.NullType()).label(column.name) for column in table.columns]
        with store.reading() as tx:
            rows = [tuple(row) for row in tx.connection.execute(sa.select(*as_kept).where(where))]
        keys = [sa.Column(c.name, c.type, primary_key=c.primary_key, autoincrement=False) for c in table.columns]
        copy = sa.Table(f"raw_{table.name}", sa.MetaData(), *keys)
        with store.writing() as tx:
            copy.create(tx.connection)
        for at in range(0, len(rows), RAW_BATCH):
            with store.writing() as tx:
                fill(tx.connection, copy, columns, rows[at : at + RAW_BATCH])
