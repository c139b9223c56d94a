"""Incidents that notices wait with: opened where they are owed, in the same transaction, and decided on by support."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import msgspec
import sqlalchemy as sa

from tracker.domain.notices import Notice
from tracker.domain.storms import OVER_AFTER, WITHIN, Decision, Storm, begins
from tracker.store.among import WANTED, among
from tracker.store.schema import incidents, outbox

STOPPED = "stopped"
"""How a notice ends that support stopped."""


@dataclass(frozen=True, slots=True)
class Counted:
    """An incident and what became of its notices."""

    storm: Storm
    pieces: int
    people: int
    waiting: int  # notices
    told: int  # notices their people have, or may have
    stopped: int
    decided_by: str
    decided_at: datetime | None


class StormTables:
    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def standing(self, roots: Collection[str], now: datetime) -> dict[str, Storm]:
        """The incidents of these roots that are not over, by root."""
        if not roots:
            return {}
        wanted = {WANTED: roots, "since": now - OVER_AFTER}
        return {row.root: _storm(row) for row in self._connection.execute(_STANDING, wanted)}

    def named(self, ids: Collection[str]) -> dict[str, Storm]:
        return {row.id: _storm(row) for row in self._connection.execute(_NAMED, {WANTED: ids})} if ids else {}

    def joined(self, owed: Iterable[tuple[Notice, datetime]]) -> dict[str, Storm]:
        """The incidents that these notices, about to be owed, belong to, by root; opened where they begin one. What of
        its root waits already then waits with it."""
        by_root: defaultdict[str, list[Notice]] = defaultdict(list)
        now: datetime | None = None
        for notice, owed_at in owed:
            if notice.root is not None:
                by_root[notice.root].append(notice)
                now = owed_at if now is None else max(now, owed_at)
        if now is None:
            return {}
        found = self.standing(by_root, now)
        missing = by_root.keys() - found.keys()
        wanted = {WANTED: missing, "since": now - WITHIN}
        lately = {row.root: row.n for row in self._connection.execute(_LATELY, wanted)} if missing else {}
        for root in sorted(missing):
            if begins(by_root[root], lately.get(root, 0)):
                found[root] = self.open(root, now)
        if found:
            touched = sa.update(incidents).where(incidents.c.id.in_([storm.id for storm in found.values()]))
            self._connection.execute(touched.values(last_at=now))
        return found

    def open(self, root: str, now: datetime) -> Storm:
        storm = Storm(f"{root}@{now:%Y%m%dT%H%M%S%f}Z", root, now)
        self._connection.execute(sa.insert(incidents).values(id=storm.id, root=root, since=now, last_at=now))
        o = outbox.c
        waiting = sa.select(o.id, o.notice, o.owed_at).where(o.root == root, ~o.planned)
        for row in self._connection.execute(waiting).all():
            goes_at = storm.goes_at(msgspec.json.decode(row.notice, type=Notice), row.owed_at)
            self._connection.execute(
                sa.update(outbox).where(o.id == row.id).values(incident=storm.id, not_before=goes_at)
            )
        return storm

    def put_off(self, notices: Collection[str], storm: Storm, until: datetime) -> None:
        """These wait with the incident, and are looked at again then."""
        waits = sa.update(outbox).where(outbox.c.id.in_(notices), ~outbox.c.planned)
        self._connection.execute(waits.values(incident=storm.id, not_before=until))
        self._connection.execute(sa.update(incidents).where(incidents.c.id == storm.id).values(last_at=until))

    def counted(self, now: datetime, only: str | None = None) -> list[Counted]:
        """Those that are not over, the newest first; or this one."""
        o, i = outbox.c, incidents.c

        def so(*outcomes: str) -> sa.ColumnElement[int]:
            return sa.func.sum(sa.case((o.outcome.in_(outcomes), 1), else_=0))

        query = (
            sa.select(
                incidents,
                sa.func.count(o.piece.distinct()).label("pieces"),
                sa.func.count(o.person.distinct()).label("people"),
                so("due").label("waiting"),
                so("accepted", "unknown").label("told"),
                so(STOPPED).label("stopped"),
            )
            .select_from(incidents.outerjoin(outbox, o.incident == i.id))
            .where(i.id == only if only is not None else i.last_at > now - OVER_AFTER)
            .group_by(*incidents.c)
            .order_by(i.since.desc(), i.id)
        )
        return [
            Counted(
                _storm(row),
                row.pieces,
                row.people,
                row.waiting or 0,
                row.told or 0,
                row.stopped or 0,
                row.decided_by,
                row.decided_at,
            )
            for row in self._connection.execute(query)
        ]

    def write(self, storm: Storm, words: Mapping[str, str], *, by: str, now: datetime) -> Storm:
        said = {**dict(storm.words), **words}
        kept = {language: text for language, text in sorted(said.items()) if text}
        self._decided(storm, by, now, words=msgspec.json.encode(kept).decode())
        return replace(storm, words=tuple(kept.items()))

    def release(self, storm: Storm, *, by: str, now: datetime) -> None:
        """What waits goes now, and what comes later waits for its person's other pieces only."""
        self._decided(storm, by, now, decision=Decision.RELEASED)
        o = outbox.c
        held = sa.update(outbox).where(o.incident == storm.id, ~o.planned, o.not_before > now)
        self._connection.execute(held.values(not_before=now))

    def stop(self, storm: Storm, *, by: str, now: datetime) -> None:
        """What was not handed over is not told, nor is what comes later."""
        self._decided(storm, by, now, decision=Decision.STOPPED)
        waiting = sa.update(outbox).where(outbox.c.incident == storm.id, ~outbox.c.planned)
        self._connection.execute(waiting.values(planned=True, outcome=STOPPED))

    def pieces(self, storm: Storm) -> list[int]:
        query = sa.select(outbox.c.piece).where(outbox.c.incident == storm.id).distinct()
        return list(self._connection.execute(query.order_by(outbox.c.piece)).scalars())

    def _decided(self, storm: Storm, by: str, now: datetime, **decided: object) -> None:
        said = sa.update(incidents).where(incidents.c.id == storm.id)
        self._connection.execute(said.values(decided_by=by, decided_at=now, **decided))


def _storm(row: sa.Row[tuple[object, ...]]) -> Storm:
    words = msgspec.json.decode(row.words, type=dict[str, str])
    return Storm(row.id, row.root, row.since, Decision(row.decision), tuple(words.items()))


_STANDING = (
    sa.select(incidents)
    .where(among(incidents.c.root), incidents.c.last_at > sa.bindparam("since", type_=incidents.c.last_at.type))
    .order_by(incidents.c.since)
)
_NAMED = sa.select(incidents).where(among(incidents.c.id))
_LATELY = (
    sa.select(outbox.c.root, sa.func.count().label("n"))
    .where(among(outbox.c.root), outbox.c.owed_at > sa.bindparam("since", type_=outbox.c.owed_at.type))
    .group_by(outbox.c.root)
)
