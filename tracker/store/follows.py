"""Who asked to hear of a piece by its number alone: addresses, whether they said yes, and what they hear of."""

import uuid
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import msgspec
import sqlalchemy as sa

from tracker.domain.follows import Follow
from tracker.domain.notices import NoticeKind
from tracker.store.among import WANTED, among
from tracker.store.booked import Consignee
from tracker.store.bulk import per_dialect, upsert
from tracker.store.schema import contacts, follows, people, pieces

_MINE = follows.c.person == sa.bindparam("of")
_WAITS = follows.c.confirmed_at.is_(None)


@dataclass(frozen=True, slots=True)
class Contact:
    """An address, and how often it was written to for a yes."""

    person: int
    pseudonym: str
    times: int


@dataclass(frozen=True, slots=True)
class Follower:
    """Somebody who said yes to hearing of a piece."""

    person: int
    pseudonym: str
    email: str | None
    kinds: frozenset[NoticeKind]


class Follows:
    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def contact(self, digest: str, *, email: str, language: str) -> Contact:
        """The address of this digest; a new person with a pseudonym of their own, where nobody gave it before."""
        known = self._contact(contacts.c.digest == digest)
        if known is not None:
            return known
        said = {"pseudonym": str(uuid.uuid4()), "name": "", "email": email, "language": language}
        person = self._connection.execute(sa.insert(people).values(**said).returning(people.c.id)).scalar_one()
        if self._connection.execute(_ONCE(self._connection), {"digest": digest, "person": person}).rowcount == 0:
            self._connection.execute(sa.delete(people).where(people.c.id == person))  # another gave it just now
        known = self._contact(contacts.c.digest == digest)
        assert known is not None
        return known

    def of_link(self, link: str) -> Contact | None:
        return self._contact(contacts.c.link == link)

    def of_person(self, pseudonym: str) -> Contact | None:
        return self._contact(people.c.pseudonym == pseudonym)

    def write_once(self, contact: Contact, *, link: str, now: datetime, since: datetime) -> bool:
        """Takes the one turn there is to write to this address after `since`; False where it was taken."""
        free = sa.or_(contacts.c.written_at.is_(None), contacts.c.written_at <= since)
        turn = sa.update(contacts).where(contacts.c.person == contact.person, contacts.c.times == contact.times, free)
        return self._connection.execute(turn.values(link=link, times=contact.times + 1, written_at=now)).rowcount == 1

    def ask(self, contact: Contact, piece: int, kinds: Collection[NoticeKind], *, now: datetime) -> None:
        """That this address is to hear of a piece, if it says yes; what it said yes to before stays."""
        spelled = msgspec.json.encode(sorted(kinds)).decode()
        row = {"piece": piece, "person": contact.person, "kinds": spelled, "asked_at": now}
        self._connection.execute(_ASK(self._connection), row)

    def waiting_for(self, piece: int, *, since: datetime) -> int:
        """How many were asked for this piece since then and have not said yes."""
        waiting = sa.select(sa.func.count()).where(follows.c.piece == piece, _WAITS, follows.c.asked_at > since)
        return int(self._connection.execute(waiting).scalar_one())

    def waits(self, person: int) -> bool:
        """Whether there is anything this address has not answered."""
        query = sa.select(follows.c.piece).where(_MINE, _WAITS).limit(1)
        return self._connection.execute(query, {"of": person}).first() is not None

    def of(self, contact: Contact, *, limit: int) -> list[Follow]:
        """What was asked for this address, the newest first."""
        query = (
            sa.select(follows, pieces.c.number, pieces.c.journey)
            .join(pieces, pieces.c.id == follows.c.piece)
            .where(_MINE)
            .order_by(follows.c.asked_at.desc(), follows.c.piece.desc())
            .limit(limit)
        )
        return [
            Follow(row.piece, row.number, row.journey, _kinds(row.kinds), row.confirmed_at is not None)
            for row in self._connection.execute(query, {"of": contact.person})
        ]

    def confirm(self, contact: Contact, piece: int, *, now: datetime) -> None:
        waiting = sa.and_(follows.c.person == contact.person, follows.c.piece == piece, _WAITS)
        self._connection.execute(sa.update(follows).where(waiting).values(confirmed_at=now))

    def decline(self, contact: Contact) -> None:
        """Forgets all that this address has not said yes to."""
        self._connection.execute(sa.delete(follows).where(follows.c.person == contact.person, _WAITS))

    def forget_unanswered(self, before: datetime) -> None:
        """What nobody said yes to since then is no longer kept, nor an address that nothing is kept for."""
        self._connection.execute(sa.delete(follows).where(_WAITS, follows.c.asked_at <= before))
        idle = ~sa.exists().where(follows.c.person == contacts.c.person)
        old = sa.select(contacts.c.person).where(contacts.c.written_at <= before, idle)
        nobody = list(self._connection.execute(old).scalars())
        if nobody:
            self._connection.execute(sa.delete(contacts).where(contacts.c.person.in_(nobody)))
            self._connection.execute(sa.update(people).where(people.c.id.in_(nobody)).values(email=None))

    def followers(self, of: Collection[int]) -> dict[int, list[Follower]]:
        """Who said yes to hearing of each piece."""
        found: defaultdict[int, list[Follower]] = defaultdict(list)
        for row in self._connection.execute(_FOLLOWERS, {WANTED: of}):
            found[row.piece].append(Follower(row.person, row.pseudonym, row.email, _kinds(row.kinds)))
        return found

    def addressees(self, persons: Collection[int]) -> dict[int, Consignee]:
        """Those of them who gave an address beside a number alone."""
        rows = self._connection.execute(_ADDRESSEES, {WANTED: persons}) if persons else ()
        return {
            row.id: Consignee(row.id, row.pseudonym, row.name, row.email, row.phone, row.language, row.zone)
            for row in rows
        }

    def _contact(self, which: sa.ColumnElement[bool]) -> Contact | None:
        query = sa.select(contacts, people.c.pseudonym).join(people, people.c.id == contacts.c.person).where(which)
        row = self._connection.execute(query).one_or_none()
        return Contact(row.person, row.pseudonym, row.times) if row is not None else None


def _kinds(spelled: str) -> frozenset[NoticeKind]:
    return frozenset(NoticeKind(kind) for kind in msgspec.json.decode(spelled, type=list[str]))


_ONCE = per_dialect(lambda dialect: upsert(dialect)(contacts).on_conflict_do_nothing())


@per_dialect
def _ASK(dialect: str) -> sa.Insert:
    made = upsert(dialect)(follows)
    newer = {"kinds": made.excluded.kinds, "asked_at": made.excluded.asked_at}
    return made.on_conflict_do_update(index_elements=follows.primary_key, set_=newer, where=_WAITS)  # type: ignore[no-any-return]


_ADDRESSEES = sa.select(people).join(contacts, contacts.c.person == people.c.id).where(among(people.c.id))
_FOLLOWERS = (
    sa.select(follows.c.piece, follows.c.person, follows.c.kinds, people.c.pseudonym, people.c.email)
    .join(people, people.c.id == follows.c.person)
    .where(among(follows.c.piece), ~_WAITS)
    .order_by(follows.c.piece, follows.c.person)
)
