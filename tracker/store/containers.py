"""Which facts belong to containers, and which pieces these facts may concern."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from tracker.domain.containment import Followed, Span
from tracker.store.among import WANTED, among
from tracker.store.bulk import per_dialect, upsert
from tracker.store.schema import container_facts, contents

ContainerFact = tuple[str, datetime, int]
"""A container's name, when it happened, and the position of the fact."""


class Containers:
    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def attach(self, rows: Sequence[ContainerFact]) -> None:
        """Facts to containers; what is there already stays."""
        if rows:
            names = ("container", "happened_at", "pos")
            self._connection.execute(_attach(self._connection), [dict(zip(names, row, strict=True)) for row in rows])

    def detach(self, rows: Sequence[ContainerFact]) -> None:
        if rows:
            where = [{"its_container": name, "its_pos": pos} for name, _, pos in rows]
            self._connection.execute(_DETACH, where)

    def after(self, name: str, pos: int, limit: int) -> list[ContainerFact]:
        """What is attached, in order of name and position."""
        beyond = sa.tuple_(container_facts.c.container, container_facts.c.pos) > sa.tuple_(
            sa.literal(name), sa.literal(pos)
        )
        query = sa.select(container_facts).where(beyond).order_by(container_facts.c.container, container_facts.c.pos)
        return [(row.container, row.happened_at, row.pos) for row in self._connection.execute(query.limit(limit))]

    def inside(self, pieces: Collection[int]) -> set[int]:
        """Which of these pieces ever were in a container."""
        return set(self._connection.execute(_INSIDE, {WANTED: pieces}).scalars())

    def concerned(self, facts: Sequence[ContainerFact]) -> set[int]:
        """The pieces that these facts may say something about, and perhaps some more."""
        if not facts:
            return set()
        times = [happened_at for _, happened_at, _ in facts]
        asked = {WANTED: {name for name, _, _ in facts}, "earliest": min(times), "latest": max(times)}
        return set(self._connection.execute(_CONCERNED, asked).scalars())

    def keep(self, followed: Mapping[int, Followed]) -> None:
        """Replaces which containers' facts concern these pieces."""
        rows = self._connection.execute(_CONTENTS, {WANTED: followed.keys()})
        known = {(row.piece, row.container): Span(row.first, row.last) for row in rows}
        wanted = {
            (piece, name): each.span
            for piece, each in followed.items()
            for name in each.reached
            if each.span is not None
        }
        gone = [{"its_piece": piece, "its_container": name} for piece, name in known.keys() - wanted.keys()]
        if gone:
            self._connection.execute(_FORGET, gone)
        changed = [
            {"piece": piece, "container": name, "first": span.first, "last": span.last}
            for (piece, name), span in wanted.items()
            if known.get((piece, name)) != span
        ]
        if changed:
            self._connection.execute(_put(self._connection), changed)


_INSIDE = sa.select(contents.c.piece).distinct().where(among(contents.c.piece))
_CONTENTS = sa.select(contents).where(among(contents.c.piece))
_CONCERNED = (
    sa.select(contents.c.piece)
    .distinct()
    .where(
        among(contents.c.container),
        contents.c.last >= sa.bindparam("earliest", type_=contents.c.last.type),
        contents.c.first <= sa.bindparam("latest", type_=contents.c.first.type),
    )
)
_FORGET = sa.delete(contents).where(
    contents.c.piece == sa.bindparam("its_piece"), contents.c.container == sa.bindparam("its_container")
)
_DETACH = sa.delete(container_facts).where(
    container_facts.c.container == sa.bindparam("its_container"), container_facts.c.pos == sa.bindparam("its_pos")
)


@per_dialect
def _attach(dialect: str) -> Any:
    return upsert(dialect)(container_facts).on_conflict_do_nothing()


@per_dialect
def _put(dialect: str) -> Any:
    made = upsert(dialect)(contents)
    new = {name: made.excluded[name] for name in ("first", "last")}
    return made.on_conflict_do_update(index_elements=contents.primary_key, set_=new)
