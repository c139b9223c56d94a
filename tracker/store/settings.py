"""A few values that belong to the whole installation."""

import secrets
from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa

from tracker.store.among import WANTED, among
from tracker.store.schema import meta

NUMBERED = "pieces_numbered"
"""How many numbers of our own were given out."""
NUMBER_KEY = "number_key"
"""What scatters them; no two installations have the same."""

JUDGED_AT = "judged_at"
"""The latest hour our clock showed, RFC 3339 in UTC, to five minutes or so: it may have been wrong."""

_GENERATION = "generation"
_GET = sa.select(meta.c.value).where(meta.c.name == sa.bindparam("wanted"))
_SET = sa.update(meta).where(meta.c.name == sa.bindparam("wanted")).values(value=sa.bindparam("new"))
_GET_ALL = sa.select(meta.c.name, meta.c.value).where(among(meta.c.name))


class Meta:
    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def get(self, name: str) -> str | None:
        return self._connection.execute(_GET, {"wanted": name}).scalar()

    def get_all(self, names: Collection[str]) -> dict[str, str]:
        """Those of these values that are kept."""
        return {row[0]: row[1] for row in self._connection.execute(_GET_ALL, {WANTED: names})}

    def put(self, name: str, value: str) -> None:
        if self.get(name) is None:
            self._connection.execute(sa.insert(meta).values(name=name, value=value))
        else:
            self._connection.execute(_SET, {"wanted": name, "new": value})

    @property
    def generation(self) -> int:
        """The database's generation (`gen` on the wire): raised when a backup is restored."""
        return int(self.get(_GENERATION) or 1)

    def raise_generation(self, now: datetime, *, above: int = 0) -> int:
        """To be called once in the database that a restore has brought back; the generation it has from now on.

        It is the Unix second, so that one file restored twice raises it twice, and in any case higher than before and
        than `above`, that of the database it replaces. Devices that hear it send again all they keep that this
        database lacks.
        """
        raised = max(int(now.timestamp()), self.generation + 1, above + 1)
        self.put(_GENERATION, str(raised))
        return raised

    def secret(self, name: str) -> bytes:
        """A 256-bit key that is drawn once and kept."""
        known = self.get(name)
        if known is None:
            known = secrets.token_hex(32)
            self.put(name, known)
        return bytes.fromhex(known)

    def next_number(self, name: str) -> int:
        """Counts up from 0, once for each call that commits."""
        number = int(self.get(name) or 0)
        self.put(name, str(number + 1))
        return number

    def skip_numbers(self, name: str, upto: int) -> None:
        """Never again gives out a number below `upto`."""
        self.put(name, str(max(int(self.get(name) or 0), upto)))
