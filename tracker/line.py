"""paho's MQTT client over a socket that is read and written in large pieces.

Left to itself paho asks the kernel three times for each packet (first byte, length, rest) and writes each packet on its
own, acknowledgements too. At ten thousand scans a second that is most of the time a tracker has. Here paho is given a
socket that reads ahead and gathers what is written, and is driven from the caller's own loop by the calls that paho
has for that (`loop_read`, `loop_write`, `loop_misc`): one read brings hundreds of packets, one write answers them.

What rests on paho's insides, and is looked at by `tests/tracker/test_line.py`:

- `_create_socket` makes the one socket that everything goes through. paho itself wraps it for WebSockets.
- a packet handed to `send` whole is whole: paho never goes back to a packet it has written, so our own
  acknowledgements may stand between any two of its packets.
- with `on_socket_register_write` set, paho leaves packets in its queue until `loop_write`.
"""

import os
import select
import socket
import ssl
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

_READ_AHEAD = 256 * 1024
_PUBACK = b"\x40\x02"


class BufferedSocket:
    """As much of a non-blocking socket as paho uses, with a buffer on either side."""

    def __init__(self, inner: socket.socket) -> None:
        self._inner = inner
        self._ahead, self._at = b"", 0
        self._unsent = bytearray()
        self.may_read = False
        """Whether `recv` may ask the kernel once more; it does so once, and then has what that brought."""

    def recv(self, size: int) -> bytes:
        """At most `size` of the bytes read ahead. BlockingIOError when there are none, and no more may be read."""
        if self._at == len(self._ahead):
            if not self.may_read:
                raise BlockingIOError
            self.may_read = False
            self._ahead, self._at = self._inner.recv(_READ_AHEAD), 0
        taken = self._ahead[self._at : self._at + size]
        self._at += len(taken)
        return taken

    @property
    def has_more(self) -> bool:
        """Whether anything read ahead was not taken yet."""
        return self._at < len(self._ahead)

    @property
    def is_readable(self) -> bool:
        """Whether something is here that no `select` will tell of: TLS decrypts more than was asked for."""
        return isinstance(self._inner, ssl.SSLSocket) and self._inner.pending() > 0

    def send(self, data: bytes | bytearray) -> int:
        """Takes all of it, to be written by the next `flush`."""
        self._unsent += data
        return len(data)

    def flush(self) -> bool:
        """Writes as much as the other side takes now; whether that was all. OSError when the connection is gone."""
        while self._unsent:
            try:
                sent = self._inner.send(self._unsent)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return False
            del self._unsent[:sent]
        return True

    def fileno(self) -> int:
        return self._inner.fileno()

    def close(self) -> None:
        with suppress(OSError):
            self.flush()  # a farewell may be in there
        self._inner.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class Line(mqtt.Client):
    """One connection to a broker, worked by whoever calls `turn`. No thread of its own."""

    def __init__(self, name: str, password: str, *, keep_alive_s: int, tls: bool = False) -> None:
        super().__init__(
            CallbackAPIVersion.VERSION2,
            client_id=name,
            clean_session=True,
            manual_ack=True,
            protocol=mqtt.MQTTv311,
        )
        self.username_pw_set(name, password)
        if tls:
            self.tls_set()
        self.connect_timeout = 5.0
        self.on_socket_register_write = _later
        self._keep_alive_s = keep_alive_s
        self._wakes, self._waker = os.pipe()
        os.set_blocking(self._waker, False)

    def open(self, host: str, port: int) -> None:
        """Connects; the broker's answer comes with a later `turn`. OSError when nobody is there."""
        self.connect(host, port, keepalive=self._keep_alive_s)

    def turn(self, timeout_s: float) -> bool:
        """Waits for something to arrive, hands on what did, writes what there is to write; whether it is connected.

        Handing on ends with what one read brought, so that a caller can commit before the next.
        """
        sock = self._buffered
        if sock is None:
            return False
        try:
            self._write(sock)
            if self._buffered is not sock:
                return False
            wants = [] if sock.flush() else [sock]
            wait_s = 0 if sock.is_readable else timeout_s
            readable, _, _ = select.select([sock.fileno(), self._wakes], wants, [], wait_s)
            if self._wakes in readable:
                os.read(self._wakes, 4096)
            if sock.fileno() in readable or sock.is_readable:
                self._read(sock)
            self.loop_misc()
            self._write(sock)
            sock.flush()
        except OSError:
            self.hang_up()
        return self._buffered is not None

    def acknowledge(self, packet_ids: Iterable[int]) -> None:
        """PUBACKs for all of these, in one write."""
        sock = self._buffered
        if sock is not None:
            sock.send(b"".join([_PUBACK + number.to_bytes(2, "big") for number in packet_ids]))

    def hang_up(self) -> None:
        """Leaves the broker; what is acknowledged and published is written first, as far as it takes it."""
        sock = self._buffered
        if sock is None:
            return
        self.disconnect()
        self._write(sock)  # closes the socket once the farewell is written

    def wake(self) -> None:
        """Ends a `turn` that waits, from another thread."""
        with suppress(BlockingIOError):
            os.write(self._waker, b"\0")

    def close(self) -> None:
        self.hang_up()
        os.close(self._wakes)
        os.close(self._waker)

    @property
    def _buffered(self) -> BufferedSocket | None:
        sock: object = self.socket()
        return sock if isinstance(sock, BufferedSocket) else None

    def _read(self, sock: BufferedSocket) -> None:
        sock.may_read = True
        while sock.may_read or sock.has_more:
            if self.loop_read() != MQTTErrorCode.MQTT_ERR_SUCCESS or self._buffered is not sock:
                return

    def _write(self, sock: BufferedSocket) -> None:
        if self.want_write() and self.socket() is sock:
            self.loop_write()

    def _create_socket(self) -> Any:
        made: Any = super()._create_socket()
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else small packets wait on Nagle
        return BufferedSocket(made)


def _later(_client: mqtt.Client, _data: object, _sock: object) -> None:
    """paho has something to write: `turn` will see to it."""
