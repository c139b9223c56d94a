"""A batch of messages in one transaction: what is new is appended, what is not understood put aside, all answered."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import msgspec
import structlog

from tracker.clock import Clock
from tracker.devices import Roll
from tracker.domain.errors import StoreError, UnkeepableError
from tracker.domain.handling import DESK_ONLY, NEVER_SCANNED, Kind
from tracker.domain.ids import facility_of_site
from tracker.gaps import GapWatch
from tracker.ingest.contact import Contacts, Hearing
from tracker.ingest.hearing import (
    Heard,
    Misfit,
    NotUnderstood,
    Record,
    Understood,
    essence,
    instant,
    millis,
    understand,
)
from tracker.store import Store, Transaction
from tracker.store.device_registry import DeviceRow
from tracker.store.fact_log import NewAside, NewFact, ScanKey, Stream
from tracker.wire import Ack, Address, Answer, Config, Down, Hello, Nack, Need, Scans, Status, Time, signed, voided

log = structlog.get_logger()

CONFIG = Config(
    symbologies=["code128", "gs1-128", "itf", "datamatrix", "qr"],
    lengths={"itf": [10, 14]},
    kinds=[kind.value for kind in Kind if kind not in NEVER_SCANNED | DESK_ONLY],
)


@dataclass(frozen=True, slots=True)
class Reply:
    """Something to publish to a device once everything before it is committed."""

    address: Address
    message: Down


class Ingest:
    """Turns what devices say into facts, and answers them. One caller at a time.

    It has no thread, and no clock but the two it is given. Several of them, in several processes, may take whatever
    they get of the same streams: the log's keys and the lock on the watermark's row decide.
    """

    def __init__(self, store: Store, roll: Roll, clock: Clock, monotonic: Callable[[], float]) -> None:
        self._store = store
        self._roll = roll
        self._clock = clock
        self._contacts = Contacts()
        self._watch = GapWatch(store, roll, clock, monotonic)
        self.counts: Counter[str] = Counter()

    def take(self, heard: Sequence[Heard]) -> list[Reply]:
        """Keeps everything heard, in one transaction, and answers what to publish: one receipt a device and epoch.

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
        return self._take_poison(heard[0], trouble)

    def overdue(self, dev: str | None = None) -> list[Reply]:
        """What to ask devices for, or only `dev`, because it has not come; to be called every second or so.

        What has been missing for too long, people are told of. Raises StoreError; nothing is forgotten then.
        """
        wanted = self._watch.step(dev)
        if not wanted:
            return []
        with self._store.reading() as tx:
            generation = tx.meta.generation
        return [
            Reply(
                Address(each.device.site, each.device.dev),
                _sign(each.device, Need(ep=each.epoch, ranges=each.ranges, gen=generation)),
            )
            for each in wanted
        ]

    def _take_all(self, heard: Sequence[Heard]) -> list[Reply]:
        return self._take_understood([understand(message, self._roll) for message in heard])

    def _take_understood(self, messages: Sequence[Understood | NotUnderstood]) -> list[Reply]:
        understood = [message for message in messages if isinstance(message, Understood)]
        with self._store.writing() as tx:
            tx.log.lock()
            batch = _Batch(tx, self._clock, self._contacts.hearing(tx, understood), understood)
            for message in messages:
                batch.add(message)
            batch.write()
            for message in understood:
                self._heed(tx, message, batch.streams[message.stream])
            replies = batch.replies()
        self._committed(batch, understood)
        self.counts["messages"] += len(messages)
        return replies

    def _committed(self, batch: "_Batch", understood: Sequence[Understood]) -> None:
        """Only now may anything in memory rest on it."""
        self.counts.update(batch.counts)
        batch.hearing.committed()
        claimed: dict[tuple[str, str], int] = {}
        for message in understood:
            last = 0 if isinstance(message.said, Scans) else message.said.last
            claimed[message.stream] = max(last, claimed.get(message.stream, 0))
        for message in {message.stream: message for message in understood}.values():
            stream = batch.streams[message.stream]
            self._watch.sees(message.device.dev, stream, last=max(stream.highest, claimed[message.stream]))
        for thing in batch.put_aside:
            log.warning("put aside", topic=thing.topic[:120], why=thing.why, detail=thing.detail[:200])

    def _heed(self, tx: Transaction, message: Understood, stream: Stream) -> None:
        """What a device says it has given out, and of it still keeps."""
        match message.said:
            case _ if not stream.is_kept:
                pass
            case Hello(first=first, last=last):
                self._watch.claims(tx, message.device, stream, first=first, last=last)
            case Status(last=last):
                self._watch.claims(tx, message.device, stream, last=last)

    def _take_poison(self, heard: Heard, wrong: Exception) -> list[Reply]:
        """What cannot be held as facts must never hold up the others, nor be sent for ever."""
        message = understand(heard, self._roll)
        try:
            if isinstance(message, Understood) and message.records:
                replies = [reply for record in message.records for reply in self._take_alone(message, record)]
                return replies + (self._take_understood([replace(message, records=())]) if message.misfits else [])
        except UnkeepableError as still_wrong:
            wrong = still_wrong
        thing = _aside(heard, "unkeepable", f"{type(wrong).__name__}: {wrong}")
        with self._store.writing() as tx:
            tx.log.put_aside([thing])
        self.counts["quarantined"] += 1
        log.warning("put aside", topic=thing.topic[:120], why=thing.why, detail=thing.detail[:200])
        return []

    def _take_alone(self, message: Understood, record: Record) -> list[Reply]:
        """One record of a batch that tripped us: kept, or put aside and refused like any that is none."""
        try:
            return self._take_understood([replace(message, records=(record,), misfits=())])
        except UnkeepableError:
            pass
        except StoreError:
            raise
        except Exception:
            log.exception("tripped over a record", dev=message.device.dev, epoch=message.said.ep, q=record.scan.q)
        refused = Misfit(record.scan.q, "unkeepable", record.raw)
        return self._take_understood([replace(message, records=(), misfits=(refused,))])


class _Batch:
    """What one transaction gathers, and then writes in one go a table."""

    def __init__(
        self,
        tx: Transaction,
        clock: Clock,
        hearing: Hearing,
        understood: Sequence[Understood],
    ) -> None:
        self._tx = tx
        self._clock = clock
        self._understood = understood
        self.hearing = hearing
        self.counts: Counter[str] = Counter()
        self.put_aside: list[NewAside] = []  # once written: those not seen before
        brought = {message.stream for message in understood if isinstance(message.said, Scans)}
        self.streams = tx.log.streams(brought) if brought else {}
        if spoken_of := {message.stream for message in understood} - brought:
            self.streams |= tx.log.streams_spoken_of(spoken_of)
        self._recorded_at = clock.now()
        self._generation = tx.meta.generation
        asked = self._seen_before()
        self._committed: dict[ScanKey, bytes] = tx.log.digests(asked)
        self._turned: set[ScanKey] = tx.log.refused(asked)
        self._facts: list[tuple[Stream, NewFact]] = []
        self._refused: set[ScanKey] = set()
        self._added: dict[Stream, list[int]] = {}
        self._asides: list[NewAside] = []
        self._nacks: dict[ScanKey, Reply] = {}
        self._greetings: list[Reply] = []

    def _seen_before(self) -> list[ScanKey]:
        """Of the numbers that came, those that may be there already: none, as long as everything goes forward."""
        asked: list[ScanKey] = []
        for message in self._understood:
            stream = self.streams[message.stream]
            for record in message.records:
                if record.scan.q <= stream.highest:
                    asked.append((stream.id, record.scan.q))
            for misfit in message.misfits:
                if misfit.q is not None and misfit.q <= stream.highest:
                    asked.append((stream.id, misfit.q))
        return asked

    def add(self, message: Understood | NotUnderstood) -> None:
        match message:
            case NotUnderstood():
                self._asides.append(_aside(message.heard, message.why, message.detail))
            case Understood(said=Hello() as hello):
                self._greet(message, hello)
            case Understood(said=Scans()):
                self._keep(message)

    def write(self) -> None:
        self._tx.log.append(self._facts)
        self._tx.log.refuse(self._refused)
        self.streams |= {stream.name: stream for stream in self._tx.log.move_watermarks(self._added)}
        self.put_aside = self._tx.log.put_aside(self._asides)
        self.hearing.keep()
        self.counts["scans"] += len(self._facts)
        self.counts["quarantined"] += len(self._asides)

    def replies(self) -> list[Reply]:
        """What no record was, then one receipt a device and epoch, then what else a hello is told.

        A status has one too: the device may be the only one left who does not know that the database was restored.
        """
        receipts: dict[tuple[str, str], Reply] = {}
        for message in self._understood:
            stream = self.streams[message.stream]
            if message.stream not in receipts:
                receipts[message.stream] = _receipt(message.address, message.device, stream, self._generation)
        return [*self._nacks.values(), *receipts.values(), *self._greetings]

    def _greet(self, message: Understood, hello: Hello) -> None:
        time = Time(c0=hello.sent, s1=millis(message.heard.heard_at), s2=millis(self._clock.now()))
        self._greetings += [Reply(message.address, time), Reply(message.address, CONFIG)]

    def _keep(self, message: Understood) -> None:
        stream = self.streams[message.stream]
        added: list[int] = []
        for record in message.records:
            key = (stream.id, record.scan.q)
            earlier = self._committed.get(key)
            if earlier == record.digest:
                self.counts["repeats"] += 1
            elif earlier is not None or key in self._turned:
                self._set_aside(message, record.raw, "conflict", record.scan.q)
            else:
                self._facts.append((stream, self._fact(message, record)))
                self._committed[key] = record.digest
                added.append(record.scan.q)
        for misfit in message.misfits:
            self._set_aside(message, misfit.raw, misfit.why, misfit.q)
            if misfit.q is None:
                continue
            key = (stream.id, misfit.q)
            if key not in self._committed and key not in self._turned:
                self._turned.add(key)
                self._refused.add(key)
                added.append(misfit.q)
            nack = Nack(ep=stream.epoch, q=misfit.q, why=misfit.why, gen=self._generation)
            self._nacks[key] = Reply(message.address, _sign(message.device, nack))
        if added:
            self._added.setdefault(stream, []).extend(added)

    def _set_aside(self, message: Understood, raw: bytes, why: str, q: int | None) -> None:
        epoch = message.said.ep
        detail = epoch if q is None else f"{epoch}:{q}"
        self._asides.append(_aside(Heard(message.heard.topic, raw, message.heard.heard_at), why, detail))

    def _fact(self, message: Understood, record: Record) -> NewFact:
        scan = record.scan
        happened_at, error_ms, estimated = self._when(message, record)
        happened_at = min(happened_at, self._recorded_at)
        reason = scan.x.get("reason") if scan.x else None
        return NewFact(
            kind=scan.k,
            code=scan.code,
            sym=scan.sym,
            facility=facility_of_site(message.device.site_at(happened_at)),
            happened_at=happened_at,
            recorded_at=self._recorded_at,
            q=scan.q,
            sort_point=scan.at,
            into=scan.into,
            reason=reason[:64] if isinstance(reason, str) else None,
            voids=voided(scan),
            operator=scan.op,
            estimated=estimated,
            error_ms=error_ms,
            wall=scan.wall,
            mono=scan.mono,
            boot=scan.boot,
            digest=record.digest,
            x=msgspec.json.encode(scan.x).decode() if scan.x else None,
            lat=scan.lat,
            lon=scan.lon,
        )

    def _when(self, message: Understood, record: Record) -> tuple[datetime, int, bool]:
        """By the running time of its boot; else by the wall clock as far off as it is known to be; else as heard."""
        scan, heard_at = record.scan, message.heard.heard_at
        clock = self.hearing.clocks.get((message.device.dev, scan.boot))
        if clock is not None:
            at, error_ms = clock.at(scan.mono)
            return at, error_ms, False
        try:
            corrected = instant(scan.wall - self.hearing.wall_error_ms(message))
        except (OverflowError, ValueError):
            return heard_at, 0, True
        if timedelta(0) <= heard_at - corrected <= timedelta(days=30):
            return corrected, 60_000, False
        return heard_at, 0, True


def _receipt(address: Address, device: DeviceRow, stream: Stream, generation: int) -> Reply:
    return Reply(address, _sign(device, Ack(ep=stream.epoch, upto=stream.upto, gen=generation)))


def _aside(message: Heard, why: str, detail: str) -> NewAside:
    return NewAside(message.topic, why, detail, message.payload, message.heard_at, essence(message.payload))


def _sign(device: DeviceRow, answer: Answer) -> Answer:
    return signed(device.mac_key, answer)
