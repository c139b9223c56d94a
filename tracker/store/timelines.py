"""What the projection made of the log: progress, plan and judgement of each piece, and when to judge it again."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from tracker.domain.itinerary import Plan
from tracker.domain.notices import Judgement
from tracker.domain.shipment import PieceKind
from tracker.domain.timeline import Progress, State
from tracker.store.schema import (
    DERIVED,
    departure_facts,
    facts,
    irregularities,
    piece_facts,
    pieces,
    planned_rides,
    timelines,
    unmatched,
    updates,
)


@dataclass(frozen=True, slots=True)
class Standing:
    """One piece as it was judged last."""

    progress: Progress
    plan: Plan
    judgement: Judgement
    stale: bool = False  # the last fold tripped: fold it from all its facts


class Timelines:
    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    # which facts belong to what

    def attach(self, piece: int, pos: int) -> None:
        self._insert_once(piece_facts, {"piece": piece, "pos": pos})

    def attach_departure(self, departure: str, pos: int) -> None:
        self._insert_once(departure_facts, {"departure": departure, "pos": pos})

    def leave_unmatched(self, number: str, pos: int, why: str) -> None:
        self._insert_once(unmatched, {"number": number[:64], "pos": pos}, why=why)

    def take_unmatched(self, number: str) -> list[int]:
        """The facts that wait under this number; they wait no longer."""
        where = unmatched.c.number == number
        positions = list(self._connection.execute(sa.select(unmatched.c.pos).where(where)).scalars())
        if positions:
            self._connection.execute(sa.delete(unmatched).where(unmatched.c.pos.in_(positions)))
        return positions

    def unmatched(self, limit: int = 100) -> list[sa.Row[Any]]:
        """Facts that belong to no piece we know, newest first: number, why, and the fact."""
        joined = sa.join(unmatched, facts, unmatched.c.pos == facts.c.pos)
        query = sa.select(unmatched.c.number, unmatched.c.why, facts).select_from(joined)
        return list(self._connection.execute(query.order_by(facts.c.pos.desc()).limit(limit)))

    # standings

    def standing(self, piece: int) -> Standing | None:
        row = self._connection.execute(sa.select(timelines).where(timelines.c.piece == piece)).one_or_none()
        if row is None:
            return None
        return Standing(
            msgspec.json.decode(row.progress, type=Progress),
            msgspec.json.decode(row.plan, type=Plan),
            msgspec.json.decode(row.judgement, type=Judgement),
            row.stale,
        )

    def keep(
        self, piece: int, standing: Standing, *, judge_again_at: datetime | None, ridden: set[str], ever: set[str]
    ) -> None:
        """Replaces what was known. `ridden`: departures of the plan in force; `ever`: of any plan it had."""
        values = {
            "state": standing.progress.state.value,
            "facility": standing.progress.facility,
            "progress": msgspec.json.encode(standing.progress).decode(),
            "plan": msgspec.json.encode(standing.plan).decode(),
            "judgement": msgspec.json.encode(standing.judgement).decode(),
            "judge_again_at": judge_again_at,
            "stale": standing.stale,
        }
        kept = self._connection.execute(sa.update(timelines).where(timelines.c.piece == piece).values(**values))
        if kept.rowcount == 0:
            self._connection.execute(sa.insert(timelines).values(piece=piece, **values))
        self.keep_rides(piece, ridden=ridden, ever=ever)
        self._keep_irregularities(piece, standing.judgement)

    def keep_rides(self, piece: int, *, ridden: set[str], ever: set[str]) -> None:
        """Which departures it takes room on. A booking says so at once, or the next would be given the same room."""
        query = sa.select(planned_rides.c.departure, planned_rides.c.in_force).where(planned_rides.c.piece == piece)
        known = {row.departure: row.in_force for row in self._connection.execute(query)}
        wanted = {name: name in ridden for name in ever}
        if known == wanted:
            return
        self._connection.execute(sa.delete(planned_rides).where(planned_rides.c.piece == piece))
        if wanted:
            rows = [{"departure": name, "piece": piece, "in_force": in_force} for name, in_force in wanted.items()]
            self._connection.execute(sa.insert(planned_rides), rows)

    def _keep_irregularities(self, piece: int, judgement: Judgement) -> None:
        query = sa.select(irregularities).where(irregularities.c.piece == piece)
        known = {(r.kind, r.subject): (r.since, r.cleared_at) for r in self._connection.execute(query)}
        wanted = {(i.kind.value, i.subject): (i.since, i.cleared_at) for i in judgement.irregularities}
        if known == wanted:
            return
        self._connection.execute(sa.delete(irregularities).where(irregularities.c.piece == piece))
        rows = [
            {"piece": piece, "kind": kind, "subject": subject, "since": since, "cleared_at": cleared_at}
            for (kind, subject), (since, cleared_at) in wanted.items()
        ]
        if rows:
            self._connection.execute(sa.insert(irregularities), rows)

    def judge_later(self, piece: int, at: datetime | None) -> None:
        self._connection.execute(sa.update(timelines).where(timelines.c.piece == piece).values(judge_again_at=at))

    def mistrust(self, piece: int, *, judge_again_at: datetime) -> None:
        """What is known stays and is shown, and is folded from all its facts the next time."""
        where = timelines.c.piece == piece
        self._connection.execute(sa.update(timelines).where(where).values(stale=True, judge_again_at=judge_again_at))

    def due_for_judgement(self, now: datetime, limit: int) -> list[int]:
        query = sa.select(timelines.c.piece).where(timelines.c.judge_again_at <= now)
        return list(self._connection.execute(query.order_by(timelines.c.judge_again_at).limit(limit)).scalars())

    def due_since(self, now: datetime) -> datetime | None:
        """Since when a judgement is due that was not made yet; None when there is none."""
        query = sa.select(sa.func.min(timelines.c.judge_again_at)).where(timelines.c.judge_again_at <= now)
        return self._connection.execute(query).scalar()

    def digest(self) -> dict[int, tuple[str, str, str]]:
        """Everything folded, piece by piece, to compare a rebuild with."""
        rows = self._connection.execute(sa.select(timelines))
        return {row.piece: (row.progress, row.plan, row.judgement) for row in rows}

    def throw_away(self) -> None:
        """All that is derived, to be folded again. The log, bookings and what people were told stay."""
        for table in DERIVED:
            if table is not updates:
                self._connection.execute(sa.delete(table))

    # counts and examples

    def counts(self) -> dict[str, int]:
        by_state = dict(self._pairs(sa.select(timelines.c.state, sa.func.count()).group_by(timelines.c.state)))
        delivered = by_state.get(State.DELIVERED.value, 0)
        waiting = by_state.get(State.BOOKED.value, 0)
        missed = sa.select(sa.func.count()).where(irregularities.c.kind == "missed_connection")
        lost_track = sa.select(sa.func.count(sa.distinct(unmatched.c.pos)))
        return {
            "delivered": delivered,
            "moving": sum(by_state.values()) - delivered - waiting,
            "booked": waiting,
            "missed_connections": self._connection.execute(missed).scalar_one(),
            "unmatched": self._connection.execute(lost_track).scalar_one(),
        }

    def examples(self) -> dict[str, str]:
        """A delivered parcel, one under way, and a bag that missed a connection, where there are such: the newest."""
        on_the_way = timelines.c.state.notin_([State.DELIVERED.value, State.BOOKED.value])
        missed = pieces.c.id.in_(sa.select(irregularities.c.piece).where(irregularities.c.kind == "missed_connection"))
        bag = pieces.c.kind == PieceKind.BAG.value
        wanted = {
            "delivered": sa.and_(timelines.c.state == State.DELIVERED.value, ~bag, ~missed),
            "moving": sa.and_(on_the_way, ~bag),
            "missed": sa.and_(missed, bag),
        }
        found: dict[str, str] = {}
        for name, where in wanted.items():
            query = sa.select(pieces.c.number).join(timelines, timelines.c.piece == pieces.c.id).where(where)
            number = self._connection.execute(query.order_by(pieces.c.id.desc()).limit(1)).scalar()
            if number is not None:
                found[name] = number
        return found

    def here(self) -> dict[str, int]:
        """How many undelivered pieces were last seen at each facility."""
        query = sa.select(timelines.c.facility, sa.func.count()).where(
            timelines.c.facility.isnot(None), timelines.c.state != State.DELIVERED.value
        )
        return dict(self._pairs(query.group_by(timelines.c.facility)))

    def _pairs(self, query: sa.Select[Any]) -> list[tuple[str, int]]:
        return [(row[0], row[1]) for row in self._connection.execute(query)]

    # the update log

    def tell_readers(self, piece: int) -> None:
        self._connection.execute(sa.insert(updates).values(piece=piece))

    def updates_after(self, seq: int, limit: int) -> list[tuple[int, int]]:
        query = (
            sa.select(updates.c.seq, updates.c.piece).where(updates.c.seq > seq).order_by(updates.c.seq).limit(limit)
        )
        return [(row.seq, row.piece) for row in self._connection.execute(query)]

    def last_update(self) -> int:
        return self._connection.execute(sa.select(sa.func.max(updates.c.seq))).scalar() or 0

    def _insert_once(self, table: sa.Table, keys: dict[str, Any], **more: Any) -> None:
        there = (
            sa.select(sa.literal(1)).select_from(table).where(*(table.c[name] == value for name, value in keys.items()))
        )
        if self._connection.execute(there).scalar() is None:
            self._connection.execute(sa.insert(table).values(**keys, **more))
