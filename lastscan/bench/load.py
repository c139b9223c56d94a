"""A fleet that does nothing but send, in one process: ready-made packets over plain sockets.

It keeps to LDP/1 as far as that limits it (at most 64 scans of a device without a receipt) and spends a few
microseconds a scan, so that what is measured is the broker and the tracker.
"""

import secrets
import selectors
import socket
import time
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from firmware_sim import mqtt_packets as packets
from tracker.wire import Address, ScanRecord, encode_record, signed_batch

WINDOW = 64
"""Scans of one device under way at once, and the most in one batch."""

_STALLED_S = 30.0
_RESEND_S = 1.0


class StalledError(RuntimeError):
    """Nothing was receipted for half a minute: what is measured does not work."""


@dataclass(frozen=True, slots=True)
class Account:
    """One registered handheld."""

    dev: str
    site: str
    password: str
    key: bytes


@dataclass(slots=True)
class Handset:
    """One connected handheld and what it still has to send: the packets of one epoch, and the last number in each."""

    account: Account
    sock: socket.socket
    to_send: list[bytes] = field(default_factory=list)
    lasts: list[int] = field(default_factory=list)
    sent: int = 0
    receipted: int = 0
    heard: bytearray = field(default_factory=bytearray)
    unsent: bytearray = field(default_factory=bytearray)
    sent_at: list[float] = field(default_factory=list)
    acknowledged: int = 0


class Fleet:
    """All handhelds, connected and worked by the caller's thread."""

    def __init__(self, accounts: Sequence[Account], host: str, port: int) -> None:
        self._selector = selectors.DefaultSelector()
        self.handsets = [self._connected(account, host, port) for account in accounts]
        self._epoch = b""
        self.latencies: list[float] = []

    def close(self) -> None:
        for handset in self.handsets:
            handset.sock.close()
        self._selector.close()

    def load(self, scans: int, *, batch: int = 1) -> int:
        """Journals so many scans, spread over all handhelds, in a new epoch; answers how many there are."""
        epoch = secrets.token_hex(16)
        self._epoch = epoch.encode()
        each = max(batch, scans // len(self.handsets) // batch * batch)
        for handset in self.handsets:
            handset.to_send, handset.lasts = [], []
            handset.sent = handset.receipted = handset.acknowledged = 0
            handset.sent_at = []
            for last, payload in _journal(handset.account, epoch, each, batch):
                number = len(handset.to_send) % 65535 + 1
                topic = Address(handset.account.site, handset.account.dev).up
                handset.to_send.append(packets.publish(topic, payload, number))
                handset.lasts.append(last)
        return each * len(self.handsets)

    def drain(self) -> None:
        """Sends everything as fast as receipts allow, and again what is not receipted, until all of it is."""
        progress_at = resent_at = time.monotonic()
        moved = self.handsets
        while any(handset.receipted < handset.lasts[-1] for handset in self.handsets):
            for handset in moved:
                self._fill(handset, freed=handset.receipted)
            moved, now = self._turn(0.1), time.monotonic()
            if moved:
                progress_at = now
            elif now - progress_at > _STALLED_S:
                raise StalledError("no receipt for half a minute")
            elif now - max(progress_at, resent_at) > _RESEND_S:
                resent_at, moved = now, self.handsets
                for handset in self.handsets:
                    handset.sent = bisect_right(handset.lasts, handset.receipted)

    def flood(self, arrived: Callable[[], bool]) -> None:
        """Sends everything as fast as the broker's own acknowledgements allow, until somebody says it has arrived."""
        moved = self.handsets
        while not arrived():
            for handset in moved:
                self._fill(handset, freed=handset.acknowledged)
            self._turn(0.1)
            moved = self.handsets

    def pace(self, rate: float) -> None:
        """Sends so many scans a second, one after the other from each handheld in turn; `latencies` has what each took.

        A latency is from the moment a scan was due to its receipt, so that a slow spell counts for all who waited.
        """
        self.latencies = []
        began, due = time.perf_counter(), 0
        total = sum(len(handset.to_send) for handset in self.handsets)
        while any(h.receipted < h.lasts[-1] for h in self.handsets):
            now = time.perf_counter() - began
            while due < total and due / rate <= now:
                handset = self.handsets[due % len(self.handsets)]
                handset.sent_at.append(began + due / rate)
                self._send(handset, handset.to_send[handset.sent])
                handset.sent += 1
                due += 1
            wait = due / rate - (time.perf_counter() - began) if due < total else 0.1
            self._turn(max(0.0, wait))
            if time.perf_counter() - began > total / rate + _STALLED_S:
                raise StalledError("receipts do not come at this pace")

    def _fill(self, handset: Handset, *, freed: int) -> None:
        while handset.sent < len(handset.to_send) and handset.lasts[handset.sent] - freed <= WINDOW:
            handset.unsent += handset.to_send[handset.sent]
            handset.sent += 1
        self._flush(handset)

    def _turn(self, timeout_s: float) -> list[Handset]:
        """Hears what came in; answers the handhelds that got a receipt."""
        moved = []
        for key, events in self._selector.select(timeout_s):
            handset: Handset = key.data
            if events & selectors.EVENT_WRITE:
                self._flush(handset)
            if events & selectors.EVENT_READ and self._hear(handset):
                moved.append(handset)
        return moved

    def _hear(self, handset: Handset) -> bool:
        heard = handset.sock.recv(65536)
        if not heard:
            raise StalledError(f"the broker cut {handset.account.dev} off")
        handset.heard += heard
        before, answers = handset.receipted, b""
        for packet in packets.packets(handset.heard):
            if packet.kind == packets.PUBACK:
                handset.acknowledged += 1
            elif packet.kind == packets.PUBLISH:
                message = packets.message(packet)
                answers += message.puback
                self._receipted(handset, message.payload)
        if answers:
            self._send(handset, answers)
        return handset.receipted > before

    def _receipted(self, handset: Handset, payload: bytes) -> None:
        if b'"ack"' not in payload or self._epoch not in payload:
            return
        upto = int(payload.split(b'"upto":', 1)[1].split(b",", 1)[0])
        if handset.sent_at:
            now = time.perf_counter()
            self.latencies += [now - at for at in handset.sent_at[handset.receipted : upto]]
        handset.receipted = max(handset.receipted, upto)

    def _send(self, handset: Handset, data: bytes) -> None:
        handset.unsent += data
        self._flush(handset)

    def _flush(self, handset: Handset) -> None:
        try:
            while handset.unsent:
                del handset.unsent[: handset.sock.send(handset.unsent)]
        except BlockingIOError:
            pass
        wants = selectors.EVENT_READ | (selectors.EVENT_WRITE if handset.unsent else 0)
        if self._selector.get_key(handset.sock).events != wants:
            self._selector.modify(handset.sock, wants, handset)

    def _connected(self, account: Account, host: str, port: int) -> Handset:
        sock = signed_in(account.dev, account.password, host, port)
        subscribed(sock, Address(account.site, account.dev).down)
        sock.setblocking(False)
        handset = Handset(account, sock)
        self._selector.register(sock, selectors.EVENT_READ, handset)
        return handset


def signed_in(name: str, password: str, host: str, port: int) -> socket.socket:
    """A blocking connection to the broker that it has accepted."""
    sock = socket.create_connection((host, port), timeout=10)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.sendall(packets.connect(name, password, keep_alive=60))
    _expect(sock, packets.CONNACK)
    return sock


def subscribed(sock: socket.socket, topic: str) -> None:
    sock.sendall(packets.subscribe(topic))
    _expect(sock, packets.SUBACK)


def _expect(sock: socket.socket, kind: int) -> None:
    heard = bytearray()
    while True:
        heard += sock.recv(4096)
        for packet in packets.packets(heard):
            if packet.kind != kind or packet.refuses:
                raise StalledError(f"the broker answers {packet}")
            return


def _journal(account: Account, epoch: str, scans: int, batch: int) -> Iterable[tuple[int, bytes]]:
    """The messages of one load, and the last number in each."""
    now, boot = int(time.time() * 1000), int(epoch[:8], 16)
    for first in range(1, scans + 1, batch):
        records = [
            encode_record(
                ScanRecord(
                    q=q,
                    code=f"LS{hash((account.dev, epoch, q)) % 10**8:08d}5NL",
                    sym="code128",
                    k="sort",
                    wall=now,
                    mono=1000 + q,
                    boot=boot,
                    op="c17",
                    at="AMS-S3",
                )
            )
            for q in range(first, first + batch)
        ]
        last = first + batch - 1
        yield last, signed_batch(account.key, records, ep=epoch, sent=now, mono=2000 + last, boot=boot)
