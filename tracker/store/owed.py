"""Notices that are owed: written with the facts that caused them, kept whatever is folded again."""

import uuid
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import msgspec
import sqlalchemy as sa

from tracker.domain.notices import NOTICE_RULES, Notice, NoticeKind, Said
from tracker.domain.storms import JOINED_WITHIN, Decision, Storm
from tracker.store.among import WANTED, among
from tracker.store.schema import contacts, outbox
from tracker.store.storms import STOPPED, StormTables

_IDS = uuid.UUID("b7d1f9a3-63c1-5c0e-8f0b-2a9e5d64c7e2")


@dataclass(frozen=True, slots=True)
class OwedRow:
    id: str
    cause: str
    person: int
    piece: int
    seq: int  # among the notices of its piece, from 1, in the order they came to be owed
    notice: Notice
    channels: tuple[str, ...]
    owed_at: datetime
    expires_at: datetime
    outcome: str
    incident: str | None = None  # it waits with, or waited


@dataclass(frozen=True, slots=True)
class Debt:
    """A notice about to be owed to a person."""

    notice: Notice
    person: int
    pseudonym: str  # of that person
    piece: int
    channels: tuple[str, ...]
    owed_at: datetime
    expires_at: datetime
    beside: bool = False  # to somebody else than its consignee: no news of its own for machines

    @property
    def id(self) -> str:
        """A function of cause and person, and so is the key a provider knows it by: what is owed again after a backup
        was restored is the message it was before, and who remembers keys does not take it twice."""
        return str(uuid.uuid5(_IDS, f"{self.notice.cause}/{self.pseudonym}"))


class OwedNotices:
    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self._storms = StormTables(connection)

    def owe(self, debts: Sequence[Debt], *, muted: bool = False) -> int:
        """Once for each cause and person; answers how many were not owed before. A muted one is kept and never sent.

        What was muted and no longer stands is forgotten: should it come true again, it is told. What shares its root
        with many others waits with their incident, or is stopped with them.
        """
        gone = {debt.notice.withdraws for debt in debts if debt.notice.withdraws is not None}
        if gone:
            never_told = set(self._connection.execute(_FORGET_MUTED, {WANTED: gone}).scalars())
            debts = [debt for debt in debts if debt.notice.withdraws not in never_told]
        if not debts:
            return 0
        rows = self._connection.execute(_OWED, {WANTED: {debt.notice.cause for debt in debts}}).all()
        known = {(row.cause, row.person) for row in rows}
        fresh = {(debt.notice.cause, debt.person): debt for debt in debts}
        new = [debt for name, debt in fresh.items() if name not in known]
        if new:
            rows = self._connection.execute(_LAST, {WANTED: {debt.piece for debt in new}}).all()
            last = {row.piece: row.seq for row in rows}
            storms = {} if muted else self._storms.joined((debt.notice, debt.owed_at) for debt in new)
            owed = []
            for debt in new:
                if not debt.beside:
                    last[debt.piece] = last.get(debt.piece, 0) + 1
                storm = storms.get(debt.notice.root or "")
                owed.append(_row(debt, seq=last.get(debt.piece, 0), muted=muted, storm=storm))
            self._connection.execute(sa.insert(outbox), owed)
        return len(new)

    def said(self, pieces: Collection[int]) -> dict[int, tuple[Said, ...]]:
        """All that was ever owed of these pieces, in order; each once, with the most that came of it for anybody."""
        found: defaultdict[int, dict[str, Said]] = defaultdict(dict)
        for row in self._connection.execute(_SAID, {WANTED: pieces}).all() if pieces else ():
            before = found[row.piece].get(row.cause)
            if before is None:
                said = Said(msgspec.json.decode(row.notice, type=Notice), row.owed_at, row.outcome)
                found[row.piece][row.cause] = said
            elif _REACHED.get(row.outcome, 0) > _REACHED.get(before.outcome, 0):
                found[row.piece][row.cause] = replace(before, outcome=row.outcome)
        return {piece: tuple(each.values()) for piece, each in found.items()}

    def superseded(self, row: OwedRow) -> bool:
        """Whether a newer notice of its strand was told, or is about to be told, to the same person of the piece."""
        strand = row.notice.rule.supersedes
        if strand is None:
            return False
        kinds = [kind.value for kind, rule in NOTICE_RULES.items() if rule.supersedes is strand]
        wanted = {WANTED: kinds, "piece": row.piece, "person": row.person, "after": row.owed_at}
        return self._connection.execute(_NEWER, wanted).first() is not None

    def unplanned(self, limit: int, *, by: datetime | None = None) -> list[OwedRow]:
        """`by`: only those whose time has come by then, and what waits with the same incident for the same people."""
        query, wanted = (_UNPLANNED, {"most": limit}) if by is None else (_UNPLANNED_BY, {"most": limit, "by": by})
        found = [_owed(row) for row in self._connection.execute(query, wanted)]
        shared = [row for row in found if row.incident is not None]
        if by is None or not shared:
            return found
        known = {row.id for row in found}
        among_them = {WANTED: {row.incident for row in shared}, "people": {row.person for row in shared}}
        with_them = set(self._connection.execute(_WITH_THEM, {**among_them, "by": by + JOINED_WITHIN}).scalars())
        others = self._connection.execute(_BY_ID, {WANTED: with_them - known}) if with_them - known else ()
        return found + [_owed(row) for row in others]

    def planned(self, ids: Sequence[str]) -> None:
        self._connection.execute(sa.update(outbox).where(outbox.c.id.in_(ids)).values(planned=True))

    def unnoted(self, limit: int) -> list[OwedRow]:
        query = sa.select(outbox).where(~outbox.c.noted).order_by(outbox.c.owed_at, outbox.c.seq).limit(limit)
        return [_owed(row) for row in self._connection.execute(query)]

    def noted(self, ids: Sequence[str]) -> None:
        self._connection.execute(sa.update(outbox).where(outbox.c.id.in_(ids)).values(noted=True))

    def find(self, id: str) -> OwedRow | None:
        row = self._connection.execute(sa.select(outbox).where(outbox.c.id == id)).one_or_none()
        return _owed(row) if row else None

    def firsts(self, of: Collection[int]) -> dict[tuple[int, str], int]:
        """The `seq` of the first notice of each kind that was owed for these pieces."""
        return {(row.piece, row.kind): row.seq for row in self._connection.execute(_FIRSTS, {WANTED: of})}

    def outcome_of(self, cause: str, person: int) -> str | None:
        query = sa.select(outbox.c.outcome).where(outbox.c.cause == cause, outbox.c.person == person)
        return self._connection.execute(query).scalar()

    def told(self, id: str, outcome: str) -> None:
        self._connection.execute(sa.update(outbox).where(outbox.c.id == id).values(outcome=outcome))

    def about(self, piece: int) -> list[OwedRow]:
        query = sa.select(outbox).where(outbox.c.piece == piece).order_by(outbox.c.owed_at, outbox.c.id)
        return [_owed(row) for row in self._connection.execute(query)]

    def news_of(self, piece: int) -> list[OwedRow]:
        """What its consignee was owed, and nobody beside."""
        beside = sa.exists().where(contacts.c.person == outbox.c.person)
        query = sa.select(outbox).where(outbox.c.piece == piece, ~beside).order_by(outbox.c.owed_at, outbox.c.id)
        return [_owed(row) for row in self._connection.execute(query)]

    def counts(self) -> dict[str, int]:
        rows = self._connection.execute(sa.select(outbox.c.outcome, sa.func.count()).group_by(outbox.c.outcome))
        by_outcome = {row[0]: row[1] for row in rows}
        return {"notices_due": sum(by_outcome.values()), "notices_sent": by_outcome.get("accepted", 0)}


def _owed(row: sa.Row[tuple[object, ...]]) -> OwedRow:
    return OwedRow(
        id=row.id,
        cause=row.cause,
        person=row.person,
        piece=row.piece,
        seq=row.seq,
        notice=msgspec.json.decode(row.notice, type=Notice),
        channels=tuple(msgspec.json.decode(row.channels, type=list[str])),
        owed_at=row.owed_at,
        expires_at=row.expires_at,
        outcome=row.outcome,
        incident=row.incident,
    )


def _row(debt: Debt, *, seq: int, muted: bool, storm: Storm | None) -> dict[str, object]:
    stopped = storm is not None and storm.decision is Decision.STOPPED
    goes_at = debt.notice.not_before or debt.owed_at
    return {
        "id": debt.id,
        "cause": debt.notice.cause,
        "person": debt.person,
        "piece": debt.piece,
        "seq": seq,
        "kind": debt.notice.kind.value,
        "notice": msgspec.json.encode(debt.notice).decode(),
        "channels": msgspec.json.encode(debt.channels).decode(),
        "owed_at": debt.owed_at,
        "not_before": storm.goes_at(debt.notice, debt.owed_at) if storm is not None else goes_at,
        "expires_at": debt.expires_at,
        "planned": muted or stopped,
        "noted": muted or debt.beside,
        "outcome": MUTED if muted else STOPPED if stopped else "due",
        "root": debt.notice.root,
        "incident": storm.id if storm is not None else None,
    }


MUTED = "muted"
_REACHED = {"accepted": 3, "unknown": 2, "due": 1}
_SAID = (
    sa.select(outbox.c.piece, outbox.c.cause, outbox.c.notice, outbox.c.owed_at, outbox.c.outcome)
    .where(among(outbox.c.piece), outbox.c.kind != NoticeKind.CONFIRM_CONTACT.value)
    .order_by(outbox.c.owed_at, outbox.c.id)
)
_OWED = sa.select(outbox.c.cause, outbox.c.person).where(among(outbox.c.cause))
_LAST = (
    sa.select(outbox.c.piece, sa.func.max(outbox.c.seq).label("seq"))
    .where(among(outbox.c.piece))
    .group_by(outbox.c.piece)
)
_FORGET_MUTED = sa.delete(outbox).where(among(outbox.c.cause), outbox.c.outcome == MUTED).returning(outbox.c.cause)


_UNPLANNED = (
    sa.select(outbox).where(~outbox.c.planned).order_by(outbox.c.not_before, outbox.c.id).limit(sa.bindparam("most"))
)
# What goes at once goes at once, even where it was owed by a clock that has been set back since.
_UNPLANNED_BY = _UNPLANNED.where(
    sa.or_(
        outbox.c.not_before <= sa.bindparam("by", type_=outbox.c.not_before.type),
        outbox.c.not_before <= outbox.c.owed_at,
    )
)
_BY_ID = sa.select(outbox).where(among(outbox.c.id)).order_by(outbox.c.not_before, outbox.c.id)
_WITH_THEM = sa.select(outbox.c.id).where(
    among(outbox.c.incident),
    among(outbox.c.person, "people"),
    ~outbox.c.planned,
    outbox.c.not_before <= sa.bindparam("by", type_=outbox.c.not_before.type),
)
_FIRSTS = (
    sa.select(outbox.c.piece, outbox.c.kind, sa.func.min(outbox.c.seq).label("seq"))
    .where(among(outbox.c.piece))
    .group_by(outbox.c.piece, outbox.c.kind)
)
_NEWER = sa.select(outbox.c.id).where(
    outbox.c.piece == sa.bindparam("piece"),
    outbox.c.person == sa.bindparam("person"),
    outbox.c.owed_at > sa.bindparam("after", type_=outbox.c.owed_at.type),
    outbox.c.outcome.in_(sa.literal_column(f"'{outcome}'") for outcome in ("due", "accepted", "unknown")),
    among(outbox.c.kind),
)
