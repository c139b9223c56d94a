"""What people add to cases: who looks after one, how it ended, notes, and who has it open now."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from tracker.domain.cases import Ending, Note, Worked
from tracker.domain.notices import Judgement
from tracker.domain.rules import IrregularityKind
from tracker.domain.shipment import Piece
from tracker.store.among import WANTED, among
from tracker.store.bulk import per_dialect, upsert
from tracker.store.schema import case_looks, case_notes, cases, irregularities, pieces
from tracker.store.timelines import Timelines

Name = tuple[int, IrregularityKind, str]
"""Piece, kind and subject."""


@dataclass(frozen=True, slots=True)
class Troubled:
    """A piece with something open, as it was judged last."""

    id: int
    piece: Piece
    judgement: Judgement


class CaseTables:
    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def troubled(self) -> list[Troubled]:
        """Every piece with an open irregularity."""
        open_ones = list(self._connection.execute(_OPEN).scalars())
        known = Timelines(self._connection).known(open_ones) if open_ones else []
        return [Troubled(k.id, k.piece, k.spelled.standing.judgement) for k in known if k.spelled is not None]

    def find(self, number: str, kind: IrregularityKind, subject: str) -> int | None:
        """The newest piece of this number that has, or had, this irregularity."""
        return self._connection.execute(_FIND, {"number": number, "kind": kind.value, "subject": subject}).scalar()

    def worked(self, of: Collection[int]) -> dict[Name, Worked]:
        """What people did with the cases of these pieces."""
        return {
            (row.piece, IrregularityKind(row.kind), row.subject): _worked(row)
            for row in self._connection.execute(_WORKED, {WANTED: of})
        }

    def change(self, name: Name, *, seen: Worked, to: Worked) -> Worked | None:
        """Puts `to` in the place of what was `seen`; answers what is there instead where somebody was quicker."""
        piece, kind, subject = name
        key = {"piece": piece, "kind": kind.value, "subject": subject}
        self._connection.execute(_ONCE(self._connection), key)
        mine = (cases.c.piece == piece) & (cases.c.kind == kind.value) & (cases.c.subject == subject)
        as_seen = cases.c.owner.is_not_distinct_from(seen.owner) & cases.c.ended_at.is_not_distinct_from(seen.ended_at)
        values = {
            "owner": to.owner,
            "ending": to.ending.value if to.ending is not None else None,
            "ended_by": to.ended_by,
            "ended_at": to.ended_at,
        }
        if self._connection.execute(sa.update(cases).where(mine, as_seen).values(**values)).rowcount:
            return None
        return _worked(self._connection.execute(sa.select(cases).where(mine)).one())

    def add_note(self, piece: int, *, user: str, note: str, key: str, now: datetime) -> None:
        """Once under its key."""
        row = {"piece": piece, "at": now, "user": user, "note": note, "key": key}
        self._connection.execute(_NOTE_ONCE(self._connection), row)

    def notes(self, piece: int) -> list[Note]:
        """The oldest first."""
        query = sa.select(case_notes).where(case_notes.c.piece == piece).order_by(case_notes.c.id)
        return [Note(row.at, row.user, row.note) for row in self._connection.execute(query)]

    def look(self, piece: int, user: str, now: datetime) -> None:
        """This one has the piece open now."""
        self._connection.execute(_LOOKED(self._connection), {"piece": piece, "user": user, "at": now})

    def looking(self, *, since: datetime) -> dict[int, set[str]]:
        """Who had which piece open since then."""
        found: dict[int, set[str]] = {}
        for row in self._connection.execute(sa.select(case_looks).where(case_looks.c.at >= since)):
            found.setdefault(row.piece, set()).add(row.user)
        return found


def _worked(row: sa.Row[Any]) -> Worked:
    return Worked(row.owner, Ending(row.ending) if row.ending else None, row.ended_by, row.ended_at)


_OPEN = sa.select(irregularities.c.piece).where(irregularities.c.cleared_at.is_(None)).distinct()
_FIND = (
    sa.select(pieces.c.id)
    .join(irregularities, irregularities.c.piece == pieces.c.id)
    .where(
        pieces.c.number == sa.bindparam("number"),
        irregularities.c.kind == sa.bindparam("kind"),
        irregularities.c.subject == sa.bindparam("subject"),
    )
    .order_by(pieces.c.journey.desc())
    .limit(1)
)
_WORKED = sa.select(cases).where(among(cases.c.piece))
_ONCE = per_dialect(lambda dialect: upsert(dialect)(cases).on_conflict_do_nothing())
_NOTE_ONCE = per_dialect(lambda dialect: upsert(dialect)(case_notes).on_conflict_do_nothing(index_elements=["key"]))


@per_dialect
def _LOOKED(dialect: str) -> Any:  # a statement like those above
    made = upsert(dialect)(case_looks)
    return made.on_conflict_do_update(index_elements=case_looks.primary_key, set_={"at": made.excluded.at})
