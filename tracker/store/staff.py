"""Members of staff, their ways of signing in, and their sessions. What is secret is kept as a digest or sealed."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from tracker.domain.staff import Role, Staff
from tracker.store.schema import (
    staff,
    staff_challenges,
    staff_failures,
    staff_links,
    staff_passkeys,
    staff_recovery,
    staff_sessions,
)


@dataclass(frozen=True, slots=True)
class Member:
    """One of staff. `code_secret` and `code_pending` are sealed: the key is not in the database."""

    user: str
    role: Role
    site: str | None
    language: str
    password_hash: str | None
    long_password: bool
    code_secret: bytes | None
    code_pending: bytes | None
    code_step: int | None
    demo: bool
    made_at: datetime
    revoked_at: datetime | None

    @property
    def staff(self) -> Staff:
        return Staff(self.user, self.role)


@dataclass(frozen=True, slots=True)
class Session:
    digest: str
    user: str
    via: str
    made_at: datetime
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class Passkey:
    credential: str  # base64url, as browsers write it
    user: str
    name: str
    public_key: bytes
    uses: int
    made_at: datetime
    used_at: datetime | None


class StaffTables:
    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    # members

    def find(self, user: str) -> Member | None:
        row = self._connection.execute(sa.select(staff).where(staff.c.user == user)).one_or_none()
        return None if row is None else _member(row)

    def all(self) -> list[Member]:
        return [_member(row) for row in self._connection.execute(sa.select(staff).order_by(staff.c.user))]

    def lock(self, user: str) -> Member | None:
        """The member, held until the transaction ends, so that no two change or use the same."""
        query = sa.select(staff).where(staff.c.user == user).with_for_update()
        row = self._connection.execute(query).one_or_none()
        return None if row is None else _member(row)

    def lock_all(self) -> list[Member]:
        query = sa.select(staff).order_by(staff.c.user).with_for_update()
        return [_member(row) for row in self._connection.execute(query)]

    def add(self, user: str, *, role: Role, site: str | None, language: str, demo: bool, now: datetime) -> None:
        values = {"user": user, "role": role.value, "site": site, "language": language, "demo": demo, "made_at": now}
        self._connection.execute(sa.insert(staff).values(values))

    def change(self, user: str, **values: Any) -> None:
        self._connection.execute(sa.update(staff).where(staff.c.user == user).values(values))

    def forget_ways_in(self, user: str) -> None:
        """Takes password, codes, passkeys, links and sessions away."""
        self.change(user, password_hash=None, long_password=False, code_secret=None, code_pending=None, code_step=None)
        for table in (staff_passkeys, staff_recovery, staff_links, staff_sessions):
            self._connection.execute(sa.delete(table).where(table.c.user == user))

    # sessions

    def open(self, session: Session) -> None:
        values = {name: getattr(session, name) for name in ("digest", "user", "via", "made_at", "seen_at")}
        self._connection.execute(sa.insert(staff_sessions).values(values))

    def session(self, digest: str) -> tuple[Session, Member] | None:
        query = sa.select(staff_sessions).where(staff_sessions.c.digest == digest)
        row = self._connection.execute(query).one_or_none()
        if row is None:
            return None
        member = self.find(row.user)
        assert member is not None
        return _session(row), member

    def sessions(self, user: str) -> list[Session]:
        query = sa.select(staff_sessions).where(staff_sessions.c.user == user).order_by(staff_sessions.c.made_at.desc())
        return [_session(row) for row in self._connection.execute(query)]

    def seen(self, digest: str, now: datetime) -> None:
        this = staff_sessions.c.digest == digest
        self._connection.execute(sa.update(staff_sessions).where(this).values(seen_at=now))

    def end(self, user: str, *, digest: str | None = None, but: str | None = None) -> int:
        """Ends one session, all but one, or all of them; how many that were."""
        query = sa.delete(staff_sessions).where(staff_sessions.c.user == user)
        if digest is not None:
            query = query.where(staff_sessions.c.digest == digest)
        if but is not None:
            query = query.where(staff_sessions.c.digest != but)
        return self._connection.execute(query).rowcount

    def end_old(self, *, made_before: datetime, seen_before: datetime) -> None:
        old = (staff_sessions.c.made_at <= made_before) | (staff_sessions.c.seen_at <= seen_before)
        self._connection.execute(sa.delete(staff_sessions).where(old))

    # links, recovery codes, challenges: each used once

    def add_link(self, digest: str, user: str, ends_at: datetime) -> None:
        """The one link of this member; one made before is no good any more."""
        self._connection.execute(sa.delete(staff_links).where(staff_links.c.user == user))
        self._connection.execute(sa.insert(staff_links).values(digest=digest, user=user, ends_at=ends_at))

    def link(self, digest: str, now: datetime) -> str | None:
        query = sa.select(staff_links.c.user).where(staff_links.c.digest == digest, staff_links.c.ends_at > now)
        return self._connection.execute(query).scalar()

    def use_link(self, digest: str) -> bool:
        return self._connection.execute(sa.delete(staff_links).where(staff_links.c.digest == digest)).rowcount == 1

    def links(self, now: datetime) -> set[str]:
        """Whose link can still be used."""
        return set(self._connection.execute(sa.select(staff_links.c.user).where(staff_links.c.ends_at > now)).scalars())

    def set_recovery(self, user: str, digests: Sequence[str]) -> None:
        self._connection.execute(sa.delete(staff_recovery).where(staff_recovery.c.user == user))
        for digest in digests:
            self._connection.execute(sa.insert(staff_recovery).values(digest=digest, user=user))

    def recovery_left(self, user: str) -> int:
        query = sa.select(sa.func.count()).select_from(staff_recovery).where(staff_recovery.c.user == user)
        return int(self._connection.execute(query).scalar_one())

    def use_recovery(self, user: str, digest: str) -> bool:
        this = (staff_recovery.c.user == user) & (staff_recovery.c.digest == digest)
        return self._connection.execute(sa.delete(staff_recovery).where(this)).rowcount == 1

    def add_challenge(self, digest: str, ends_at: datetime, now: datetime) -> None:
        self._connection.execute(sa.delete(staff_challenges).where(staff_challenges.c.ends_at <= now))
        self._connection.execute(sa.insert(staff_challenges).values(digest=digest, ends_at=ends_at))

    def use_challenge(self, digest: str, now: datetime) -> bool:
        this = (staff_challenges.c.digest == digest) & (staff_challenges.c.ends_at > now)
        return self._connection.execute(sa.delete(staff_challenges).where(this)).rowcount == 1

    # passkeys

    def add_passkey(self, passkey: Passkey) -> None:
        names = ("credential", "user", "name", "public_key", "uses", "made_at", "used_at")
        self._connection.execute(sa.insert(staff_passkeys).values({name: getattr(passkey, name) for name in names}))

    def passkey(self, credential: str) -> Passkey | None:
        query = sa.select(staff_passkeys).where(staff_passkeys.c.credential == credential)
        row = self._connection.execute(query).one_or_none()
        return None if row is None else Passkey(**row._mapping)

    def passkeys(self, user: str | None = None) -> list[Passkey]:
        """Of one member, or of all."""
        query = sa.select(staff_passkeys).order_by(staff_passkeys.c.made_at)
        if user is not None:
            query = query.where(staff_passkeys.c.user == user)
        return [Passkey(**row._mapping) for row in self._connection.execute(query)]

    def used_passkey(self, credential: str, uses: int, now: datetime) -> None:
        this = staff_passkeys.c.credential == credential
        self._connection.execute(sa.update(staff_passkeys).where(this).values(uses=uses, used_at=now))

    def remove_passkey(self, user: str, credential: str) -> bool:
        this = (staff_passkeys.c.user == user) & (staff_passkeys.c.credential == credential)
        return self._connection.execute(sa.delete(staff_passkeys).where(this)).rowcount == 1

    # what failed

    def failures(self, name_digest: str, since: datetime) -> list[datetime]:
        """When it failed under this name since then, and counts; the oldest first."""
        counts = (staff_failures.c.name_digest == name_digest) & staff_failures.c.counts & (staff_failures.c.at > since)
        query = sa.select(staff_failures.c.at).where(counts).order_by(staff_failures.c.at)
        return list(self._connection.execute(query).scalars())

    def add_failure(self, name_digest: str, user: str | None, now: datetime) -> int:
        row = sa.insert(staff_failures).values(name_digest=name_digest, user=user, at=now)
        return int(self._connection.execute(row.returning(staff_failures.c.id)).scalar_one())

    def forgive(self, name_digest: str, *, succeeded: int) -> None:
        """It was the right person after all: what failed before counts no more."""
        self._connection.execute(sa.delete(staff_failures).where(staff_failures.c.id == succeeded))
        this = staff_failures.c.name_digest == name_digest
        self._connection.execute(sa.update(staff_failures).where(this).values(counts=False))

    def tell_failures(self, *, older: datetime) -> dict[str | None, int]:
        """How many there were for each user, None for names of nobody, since they were told last; old ones go."""
        untold = sa.update(staff_failures).where(~staff_failures.c.told).values(told=True)
        found = Counter(self._connection.execute(untold.returning(staff_failures.c.user)).scalars())
        self._connection.execute(sa.delete(staff_failures).where(staff_failures.c.at < older))
        return dict(sorted(found.items(), key=lambda each: each[0] or ""))


def _member(row: sa.Row[tuple[object, ...]]) -> Member:
    return Member(**{**row._mapping, "role": Role(row.role)})


def _session(row: sa.Row[tuple[object, ...]]) -> Session:
    return Session(row.digest, row.user, row.via, row.made_at, row.seen_at)
