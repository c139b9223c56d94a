"""What devices say they gave out and the log has not: what is missing, and the incidents that people decide about."""

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from tracker.domain.gaps import Range, Why, less
from tracker.store.fact_log import FactLog, Stream
from tracker.store.schema import devices, facts, gap_incidents, streams

_OF_A_DEVICE = "dev:"
MOST_RANGES = 64
"""New ranges looked at in one go; the turn of others comes when these have come or people know of them."""


@dataclass(frozen=True, slots=True)
class GapIncident:
    """Scans that a device made and that are not here: whose, how many, and what was decided about them."""

    id: int
    dev: str
    ep: str
    first: int
    last: int
    why: Why
    site: str
    operator: str | None  # of the device's last scan before the gap, else of the first one behind it
    opened_at: datetime
    closed_at: datetime | None  # by people, or because everything has come after all
    closed_by: str | None
    reason: str | None
    missing: tuple[Range, ...] = ()  # what of it has still not come

    @property
    def came(self) -> bool:
        """Whether all of it came in the end, so that there was nothing to decide."""
        return self.closed_at is not None and self.closed_by is None

    @property
    def lacks(self) -> int:
        """How many scans of it have still not come."""
        return sum(last - first + 1 for first, last in self.missing)


@dataclass(frozen=True, slots=True)
class Wanting:
    """An epoch that lacks something: its stream, and the highest number that its device says it gave out."""

    dev: str
    stream: Stream
    claimed: int


class Gaps:
    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self._log = FactLog(connection)

    # what is missing

    def claim(self, stream: Stream, last: int) -> None:
        """Notes that the device gave out numbers up to `last`, so that a restart of ours does not forget it."""
        higher = (streams.c.id == stream.id) & (streams.c.claimed < last)
        self._connection.execute(sa.update(streams).where(higher).values(claimed=last))

    def wanting(self) -> list[Wanting]:
        """Every device's epoch of which something is missing."""
        lacks = (streams.c.upto < streams.c.highest) | (streams.c.upto < streams.c.claimed)
        query = sa.select(streams).where(lacks, streams.c.origin.startswith(_OF_A_DEVICE, autoescape=True))
        return [
            Wanting(_dev(row.origin), Stream(row.id, row.origin, row.epoch, row.upto, row.highest), row.claimed)
            for row in self._connection.execute(query)
        ]

    def lacking(self) -> dict[str, int]:
        """Scans that devices gave out, that did not come and nobody wrote off, by device; without revoked ones."""
        revoked = set(
            self._connection.execute(sa.select(devices.c.dev).where(devices.c.revoked_at.isnot(None))).scalars()
        )
        counts: Counter[str] = Counter()
        for dev, stream, claimed in ((each.dev, each.stream, each.claimed) for each in self.wanting()):
            if dev not in revoked:
                ranges = self._log.missing(stream, stream.upto + 1, max(stream.highest, claimed), most=sys.maxsize)
                counts[dev] += sum(last - first + 1 for first, last in less(ranges, self._log.written_off(stream)))
        return {dev: count for dev, count in counts.items() if count}

    def untold(self, stream: Stream, last: int) -> list[Range]:
        """The first ranges missing up to `last` that stand in no incident."""
        told = self._ranges(stream)
        most = MOST_RANGES + len(told)
        return less(self._log.missing(stream, stream.upto + 1, last, most=most), told)

    def _ranges(self, stream: Stream) -> list[Range]:
        query = sa.select(gap_incidents.c.first, gap_incidents.c.last).where(
            gap_incidents.c.stream == stream.id, gap_incidents.c.last > stream.upto
        )
        return [(row.first, row.last) for row in self._connection.execute(query)]

    # incidents

    def open(self, stream: Stream, ranges: Sequence[Range], *, why: Why, site: str, now: datetime) -> list[GapIncident]:
        """An incident for each range. The caller holds the stream, so that no two open one for the same range."""
        opened: list[GapIncident] = []
        for first, last in ranges:
            values = {"first": first, "last": last, "why": why.value, "site": site, "opened_at": now}
            operator = self._operator(stream, first, last)
            row = sa.insert(gap_incidents).values(stream=stream.id, operator=operator, **values)
            made = row.returning(gap_incidents.c.id)
            opened.append(self.find(self._connection.execute(made).scalar_one()))
        return opened

    def find(self, incident: int) -> GapIncident:
        """Raises LookupError where there is none."""
        row = self._connection.execute(_INCIDENTS.where(gap_incidents.c.id == incident)).one_or_none()
        if row is None:
            raise LookupError(incident)
        return self._incident(row)

    def incidents(self, *, closed: bool = False) -> list[GapIncident]:
        """Those that are open, the oldest first; with `closed` all others too."""
        query = _INCIDENTS.order_by(gap_incidents.c.id)
        if not closed:
            query = query.where(gap_incidents.c.closed_at.is_(None))
        return [self._incident(row) for row in self._connection.execute(query)]

    def close(self, incident: GapIncident, *, now: datetime, by: str | None = None, reason: str | None = None) -> None:
        """By somebody's decision, or by itself; what is closed already stays as it is."""
        this = (gap_incidents.c.id == incident.id) & gap_incidents.c.closed_at.is_(None)
        values = {"closed_at": now, "closed_by": by, "reason": reason}
        self._connection.execute(sa.update(gap_incidents).where(this).values(**values))

    def _incident(self, row: sa.Row[Any]) -> GapIncident:
        stream = Stream(row.stream, row.origin, row.epoch, row.upto, row.highest)
        return GapIncident(
            id=row.id,
            dev=_dev(row.origin),
            ep=row.epoch,
            first=row.first,
            last=row.last,
            why=Why(row.why),
            site=row.site,
            operator=row.operator,
            opened_at=row.opened_at,
            closed_at=row.closed_at,
            closed_by=row.closed_by,
            reason=row.reason,
            missing=tuple(self._log.missing(stream, row.first, row.last)),
        )

    def _operator(self, stream: Stream, first: int, last: int) -> str | None:
        known = sa.select(facts.c.operator).where(facts.c.operator.isnot(None))
        here = known.where(facts.c.stream == stream.id)
        of_the_device = sa.select(streams.c.id).where(streams.c.origin == stream.origin)
        for query in (
            here.where(facts.c.q < first).order_by(facts.c.q.desc()),
            here.where(facts.c.q > last).order_by(facts.c.q),
            known.where(facts.c.stream.in_(of_the_device)).order_by(facts.c.pos.desc()),
        ):
            operator = self._connection.execute(query.limit(1)).scalar()
            if operator is not None:
                return str(operator)
        return None


_INCIDENTS = sa.select(gap_incidents, streams.c.origin, streams.c.epoch, streams.c.upto, streams.c.highest).join(
    streams, streams.c.id == gap_incidents.c.stream
)


def _dev(origin: str) -> str:
    return origin.removeprefix(_OF_A_DEVICE)
