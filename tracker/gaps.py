"""Scans that were made and did not come: watching for them, and what people decide about them (T7)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from tracker.clock import Clock
from tracker.devices import Roll
from tracker.domain.errors import GapDecisionError
from tracker.domain.gaps import ASK_AFTER_S, Gap, Presence, Range, Why, first_seen, less
from tracker.store import Store, Transaction
from tracker.store.device_registry import DeviceRow
from tracker.store.fact_log import Stream
from tracker.store.gaps import GapIncident

log = structlog.get_logger()

Name = tuple[str, str]
"""Device and epoch."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a device should send again."""

    device: DeviceRow
    epoch: str
    ranges: list[Range]


class GapWatch:
    """One tracker's eye on what is missing. What it must not forget stands in the database. One caller at a time.

    Several may watch the same devices: each opens an incident only while it holds the row of the epoch's watermark.
    """

    def __init__(self, store: Store, roll: Roll, clock: Clock, monotonic: Callable[[], float]) -> None:
        self._store = store
        self._roll = roll
        self._clock = clock
        self._monotonic = monotonic
        self._gaps: dict[Name, Gap] = {}
        self._present: dict[str, Presence] = {}
        self._knows = False  # what was missing before this process began
        self._settled_at = monotonic()

    # what ingest tells

    def sees(self, dev: str, stream: Stream, *, last: int = 0) -> None:
        """The device has spoken: so far its epoch has got, and up to there it says it has given out numbers."""
        now = self._monotonic()
        known = self._present.get(dev)
        self._present[dev] = known.hearing(now) if known else Presence(now, now)
        if stream.is_kept:
            self._note((dev, stream.epoch), stream, last)

    def claims(self, tx: Transaction, device: DeviceRow, stream: Stream, *, last: int, first: int = 1) -> None:
        """The device says it gave out all numbers up to `last`, and still has those from `first` on.

        What it lacks below `first` can never come by itself, so people are told at once.
        """
        if last > stream.highest:
            tx.gaps.claim(stream, last)
        if first > stream.upto + 1:
            self._report(tx, device, stream, tx.gaps.untold(stream, first - 1), Why.GONE)

    # what time brings

    def step(self, dev: str | None = None) -> list[Wanted]:
        """Opens and settles incidents where it is time, and answers what to ask for; with `dev`, of that device."""
        now = self._monotonic()
        if not self._knows:
            self._remember()
        if now - self._settled_at >= ASK_AFTER_S:
            self._settled_at = now
            self._settle()
        wanted = []
        for name, gap in list(self._gaps.items()):
            present = self._present.get(name[0])
            if dev in (None, name[0]) and gap.is_due(now) and present is not None and present.on_line(now):
                wanted += self._look(name, gap, present, now)
        return wanted

    def _look(self, name: Name, gap: Gap, present: Presence, now: float) -> list[Wanted]:
        device = self._roll.find(name[0])
        if device is None or device.revoked_at is not None:
            del self._gaps[name]
            return []
        with self._store.writing() as tx:
            stream = tx.log.stream(f"dev:{device.dev}", name[1])
            last = max(gap.last, stream.highest)
            gap = gap.look(tx.gaps.untold(stream, last), now)
            lost = gap.to_report(now, present)
            self._report(tx, device, stream, lost, Why.UNANSWERED)
        self._gaps[name] = gap
        ranges = less(gap.to_ask_for(now), lost)
        return [Wanted(device, name[1], ranges)] if ranges else []

    def _remember(self) -> None:
        with self._store.reading() as tx:
            lacking = tx.gaps.wanting()
        for each in lacking:
            self._note((each.dev, each.stream.epoch), each.stream, each.claimed)
        self._knows = True

    def _note(self, name: Name, stream: Stream, last: int) -> None:
        now, known = self._monotonic(), self._gaps.get(name)
        seen = known.seen if known is not None else first_seen
        gap = seen(upto=stream.upto, highest=stream.highest, last=last, now=now)
        if gap is None:
            self._gaps.pop(name, None)
        else:
            self._gaps[name] = gap

    def _settle(self) -> None:
        """Incidents of which everything has come after all close by themselves."""
        with self._store.reading() as tx:
            over = [incident for incident in tx.gaps.incidents() if not incident.missing]
        if over:
            with self._store.writing() as tx:
                for incident in over:
                    tx.gaps.close(incident, now=self._clock.now())
            for incident in over:
                log.info("gap closed: everything came", **_told(incident))

    def _report(self, tx: Transaction, device: DeviceRow, stream: Stream, lost: Sequence[Range], why: Why) -> None:
        for incident in tx.gaps.open(stream, lost, why=why, site=device.site, now=self._clock.now()):
            log.error("scans are missing", **_told(incident))


class GapIncidents:
    """What people see of missing scans, and what they decide."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def all(self, *, closed: bool = False) -> list[GapIncident]:
        """The open incidents, the oldest first; with `closed` also those that are over."""
        with self._store.reading() as tx:
            return tx.gaps.incidents(closed=closed)

    def close(self, incident: int, *, by: str, reason: str) -> GapIncident:
        """Writes the missing scans off: receipts go on past them. One that comes all the same is still kept.

        Raises GapDecisionError where there is no such open incident, or no reason or name is given.
        """
        if not (by.strip() and reason.strip()):
            raise GapDecisionError("say who decides, and why: both are kept with the decision")
        with self._store.writing() as tx:
            found = self._open(tx, incident)
            stream = tx.log.stream(f"dev:{found.dev}", found.ep)
            found = self._open(tx, incident)  # somebody else may have decided while we waited for the stream
            tx.gaps.close(found, now=self._clock.now(), by=by.strip(), reason=reason.strip())
            tx.log.move_watermarks({stream: ()})
            return tx.gaps.find(incident)

    def _open(self, tx: Transaction, incident: int) -> GapIncident:
        try:
            found = tx.gaps.find(incident)
        except LookupError:
            raise GapDecisionError(f"there is no gap {incident}; `lastscan gap list` shows those that are") from None
        if found.closed_at is not None:
            how = f"by {found.closed_by}: {found.reason}" if found.closed_by else "by itself, since everything came"
            raise GapDecisionError(f"gap {incident} was closed {_day(found.closed_at)} {how}")
        return found


def _told(incident: GapIncident) -> dict[str, object]:
    return {
        "gap": incident.id,
        "dev": incident.dev,
        "site": incident.site,
        "epoch": incident.ep,
        "first": incident.first,
        "last": incident.last,
        "operator": incident.operator,
        "why": incident.why.value,
    }


def _day(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M}Z"
