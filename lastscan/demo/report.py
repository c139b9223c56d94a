"""What became of a demo: the oracle's word against the log's, and which promises were broken."""

from collections import Counter
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from lastscan.demo.oracle import BEEPED, BOOKED, SIGHTS, noted
from lastscan.demo.state import State, read_devices
from lastscan.home import Home
from notify.store.deliveries import DeliveryStore
from tracker.clock import clock_of
from tracker.domain.card import PieceCard
from tracker.domain.handling import Kind
from tracker.domain.rules import IrregularityKind
from tracker.outbox import Outbox
from tracker.queries import Queries
from tracker.store import Store

FULL_RUN = 60
"""From so many shipments on a run has to show bags, missed connections and everything else."""


def report(home: Path, engine: sa.Engine | None = None) -> dict[str, Any]:
    """The demo report (`docs/demo.md` explains its keys) of whatever was played in this home so far.

    Scans of devices that are not the demo's own count neither way.
    """
    own_engine = engine is None
    engine = engine if engine is not None else Home.at(home).engine()
    try:
        return _report(home, engine)
    finally:
        if own_engine:
            engine.dispose()


def _report(home: Path, engine: sa.Engine) -> dict[str, Any]:
    place, store = home / "demo", Store(engine)
    queries = Queries(store, clock_of(home))
    fleet = {each.dev for each in read_devices(home)}
    beeped = [(row["dev"], row["ep"], row["q"], row["code"]) for row in noted(place / BEEPED)]
    committed = Counter((s.dev, s.ep, s.q, s.code) for s in queries.committed_scans() if s.dev in fleet)
    sights = list(noted(place / SIGHTS))
    booked = list(noted(place / BOOKED))
    cards = [card for row in booked if (card := queries.card(row["number"])) is not None]
    delivered = [card for card in cards if card.delivered]
    notices = DeliveryStore(engine).counts()
    decisions = queries.decisions()
    missed = {
        (card.number, i.subject)
        for card in cards
        for i in card.irregularities
        if i.kind is IrregularityKind.MISSED_CONNECTION
    }
    waiting = len(Outbox(store).unplanned(10_000, by=clock_of(home).now()))
    return {
        "shipments": len({row["shipment"] for row in booked}),
        "pieces": len(booked),
        "bags": sum(row["is_bag"] for row in booked),
        "sort_points": len({(e.facility.code, e.sort_point) for card in cards for e in card.entries if e.sort_point}),
        "devices": len(fleet),
        "images_drawn": sum(row["frames"] for row in sights),
        "images_read": len(sights),
        "wrong_reads": sum(row["drawn"] != row["read"] for row in sights),
        "scans_beeped": len(beeped),
        "scans_committed": sum(committed.values()),
        "scans_lost": sum(scan not in committed for scan in set(beeped)),
        "scans_doubled": sum(times - 1 for times in committed.values()) + len(beeped) - len(set(beeped)),
        "min_scans_per_delivered_piece": min((_handlings(card) for card in delivered), default=0),
        "delivered": len(delivered),
        "missed_connections": len(missed),
        "alerts": sum(decisions.alerts.values()),
        "alerts_withdrawn": decisions.alerts_withdrawn,
        "alerts_borne_out": sum(times for connection, times in decisions.alerts.items() if connection in missed),
        "misses_untold": len(missed - decisions.alerts.keys()),
        "replanned": decisions.replanned,
        "notices_due": notices.notices_due + waiting,
        "notices_sent": notices.notices_sent,
        "notices_doubled": notices.notices_doubled,
        "seconds": round(State.read(home).seconds, 1),
    }


def _handlings(card: PieceCard) -> int:
    """Different handlings a piece was scanned at; a scan somebody repeated is one."""
    return len({(e.kind, e.facility.code, e.into) for e in card.entries if not e.withdrawn and e.kind != Kind.BOOK})


def promises_held(found: dict[str, Any]) -> list[str]:
    """The promises a report shows broken, one sentence each; none is how it should be."""
    broken = [
        (found["scans_lost"] == 0, f"{found['scans_lost']} scans that beeped are not in the log"),
        (found["scans_doubled"] == 0, f"{found['scans_doubled']} scans are in the log twice"),
        (found["scans_beeped"] > 0, "nothing was scanned"),
        (found["wrong_reads"] == 0, f"{found['wrong_reads']} labels were read as something else"),
        (found["pieces"] > 0, "nothing was booked"),
        (found["delivered"] == found["pieces"], f"{found['delivered']} of {found['pieces']} pieces were delivered"),
        (
            found["min_scans_per_delivered_piece"] >= 6,
            f"a piece was delivered after {found['min_scans_per_delivered_piece']} scans; six are the least",
        ),
        (found["notices_doubled"] == 0, f"{found['notices_doubled']} notices were sent twice"),
        (
            found["notices_sent"] == found["notices_due"],
            f"{found['notices_sent']} of {found['notices_due']} notices due were sent",
        ),
    ]
    if found["shipments"] >= FULL_RUN:
        broken += [
            (found["pieces"] >= 80, f"only {found['pieces']} pieces; 80 are the least"),
            (found["bags"] >= 20, f"only {found['bags']} bags; 20 are the least"),
            (found["devices"] >= 8, f"only {found['devices']} devices; eight are the least"),
            (
                found["missed_connections"] >= 3,
                f"only {found['missed_connections']} missed connections were found; three are the least",
            ),
        ]
    return [sentence for held, sentence in broken if not held]
