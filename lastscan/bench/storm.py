"""What it takes to group and queue the notices of one closed hub, beside raw batched inserts of the rows that come of
it: rows of the outbox, joined to their incident, and deliveries."""

import gc
import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from lastscan.bench.filling import HUBS, NOW, STATIONS
from lastscan.bench.harness import Stopwatch, peak_mb
from lastscan.bench.scratch import scratch_database
from notify.channel import Message
from notify.delivery import Accepted, Outcome
from notify.dispatch import Clocks, Dispatcher
from notify.owed import OwedNotice, Recipient
from notify.preferences import Preferences
from notify.store.deliveries import DeliveryStore
from notify.store.schema import deliveries
from tracker.clock import StoppedClock
from tracker.domain.network import Facility, FacilityKind
from tracker.domain.notices import Notice, NoticeKind, cause
from tracker.domain.rules.place_closed import CLOSED
from tracker.domain.storms import JOINED_WITHIN
from tracker.domain.why import Facts, because
from tracker.outbox import Outbox
from tracker.store import Store
from tracker.store.bulk import fill
from tracker.store.engine import micros
from tracker.store.owed import Debt
from tracker.store.schema import outbox, people, pieces, shipments

HUB = HUBS[0]
JUDGED_AT_ONCE = 200
"""Notices of one transaction, as the tracker owes them."""

PEOPLE = 0.7
"""For each piece: some have several."""


@dataclass(frozen=True, slots=True)
class Plan:
    causes: int
    database_url: str | None


class _Nobody:
    """A channel whose messages are never sent here."""

    remembers_keys = False

    def address(self, recipient: Recipient) -> str | None:
        return recipient.email

    def compose(self, notice: OwedNotice, *, key: str, written_at: datetime) -> Message:
        return Message(notice.recipient.email or "", "en", b"")

    def send(self, message: Message, *, key: str) -> Outcome:
        return Accepted("nobody")


def measure(plan: Plan) -> dict[str, Any]:
    """Owes so many notices of one root in the batches the tracker makes, has notify plan them once their seconds are
    over, does both again, and copies the rows with raw inserts."""
    gc.freeze()
    with scratch_database(plan.database_url) as store:
        _fill(store, plan.causes)
        debts = [_debt(n) for n in range(1, plan.causes + 1)]
        with Stopwatch() as grouping:
            _owe(store, debts)
        clock = StoppedClock(NOW + JOINED_WITHIN)
        with Stopwatch() as queueing:
            _plan(store, clock)
        counted = _counted(store)
        with Stopwatch() as again:
            _owe(store, debts)
            with store.writing() as tx:
                tx.connection.execute(sa.update(outbox).values(planned=False))
            _plan(store, clock)
        with Stopwatch() as raw:
            _raw(store)
        taken = grouping.seconds + queueing.seconds
        return {
            "causes": plan.causes,
            **counted,
            "database": store.engine.dialect.name,
            "grouped_s": round(grouping.seconds, 2),
            "queued_s": round(queueing.seconds, 2),
            "grouped_and_queued_s": round(taken, 2),
            "cpu_us": round((grouping.cpu_s + queueing.cpu_s) / plan.causes * 1e6, 1),
            "again_s": round(again.seconds, 2),
            "again_new": {key: value - counted[key] for key, value in _counted(store).items()},
            "raw_s": round(raw.seconds, 2),
            "of_raw": round(raw.seconds / taken, 3),
            "peak_mb": peak_mb(),
        }


def _debt(n: int) -> Debt:
    departure = f"BY{n % 400}/{NOW:%Y-%m-%d}"
    facts: Facts = {
        "facility": HUB,
        "closed_from": NOW,
        "closed_until": NOW + timedelta(days=1),
        "departure": departure,
    }
    named = cause(NoticeKind.LEG_CANCELLED, piece=f"N{n}/1", departure=departure)
    window = (NOW + timedelta(hours=30), NOW + timedelta(hours=34))
    notice = Notice(
        NoticeKind.LEG_CANCELLED, named, because(CLOSED, facts), (), window, f"BY9/{NOW:%Y-%m-%d}",
        root=f"facility:{HUB}",
    )  # fmt: skip
    return Debt(notice, n, f"person-{n}", n, ("email",), NOW, NOW + timedelta(hours=24))


def _owe(store: Store, debts: list[Debt]) -> None:
    for at in range(0, len(debts), JUDGED_AT_ONCE):
        with store.writing() as tx:
            tx.owed.owe(debts[at : at + JUDGED_AT_ONCE])


def _plan(store: Store, clock: StoppedClock) -> None:
    dispatcher = Dispatcher(
        Outbox(store),
        DeliveryStore(store.engine),
        {"email": _Nobody()},
        Clocks(clock, clock.now),
        preferences=Preferences(store.engine, b"bench"),
        proof_key=b"bench",
        chance=random.Random(1),
    )
    while dispatcher.plan():
        pass


def _counted(store: Store) -> dict[str, int]:
    """Rows, and messages they make: one for each reader."""
    with store.reading() as tx:
        incidents = len(tx.storms.counted(NOW))
        owed = tx.connection.execute(sa.select(sa.func.count()).select_from(outbox)).scalar_one()
        queued, readers = tx.connection.execute(
            sa.select(sa.func.count(), sa.func.count(deliveries.c.address.distinct()))
        ).one()
    return {"incidents": incidents, "owed": owed, "deliveries": queued, "messages": readers}


def _fill(store: Store, count: int) -> None:
    at, readers = micros(NOW), max(1, int(count * PEOPLE))
    ids = range(1, count + 1)
    with store.writing() as tx:
        for code, kind in ((HUB, FacilityKind.HUB), *((code, FacilityKind.STATION) for code in STATIONS[:2])):
            tx.network.describe(Facility(code, kind, "Europe/Amsterdam", "NL"))
        fill(
            tx.connection, people, ["id", "pseudonym", "name", "email", "language", "address"],
            [(n, f"person-{n}", "Ada", f"p{n % readers}@example.org", "en", "{}") for n in ids],
        )  # fmt: skip
        fill(
            tx.connection, shipments, ["id", "account", "service", "shipper", "consignee", "channels", "booked_at"],
            [(n, "bench", "standard", n, n, '["email"]', at) for n in ids],
        )  # fmt: skip
        columns = ["id", "shipment", "number", "journey", "kind", "origin", "destination", "booked_at", "due_by"]
        start, end = STATIONS[:2]
        rows = [(n, n, f"N{n}", 1, "parcel", start, end, at, at, "standard", "[]") for n in ids]
        fill(tx.connection, pieces, [*columns, "service", "booked_legs"], rows)


RAW_BATCH = 500


def _raw(store: Store) -> None:
    """The same rows into empty tables of the same form, in batches, each kept before the next."""
    for table in (outbox, deliveries):
        columns = [column.name for column in table.columns]
        as_kept = [sa.type_coerce(column, sa.types.NullType()).label(column.name) for column in table.columns]
        with store.reading() as tx:
            rows = [tuple(row) for row in tx.connection.execute(sa.select(*as_kept))]
        keys = [sa.Column(c.name, c.type, primary_key=c.primary_key, autoincrement=False) for c in table.columns]
        copy = sa.Table(f"raw_{table.name}", sa.MetaData(), *keys)
        with store.writing() as tx:
            copy.create(tx.connection)
        for at in range(0, len(rows), RAW_BATCH):
            with store.writing() as tx:
                fill(tx.connection, copy, columns, rows[at : at + RAW_BATCH])
