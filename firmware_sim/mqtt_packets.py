"""The few MQTT 3.1.1 packets a handheld needs, as bytes: pure, so that one loop can carry a thousand connections.

The shipped link speaks through paho. A thousand paho clients are three thousand sockets and most of a processor; what
stands here says the same to the broker.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

CONNACK, PUBLISH, PUBACK, SUBACK, PINGRESP = 2, 3, 4, 9, 13
PING = b"\xc0\x00"
GOODBYE = b"\xe0\x00"
_LONGEST_LENGTH = 4  # bytes of a packet's length


class BadPacketError(ValueError):
    """The other side does not speak MQTT; hang up."""


class Packet(NamedTuple):
    kind: int
    flags: int
    body: bytes

    @property
    def refuses(self) -> bool:
        """A CONNACK or SUBACK that says no."""
        return self.body[-1] != 0 if self.kind == CONNACK else self.body[-1] >= 0x80


class Message(NamedTuple):
    """A PUBLISH that came, and how to acknowledge it."""

    topic: str
    payload: bytes
    puback: bytes  # empty for QoS 0


def connect(dev: str, password: str, *, keep_alive: int) -> bytes:
    """A clean session."""
    return _packet(0x10, b"\0\4MQTT\4\xc2" + struct.pack(">H", keep_alive) + _text(dev) + _text(dev) + _text(password))


def subscribe(topic: str) -> bytes:
    return _packet(0x82, b"\0\1" + _text(topic) + b"\1")


def publish(topic: str, payload: bytes, number: int) -> bytes:
    """QoS 1, under a packet number of 1 to 65535."""
    return _packet(0x32, _text(topic) + struct.pack(">H", number) + payload)


def message(packet: Packet) -> Message:
    qos = packet.flags >> 1 & 3
    try:
        (length,) = struct.unpack_from(">H", packet.body)
        at = 2 + length
        topic = packet.body[2:at].decode()
        number = packet.body[at : at + 2] if qos else b""
    except (struct.error, UnicodeDecodeError) as unfit:
        raise BadPacketError(f"a PUBLISH of {len(packet.body)} bytes: {unfit}") from unfit
    return Message(topic, packet.body[at + len(number) :], b"\x40\2" + number if qos else b"")


def packets(heard: bytearray) -> Iterator[Packet]:
    """Takes every whole packet from the front of what was heard."""
    while (found := _length(heard)) is not None:
        begin, length = found
        if len(heard) < begin + length:
            return
        packet = Packet(heard[0] >> 4, heard[0] & 15, bytes(heard[begin : begin + length]))
        del heard[: begin + length]
        if packet.kind in (CONNACK, SUBACK) and not packet.body:
            raise BadPacketError("an answer without a reason")
        yield packet


def _length(heard: bytearray) -> tuple[int, int] | None:
    """Where the body begins and how long it is; None while that has not come."""
    length = 0
    for nth in range(_LONGEST_LENGTH):
        if len(heard) < nth + 2:
            return None
        byte = heard[nth + 1]
        length |= (byte & 127) << 7 * nth
        if byte < 128:
            return nth + 2, length
    raise BadPacketError("a length of more than four bytes")


def _packet(first: int, body: bytes) -> bytes:
    head, length = bytearray([first]), len(body)
    while True:
        length, byte = length >> 7, length & 127
        head.append(byte | (128 if length else 0))
        if not length:
            return bytes(head) + body


def _text(text: str) -> bytes:
    raw = text.encode()
    return struct.pack(">H", len(raw)) + raw
