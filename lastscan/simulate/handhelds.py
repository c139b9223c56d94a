"""Simulated handhelds: the shipped journal and state machine, over faulty flash, on a wire that is cut."""

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import TypeVar

from firmware_sim.clock import RealTimeClock, VirtualClock
from lastscan.simulate.carrier import KEYS, SITES
from lastscan.simulate.events import VirtualTime
from lastscan.simulate.faults import Faults
from lastscan.simulate.flash import FaultyFlash, KilledError
from lastscan.simulate.oracle import Attempt, BrokenError, Oracle, Reader
from lastscan.simulate.wires import Broker, Connection
from scanner.handheld import Effect, Handheld, Reconnect
from scanner.journal import Journal, NotRecordedError
from scanner.stamp import Stamp
from tracker.wire import Address

T = TypeVar("T")

SEGMENT_BYTES = 900
FULL_AT_BYTES = 40_000


class Unit:
    """One piece of hardware. Clones share a name, never a unit."""

    def __init__(
        self,
        number: int,
        dev: str,
        time: VirtualTime,
        faults: Faults,
        broker: Broker,
        oracle: Oracle,
        reader: Reader,
        crashed: Callable[[], None],
    ) -> None:
        self.number = number
        self.dev = dev
        self._time = time
        self._faults = faults
        self._broker = broker
        self._oracle = oracle
        self._reader = reader
        self._crashed = crashed
        self._chance = time.chance(f"unit {number}")
        self._epochs = 0
        ppm = self._chance.uniform(-200, 200) if faults.drift else 0.0
        self.wall = RealTimeClock(time.business, drift_ppm=ppm)
        self.flash = FaultyFlash(time.chance(f"flash {number}"), faults, crashed)
        self.handheld: Handheld | None = None
        self._connection: Connection | None = None
        self._tick_at: float | None = None
        self._patience = 0.05
        self._connected_at = 0.0
        self._starting = False

    @property
    def epoch(self) -> str | None:
        """Of its journal, while it is on."""
        current = self.handheld.journal.current if self.handheld else None
        return current.ep if current else None

    # power

    def start(self) -> None:
        """On, or tried again a little later."""
        self._starting = False
        if self.handheld is not None:
            return None
        self.flash.power_on()
        try:
            journal = Journal(
                self.flash, new_epoch=self._new_epoch, segment_bytes=SEGMENT_BYTES, full_at_bytes=FULL_AT_BYTES
            )
        except (OSError, KilledError):
            return self._start_after(1.0)
        if not self.flash.is_on:
            return self._start_after(1.0)
        clock = VirtualClock(self.wall, booted_at=self._time.business(), boot=journal.boot)
        self.handheld = Handheld(journal, clock, self._chance, key=KEYS[self.dev])
        self._time.after(self._chance.uniform(0, 0.2), self._connect)
        return None

    def power_cut(self) -> None:
        """At once, or in the middle of one of the next writes."""
        self._crashed()
        if self._chance.random() < 0.6:
            self.flash.cut_power_after(self._chance.randrange(600))
            return
        self.flash.power_cut()
        self._end()

    def forget_everything(self) -> None:
        """Reset to how it came from the factory."""
        self._end()
        self._oracle.lost(self.number, "its handheld was reset")
        self.flash = FaultyFlash(
            self._time.chance(f"flash {self.number} {self._time.now}"), self._faults, self._crashed
        )

    def copy_to(self, other: "Unit") -> None:
        """A clone begins with the same flash."""
        if self.flash.is_on:
            flash = FaultyFlash(self._time.chance(f"flash {other.number}"), Faults(), self._crashed)
            for name in self.flash.names():
                flash.replace(name, self.flash.read(name))
            other.flash = flash
            other.start()

    def rot(self) -> None:
        """One bit of the last record turns over."""
        handheld = self.handheld
        if handheld is None or handheld.journal.current is None or not handheld.journal.current.segments:
            return
        epoch = handheld.journal.current
        segment = epoch.segments[-1]
        try:
            end = len(self.flash.read(segment.name))
        except OSError:
            return
        if segment.offsets and segment.offsets[-1] < end == segment.size:
            begin = segment.offsets[-1]
            try:
                self.flash.flip(segment.name, self._chance.randrange(begin * 8, end * 8))
            except KeyError:
                return  # that page is not on the chip yet
            self._oracle.lost(self.number, "a bit of it turned over", only=(epoch.ep, epoch.given))

    def heal(self) -> None:
        self.flash.heal()
        self._faults = self._faults.only(())
        self.wall.drift(0.0)
        self.wall.jump(-self.wall.off_by(self._time.business()))
        self.start()

    # the person

    def scan(self, code: str, kind: str, *, into: str | None = None, voids: tuple[str, int] | None = None) -> Attempt:
        """Pull the trigger. What came of it stands in the attempt."""
        handheld = self.handheld
        stamp = handheld.clock.stamp() if handheld else Stamp(0, 0, 0)
        attempt = self._oracle.tries(self.dev, self.number, code, kind, stamp)
        if handheld is None:
            return attempt
        x = {"void": list(voids)} if voids else None
        try:
            recorded = handheld.record(code, "code128", kind, now=self._time.now, into=into, op=attempt.name, x=x)
        except KilledError:
            self._end()
            return attempt
        except NotRecordedError:
            if self._guarded(lambda h: h.journal.settle()):
                attempt.refused = True
            return attempt
        self._oracle.beeps(attempt, recorded.ep, recorded.q)
        self._publish(self._guarded(lambda h: h.tick(self._time.now)))
        return attempt

    # the wire

    def hear(self, payload: bytes) -> None:
        self._publish(self._guarded(lambda h: h.heard(payload, self._time.now)))
        if self.handheld is not None:
            for epoch in self.handheld.journal.epochs:
                if not self._reader.may_free(self.dev, epoch.ep, epoch.gen, epoch.acked):
                    raise BrokenError("I6", f"{self.dev} freed {epoch.ep[:6]} up to {epoch.acked}, not committed")

    def lose_connection(self) -> None:
        if self._connection is not None and not self._connection.open:
            self._connection = None
            self._guarded(lambda h: h.disconnected(self._time.now))
            self._connect_later()

    def _connect(self) -> None:
        if self.handheld is None or self._connection is not None:
            return
        if self._chance.random() < self._faults.drop:
            self._connect_later()
            return
        self._connected_at = self._time.now
        self._connection = self._broker.connect(self)
        self._publish(self._guarded(lambda h: h.connected(self._time.now)))

    def _connect_later(self) -> None:
        if self._time.now - self._connected_at > 5.0:
            self._patience = 0.05
        self._time.after(self._patience * self._chance.uniform(0.8, 1.2), self._connect)
        self._patience = min(3.0, self._patience * 2)

    def _publish(self, effects: Iterable[Effect] | None) -> None:
        for effect in effects or ():
            if isinstance(effect, Reconnect):
                if self._connection is not None:
                    self._broker.disconnect(self._connection)
                    self._connection = None
                    self._guarded(lambda h: h.disconnected(self._time.now))
                    self._connect_later()
                return
            if self._connection is not None:
                self._broker.up(self._connection, Address(SITES[self.dev], self.dev).up, effect)
        self._tick_when_due()

    def _tick_when_due(self) -> None:
        due = self.handheld.next_tick(self._time.now) if self.handheld else None
        if due is None or due == self._tick_at:
            return
        self._tick_at = due

        def tick() -> None:
            if self._tick_at == due:
                self._tick_at = None
                self._publish(self._guarded(lambda h: h.tick(self._time.now)))

        self._time.after(max(0.001, due - self._time.now), tick)

    # inside

    def _guarded(self, act: Callable[[Handheld], T]) -> T | None:
        """None where it died of it, or is dead."""
        if self.handheld is None:
            return None
        try:
            done = act(self.handheld)
        except KilledError:
            self._end()
            return None
        if not self.flash.is_on:
            self._end()
            return None
        return done

    def _end(self) -> None:
        self.handheld = None
        self._tick_at = None
        if self._connection is not None:
            self._broker.disconnect(self._connection)
            self._connection = None
        self._start_after(self._chance.uniform(0.5, 15))

    def _start_after(self, seconds: float) -> None:
        if not self._starting:
            self._starting = True
            self._time.after(seconds, self.start)

    def _new_epoch(self) -> str:
        self._epochs += 1
        return f"{self._time.seed & 0xFFFF:04x}{self.number:04x}{self._epochs:024x}"

    def jump(self, by: timedelta) -> None:
        self.wall.jump(by)
