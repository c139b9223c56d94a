"""A handheld's half of LDP/1 as a pure state machine: no thread, no socket, no clock and no chance of its own.

The rim (`scanner.link`, the phone's HTTP door, the simulator) tells it what happened and publishes what it answers, in
order, on the device's `up` topic. `now` is any monotonic clock in seconds; stamps come from the `DeviceClock`.
"""

from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import msgspec

from scanner.epoch import Epoch
from scanner.journal import Journal, NotRecordedError
from scanner.stamp import DeviceClock
from tracker import wire

WINDOW = 64  # records sent and not yet receipted
RESEND_AFTER = 1.0
RESEND_AT_MOST = 8.0
RESEND_JITTER = 0.2
NEW_CONNECTION_AFTER = 30.0
STATUS_EVERY = 60.0
STRANDED_AGAIN_AFTER = 30.0
ASKED_EVERY = 0.02  # between the batches a `need` asks for, so that they do not hold up live scans
REMEMBERED_CODES = 512
REMEMBERED_NACKS = 256
_ROOM_FOR_RECORDS = wire.MAX_PAYLOAD - 320  # the envelope with its MAC takes at most 230 bytes


class Chance(Protocol):
    """A seeded generator: `random.Random` is one."""

    def uniform(self, a: float, b: float, /) -> float: ...


class Recorded(NamedTuple):
    """The scan is in the journal: beep. Its id is the device's name, `ep` and `q`."""

    ep: str
    q: int
    again: float | None  # seconds since this device last scanned the same code: a hint, never a deduplication


@dataclass(frozen=True, slots=True)
class Waiting:
    """Scans without a receipt, and when the oldest was made, by the device's wall clock in ms."""

    count: int
    oldest: int | None


class Refused(NamedTuple):
    """The tracker keeps this record aside for staff, because it could not be understood."""

    ep: str
    q: int
    why: str


@dataclass(frozen=True, slots=True)
class Reconnect:
    """Scans wait and nothing came back for 30 s: end this connection and make a new one."""


Effect = bytes | Reconnect


@dataclass(slots=True)
class _Batch:
    """Records sent together, and together again until they are receipted."""

    epoch: Epoch
    first: int
    last: int
    due: float
    patience: float = RESEND_AFTER


@dataclass(slots=True)
class _Greeting:
    """A `hello` that no `ack` has answered yet, and when to say it again."""

    due: float
    patience: float = RESEND_AFTER


class Handheld:
    """One device: `record` puts scans into its journal, the rest brings them to the tracker.

    Every method may be called at any time and in any order. What `connected`, `heard` and `tick` answer is to be
    published only on the connection that stands at that moment, and thrown away if that fails: whatever is lost is
    sent again. After `record`, call `tick`; then again at `next_tick`.
    """

    def __init__(
        self,
        journal: Journal,
        clock: DeviceClock,
        rng: Chance,
        *,
        key: bytes | None = None,
        firmware: str | None = None,
    ) -> None:
        self.journal = journal
        self.config: wire.Config | None = None
        self.clock_off_ms: int | None = None  # tracker's clock less ours, for the display only
        self.battery: float | None = None  # 0 to 1, where the device knows
        self.nacked: deque[Refused] = deque(maxlen=REMEMBERED_NACKS)
        self.ignored = 0  # messages not understood, or without the MAC they should have
        self.clock = clock
        self._rng = rng
        self._key = key
        self._firmware = firmware
        self._codes: OrderedDict[str, float] = OrderedDict()
        self._connected = False
        self._greeted: set[str] = set()  # epochs that had a `hello` on this connection
        self._greetings: dict[str, _Greeting] = {}  # of those, the unanswered
        self._sent: dict[str, int] = {}  # highest number sent in order on this connection, by epoch
        self._flight: deque[_Batch] = deque()
        self._asked: OrderedDict[str, deque[tuple[int, int]]] = OrderedDict()  # ranges to send out of order
        self._asked_at = 0.0
        self._progress_at = 0.0
        self._status_at = 0.0
        self._stranded_at = 0.0

    # --- what the person does ---

    def record(
        self,
        code: str,
        sym: str,
        kind: str,
        *,
        now: float,
        at: str | None = None,
        into: str | None = None,
        op: str | None = None,
        x: dict[str, Any] | None = None,
        lat: float | None = None,
        lon: float | None = None,
    ) -> Recorded:
        """Journal a scan durably; the beep is the caller's next line.

        Raises NotRecordedError where it cannot be kept, or where the tracker could not understand it. Nothing is
        sent before the next `tick`.
        """
        stamp = self.clock.stamp()
        record = wire.ScanRecord(
            q=wire.MAX_SEQ,
            code=code,
            sym=sym,
            k=kind,
            wall=stamp.wall,
            mono=stamp.mono,
            boot=stamp.boot,
            op=op,
            at=at,
            into=into,
            lat=lat,
            lon=lon,
            x=x,
        )
        self._refuse_unfit(record)
        ep, q = self.journal.append(record)
        before = self._codes.pop(code, None)
        self._codes[code] = now
        if len(self._codes) > REMEMBERED_CODES:
            self._codes.popitem(last=False)
        return Recorded(ep, q, None if before is None else now - before)

    # --- what the rim tells ---

    def connected(self, now: float) -> list[Effect]:
        """A new connection stands and `down` is subscribed: greet, then send all that waits."""
        self.disconnected(now)
        self._connected = True
        self._progress_at = now
        self._status_at = now + STATUS_EVERY
        self._stranded_at = now
        self.journal.settle()
        greeted = [
            epoch
            for epoch in self.journal.epochs
            if epoch is self.journal.current or _has_to_send(epoch) or self._unheard_of(epoch)
        ]
        return [*self._greet(greeted, now), *self.tick(now)]

    def disconnected(self, now: float) -> list[Effect]:
        """The connection is gone, and with it all that was under way."""
        self._connected = False
        self._greeted.clear()
        self._greetings.clear()
        self._sent.clear()
        self._flight.clear()
        self._asked.clear()
        return []

    def heard(self, payload: bytes, now: float) -> list[Effect]:
        """A message came on `down`. What cannot be understood or is not signed with our key changes nothing."""
        try:
            message = wire.hear_down(payload)
        except wire.UnfitMessageError:
            self.ignored += 1
            return []
        match message:
            case wire.Ack() | wire.Need() | wire.Nack():
                return self._answered(message, now)
            case wire.Config():
                self.config = message
            case wire.Time(c0=sent, s1=heard, s2=answered):
                self.clock_off_ms = ((heard - sent) + (answered - self.clock.stamp().wall)) // 2
        return []

    def tick(self, now: float) -> list[Effect]:
        """Do what is due. Call it after `record` and at `next_tick`; calling it more often changes nothing."""
        if not self._connected:
            return []
        out: list[Effect] = [
            *self._send_new(now),
            *self._resend(now),
            *self._send_asked(now),
            *self._greet_again(now),
        ]
        if now >= self._stranded_at:
            self._stranded_at = now + STRANDED_AGAIN_AFTER
            out += self._send_stranded(now)
        if now >= self._status_at:
            self._status_at = now + STATUS_EVERY
            self.journal.keep_house(self.clock.stamp())
            out += self._status()
        if (self._flight or self._greetings) and now >= self._progress_at + NEW_CONNECTION_AFTER:
            self._progress_at = now
            out.append(Reconnect())
        return out

    def next_tick(self, now: float) -> float | None:
        """When `tick` has something to do, on the clock of `now`; None while there is no connection."""
        if not self._connected:
            return None
        if self._may_send():
            return now
        due = [self._status_at, self._stranded_at]
        due += [greeting.due for greeting in self._greetings.values()]
        if self._flight:
            due.append(self._flight[0].due)
        if self._flight or self._greetings:
            due.append(self._progress_at + NEW_CONNECTION_AFTER)
        if self._asked:
            due.append(self._asked_at)
        return max(now, min(due))

    # --- what may be asked ---

    @property
    def waiting(self) -> Waiting:
        """Scans that wait for their receipt; those no receipt can reach are in `stranded`."""
        oldest = None
        for epoch in self.journal.epochs:
            if epoch.waiting and (raw := self.journal.record(epoch, epoch.acked + 1)):
                oldest = wire.hear_record(raw).wall
                break
        return Waiting(self.waiting_count, oldest)

    @property
    def waiting_count(self) -> int:
        return sum(epoch.waiting for epoch in self.journal.epochs)

    @property
    def stranded(self) -> int:
        """Scans kept behind one that is lost. They are sent again and again; only staff can close the gap."""
        return sum(last - first + 1 for each in self.journal.epochs for first, last in each.stranded())

    def receipted(self, ep: str, q: int) -> bool:
        """Whether the tracker has said that this scan is committed."""
        epoch = self.journal.epoch(ep)
        return epoch is None or q <= epoch.acked

    def refused(self, ep: str, q: int) -> Refused | None:
        """The tracker's word that this scan is kept aside for staff."""
        return next((each for each in self.nacked if (each.ep, each.q) == (ep, q)), None)

    # --- answers ---

    def _answered(self, answer: wire.Answer, now: float) -> list[Effect]:
        if self._key and not wire.same_mac(wire.answer_mac(self._key, answer), answer.mac):
            self.ignored += 1
            return []
        epoch = self.journal.epoch(answer.ep)
        if answer.gen < self.journal.gen:
            return []  # spoken before the restore we know of
        restored = answer.gen > self.journal.gen
        if epoch is not None:
            self._take(answer, epoch, now)
        speak_up: list[Epoch] = []
        if restored:
            self.journal.gen = answer.gen
            # The restored database may not even know some epochs, so every one that is kept speaks up.
            speak_up = [each for each in self.journal.epochs if self._connected and self._unheard_of(each)]
        return [
            *self._greet_anew(speak_up, now),
            *(self._send_asked(now) if isinstance(answer, wire.Need) else []),
            *self.tick(now),
        ]

    def _take(self, answer: wire.Answer, epoch: Epoch, now: float) -> None:
        match answer:
            case wire.Ack(upto=upto):
                if self._greetings.pop(epoch.ep, None):
                    self._progress_at = now
                self._receipt(epoch, upto, answer.gen, now)
            case wire.Need(ranges=ranges):
                asked = _within(ranges, epoch)
                if asked and answer.gen > epoch.gen and asked[0][0] <= epoch.acked:
                    # Restored. Only an `ack` says how far it has got: so the epoch stays of its old generation.
                    self._go_back(epoch, asked[0][0] - 1, epoch.gen)
                self._asked.pop(epoch.ep, None)  # the tracker's latest word holds
                if asked and self._connected:
                    self._asked[epoch.ep] = deque(asked)
                    self._asked.move_to_end(epoch.ep, last=False)
                    self._asked_at = now
            case wire.Nack(q=q, why=why):
                known = Refused(epoch.ep, q, why)
                if known not in self.nacked:
                    self.nacked.append(known)

    def _receipt(self, epoch: Epoch, upto: int, gen: int, now: float) -> None:
        """Everything up to `upto` is committed, by what a tracker of generation `gen` knows."""
        if gen == epoch.gen and upto <= epoch.acked:
            return
        lost_its_tail = upto > epoch.given
        if upto < epoch.acked:
            self._go_back(epoch, upto, gen)
        else:
            self.journal.receipted(epoch, upto=upto, gen=gen, at=self.clock.stamp())
            self._flight = deque(batch for batch in self._flight if batch.last > batch.epoch.acked)
        self._progress_at = now
        # Numbers the tracker has had and we have not given out: flash lied, and giving them out again would make
        # two scans of one id. Numbers it lacks and we no longer keep: no receipt would ever come past them.
        if epoch is self.journal.current and (lost_its_tail or epoch.acked + 1 < epoch.first):
            self.journal.begin_epoch()
            self.journal.settle()

    def _go_back(self, epoch: Epoch, upto: int, gen: int) -> None:
        """The tracker was restored: all that is kept above `upto` goes again."""
        self.journal.receipted(epoch, upto=upto, gen=gen, at=self.clock.stamp())
        self._sent.pop(epoch.ep, None)
        self._flight = deque(batch for batch in self._flight if batch.epoch is not epoch)

    # --- sending ---

    def _may_send(self) -> bool:
        """Whether the window takes what is unsent: whole, or else, when nothing is under way, as much as fits."""
        unsent = sum(max(0, epoch.reach - self._sent_of(epoch)) for epoch in self.journal.epochs)
        return bool(unsent) and (not self._flight or unsent <= self._room())

    def _room(self) -> int:
        return WINDOW - sum(batch.last - max(batch.first - 1, batch.epoch.acked) for batch in self._flight)

    def _sent_of(self, epoch: Epoch) -> int:
        return max(self._sent.get(epoch.ep, 0), epoch.acked)

    def _send_new(self, now: float) -> Iterator[bytes]:
        if not self._may_send():
            return
        if not self._flight:
            self._progress_at = now
        for epoch in self.journal.epochs:
            while (room := self._room()) > 0 and (sent := self._sent_of(epoch)) < epoch.reach:
                records = self._fitting(epoch, sent + 1, min(epoch.reach, sent + room))
                if not records:
                    break
                last = sent + len(records)
                yield from self._greet([epoch], now)
                yield self._message(epoch, records)
                self._sent[epoch.ep] = last
                self._flight.append(_Batch(epoch, sent + 1, last, due=now + self._jittered(RESEND_AFTER)))
                self._greetings.pop(epoch.ep, None)  # the batch is sent until an `ack` comes, which answers both

    def _resend(self, now: float) -> Iterator[bytes]:
        """The oldest batch, as it was, when its receipt is overdue."""
        if not self._flight or now < self._flight[0].due:
            return
        batch = self._flight[0]
        records = self._fitting(batch.epoch, batch.first, batch.last)
        if len(records) <= batch.last - batch.first:
            self._break_up(batch.epoch)
            yield from self._send_new(now)
            return
        batch.patience = min(RESEND_AT_MOST, batch.patience * 2)
        batch.due = now + self._jittered(batch.patience)
        yield self._message(batch.epoch, records)

    def _break_up(self, epoch: Epoch) -> None:
        """Flash lost a record under way: what is still in reach is grouped anew, what is behind it is stranded."""
        self._sent.pop(epoch.ep, None)
        self._flight = deque(batch for batch in self._flight if batch.epoch is not epoch)

    def _send_asked(self, now: float) -> Iterator[bytes]:
        """One batch of what was asked for out of order; the rest at the next ticks."""
        if not self._asked or now < self._asked_at:
            return
        self._asked_at = now + ASKED_EVERY
        ep, ranges = next(iter(self._asked.items()))
        epoch = self.journal.epoch(ep)
        records = self._taken_from(ranges, epoch) if epoch else []
        if epoch and records:
            yield from self._greet([epoch], now)
            yield self._message(epoch, records)
        if not ranges or not epoch:
            del self._asked[ep]

    def _taken_from(self, ranges: deque[tuple[int, int]], epoch: Epoch) -> list[bytes]:
        """The next batch out of these ranges; a record that cannot be read is passed over."""
        records: list[bytes] = []
        while ranges and len(records) < wire.MAX_BATCH:
            first, last = ranges.popleft()
            got = self._fitting(epoch, first, last, with_=records)
            records += got
            rest = first + len(got)
            if rest <= last:
                full = len(records) == wire.MAX_BATCH or self.journal.record(epoch, rest) is not None
                if full or rest < last:
                    ranges.appendleft((rest if full else rest + 1, last))
                if full:
                    break
        return records

    def _send_stranded(self, now: float) -> Iterator[bytes]:
        for epoch in self.journal.epochs:
            ranges = epoch.stranded()
            if ranges and epoch.ep not in self._asked:
                self._asked[epoch.ep] = deque(ranges)
                self._asked_at = now
        return self._send_asked(now)

    def _fitting(self, epoch: Epoch, first: int, last: int, *, with_: Sequence[bytes] = ()) -> list[bytes]:
        """Records from `first` on, as many as one message takes; fewer where one cannot be read."""
        records: list[bytes] = []
        room = _ROOM_FOR_RECORDS - sum(len(raw) + 1 for raw in with_)
        for q in range(first, min(last, first + wire.MAX_BATCH - len(with_) - 1) + 1):
            raw = self.journal.record(epoch, q)
            if raw is None or len(raw) + 1 > room:
                break
            records.append(raw)
            room -= len(raw) + 1
        return records

    def _message(self, epoch: Epoch, records: list[bytes]) -> bytes:
        stamp = self.clock.stamp()
        return wire.signed_batch(self._key, records, ep=epoch.ep, sent=stamp.wall, mono=stamp.mono, boot=stamp.boot)

    def _greet(self, epochs: Iterable[Epoch], now: float) -> Iterator[bytes]:
        for epoch in epochs:
            if epoch.ep not in self._greeted:
                self._greeted.add(epoch.ep)
                if not self._greetings and not self._flight:
                    self._progress_at = now
                self._greetings[epoch.ep] = _Greeting(now + self._jittered(RESEND_AFTER))
                yield self._hello(epoch)

    def _greet_anew(self, epochs: Iterable[Epoch], now: float) -> Iterator[bytes]:
        again = list(epochs)
        self._greeted.difference_update(epoch.ep for epoch in again)
        return self._greet(again, now)

    def _greet_again(self, now: float) -> Iterator[bytes]:
        """Each `hello` whose answer is overdue: without one we may not know that the tracker was restored."""
        for ep, greeting in list(self._greetings.items()):
            if now < greeting.due:
                continue
            epoch = self.journal.epoch(ep)
            if epoch is None:
                del self._greetings[ep]
                continue
            greeting.patience = min(RESEND_AT_MOST, greeting.patience * 2)
            greeting.due = now + self._jittered(greeting.patience)
            yield self._hello(epoch)

    def _hello(self, epoch: Epoch) -> bytes:
        stamp = self.clock.stamp()
        return wire.encode(
            wire.Hello(
                v=1,
                ep=epoch.ep,
                first=epoch.first,
                last=epoch.given,
                boot=stamp.boot,
                mono=stamp.mono,
                wall=stamp.wall,
                sent=stamp.wall,
                fw=self._firmware,
            )
        )

    def _unheard_of(self, epoch: Epoch) -> bool:
        """Whether no tracker has spoken of this epoch since the last restore: it may have lost what it receipted."""
        return epoch.gen < self.journal.gen

    def _status(self) -> Iterator[bytes]:
        for epoch in self.journal.epochs:
            if epoch is self.journal.current or epoch.waiting:
                stamp = self.clock.stamp()
                yield wire.encode(
                    wire.Status(
                        v=1,
                        ep=epoch.ep,
                        last=epoch.given,
                        acked=epoch.acked,
                        depth=epoch.waiting,
                        mono=stamp.mono,
                        boot=stamp.boot,
                        sent=stamp.wall,
                        battery=self.battery,
                    )
                )

    def _jittered(self, seconds: float) -> float:
        return seconds * self._rng.uniform(1 - RESEND_JITTER, 1 + RESEND_JITTER)

    def _refuse_unfit(self, record: wire.ScanRecord) -> None:
        """What the tracker would put aside as no record is better known before the beep."""
        try:
            raw = wire.encode_record(record)
            if len(raw) + 1 > _ROOM_FOR_RECORDS:
                raise wire.UnfitMessageError("too_long")
            wire.hear_record(raw)
            wire.hear_up(
                wire.signed_batch(None, [raw], ep="0" * 32, sent=record.wall, mono=record.mono, boot=record.boot)
            )
        except (wire.UnfitMessageError, msgspec.MsgspecError, TypeError, ValueError, RecursionError) as unfit:
            raise NotRecordedError(
                f"not recorded: this scan cannot be sent ({unfit}); scan or type it again"
            ) from unfit


def _has_to_send(epoch: Epoch) -> bool:
    return epoch.waiting > 0 or bool(epoch.stranded())


def _within(ranges: Iterable[tuple[int, int]], epoch: Epoch) -> list[tuple[int, int]]:
    """The part of the ranges asked for that may still be kept, in order."""
    clipped = ((max(first, epoch.first), min(last, epoch.sure)) for first, last in ranges)
    return sorted((first, last) for first, last in clipped if first <= last)
