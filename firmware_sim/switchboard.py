"""A thousand handhelds on line from one thread: each has a connection of its own, and one loop turns them all.

The state machine, its window, its resends and its patience are the shipped ones; of the shipped link only the loop
around the socket is replaced. Plain `mqtt:` only.
"""

from __future__ import annotations

import heapq
import itertools
import os
import random
import selectors
import socket
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, TypeVar
from urllib.parse import urlsplit

from firmware_sim import mqtt_packets as mqtt
from firmware_sim.rim import Registration
from scanner.handheld import Effect, Handheld, Reconnect, Recorded
from scanner.link import CONNECT_TIMEOUT, KEEP_ALIVE, RETRY_AFTER, RETRY_AT_MOST, RETRY_JITTER, SUBSCRIBE_WITHIN

Answer = TypeVar("Answer")
OnAnswer = Callable[["Line"], None]

CONNECTING_AT_ONCE = 64  # a listen queue is no longer than that everywhere
PING_EVERY = KEEP_ALIVE * 2 / 3
_READ = 1 << 16


class Switchboard:
    """`turn` it; nothing happens in between. Everything here belongs to the thread that turns."""

    def __init__(self, url: str, chance: random.Random, *, on_answer: OnAnswer | None = None) -> None:
        """`on_answer` is called when a line has heard something from the tracker."""
        parts = urlsplit(url)
        if parts.scheme != "mqtt" or not parts.hostname:
            raise ValueError(f"{url!r}: many devices at once go to a plain broker, like mqtt://127.0.0.1:1883")
        found = socket.getaddrinfo(parts.hostname, parts.port or 1883, type=socket.SOCK_STREAM)
        self.family, self.where = found[0][0], found[0][4]
        self.name = f"{parts.hostname}:{parts.port or 1883}"
        self.chance = chance
        self.on_answer = on_answer
        self.connecting = 0
        self.connections = 0  # ever made
        self.selector = selectors.DefaultSelector()
        self._due: list[tuple[float, int, Line]] = []
        self._order = itertools.count()

    def line(self, handheld: Handheld, given: Registration) -> Line:
        """A rim for one device."""
        return Line(self, handheld, given)

    def call_back(self, line: Line, at: float) -> None:
        """Let the line do what is due at this time. An earlier call takes the place of a later one."""
        if line.woken_at is None or at < line.woken_at:
            line.woken_at = at
            heapq.heappush(self._due, (at, next(self._order), line))

    def turn(self, seconds: float) -> None:
        """Carry what is there to be carried, for at most about so long."""
        now = time.monotonic()
        if self._due:
            seconds = min(seconds, max(0.0, self._due[0][0] - now))
        for key, events in self.selector.select(seconds):
            key.data.happened(events)
        now = time.monotonic()
        while self._due and self._due[0][0] <= now:
            at, _, line = heapq.heappop(self._due)
            if line.woken_at == at:
                line.woken_at = None
                line.wake(now)

    def close(self) -> None:
        self.selector.close()


class Line:
    """One device's connection: a `firmware_sim.rim.Rim`."""

    def __init__(self, board: Switchboard, handheld: Handheld, given: Registration) -> None:
        self._board = board
        self._handheld = handheld
        self._given = given
        self._up = given.address.up
        self._socket: socket.socket | None = None
        self._is_connecting = False
        self._online = False
        self._running = self._cut = False
        self._trouble: str | None = None
        self._heard = bytearray()
        self._to_write = bytearray()
        self._number = 0
        self._pause = RETRY_AFTER
        self._connect_at = self._answer_by = self._ping_at = self._read_at = 0.0
        self.woken_at: float | None = None

    # --- a rim ---

    def start(self) -> None:
        self._running = True
        self._connect_at = 0.0
        self._board.call_back(self, 0.0)

    def stop(self) -> None:
        """Say good-bye and hang up."""
        self._running = False
        if self._online and self._socket is not None:
            self._to_write += mqtt.GOODBYE
            self._write()
        self._hang_up()
        self._handheld.journal.keep_house(self._handheld.clock.stamp())

    def record(
        self, code: str, sym: str, kind: str, *, at: str | None, into: str | None, x: dict[str, Any] | None
    ) -> Recorded:
        recorded = self._handheld.record(code, sym, kind, now=time.monotonic(), at=at, into=into, x=x)
        if self._online:
            self._board.call_back(self, 0.0)
        return recorded

    def cut(self) -> None:
        """The network is gone: no good-bye, and no new attempt until `restore`."""
        self._cut = True
        self._hang_up()

    def restore(self) -> None:
        self._cut = False
        self._pause = RETRY_AFTER
        if self._running and self._socket is None:
            self._try_again_in(self._pause)

    def ask(self, question: Callable[[Handheld], Answer]) -> Answer:
        return question(self._handheld)

    def wait_until_empty(self, timeout: float) -> bool:
        """Turns the whole switchboard meanwhile."""
        until = time.monotonic() + timeout
        while self._handheld.waiting_count and (left := until - time.monotonic()) > 0:
            self._board.turn(min(0.1, left))
        return self._handheld.waiting_count == 0

    @property
    def online(self) -> bool:
        return self._online

    @property
    def trouble(self) -> str | None:
        return self._trouble

    @property
    def handheld(self) -> Handheld:
        return self._handheld

    @property
    def dev(self) -> str:
        return self._given.dev

    # --- what the switchboard tells ---

    def happened(self, events: int) -> None:
        """Its socket has something to read or room to write."""
        if self._is_connecting:
            self._connected()
        if events & selectors.EVENT_READ and self._socket is not None and not self._is_connecting:
            self._read()
        if self._to_write and self._socket is not None:
            self._write()

    def wake(self, now: float) -> None:
        """Do what is due."""
        if not self._running or self._cut:
            return
        if self._socket is None:
            if now < self._connect_at:
                self._board.call_back(self, self._connect_at)
            else:
                self._connect(now)
            return
        if not self._online:
            if now >= self._answer_by:
                self._lose("the broker does not answer")
            else:
                self._board.call_back(self, self._answer_by)
            return
        if now >= self._ping_at:
            if now - self._read_at > 1.5 * KEEP_ALIVE:
                self._lose("the broker has fallen silent")
                return
            self._ping_at = now + PING_EVERY
            self._to_write += mqtt.PING
        self._carry_out(self._handheld.tick(now))

    # --- connecting ---

    def _connect(self, now: float) -> None:
        if self._board.connecting >= CONNECTING_AT_ONCE:
            self._try_again_in(RETRY_AFTER)
            return
        self._socket = socket.socket(self._board.family)
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._is_connecting = True
        self._board.connecting += 1
        self._answer_by = now + CONNECT_TIMEOUT
        self._socket.connect_ex(self._board.where)
        self._board.selector.register(self._socket, selectors.EVENT_READ | selectors.EVENT_WRITE, self)
        self._board.call_back(self, self._answer_by)

    def _connected(self) -> None:
        assert self._socket is not None
        failure = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if failure:
            self._lose(f"no connection to {self._board.name}: {os.strerror(failure)}")
            return
        self._is_connecting = False
        self._board.connecting -= 1
        self._board.connections += 1
        self._answer_by = time.monotonic() + SUBSCRIBE_WITHIN
        self._say(mqtt.connect(self._given.dev, self._given.password, keep_alive=KEEP_ALIVE))

    def _lose(self, why: str) -> None:
        self._trouble = why
        self._hang_up()
        if self._running and not self._cut:
            self._try_again_in(self._pause)
            self._pause = min(RETRY_AT_MOST, 2 * self._pause)

    def _hang_up(self) -> None:
        if self._socket is None:
            return
        with suppress(KeyError, ValueError):
            self._board.selector.unregister(self._socket)
        self._socket.close()
        self._board.connecting -= self._is_connecting
        self._socket = None
        self._is_connecting = self._online = False
        self._heard.clear()
        self._to_write.clear()
        self._handheld.disconnected(time.monotonic())

    def _try_again_in(self, seconds: float) -> None:
        jitter = self._board.chance.uniform(1 - RETRY_JITTER, 1 + RETRY_JITTER)
        self._connect_at = time.monotonic() + seconds * jitter
        self.woken_at = None
        self._board.call_back(self, self._connect_at)

    def _is_down(self) -> bool:
        return self._socket is None

    # --- hearing ---

    def _read(self) -> None:
        assert self._socket is not None
        try:
            got = self._socket.recv(_READ)
        except BlockingIOError:
            return
        except OSError as failure:
            self._lose(f"the connection is gone: {failure.strerror}")
            return
        if not got:
            self._lose(self._trouble or "the broker has hung up")
            return
        self._heard += got
        self._read_at = time.monotonic()
        try:
            for packet in mqtt.packets(self._heard):
                self._take(packet)
                if self._is_down():
                    return
        except mqtt.BadPacketError as unfit:
            self._lose(str(unfit))

    def _take(self, packet: mqtt.Packet) -> None:
        match packet.kind:
            case mqtt.CONNACK if packet.refuses:
                self._lose("the broker refuses this device")
            case mqtt.CONNACK:
                self._say(mqtt.subscribe(self._given.address.down))
            case mqtt.SUBACK if packet.refuses:
                self._lose(f"the broker does not let this device hear {self._given.address.down}")
            case mqtt.SUBACK:
                now = time.monotonic()
                self._online, self._trouble, self._pause = True, None, RETRY_AFTER
                self._ping_at = now + PING_EVERY
                self._carry_out(self._handheld.connected(now))
            case mqtt.PUBLISH:
                message = mqtt.message(packet)
                self._to_write += message.puback
                effects = self._handheld.heard(message.payload, time.monotonic())
                if self._board.on_answer is not None:
                    self._board.on_answer(self)
                self._carry_out(effects)
            case _:
                pass  # a PUBACK frees nothing

    # --- saying ---

    def _carry_out(self, effects: Iterable[Effect]) -> None:
        """Publish in order, and be called back when there is more to do."""
        for effect in effects:
            if isinstance(effect, Reconnect):
                self._lose("scans wait and nobody receipts them; connecting again")
                return
            self._number = self._number % 65535 + 1
            self._to_write += mqtt.publish(self._up, effect, self._number)
        if self._to_write:
            self._write()
        if self._online:
            due = self._handheld.next_tick(time.monotonic())
            self._board.call_back(self, min(self._ping_at, due if due is not None else self._ping_at))

    def _say(self, packet: bytes) -> None:
        self._to_write += packet
        self._write()

    def _write(self) -> None:
        assert self._socket is not None
        try:
            sent = self._socket.send(self._to_write)
        except BlockingIOError:
            sent = 0
        except OSError as failure:
            self._lose(f"the connection is gone: {failure.strerror}")
            return
        del self._to_write[:sent]
        wants = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._to_write else 0)
        if self._board.selector.get_key(self._socket).events != wants:
            self._board.selector.modify(self._socket, wants, self)
