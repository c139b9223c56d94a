"""A small world for a handheld: flash that tears and lies, a clock we turn, a tracker that keeps what it hears."""

import random
from dataclasses import dataclass, field

from scanner.handheld import Effect, Handheld, Reconnect
from scanner.journal import Journal
from scanner.stamp import Stamp
from tracker import wire

KEY = bytes(range(32))
HOUR = 3600 * 1000


class PowerCutError(BaseException):
    """The device died in the middle of a write."""


class Flash:
    """A Disk in memory: what was appended is durable only once flushed."""

    def __init__(self) -> None:
        self.durable: dict[str, bytes] = {}
        self.cached: dict[str, bytes] = {}
        self.fails: set[str] = set()  # append, flush, replace, remove, read
        self.short_write: int | None = None  # so many bytes of the next append arrive, then it fails
        self.cut_after: int | None = None  # so many bytes of the next append arrive, then the power goes
        self.cut_before_flush = False

    def names(self) -> list[str]:
        return list(self.cached)

    def read(self, name: str) -> bytes:
        self._may_fail("read")
        return self.cached[name]

    def append(self, name: str, content: bytes) -> None:
        if self.cut_after is not None:
            arrived, self.cut_after = content[: self.cut_after], None
            self.cached[name] = self.cached.get(name, b"") + arrived
            self.durable[name] = self.cached[name]
            raise PowerCutError
        if self.short_write is not None:
            self.cached[name] = self.cached.get(name, b"") + content[: self.short_write]
            self.short_write = None
            raise OSError(28, "No space left on device")
        self._may_fail("append")
        self.cached[name] = self.cached.get(name, b"") + content

    def flush(self, name: str) -> None:
        if self.cut_before_flush:
            self.cut_before_flush = False
            raise PowerCutError
        self._may_fail("flush")
        self.durable[name] = self.cached.setdefault(name, b"")

    def replace(self, name: str, content: bytes) -> None:
        self._may_fail("replace")
        self.cached[name] = self.durable[name] = content

    def remove(self, name: str) -> None:
        self._may_fail("remove")
        self.cached.pop(name, None)
        self.durable.pop(name, None)

    def lose_power(self, unflushed_bytes_kept: int = 0) -> None:
        """Only what was flushed is left, and of the rest perhaps a beginning."""
        for name, content in list(self.cached.items()):
            safe = len(self.durable.get(name, b""))
            kept = content[: safe + unflushed_bytes_kept] if safe < len(content) else content
            if name in self.durable or kept:
                self.durable[name] = self.cached[name] = kept
            else:
                del self.cached[name]
        self.fails.clear()
        self.short_write = self.cut_after = None
        self.cut_before_flush = False

    def flip(self, name: str, bit: int) -> None:
        content = bytearray(self.durable[name])
        content[bit // 8] ^= 1 << bit % 8
        self.durable[name] = self.cached[name] = bytes(content)

    @property
    def segments(self) -> list[str]:
        return sorted(name for name in self.cached if name.endswith(".scans"))

    def _may_fail(self, call: str) -> None:
        if call in self.fails:
            raise OSError(5, "Input/output error")


@dataclass
class Clock:
    """A device's clocks, turned by hand."""

    boot: int = 1
    wall: int = 1_790_000_000_000
    mono: int = 0

    def stamp(self) -> Stamp:
        return Stamp(self.wall, self.mono, self.boot)

    def passes(self, ms: int) -> None:
        self.wall += ms
        self.mono += ms


class Epochs:
    """Names for epochs, in order, so that a failure can be read."""

    def __init__(self) -> None:
        self.made = 0

    def __call__(self) -> str:
        self.made += 1
        return f"{self.made:032x}"


def a_scan(code: str = "LS123456785NL", clock: Clock | None = None) -> wire.ScanRecord:
    wall, mono, boot = (clock or Clock()).stamp()
    return wire.ScanRecord(q=1, code=code, sym="code128", k="sort", wall=wall, mono=mono, boot=boot)


def open_journal(flash: Flash, epochs: Epochs | None = None, **limits: int) -> Journal:
    return Journal(flash, new_epoch=epochs or Epochs(), **limits)


def codes(journal: Journal) -> list[str]:
    """Every code the journal can send, oldest first."""
    found = []
    for epoch in journal.epochs:
        for q in range(epoch.first, epoch.given + 1):
            if raw := journal.record(epoch, q):
                assert wire.hear_record(raw).q == q
                found.append(wire.hear_record(raw).code)
    return found


def a_handheld(
    flash: Flash | None = None,
    *,
    key: bytes | None = KEY,
    epochs: Epochs | None = None,
    clock: Clock | None = None,
    **limits: int,
) -> Handheld:
    journal = open_journal(flash or Flash(), epochs, **limits)
    clock = clock or Clock()
    clock.boot = journal.boot
    return Handheld(journal, clock, random.Random(4711), key=key, firmware="test")


def scan(handheld: Handheld, *some: str, now: float = 0.0) -> None:
    for code in some:
        handheld.record(code, "code128", "sort", now=now)


@dataclass
class Heard:
    """One up message, understood."""

    message: wire.Up
    qs: list[int] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)


def understand(effects: list[Effect]) -> list[Heard]:
    heard = []
    for effect in effects:
        if isinstance(effect, Reconnect):
            continue
        assert len(effect) <= wire.MAX_PAYLOAD
        message = wire.hear_up(effect)
        raw = wire.raw_records(message) if isinstance(message, wire.Scans) else []
        heard.append(Heard(message, [wire.hear_record(each).q for each in raw], raw))
    return heard


def sent(effects: list[Effect]) -> list[list[int]]:
    """The numbers in each `scans` message, in order."""
    return [each.qs for each in understand(effects) if isinstance(each.message, wire.Scans)]


def hellos(effects: list[Effect]) -> list[wire.Hello]:
    return [each.message for each in understand(effects) if isinstance(each.message, wire.Hello)]


def ack(ep: str, upto: int, gen: int = 1, key: bytes | None = KEY) -> bytes:
    return wire.encode(wire.signed(key, wire.Ack(ep=ep, upto=upto, gen=gen)))


def need(ep: str, *ranges: tuple[int, int], gen: int = 1, key: bytes | None = KEY) -> bytes:
    return wire.encode(wire.signed(key, wire.Need(ep=ep, ranges=list(ranges), gen=gen)))


class Tracker:
    """Keeps every scan once and receipts the gapless prefix. It remembers the bodies: an id has one for ever."""

    def __init__(self, key: bytes | None = KEY) -> None:
        self.key = key
        self.gen = 1
        self.log: dict[tuple[str, int], bytes] = {}
        self.bodies: dict[tuple[str, int], bytes] = {}

    def hear(self, payload: bytes) -> list[bytes]:
        message = wire.hear_up(payload)
        if isinstance(message, wire.Scans):
            assert self.key is None or wire.same_mac(
                wire.batch_mac(self.key, message.ep, bytes(message.s)), message.mac
            )
            for raw in wire.raw_records(message):
                scan_id = (message.ep, wire.hear_record(raw).q)
                assert self.bodies.setdefault(scan_id, raw) == raw, "one id, two bodies"
                self.log.setdefault(scan_id, raw)
        if isinstance(message, wire.Status):
            return []
        return [ack(message.ep, self.watermark(message.ep), self.gen, self.key)]

    def watermark(self, ep: str) -> int:
        upto = 0
        while (ep, upto + 1) in self.log:
            upto += 1
        return upto

    @property
    def codes(self) -> list[str]:
        return [wire.hear_record(raw).code for raw in self.log.values()]
