"""What a delivery costs besides its sending: planned, claimed, handed over and settled with its proof."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from lastscan.bench.harness import Stopwatch, peak_mb
from lastscan.bench.scratch import scratch_database
from notify import routing
from notify.delivery import Planned, Settlement, State
from notify.proofs import proof_of
from notify.store.deliveries import DeliveryStore, Result
from tracker.store import Store

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
ACCEPTED = Settlement(State.ACCEPTED, "the provider took it", "250 ok", handed_at=NOW)


@dataclass(frozen=True, slots=True)
class Plan:
    due: int
    batch: int
    database_url: str | None


def measure(plan: Plan) -> dict[str, Any]:
    """All of them through the shipped store; then as many bare updates of the same rows in as many commits."""
    with scratch_database(plan.database_url) as store:
        deliveries = DeliveryStore(store.engine)
        every = [_planned(n) for n in range(plan.due)]
        with Stopwatch() as planning:
            for at in range(0, plan.due, plan.batch):
                deliveries.plan(every[at : at + plan.batch], NOW)
        claiming, marking, done = Stopwatch(), Stopwatch(), 0
        claim_s = mark_s = claim_cpu = mark_cpu = 0.0
        while True:
            with claiming:
                held = deliveries.claim("bench", NOW, plan.batch)
            claim_s, claim_cpu = claim_s + claiming.seconds, claim_cpu + claiming.cpu_s
            if not held:
                break
            with marking:
                handed = deliveries.hand(held, NOW)
                deliveries.settle([Result(one, ACCEPTED, proof_of(one, ACCEPTED, NOW)) for one in handed], NOW)
            mark_s, mark_cpu, done = mark_s + marking.seconds, mark_cpu + marking.cpu_s, done + len(handed)
        bare = _bare(store, [one.id for one in every], plan.batch)
        return {
            "due": done,
            "batch": plan.batch,
            "database": store.engine.dialect.name,
            "plan_per_s": planning.rate(done),
            "claim_per_s": round(done / claim_s),
            "mark_per_s": round(done / mark_s),
            "claim_cpu_us": round(claim_cpu / done * 1e6, 1),
            "mark_cpu_us": round(mark_cpu / done * 1e6, 1),
            "bare_per_s": bare.rate(done),
            "bare_cpu_us": bare.cpu_us(done),
            "claim_and_mark_of_bare": round(bare.seconds / (claim_s + mark_s), 3),
            "peak_mb": peak_mb(),
        }


def _planned(n: int) -> Planned:
    notice = f"n-{n}"
    return Planned(
        id=routing.delivery_id(notice, "bench"),
        notice=notice,
        channel="bench",
        cause=f"delivered:{notice}",
        person=f"p-{n}",
        kind="delivered",
        thread=notice,
        owed_at=NOW,
        priority=5,
    )


def _bare(store: Store, keys: list[str], batch: int) -> Stopwatch:
    """The limit: a lease and a state by key, each in a commit of its own."""
    lease = sa.text("UPDATE deliveries SET lease_until = :at, fence = fence + 1 WHERE id = :id")
    mark = sa.text("UPDATE deliveries SET state = :state, lease_until = NULL WHERE id = :id")
    with Stopwatch() as bare:
        for at in range(0, len(keys), batch):
            rows = [{"id": key, "at": 1, "state": "accepted"} for key in keys[at : at + batch]]
            for statement in (lease, mark):
                with store.writing() as tx:
                    tx.connection.execute(statement, rows)
    return bare
