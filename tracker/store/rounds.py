"""What is on a delivery van, by the scans of the device that loaded it."""

from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from tracker.domain.handling import Kind
from tracker.domain.timeline import State
from tracker.store.schema import facts, people, piece_facts, pieces, shipments, streams, timelines

_UNDER_WAY = (State.OUT_FOR_DELIVERY.value, State.ATTEMPTED.value)


class Rounds:
    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def on_the_van_of(self, dev: str, *, since: datetime) -> list[dict[str, Any]]:
        """Pieces this device scanned out for delivery and that are not delivered, each once, the first scan first."""
        out = sa.func.min(facts.c.pos).label("out")
        van = (
            sa.select(piece_facts.c.piece, out, sa.func.max(facts.c.happened_at).label("out_at"))
            .join(facts, facts.c.pos == piece_facts.c.pos)
            .join(streams, streams.c.id == facts.c.stream)
            .where(
                streams.c.origin == f"dev:{dev}",
                facts.c.kind == Kind.OUT_FOR_DELIVERY.value,
                facts.c.happened_at >= since,
            )
            .group_by(piece_facts.c.piece)
            .subquery()
        )
        query = (
            sa.select(
                pieces.c.number,
                shipments.c.service,
                sa.type_coerce(van.c.out_at, facts.c.happened_at.type).label("out_at"),
                timelines.c.state,
                people.c.name,
                people.c.address,
            )
            .join(van, van.c.piece == pieces.c.id)
            .join(timelines, timelines.c.piece == pieces.c.id)
            .join(shipments, shipments.c.id == pieces.c.shipment)
            .join(people, people.c.id == shipments.c.consignee)
            .where(timelines.c.state.in_(_UNDER_WAY))
            .order_by(van.c.out)
        )
        return [_stop(row) for row in self._connection.execute(query)]


def _stop(row: Any) -> dict[str, Any]:
    address = msgspec.json.decode(row.address) if row.address else {}
    return {
        "number": row.number,
        "service": row.service,
        "out_at": row.out_at,
        "attempted": row.state == State.ATTEMPTED.value,
        "name": row.name,
        "lines": tuple(address.get("lines") or ()),
        **{part: address.get(part) for part in ("postcode", "city", "country")},
    }
