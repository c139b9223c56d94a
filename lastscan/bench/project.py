"""What folding and judging costs a live scan, beside raw batched inserts of the same rows in the same database."""

import gc
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lastscan.bench.filling import FACT_COLUMNS, NOW, Filled, fill_database
from lastscan.bench.harness import Stopwatch, peak_mb
from lastscan.bench.scratch import scratch_database
from tracker.clock import StoppedClock
from tracker.project import Projector
from tracker.store import Store
from tracker.store.bulk import fill
from tracker.store.schema import facts, piece_facts, updates

RAW_BATCH = 500


@dataclass(frozen=True, slots=True)
class Plan:
    rows: int
    """Scans in the log, folded, before it begins."""
    scans: int
    """Scans that are folded and measured: one each of parcels under way, in any order."""
    batch: int
    rounds: int
    seed: int
    database_url: str | None


def measure(plan: Plan) -> dict[str, Any]:
    """Folds what comes next of parcels under way; in each round the raw inserts go first, on other parcels."""
    with scratch_database(plan.database_url) as store:
        with Stopwatch() as filling:
            filled = fill_database(store, rows=plan.rows, live=2 * plan.scans, seed=plan.seed)
        gc.freeze()  # what the benchmark itself holds is not for the tracker's collector to look through
        each = plan.scans // plan.rounds
        rounds = [_round(store, filled, at, each, plan.batch) for at in range(0, plan.rounds * each, each)]
        return {
            "rows": plan.rows,
            "scans": each * plan.rounds,
            "batch": plan.batch,
            "database": store.engine.dialect.name,
            "fold_cpu_us": statistics.median(fold.cpu_us(each) for _, fold in rounds),
            "raw_cpu_us": statistics.median(raw.cpu_us(each) for raw, _ in rounds),
            "fold_per_s": statistics.median(fold.rate(each) for _, fold in rounds),
            "raw_per_s": statistics.median(raw.rate(each) for raw, _ in rounds),
            "fold_of_raw": round(statistics.median(raw.seconds / fold.seconds for raw, fold in rounds), 3),
            "peak_mb": peak_mb(),
            "filled_s": round(filling.seconds, 1),
        }


def _round(store: Store, filled: Filled, at: int, count: int, batch: int) -> tuple[Stopwatch, Stopwatch]:
    raw = _raw(store, filled.next_scans[len(filled.next_scans) // 2 + at :][:count])
    with store.writing() as tx:
        fill(tx.connection, facts, FACT_COLUMNS, filled.next_scans[at : at + count])
    projector = Projector(store, StoppedClock(NOW))
    with Stopwatch() as fold:
        while projector.step(batch):
            pass
    return raw, fold


def _raw(store: Store, scans: Sequence[tuple[Any, ...]]) -> Stopwatch:
    """The rows that folding writes: which piece a fact belongs to, its timeline, and that it changed."""
    numbers = [scan[FACT_COLUMNS.index("code")] for scan in scans]
    with store.reading() as tx:
        of = {number: tx.booked.numbered([number])[0] for number in numbers}
        kept = {known.id: known.spelled for known in tx.timelines.known(of.values())}
        mark = "%s" if store.engine.dialect.name == "postgresql" else "?"
    write = f"UPDATE timelines SET state = {mark}, progress = {mark}, plan = {mark}, judgement = {mark} WHERE piece = {mark}"  # noqa: S608, E501  # no value is in it
    with Stopwatch() as raw:
        for at in range(0, len(numbers), RAW_BATCH):
            pieces = [of[number] for number in numbers[at : at + RAW_BATCH]]
            rows = [(kept[piece], piece) for piece in pieces]
            with store.writing() as tx:
                fill(tx.connection, piece_facts, ["piece", "pos"], [(piece, _SOME_FACT) for piece in pieces])
                texts = [("moving", it.progress, it.plan, it.judgement, piece) for it, piece in rows if it is not None]
                tx.connection.exec_driver_sql(write, texts)
                fill(tx.connection, updates, ["piece"], [(piece,) for piece in pieces])
    return raw


_SOME_FACT = 1
