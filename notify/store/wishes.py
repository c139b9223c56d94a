"""What addresses wish, in the database. Each call is one transaction, and may be repeated."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime, time
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from notify.store.schema import mutes, switched_off, wishes
from notify.wishes.hours import QUIET_FROM, QUIET_UNTIL
from notify.wishes.wishes import Wishes
from tracker.domain.notices import NoticeKind

_KINDS = frozenset(NoticeKind)


class WishStore:
    """Addresses are digests here. One that nobody has heard of wishes nothing in particular."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._reading = engine.execution_options(reading=True)

    def of(self, addresses: Collection[str]) -> dict[str, Wishes]:
        """What each of these wishes."""
        if not addresses:
            return {}
        with self._reading.connect() as tx:
            said, off, silent = (
                tx.execute(sa.select(table).where(table.c.address.in_(addresses))).all()
                for table in (wishes, switched_off, mutes)
            )
        offs, pieces = defaultdict[str, set[Any]](set), defaultdict[str, set[str]](set)
        for row in off:
            if row.kind in _KINDS:
                offs[row.address].add((NoticeKind(row.kind), row.channel))
        for row in silent:
            pieces[row.address].add(row.piece)
        rows = {row.address: row for row in said}
        return {
            address: _wishes(rows.get(address), frozenset(offs[address]), frozenset(pieces[address]))
            for address in addresses
        }

    def say(self, address: str, now: datetime, **said: Any) -> None:
        """Some of language, zone, quiet_from, quiet_until, paused_until, everywhere and stopped; None: as everybody who
        says nothing. The rest stays as it is."""
        with self._engine.begin() as tx:
            _set(tx, address, now, said)

    def switch(
        self, address: str, now: datetime, *, off: Iterable[tuple[str, str]] = (), on: Iterable[tuple[str, str]] = ()
    ) -> None:
        """Kinds and channels; what was off before is off since then."""
        with self._engine.begin() as tx:
            _switch(tx, address, now, off, on)

    def save(
        self, address: str, now: datetime, said: dict[str, Any], *, off: set[tuple[str, str]], on: set[tuple[str, str]]
    ) -> None:
        """Both at once."""
        with self._engine.begin() as tx:
            _set(tx, address, now, said)
            _switch(tx, address, now, off, on)

    def mute(self, address: str, piece: str, now: datetime) -> None:
        """Nothing more about this piece."""
        with self._engine.begin() as tx:
            row = {"address": address, "piece": piece, "since": now}
            tx.execute(_insert(tx, mutes).values(row).on_conflict_do_nothing())

    def unmute(self, address: str, piece: str) -> None:
        with self._engine.begin() as tx:
            tx.execute(sa.delete(mutes).where(mutes.c.address == address, mutes.c.piece == piece))


def _set(tx: sa.Connection, address: str, now: datetime, said: dict[str, Any]) -> None:
    values: dict[str, Any] = {"changed_at": now}
    for name, value in said.items():
        values[name] = value.hour * 60 + value.minute if isinstance(value, time) else value
    insert = _insert(tx, wishes).values(address=address, **values)
    tx.execute(insert.on_conflict_do_update(index_elements=["address"], set_=values))


def _switch(
    tx: sa.Connection, address: str, now: datetime, off: Iterable[tuple[str, str]], on: Iterable[tuple[str, str]]
) -> None:
    s = switched_off.c
    for kind, channel in sorted(off):
        row = {"address": address, "kind": kind, "channel": channel, "since": now}
        tx.execute(_insert(tx, switched_off).values(row).on_conflict_do_nothing())
    for kind, channel in sorted(on):
        tx.execute(sa.delete(switched_off).where(s.address == address, s.kind == kind, s.channel == channel))


def _wishes(row: Any, off: frozenset[tuple[NoticeKind, str]], pieces: frozenset[str]) -> Wishes:
    if row is None:
        return Wishes(off=off, muted=pieces)
    return Wishes(
        language=row.language,
        zone=row.zone,
        quiet_from=_clock(row.quiet_from, QUIET_FROM),
        quiet_until=_clock(row.quiet_until, QUIET_UNTIL),
        paused_until=row.paused_until,
        off=off,
        everywhere=row.everywhere,
        muted=pieces,
        stopped=row.stopped,
    )


def _clock(minutes: int | None, usual: time) -> time:
    return usual if minutes is None else time(*divmod(minutes, 60))


def _insert(tx: sa.Connection, table: sa.Table) -> Any:
    return postgresql.insert(table) if tx.dialect.name == "postgresql" else sqlite.insert(table)
