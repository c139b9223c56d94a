"""Deliveries in the database: who may send what now, and what became of it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from notify import routing
from notify.delivery import SETTLED, Counts, Delivery, Feedback, Planned, Said, Settlement, State
from notify.pace import UNPACED, Pace
from notify.proofs import Proof, proof_of
from notify.routing import LEASE, superseded
from notify.store import ledger
from notify.store.feedback import FeedbackStore
from notify.store.lanes import keep_lane, lane_of
from notify.store.schema import deliveries, feedback, proofs, suppressions
from notify.wishes.caps import LOOK_BACK, Told, TooMuch, Weighed, too_much
from notify.wishes.wishes import Held

_Row = sa.RowMapping
_HELD = tuple(column for column in deliveries.c if column.name in Delivery.__dataclass_fields__)
_PLANNED = tuple(field.name for field in fields(Planned) if field.name != "hold")


@dataclass(frozen=True, slots=True)
class Result:
    """What one taking-up came to, and its proof."""

    delivery: Delivery
    settlement: Settlement
    proof: Proof


class DeliveryStore:
    """Deliveries and their proofs in one database, for as many dispatchers as like.

    Each call is one transaction. `now` is real time: leases and the ladder do not follow a demo's clock.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._reading = engine.execution_options(reading=True)
        self.feedback = FeedbackStore(engine)

    # Planning

    def plan(self, planned: Sequence[Planned], now: datetime) -> int:
        """Adds those not yet known, due at once or held, and says how many were new."""
        if not planned:
            return 0
        with self._engine.begin() as tx:
            return self._add(tx, planned, now)

    def _add(self, tx: sa.Connection, planned: Sequence[Planned], now: datetime) -> int:
        insert = postgresql.insert if tx.dialect.name == "postgresql" else sqlite.insert
        added = insert(deliveries).on_conflict_do_nothing().returning(deliveries.c.id)
        return len(tx.execute(added, [_new(one, now) for one in planned]).all())

    def wake(self, business: datetime, now: datetime) -> int:
        """Makes due what was held until this business time; how many."""
        d = deliveries.c
        over = d.not_before <= business
        with self._reading.connect() as tx:
            if tx.execute(sa.select(d.id).where(over).limit(1)).first() is None:
                return 0
        with self._engine.begin() as tx:
            return tx.execute(sa.update(deliveries).where(over).values(due_at=now, not_before=None)).rowcount

    # Claiming, handing over, settling

    def channels(self) -> list[str]:
        """Those by which something is still to be sent, now or later."""
        with self._reading.connect() as tx:
            return list(_steps(tx, _CHANNELS))

    def claim(self, channel: str, now: datetime, limit: int = 1, pace: Pace = UNPACED) -> list[Delivery]:
        """The most pressing deliveries by this channel that are due and that nobody holds, leased to the caller.

        At most `limit`, and no more than its provider bears now; none while that rests. Whoever asks at the same time
        gets others. A lease that ran out is claimed like the rest, and counts as an attempt only if something may have
        been sent. Of one thread only the oldest that is due: those after it have their turn when it has come to
        something. The same of what was held for one address: `join` gives the caller the others of its letter.
        """
        asked = {"channel": channel, "now": now, "impossible": now + 2 * LEASE}
        with self._reading.connect() as tx:  # so that nobody waits for a lock only to find nothing
            lane = lane_of(tx, channel)
            if limit < 1 or lane.rests(now) or tx.execute(_ANY_FREE, asked).first() is None:
                return []
        rooms = [pace.room(lane.spent_until, now, shared=shared) for shared in (True, False)]
        with self._engine.begin() as tx:
            found: list[_Row] = []
            for query, room in zip((_FREE, _FREE_ALONE), rooms, strict=True):
                wanted = (limit if room is None else min(limit, room)) - len(found)
                for priority in _steps(tx, _PRIORITIES, asked) if wanted > 0 else ():
                    these = {"priority": priority, "found": [row["id"] for row in found], "wanted": wanted}
                    rows = tx.execute(query, asked | these).mappings().all()
                    found += rows
                    wanted -= len(rows)
                    if not wanted:
                        break
                if room is None:
                    break
            claimed = [_claimed(row, now) for row in found]
            if claimed:
                tx.execute(
                    _LEASE_THEM, [_identified(one, attempts=one.attempts, until=one.lease_until) for one in claimed]
                )
        return claimed

    def release(self, held: Sequence[Delivery], *, due_at: datetime | None = None) -> None:
        """Gives back what the holder will not come to; it does not count as an attempt. Due as before, or then."""
        if not held:
            return
        with self._engine.begin() as tx:
            tx.execute(_RELEASE_THEM, [_identified(one, due=due_at or one.due_at) for one in held])

    def waiting_with(self, lead: Delivery, now: datetime) -> list[Delivery]:
        """What was held for the same address and channel, is due, and was never handed over nor put into a letter; of
        what waits with an incident only what waits with that one."""
        d = deliveries.c
        query = sa.select(*_HELD).where(_with(lead), _JOINABLE, d.due_at <= now).order_by(d.owed_at, d.id)
        if lead.held == Held.INCIDENT:
            query = query.where(d.incident == lead.incident)
        with self._reading.connect() as tx:
            return [_delivery(row) for row in tx.execute(query).mappings()]

    def editions(self, lead: Delivery) -> tuple[int, datetime | None]:
        """How many messages about its incident went to its address by its channel, and the business time of the
        last."""
        d = deliveries.c
        went = sa.select(
            sa.func.count(sa.func.coalesce(d.letter, d.id).distinct()), sa.func.max(d.told_at, type_=d.told_at.type)
        ).where(_with(lead), d.incident == lead.incident, d.told_at.isnot(None))
        with self._reading.connect() as tx:
            number, last_at = tx.execute(went).one()
        return number, last_at

    def join(
        self, lead: Delivery, others: Sequence[str], *, letter: str, now: datetime
    ) -> tuple[Delivery, list[Delivery]] | None:
        """Puts these into one letter, for good once it was handed over, and leases them to whoever holds the lead.

        None if there was a letter of this key before, or the lead is no longer the caller's.
        """
        d = deliveries.c
        with self._engine.begin() as tx:
            if tx.execute(sa.select(d.id).where(_with(lead), d.letter == letter).limit(1)).first() is not None:
                return None
            ours = sa.update(deliveries).where(d.id == lead.id, d.fence == lead.fence).values(letter=letter)
            if tx.execute(ours).rowcount == 0:
                return None
            tx.execute(sa.update(deliveries).where(_with(lead), _JOINABLE, d.id.in_(others)).values(letter=letter))
            lead = replace(lead, letter=letter)
            return lead, _leased_with(tx, lead, now)

    def others_of(self, lead: Delivery, now: datetime) -> list[Delivery]:
        """The other open deliveries of its letter, leased to whoever holds the lead."""
        with self._engine.begin() as tx:
            return _leased_with(tx, lead, now)

    def too_much(self, weighed: Weighed) -> TooMuch | None:
        """What the caps say of a message, as things stand."""
        with self._reading.connect() as tx:
            return too_much(weighed.asked, _told(tx, weighed))

    def hand(
        self,
        held: Sequence[Delivery],
        now: datetime,
        pace: Pace = UNPACED,
        *,
        with_them: Mapping[str, Sequence[Delivery]] = {},
        weighed: Mapping[str, Weighed] = {},
    ) -> list[Delivery]:
        """Notes that from now on their people may have them, and lengthens their leases; those for which it could.

        The others are no longer the caller's, or must wait: for an older one of the thread that somebody is about to
        send, for their provider, or because by now their person was told enough. They stay leased; `release` them. What
        is older in the thread and still open is superseded. It comes before the first byte of a message: a crash after
        it leaves an open question, never a lost message.

        `with_them`: by its id, the others of a letter, which leave with it or not at all. `weighed`: what is too much
        for a person is seen in the same transaction, so two notifiers cannot both take the last place.
        """
        if not held:
            return []
        d = deliveries.c
        every = [*held, *(other for others in with_them.values() for other in others)]
        with self._engine.begin() as tx:
            lane = lane_of(tx, held[0].channel, to_change=pace.per_second is not None)
            _lock(tx, weighed.values())
            threads = sa.select(*_HELD).where(
                d.thread.in_({one.thread for one in every}), sa.or_(d.due_at.isnot(None), d.not_before.isnot(None))
            )
            locked = tx.execute(threads.order_by(d.id).with_for_update()).mappings().all()
            rows = [_delivery(row) for row in locked]
            by_id = {row.id: row for row in rows}
            by_thread: dict[str, list[Delivery]] = {}
            for each in rows:
                by_thread.setdefault(each.thread, []).append(each)
            handed: list[Delivery] = []
            overtaken: dict[str, Delivery] = {}
            for lead in held:
                room = pace.room(lane.spent_until, now, shared=lead.shared)
                if room == 0 or lane.rests(now):
                    continue
                letter = [by_id.get(one.id) for one in (lead, *with_them.get(lead.id, ()))]
                fences = [one.fence for one in (lead, *with_them.get(lead.id, ()))]
                ours = [
                    row
                    for row, fence in zip(letter, fences, strict=True)
                    if row is not None and row.fence == fence and _is_held(row, now) and row.id not in overtaken
                ]
                older = [other for row in ours for other in by_thread[row.thread] if other.owed_at < row.owed_at]
                if len(ours) < len(letter) or any(_is_held(other, now) for other in older):
                    continue
                asks = weighed.get(lead.id)
                if asks is not None and too_much(asks.asked, _told(tx, asks)) is not None:
                    continue
                lane = replace(lane, spent_until=pace.spend(lane.spent_until, now, 1))
                ours = [replace(row, handed_at=row.handed_at or now, lease_until=now + LEASE) for row in ours]
                handed.append(ours[0])
                told_at = asks.asked.at if asks is not None else now
                tx.execute(
                    _HAND_THEM,
                    [_identified(row, handed=row.handed_at, until=row.lease_until, told=told_at) for row in ours],
                )
                overtaken |= {other.id: other for other in older}
            if pace.per_second is not None:
                keep_lane(tx, lane)
            _supersede(tx, list(overtaken.values()), now)
        return handed

    def settle(self, results: Sequence[Result], now: datetime) -> list[Delivery]:
        """Writes what each came to, with its proof; those that were taken over, whose proofs are kept all the same."""
        if not results:
            return []
        d = deliveries.c
        with self._engine.begin() as tx:
            query = sa.select(d.id, d.fence).where(d.id.in_([result.delivery.id for result in results]))
            fences = {row.id: row.fence for row in tx.execute(query.order_by(d.id).with_for_update())}
            ours = [result for result in results if fences.get(result.delivery.id) == result.delivery.fence]
            if ours:
                tx.execute(_SETTLE_THEM, [_settled(result, now) for result in ours])
            if following := [one for result in ours if (one := result.settlement.then) is not None]:
                self._add(tx, following, now)
            answers = [r.settlement.answered for r in results if r.settlement.answered is not None]
            if answers:
                lane = lane_of(tx, results[0].delivery.channel, to_change=True)
                if (heard := lane.heard(answers, now)) != lane:
                    keep_lane(tx, heard)
            ledger.append(tx, [result.proof for result in results])
        kept = {result.delivery.id for result in ours}
        return [result.delivery for result in results if result.delivery.id not in kept]

    # What providers say afterwards

    def unheeded(self, limit: int = 100) -> list[tuple[Feedback, Delivery | None]]:
        """What was said and nobody has acted on yet, oldest first, with the delivery it is about, if there is one."""
        with self._reading.connect() as tx:
            said = [Feedback(*row[:3], Said(row.said), row.words) for row in tx.execute(_UNHEEDED, {"most": limit})]
            if not said:
                return []
            keys, d = {one.delivery for one in said}, deliveries.c
            about = sa.select(*_HELD).where(sa.or_(d.id.in_(keys), d.letter.in_(keys))).order_by(d.id)
            found = {row["letter"] or row["id"]: _delivery(row) for row in tx.execute(about).mappings()}
        return [(one, found.get(one.delivery)) for one in said]

    def heed(self, said: Feedback, delivery: Delivery | None, then: Planned | None, now: datetime) -> bool:
        """Acts on it, once: the delivery, its proof and its address. False if somebody else did.

        Of a delivery that is not known there is nothing to do. `then` is its next channel, should this one have failed.
        """
        f = feedback.c
        done = sa.update(feedback).where(f.provider == said.provider, f.id == said.id, ~f.heeded).values(heeded=True)
        with self._engine.begin() as tx:
            if tx.execute(done).rowcount == 0:
                return False
            if delivery is None:
                return True
            query = sa.select(*_HELD).where(deliveries.c.id == delivery.id).with_for_update()
            current = _delivery(tx.execute(query).mappings().one())
            tx.execute(_TAKE_THEM, [_identified(current)])
            mine = replace(current, fence=current.fence + 1)
            settlement = routing.after_feedback(said, mine, then=then, now=now)
            if settlement is not None:
                tx.execute(_SETTLE_THEM, [_settled(Result(mine, settlement, proof_of(mine, settlement, now)), now)])
                if settlement.then is not None:
                    self._add(tx, [settlement.then], now)
            kept = settlement or Settlement(mine.state, "")
            proof = proof_of(mine, replace(kept, why=f"{said.provider} says so", answer=said.words), now)
            ledger.append(tx, [replace(proof, outcome=said.said)])
            self._weigh(tx, said, delivery.id, now)
        return True

    def _weigh(self, tx: sa.Connection, said: Feedback, delivery: str, now: datetime) -> None:
        """What it means for the address: known by the digest in the proof of its last sending."""
        p, s = proofs.c, suppressions.c
        sent = sa.select(p.address).where(p.delivery == delivery, p.address != "").order_by(p.n.desc()).limit(1)
        address = tx.execute(sent).scalar()
        if address is None:
            return
        before = tx.execute(sa.select(suppressions).where(s.address == address)).one_or_none()
        kept = {} if before is None else dict(before._mapping)
        after = routing.weighed(said.said, before=kept.get("cause"), returned=kept.get("returned", 0), now=now)
        if after is None:
            return
        insert = postgresql.insert if tx.dialect.name == "postgresql" else sqlite.insert
        write = insert(suppressions).values(address=address, **after)
        tx.execute(write.on_conflict_do_update(index_elements=["address"], set_=after))

    # What the tracker hears

    def unreported(self, limit: int = 500) -> list[tuple[str, str, State]]:
        """Delivery, notice and state of what was settled and the tracker has not been told. What somebody was told by
        one channel is not reported of another, by which they were not."""
        with self._reading.connect() as tx:
            return [(row.id, row.notice, State(row.state)) for row in tx.execute(_UNREPORTED, {"most": limit})]

    def reported(self, told: Sequence[tuple[str, State]]) -> None:
        """The tracker knows that these deliveries stand so."""
        if told:
            with self._engine.begin() as tx:
                tx.execute(_REPORT_THEM, [{"_id": delivery, "told": state} for delivery, state in told])

    def said(self, *, cause: str, person: str) -> Literal["said", "undecided", "unsaid"]:
        """Whether a person may have been told something; undecided while somebody is about to tell it."""
        d = deliveries.c
        query = sa.select(d.state, d.handed_at).where(d.cause == cause, d.person == person)
        with self._reading.connect() as tx:
            rows = tx.execute(query).all()
        if any(row.state == State.ACCEPTED for row in rows):
            return "said"
        if any(row.state == State.LEASED for row in rows):
            return "undecided"
        return "said" if any(row.handed_at is not None for row in rows) else "unsaid"

    def about(self, causes: Sequence[str]) -> list[Delivery]:
        """How those of these causes stand, in the order they were planned."""
        d = deliveries.c
        query = sa.select(*_HELD).where(d.cause.in_(causes)).order_by(d.planned_at, d.id)
        with self._reading.connect() as tx:
            return [_delivery(row) for row in tx.execute(query).mappings()]

    # Figures

    def idle(self, now: datetime) -> bool:
        """Nothing is due by now, in anybody's hands, or unreported. What is held for an hour is not due."""
        with self._reading.connect() as tx:
            busy = tx.execute(sa.select(deliveries.c.id).where(deliveries.c.due_at <= now).limit(1)).first()
        return busy is None and not self.unreported(1)

    def held_until(self) -> datetime | None:
        """The business time at which the next that is held will be due; None when nothing is held."""
        with self._reading.connect() as tx:
            found: datetime | None = tx.execute(sa.select(sa.func.min(deliveries.c.not_before))).scalar()
        return found

    def oldest_due(self) -> datetime | None:
        """When the delivery that has waited longest was, or will be, due; None when nothing is left to send."""
        with self._reading.connect() as tx:
            found: datetime | None = tx.execute(sa.select(sa.func.min(deliveries.c.due_at))).scalar()
        return found

    def counts(self) -> Counts:
        d, p = deliveries.c, proofs.c
        by_state = sa.select(d.notice, d.state, d.due_at, d.not_before)
        doubled = (
            sa.select(sa.func.count())
            .where(p.outcome == State.ACCEPTED)
            .group_by(p.cause, p.person, p.channel)
            .having(sa.func.count() > 1)
        )
        with self._reading.connect() as tx:
            notices: dict[str, set[str]] = {}
            for row in tx.execute(by_state):
                waits = "open" if row.due_at is not None else "held" if row.not_before is not None else row.state
                notices.setdefault(row.notice, set()).add(waits)
            twice = len(tx.execute(doubled).all())
        ends = [_end(states) for states in notices.values()]
        undue = sum(end in _NOT_DUE for end in ends)
        return Counts(
            notices_due=len(ends) - undue,
            notices_sent=ends.count(State.ACCEPTED),
            notices_doubled=twice,
            notices_failed=ends.count(State.FAILED),
            notices_unknown=ends.count(State.UNKNOWN),
            notices_waiting=ends.count("open"),
            notices_cancelled=ends.count(State.CANCELLED),
            notices_superseded=ends.count(State.SUPERSEDED),
            notices_expired=ends.count(State.EXPIRED),
            notices_opted_out=ends.count(State.OPTED_OUT),
            notices_muted=ends.count(State.MUTED),
            notices_capped=ends.count(State.CAPPED),
            notices_held=ends.count("held"),
        )


# Statements that are asked again and again are made once: to make one costs as much as to run it.

_OLDER, _BEFORE, _OTHER = (deliveries.alias(name) for name in ("older", "before", "other"))
_NOW = sa.bindparam("now", type_=deliveries.c.due_at.type)
_ITS_CHANNEL = sa.bindparam("channel", type_=deliveries.c.channel.type)


def _first() -> sa.ColumnElement[bool]:
    """The oldest of its thread that is due; of what was held for one address, the one that leads its letter."""
    d, older, before = deliveries.c, _OLDER.c, _BEFORE.c
    in_thread = sa.exists().where(
        older.thread == d.thread, older.channel == _ITS_CHANNEL, older.due_at <= _NOW, older.owed_at < d.owed_at
    )
    in_letter = sa.exists().where(
        before.address == d.address,
        before.channel == _ITS_CHANNEL,
        before.held != "",
        before.due_at <= _NOW,
        sa.or_(before.owed_at < d.owed_at, sa.and_(before.owed_at == d.owed_at, before.id < d.id)),
    )
    return sa.and_(~in_thread, sa.or_(d.held == "", ~in_letter))


def _free(*kind: sa.ColumnElement[bool]) -> sa.Select[Any]:
    d = deliveries.c
    return (
        sa.select(*_HELD)
        .where(
            _IS_FREE,
            _first(),
            *kind,
            d.priority == sa.bindparam("priority"),
            d.id.not_in(sa.bindparam("found", expanding=True, type_=d.id.type)),
        )
        .order_by(d.due_at, d.id)
        .limit(sa.bindparam("wanted"))
        .with_for_update(of=deliveries, skip_locked=True)  # SQLite has begun IMMEDIATE: to nothing
    )


_IS_FREE = sa.and_(
    deliveries.c.channel == _ITS_CHANNEL,
    deliveries.c.due_at <= _NOW,
    sa.or_(
        deliveries.c.lease_until.is_(None),
        deliveries.c.lease_until < _NOW,
        deliveries.c.lease_until > sa.bindparam("impossible", type_=deliveries.c.lease_until.type),
    ),
)
_ANY_FREE = sa.select(deliveries.c.id).where(_IS_FREE).limit(1)
_FREE, _FREE_ALONE = _free(), _free(~deliveries.c.shared)


def _stepping(column: sa.ColumnElement[Any], *where: sa.ColumnElement[bool]) -> tuple[sa.Select[Any], sa.Select[Any]]:
    """The least value among what is still to be sent, and the least above another."""
    at = sa.select(sa.func.min(column)).where(*where, deliveries.c.due_at.isnot(None))
    return at, at.where(column > sa.bindparam("above", type_=column.type))


_CHANNELS = _stepping(deliveries.c.channel)
_PRIORITIES = _stepping(deliveries.c.priority, deliveries.c.channel == _ITS_CHANNEL)
_UNHEEDED = (
    sa.select(feedback.c.provider, feedback.c.id, feedback.c.delivery, feedback.c.said, feedback.c.words)
    .where(~feedback.c.heeded)
    .order_by(feedback.c.heard_at)
    .limit(sa.bindparam("most"))
)
_TOLD_BY_ANOTHER = sa.exists().where(
    _OTHER.c.notice == deliveries.c.notice, _OTHER.c.id != deliveries.c.id, _OTHER.c.state == State.ACCEPTED
)
_UNREPORTED = (
    sa.select(deliveries.c.id, deliveries.c.notice, deliveries.c.state)
    .where(
        deliveries.c.reported != deliveries.c.state,
        deliveries.c.state.in_(SETTLED),
        sa.or_(deliveries.c.state == State.ACCEPTED, ~_TOLD_BY_ANOTHER),
    )
    .order_by(deliveries.c.settled_at)
    .limit(sa.bindparam("most"))
)


def _steps(
    tx: sa.Connection, stepping: tuple[sa.Select[Any], sa.Select[Any]], values: Mapping[str, Any] = {}
) -> Iterator[Any]:
    """The distinct values, in order, each found by one step through the index."""
    first, next_one = stepping
    value = tx.execute(first, values).scalar()
    while value is not None:
        yield value
        value = tx.execute(next_one, {**values, "above": value}).scalar()


def _new(planned: Planned, now: datetime) -> dict[str, Any]:
    hold = planned.hold
    return {name: getattr(planned, name) for name in _PLANNED} | {
        "state": State.DUE,
        "due_at": now if hold is None else None,
        "not_before": hold.until if hold is not None else None,
        "held": hold.reason if hold is not None else Held.INCIDENT if planned.incident else "",
        "why": hold.why if hold is not None else "",
        "planned_at": now,
    }


def _with(lead: Delivery) -> sa.ColumnElement[bool]:
    """Goes to the same address by the same channel."""
    d = deliveries.c
    return sa.and_(d.address == lead.address, d.channel == lead.channel, d.id != lead.id)


_JOINABLE = sa.and_(
    deliveries.c.held != "",
    deliveries.c.letter.is_(None),
    deliveries.c.due_at.isnot(None),
    deliveries.c.lease_until.is_(None),
    deliveries.c.handed_at.is_(None),
)


def _leased_with(tx: sa.Connection, lead: Delivery, now: datetime) -> list[Delivery]:
    d = deliveries.c
    members = sa.select(*_HELD).where(_with(lead), d.letter == lead.letter, d.due_at.isnot(None))
    rows = tx.execute(members.order_by(d.owed_at, d.id).with_for_update()).mappings().all()
    found = [_claimed(row, now) for row in rows]
    if found:
        tx.execute(_LEASE_THEM, [_identified(one, attempts=one.attempts, until=one.lease_until) for one in found])
    return found


def _lock(tx: sa.Connection, weighed: Iterable[Weighed]) -> None:
    """Whoever weighs a message to one of these addresses waits; SQLite has but one writer anyway."""
    if tx.dialect.name == "postgresql":
        for address in sorted({address for one in weighed for address in one.person}):
            tx.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtext(address))))


def _told(tx: sa.Connection, weighed: Weighed) -> list[Told]:
    """What these addresses may have got: a joined letter once."""
    d, since = deliveries.c, weighed.asked.at - LOOK_BACK
    query = sa.select(d.id, d.letter, d.told_at, d.address, d.channel, d.number)
    letters: dict[str, Told] = {}
    for row in tx.execute(query.where(d.address.in_(weighed.person), d.told_at > since)):
        key = row.letter or row.id
        numbers = letters[key].numbers | {row.number} if key in letters else frozenset({row.number})
        letters[key] = Told(row.told_at, row.address, row.channel, numbers)
    return list(letters.values())


def _claimed(row: _Row, now: datetime) -> Delivery:
    """An attempt counts, unless whoever had it last never came to it."""
    one = _delivery(row)
    counts = one.state is not State.LEASED or one.handed_at is not None
    return replace(
        one, state=State.LEASED, fence=one.fence + 1, attempts=one.attempts + counts, lease_until=now + LEASE
    )


def _is_held(row: Delivery, now: datetime) -> bool:
    """A lease that ends further ahead than any is long was taken by a clock that has been set back since."""
    return row.lease_until is not None and now <= row.lease_until <= now + 2 * LEASE


def _supersede(tx: sa.Connection, overtaken: Sequence[Delivery], now: datetime) -> None:
    """Nobody holds these; whoever once did, should he wake up, finds that they were taken up since."""
    if not overtaken:
        return
    tx.execute(_TAKE_THEM, [_identified(one) for one in overtaken])
    taken = [replace(one, fence=one.fence + 1) for one in overtaken]
    results = [Result(one, superseded(one), proof_of(one, superseded(one), now)) for one in taken]
    tx.execute(_SETTLE_THEM, [_settled(result, now) for result in results])
    ledger.append(tx, [result.proof for result in results])


def _settled(result: Result, now: datetime) -> dict[str, Any]:
    said, hold = result.settlement, result.settlement.hold
    return _identified(
        result.delivery,
        state=said.state,
        because=said.why,
        answer=said.answer,
        provider_id=said.provider_id,
        due=said.due_at,
        handed=said.handed_at,
        at=now,
        attempts=result.delivery.attempts - (hold is not None),
        not_before=hold.until if hold is not None else None,
        held_by=hold.reason if hold is not None else result.delivery.held,
        letter=result.delivery.letter if said.handed_at is not None or hold is None else None,
        arrived=said.handed_at is not None,
        # It goes on by another channel: nothing to report yet.
        told=said.state if said.then is not None else None,
    )


def _identified(delivery: Delivery, **values: Any) -> dict[str, Any]:
    return {"_id": delivery.id, "_fence": delivery.fence, **values}


_OURS = (deliveries.c.id == sa.bindparam("_id"), deliveries.c.fence == sa.bindparam("_fence"))
_LEASE_THEM = (
    sa.update(deliveries)
    .where(deliveries.c.id == sa.bindparam("_id"))
    .values(
        state=State.LEASED,
        fence=sa.bindparam("_fence"),
        attempts=sa.bindparam("attempts"),
        lease_until=sa.bindparam("until"),
    )
)
_TAKE_THEM = sa.update(deliveries).where(*_OURS).values(fence=deliveries.c.fence + 1)
_RELEASE_THEM = sa.update(deliveries).where(*_OURS).values(lease_until=None, due_at=sa.bindparam("due"))
_HAND_THEM = (
    sa.update(deliveries)
    .where(*_OURS)
    .values(
        handed_at=sa.bindparam("handed"),
        lease_until=sa.bindparam("until"),
        told_at=sa.func.coalesce(deliveries.c.told_at, sa.bindparam("told", type_=deliveries.c.told_at.type)),
    )
)
_SETTLE_THEM = (
    sa.update(deliveries)
    .where(*_OURS)
    .values(
        state=sa.bindparam("state"),
        why=sa.bindparam("because"),
        answer=sa.bindparam("answer"),
        provider_id=sa.bindparam("provider_id"),
        due_at=sa.bindparam("due"),
        handed_at=sa.bindparam("handed"),
        lease_until=None,
        settled_at=sa.bindparam("at"),
        attempts=sa.bindparam("attempts"),
        not_before=sa.bindparam("not_before"),
        held=sa.bindparam("held_by"),
        letter=sa.bindparam("letter"),
        told_at=sa.case((sa.bindparam("arrived", type_=sa.Boolean), deliveries.c.told_at), else_=sa.null()),
        reported=sa.func.coalesce(sa.bindparam("told", type_=sa.Text), deliveries.c.reported),
    )
)
_REPORT_THEM = sa.update(deliveries).where(deliveries.c.id == sa.bindparam("_id")).values(reported=sa.bindparam("told"))


_BEST_FIRST: tuple[str, ...] = (
    State.ACCEPTED, "open", "held", State.UNKNOWN, State.FAILED, State.EXPIRED,
    State.CAPPED, State.MUTED, State.OPTED_OUT, State.SUPERSEDED,
)  # fmt: skip
_NOT_DUE = frozenset({State.CANCELLED, State.SUPERSEDED, State.OPTED_OUT, State.MUTED, State.CAPPED, "held"})


def _end(states: set[str]) -> str:
    """What a notice has come to over all its channels."""
    return next((state for state in _BEST_FIRST if state in states), State.CANCELLED)


def _delivery(row: _Row) -> Delivery:
    return Delivery(**{column.name: row[column.name] for column in _HELD} | {"state": State(row["state"])})
