"""paho over the buffered socket, against a broker of a few lines: what `tracker.line` takes for granted holds."""

import socket
from collections.abc import Iterator

import paho.mqtt.client as mqtt
import pytest

from firmware_sim import mqtt_packets as packets
from tracker.line import Line

SOON = 5.0


class Broker:
    """The other end, worked by the same thread."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._sock: socket.socket | None = None
        self._heard = bytearray()

    @property
    def sock(self) -> socket.socket:
        assert self._sock is not None
        return self._sock

    def accepts(self) -> None:
        self._sock, _ = self._listening.accept()
        self._sock.settimeout(SOON)
        self._heard.clear()

    def hears(self, count: int) -> list[packets.Packet]:
        found: list[packets.Packet] = []
        while len(found) < count:
            chunk = self.sock.recv(65536)
            assert chunk, "the line was cut"
            self._heard += chunk
            found += packets.packets(self._heard)
        return found

    def says(self, data: bytes) -> None:
        self.sock.sendall(data)

    def close(self) -> None:
        if self._sock is not None:
            self._sock.close()
        self._listening.close()


@pytest.fixture
def broker() -> Iterator[Broker]:
    broker = Broker()
    yield broker
    broker.close()


@pytest.fixture
def line(broker: Broker) -> Iterator[Line]:
    line = Line("tracker", "secret", keep_alive_s=15)
    connects(line, broker)
    yield line
    line.close()


def connects(line: Line, broker: Broker) -> None:
    line.open("127.0.0.1", broker.port)
    broker.accepts()
    line.turn(0)
    (hello,) = broker.hears(1)
    assert hello.kind == 1
    broker.says(b"\x20\x02\x00\x00")
    line.turn(SOON)


def gathers(line: Line) -> list[tuple[int, str, bytes]]:
    got: list[tuple[int, str, bytes]] = []
    line.on_message = lambda _client, _data, message: got.append((message.mid, message.topic, bytes(message.payload)))
    return got


def test_one_turn_brings_all_that_one_read_brought(line: Line, broker: Broker) -> None:
    got = gathers(line)
    sent = [(n, f"lastscan/v1/ams/h-{n}/up", b"x" * n) for n in range(1, 301)]
    broker.says(b"".join(packets.publish(topic, payload, n) for n, topic, payload in sent))
    line.turn(SOON)
    assert got == sent


def test_a_packet_cut_anywhere_is_put_together_again(line: Line, broker: Broker) -> None:
    got = gathers(line)
    packet = packets.publish("t", b"payload", 7)
    for cut in range(1, len(packet)):
        broker.says(packet[:cut])
        line.turn(SOON)
        broker.says(packet[cut:])
        line.turn(SOON)
    assert got == [(7, "t", b"payload")] * (len(packet) - 1)


def test_acknowledgements_and_messages_go_out_whole_and_in_order(line: Line, broker: Broker) -> None:
    line.publish("a", b"one", qos=1)
    line.acknowledge([1, 65535])
    line.publish("b", b"two", qos=1)
    line.turn(0)
    line.turn(0)
    heard = broker.hears(4)
    pubacks = [packet.body for packet in heard if packet.kind == packets.PUBACK]
    assert pubacks == [b"\x00\x01", b"\xff\xff"]
    assert [packets.message(packet).payload for packet in heard if packet.kind == packets.PUBLISH] == [b"one", b"two"]


def test_what_the_other_side_does_not_take_waits_and_is_not_lost(line: Line, broker: Broker) -> None:
    big = b"x" * 100_000
    for _ in range(100):
        line.publish("t", big, qos=0)
    got = 0
    while got < 100:
        line.turn(0)
        got += sum(packets.message(packet).payload == big for packet in broker.hears(1))


def test_a_lost_connection_ends_the_turn_and_the_next_one_begins_clean(line: Line, broker: Broker) -> None:
    broker.says(packets.publish("t", b"torn", 1)[:5])
    line.turn(SOON)
    broker.sock.close()
    assert not line.turn(SOON)
    assert not line.turn(0)
    got = gathers(line)
    connects(line, broker)
    broker.says(packets.publish("t", b"whole", 1))
    assert line.turn(SOON)
    assert got == [(1, "t", b"whole")]


def test_leaving_says_so_after_everything_else(line: Line, broker: Broker) -> None:
    line.acknowledge([5])
    line.hang_up()
    assert [packet.kind for packet in broker.hears(2)] == [packets.PUBACK, mqtt.DISCONNECT >> 4]
    assert broker.sock.recv(1) == b""
