"""Who may see more of a piece than its number shows: links, what they were swapped for, and tries to prove it."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from tracker.store.schema import links, tries, views


@dataclass(frozen=True, slots=True)
class KnownLink:
    piece: int
    person: int
    form: str


@dataclass(frozen=True, slots=True)
class View:
    """That whoever has a cookie sees a piece in a form."""

    piece: int
    person: int
    form: str
    by: str
    ends_at: datetime


class Viewers:
    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    # links

    def generation(self, piece: int, person: int, form: str) -> tuple[int, bool] | None:
        """How often this link was made anew, and whether it leads anywhere now; None: there was never one."""
        query = sa.select(links.c.generation, links.c.digest).where(*_same(piece, person, form))
        row = self._connection.execute(query).one_or_none()
        return (row.generation, row.digest is not None) if row else None

    def keep_link(self, piece: int, person: int, form: str, *, generation: int, digest: str | None) -> None:
        """From now on only the link of this digest leads here, or none."""
        values = {"generation": generation, "digest": digest}
        if self.generation(piece, person, form) is None:
            row = {"piece": piece, "person": person, "form": form, **values}
            self._connection.execute(sa.insert(links).values(**row))
        else:
            self._connection.execute(sa.update(links).where(*_same(piece, person, form)).values(**values))

    def link(self, digest: str) -> KnownLink | None:
        row = self._connection.execute(sa.select(links).where(links.c.digest == digest)).one_or_none()
        return KnownLink(row.piece, row.person, row.form) if row else None

    # what cookies are good for

    def views(self, session: str, *, now: datetime) -> list[View]:
        """The newest-booked piece first."""
        query = sa.select(views).where(views.c.session == session, views.c.ends_at > now)
        rows = self._connection.execute(query.order_by(views.c.piece.desc()))
        return [View(row.piece, row.person, row.form, row.by, row.ends_at) for row in rows]

    def keep_view(self, session: str, view: View) -> None:
        """In place of what this session saw of the piece before."""
        self._connection.execute(sa.delete(views).where(views.c.session == session, views.c.piece == view.piece))
        self._connection.execute(
            sa.insert(views).values(
                session=session,
                piece=view.piece,
                person=view.person,
                form=view.form,
                by=view.by,
                ends_at=view.ends_at,
            )
        )

    def move(self, session: str, to: str) -> None:
        """All that was seen under one session is seen under another, and no longer under the first."""
        self._connection.execute(sa.update(views).where(views.c.session == session).values(session=to))

    def forget(self, session: str) -> None:
        self._connection.execute(sa.delete(views).where(views.c.session == session))

    def forget_piece(self, piece: int, form: str) -> None:
        """Nobody sees the piece in this form any more, until they come by a link again."""
        self._connection.execute(sa.delete(views).where(views.c.piece == piece, views.c.form == form))

    def forget_ended(self, now: datetime) -> None:
        self._connection.execute(sa.delete(views).where(views.c.ends_at <= now))

    # tries

    def try_once(self, subject: str, *, now: datetime, since: datetime) -> int:
        """Notes a try and forgets those before `since`, of everybody; its id."""
        self._connection.execute(sa.delete(tries).where(tries.c.tried_at <= since))
        noted = sa.insert(tries).values(subject=subject, tried_at=now).returning(tries.c.id)
        return int(self._connection.execute(noted).scalar_one())

    def tries_before(self, subject: str, id: int) -> list[datetime]:
        """When this was tried before that try, the first first."""
        query = sa.select(tries.c.tried_at).where(tries.c.subject == subject, tries.c.id < id)
        return list(self._connection.execute(query.order_by(tries.c.tried_at)).scalars())

    def untry(self, id: int) -> None:
        self._connection.execute(sa.delete(tries).where(tries.c.id == id))


def _same(piece: int, person: int, form: str) -> tuple[sa.ColumnElement[bool], ...]:
    return links.c.piece == piece, links.c.person == person, links.c.form == form
