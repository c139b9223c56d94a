"""A message arrives: append, commit, receipt. Knows no rule of the trade, so no rule can lose a scan."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import msgspec
import structlog

from tracker.clock import Clock
from tracker.devices import Roll
from tracker.domain.drift import BootClock, first_heard
from tracker.domain.errors import StoreError, UnkeepableError
from tracker.domain.handling import Kind
from tracker.domain.ids import facility_of_site
from tracker.store import Store, Transaction
from tracker.store.device_registry import DeviceRow
from tracker.store.fact_log import NewFact, Stream
from tracker.wire import (
    Ack,
    Address,
    Answer,
    Config,
    Down,
    Hello,
    Nack,
    Need,
    ScanRecord,
    Scans,
    Status,
    Time,
    UnfitMessageError,
    address_of,
    batch_mac,
    canonical,
    hear_record,
    hear_up,
    raw_records,
    same_mac,
    seq_of,
    signed,
    voided,
)

log = structlog.get_logger()

GAP_WAIT_S = 10.0
"""How long a gap may stand before the device is asked for what is missing."""

_MOST_DEPTH = 2**31 - 1  # what its column holds

CONFIG = Config(
    symbologies=["code128", "gs1-128", "itf", "datamatrix", "qr"],
    lengths={"itf": [10, 14]},
    kinds=[kind.value for kind in Kind if kind not in (Kind.BOOK, Kind.REPLAN)],
)


@dataclass(frozen=True, slots=True)
class Heard:
    """One message as it came off the wire, and when, by the business clock."""

    topic: str
    payload: bytes
    heard_at: datetime


@dataclass(frozen=True, slots=True)
class Reply:
    """Something to publish to a device once everything before it is committed."""

    address: Address
    message: Down


@dataclass
class _Batch:
    """What one transaction has gathered so far."""

    tx: Transaction
    recorded_at: datetime
    clocks: dict[tuple[str, int], BootClock] = field(default_factory=dict)
    streams: dict[tuple[str, str], Stream] = field(default_factory=dict)
    replies: list[Reply] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Gap:
    device: DeviceRow
    address: Address
    epoch: str
    upto: int
    last: int
    since: float  # real monotonic seconds; since when nothing below has come


class Ingest:
    """Turns what devices say into facts, and answers them. One caller at a time."""

    def __init__(self, store: Store, roll: Roll, clock: Clock, monotonic: Callable[[], float]) -> None:
        self._store = store
        self._roll = roll
        self._clock = clock
        self._monotonic = monotonic
        self._gaps: dict[tuple[str, str], _Gap] = {}
        self.counts: Counter[str] = Counter()

    def take(self, heard: Sequence[Heard]) -> list[Reply]:
        """Keeps everything heard, in one transaction, and answers what to publish.

        When it returns, all of it is committed and flushed, in the log or in quarantine, and may be PUBACKed and
        receipted. When it raises StoreError nothing is, and nothing may be answered.
        """
        try:
            return self._take_all(heard)
        except UnkeepableError as wrong:
            trouble: Exception = wrong
        except StoreError:
            raise
        except Exception as wrong:
            # A mistake of ours that one message brings to light: what else arrived must not wait for it to be mended.
            log.exception("tripped over a message")
            trouble = wrong
        if len(heard) > 1:
            return [reply for message in heard for reply in self.take([message])]
        self._take_poison(heard[0], trouble)
        return []

    def _take_poison(self, message: Heard, wrong: Exception) -> None:
        """Bytes that cannot be held as facts must never hold up the others."""
        with self._store.writing() as tx:
            self._put_aside(_Batch(tx, self._clock.now()), message, "unkeepable", f"{type(wrong).__name__}: {wrong}")

    def _take_all(self, heard: Sequence[Heard]) -> list[Reply]:
        known = {m.topic: self._who(m.topic) for m in heard}
        with self._store.writing() as tx:
            tx.log.lock()
            batch = _Batch(tx, self._clock.now())
            for message in heard:
                self._take_one(batch, message, known[message.topic])
            for (dev, boot), clock in batch.clocks.items():
                tx.devices.keep_boot_clock(dev, boot, clock)
        self.counts["messages"] += len(heard)
        return batch.replies

    def overdue(self) -> list[Reply]:
        """What to ask devices for again: gaps that stood longer than `GAP_WAIT_S` seconds."""
        now = self._monotonic()
        asked: list[Reply] = []
        for name, gap in list(self._gaps.items()):
            if now - gap.since < GAP_WAIT_S:
                continue
            with self._store.writing() as tx:
                stream = tx.log.stream(f"dev:{gap.device.dev}", gap.epoch)
                ranges = tx.log.gaps(stream, last=max(gap.last, stream.highest))
                generation = tx.meta.generation
            if not ranges:
                del self._gaps[name]
                continue
            need = Need(ep=gap.epoch, ranges=ranges, gen=generation)
            asked.append(Reply(gap.address, _sign(gap.device, need)))
            self._gaps[name] = replace(gap, since=now)
        return asked

    def _who(self, topic: str) -> tuple[Address, DeviceRow] | str:
        """Who speaks, or the word under which it is put aside."""
        try:
            address = address_of(topic)
        except UnfitMessageError as unfit:
            return unfit.why
        device = self._roll.find(address.dev)
        if device is None:
            return "unknown_device"
        if device.revoked_at is not None:
            return "revoked"
        if device.site != address.site:
            return "foreign_site"
        return address, device

    def _take_one(self, batch: _Batch, message: Heard, who: tuple[Address, DeviceRow] | str) -> None:
        if isinstance(who, str):
            self._put_aside(batch, message, who)
            return
        address, device = who
        try:
            said = hear_up(message.payload)
            match said:
                case Hello():
                    self._greet(batch, address, device, said, message.heard_at)
                case Scans():
                    self._keep(batch, address, device, said, message)
                case Status():
                    self._note_health(batch, address, device, said, message.heard_at)
        except UnfitMessageError as unfit:
            self._put_aside(batch, message, unfit.why, str(unfit))

    # hello and status

    def _greet(self, batch: _Batch, address: Address, device: DeviceRow, hello: Hello, heard_at: datetime) -> None:
        wall_error = hello.sent - _millis(heard_at)
        batch.tx.devices.heard(device.dev, at=heard_at, wall_error_ms=wall_error, firmware=hello.fw and hello.fw[:64])
        self._hear_clock(batch, device.dev, boot=hello.boot, mono=hello.mono, heard_at=heard_at)
        stream = self._stream(batch, device.dev, hello.ep)
        self._watch_gap(device, address, stream, last=hello.last)
        self._acknowledge(batch, address, device, stream)
        answered = _millis(self._clock.now())
        batch.replies.append(Reply(address, Time(c0=hello.sent, s1=_millis(heard_at), s2=answered)))
        batch.replies.append(Reply(address, CONFIG))

    def _note_health(
        self, batch: _Batch, address: Address, device: DeviceRow, status: Status, heard_at: datetime
    ) -> None:
        wall_error = status.sent - _millis(heard_at)
        depth = min(status.depth, _MOST_DEPTH)
        batch.tx.devices.heard(device.dev, at=heard_at, wall_error_ms=wall_error, depth=depth, battery=status.battery)
        self._hear_clock(batch, device.dev, boot=status.boot, mono=status.mono, heard_at=heard_at)
        self._watch_gap(device, address, self._stream(batch, device.dev, status.ep), last=status.last)

    # scans

    def _keep(self, batch: _Batch, address: Address, device: DeviceRow, scans: Scans, message: Heard) -> None:
        if device.mac_key is not None:
            expected = batch_mac(device.mac_key, scans.ep, bytes(scans.s))
            if not same_mac(expected, scans.mac):
                self._put_aside(batch, message, "bad_mac")
                return
        raws = raw_records(scans)
        self._hear_clock(batch, device.dev, boot=scans.boot, mono=scans.mono, heard_at=message.heard_at)
        wall_error = scans.sent - _millis(message.heard_at)
        batch.tx.devices.heard(device.dev, at=message.heard_at, wall_error_ms=wall_error)
        stream = self._stream(batch, device.dev, scans.ep)
        records, misfits = _sift(raws)
        qs = [*(record.q for record, _ in records), *(q for q, _, _ in misfits if q is not None)]
        committed = batch.tx.log.digests(stream, qs)
        turned = batch.tx.log.refused(stream, qs)
        added: list[NewFact] = []
        counted: set[int] = set()
        for record, raw in records:
            digest = canonical(record)
            earlier = committed.get(record.q)
            if earlier == digest:
                self.counts["repeats"] += 1
            elif earlier is not None or record.q in turned:
                other = Heard(message.topic, raw, message.heard_at)
                self._put_aside(batch, other, "conflict", f"{scans.ep}:{record.q}")
            else:
                added.append(self._fact(batch, device, record, digest, wall_error, message.heard_at))
                committed[record.q] = digest
        batch.tx.log.append(stream, added)
        for q, why, raw in misfits:
            aside = Heard(message.topic, raw, message.heard_at)
            self._put_aside(batch, aside, why, f"{scans.ep}:{q}" if q is not None else scans.ep)
            if q is None:
                continue
            if q not in committed and q not in turned:
                batch.tx.log.refuse(stream, q)
                turned.add(q)
                counted.add(q)
            nack = Nack(ep=scans.ep, q=q, why=why, gen=batch.tx.meta.generation)
            batch.replies.append(Reply(address, _sign(device, nack)))
        counted.update(fact.q for fact in added if fact.q is not None)
        if counted:
            stream = batch.tx.log.move_watermark(stream, new=counted)
            batch.streams[(device.dev, scans.ep)] = stream
        self.counts["scans"] += len(added)
        self._watch_gap(device, address, stream, last=stream.highest)
        self._acknowledge(batch, address, device, stream)

    def _fact(
        self,
        batch: _Batch,
        device: DeviceRow,
        record: ScanRecord,
        digest: bytes,
        wall_error: int,
        heard_at: datetime,
    ) -> NewFact:
        happened_at, error_ms, estimated = self._when(batch, device, record, wall_error, heard_at)
        happened_at = min(happened_at, batch.recorded_at)
        extra = record.x or {}
        reason = extra.get("reason")
        return NewFact(
            kind=record.k,
            code=record.code,
            sym=record.sym,
            facility=facility_of_site(device.site_at(happened_at)),
            happened_at=happened_at,
            recorded_at=batch.recorded_at,
            q=record.q,
            sort_point=record.at,
            into=record.into,
            reason=reason[:64] if isinstance(reason, str) else None,
            voids=voided(record),
            operator=record.op,
            estimated=estimated,
            error_ms=error_ms,
            wall=record.wall,
            mono=record.mono,
            boot=record.boot,
            digest=digest,
            x=msgspec.json.encode(record.x).decode() if record.x else None,
            lat=record.lat,
            lon=record.lon,
        )

    def _when(
        self, batch: _Batch, device: DeviceRow, record: ScanRecord, wall_error: int, heard_at: datetime
    ) -> tuple[datetime, int, bool]:
        """By the running time of its boot; else by the wall clock as far off as it is known to be; else as heard."""
        clock = self._boot_clock(batch, device.dev, record.boot)
        if clock is not None:
            at, error_ms = clock.at(record.mono)
            return at, error_ms, False
        try:
            corrected = _instant(record.wall - wall_error)
        except (OverflowError, ValueError):
            return heard_at, 0, True
        if timedelta(0) <= heard_at - corrected <= timedelta(days=30):
            return corrected, 60_000, False
        return heard_at, 0, True

    # clocks, streams, answers

    def _boot_clock(self, batch: _Batch, dev: str, boot: int) -> BootClock | None:
        known = batch.clocks.get((dev, boot))
        return known if known is not None else batch.tx.devices.boot_clock(dev, boot)

    def _hear_clock(self, batch: _Batch, dev: str, *, boot: int, mono: int, heard_at: datetime) -> None:
        known = self._boot_clock(batch, dev, boot)
        heard = known.hearing(mono=mono, heard_at=heard_at) if known else first_heard(mono=mono, heard_at=heard_at)
        batch.clocks[(dev, boot)] = heard

    def _stream(self, batch: _Batch, dev: str, epoch: str) -> Stream:
        if (dev, epoch) not in batch.streams:
            batch.streams[(dev, epoch)] = batch.tx.log.stream(f"dev:{dev}", epoch)
        return batch.streams[(dev, epoch)]

    def _acknowledge(self, batch: _Batch, address: Address, device: DeviceRow, stream: Stream) -> None:
        ack = Ack(ep=stream.epoch, upto=stream.upto, gen=batch.tx.meta.generation)
        batch.replies.append(Reply(address, _sign(device, ack)))

    def _watch_gap(self, device: DeviceRow, address: Address, stream: Stream, *, last: int) -> None:
        name = (device.dev, stream.epoch)
        known = self._gaps.get(name)
        last = max(last, known.last if known else 0)
        if last <= stream.upto:
            self._gaps.pop(name, None)
            return
        stands = known is not None and known.upto == stream.upto  # a backlog that flows is no gap
        since = known.since if known is not None and stands else self._monotonic()
        self._gaps[name] = _Gap(device, address, stream.epoch, stream.upto, last, since)

    def _put_aside(self, batch: _Batch, message: Heard, why: str, detail: str = "") -> None:
        self.counts["quarantined"] += 1
        fresh = batch.tx.log.put_aside(
            topic=message.topic,
            why=why,
            detail=detail,
            payload=message.payload,
            heard_at=message.heard_at,
            essence=_essence(message.payload),
        )
        if fresh:
            log.warning("put aside", topic=message.topic[:120], why=why, detail=detail[:200])


def _essence(payload: bytes) -> bytes:
    """What stays the same when a device sends it again every few seconds, stamped anew each time."""
    try:
        said = hear_up(payload)
    except UnfitMessageError:
        return payload
    return said.ep.encode() + (bytes(said.s) if isinstance(said, Scans) else type(said).__name__.encode())


def _sift(raws: list[bytes]) -> tuple[list[tuple[ScanRecord, bytes]], list[tuple[int | None, str, bytes]]]:
    """The records of a batch with their bytes, and what is none: its number if it has one, why, and its bytes."""
    records: list[tuple[ScanRecord, bytes]] = []
    misfits: list[tuple[int | None, str, bytes]] = []
    for raw in raws:
        try:
            records.append((hear_record(raw), raw))
        except UnfitMessageError as unfit:
            misfits.append((seq_of(raw), unfit.why, raw))
    return records, misfits


def _sign(device: DeviceRow, answer: Answer) -> Answer:
    return signed(device.mac_key, answer)


def _millis(instant: datetime) -> int:
    return int(instant.timestamp() * 1000)


def _instant(millis: int) -> datetime:
    return datetime.fromtimestamp(millis / 1000, UTC)
