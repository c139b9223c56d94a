"""A broker and tracker in one thread, for handhelds that speak MQTT through sockets; and numbers that read."""

import selectors
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from firmware_sim import mqtt_packets as mqtt
from firmware_sim.rim import Registration
from tests.scanner_custody.world import Tracker
from tracker.domain.ids import is_wire_name

KEY = "11" * 32
PARCEL, BAG = "LS123456785NL", "0027123456"


def registered(dev: str, site: str = "sea") -> Registration:
    assert is_wire_name(dev)
    return Registration(dev, site, KEY, "secret")


@dataclass
class Exchange:
    """Answers every device as broker and tracker at once. `drop` hangs up on all of them; `deaf` keeps their scans
    from the tracker."""

    key_of: Callable[[str], str] = lambda dev: KEY
    trackers: dict[str, Tracker] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    deaf: bool = False
    drop: bool = False
    hellos: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=256)
        self._listening.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listening, selectors.EVENT_READ, None)
        self._heard: dict[socket.socket, bytearray] = {}
        self._devices: dict[socket.socket, str] = {}
        self._stopping = False
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self._listening.getsockname()[1]}"

    @property
    def codes(self) -> list[str]:
        return [code for tracker in self.trackers.values() for code in tracker.codes]

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping = True
        self._thread.join(5)
        for each in [self._listening, *self._heard]:
            each.close()
        self._selector.close()

    def _run(self) -> None:
        while not self._stopping:
            for key, _ in self._selector.select(0.02):
                if key.data is None:
                    connection, _ = self._listening.accept()
                    self._heard[connection] = bytearray()
                    self._selector.register(connection, selectors.EVENT_READ, connection)
                else:
                    self._hear(key.data)
            if self.drop:
                self.drop = False
                for connection in list(self._heard):
                    self._hang_up(connection)

    def _hear(self, connection: socket.socket) -> None:
        try:
            got = connection.recv(1 << 16)
            self._heard[connection] += got
            for packet in mqtt.packets(self._heard[connection]):
                self._answer(connection, packet)
        except (OSError, KeyError):
            got = b""
        if not got:
            self._hang_up(connection)

    def _answer(self, connection: socket.socket, packet: mqtt.Packet) -> None:
        if packet.kind == 1:  # CONNECT
            length = int(struct.unpack_from(">H", packet.body, 10)[0])
            dev = packet.body[12 : 12 + length].decode()
            self._devices[connection] = dev
            connection.sendall(b"\x20\2\0" + (b"\5" if dev in self.refused else b"\0"))
        elif packet.kind == 8:  # SUBSCRIBE
            connection.sendall(b"\x90\3" + packet.body[:2] + b"\1")
        elif packet.kind == 12:  # PINGREQ
            connection.sendall(b"\xd0\0")
        elif packet.kind == mqtt.PUBLISH:
            message = mqtt.message(packet)
            connection.sendall(message.puback)
            if not self.deaf:
                dev = self._devices[connection]
                tracker = self.trackers.setdefault(dev, Tracker(bytes.fromhex(self.key_of(dev))))
                for answer in tracker.hear(message.payload):
                    connection.sendall(mqtt.publish(message.topic.removesuffix("up") + "down", answer, 1))
                if b'"t":"hello"' in message.payload:
                    self.hellos.append(message.payload)

    def _hang_up(self, connection: socket.socket) -> None:
        if connection in self._heard:
            self._selector.unregister(connection)
            del self._heard[connection]
            connection.close()


@contextmanager
def exchange() -> Iterator[Exchange]:
    made = Exchange()
    made.start()
    try:
        yield made
    finally:
        made.stop()
