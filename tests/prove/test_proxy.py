"""The fault proxy: what it says it did to a connection is what happened to it."""

import socket
import threading
from collections.abc import Iterator

import pytest

from lastscan.prove.proxy import FaultProxy, Network, Weather

SOON = 10.0


@pytest.fixture
def echo() -> Iterator[int]:
    """A server that says back what it hears."""
    listening = socket.create_server(("127.0.0.1", 0))

    def talk(there: socket.socket) -> None:
        with there:
            try:
                while heard := there.recv(1 << 16):
                    there.sendall(heard)
            except OSError:
                pass

    def serve() -> None:
        while True:
            try:
                there, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=talk, args=(there,), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    yield listening.getsockname()[1]
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()


@pytest.fixture
def proxy(echo: int) -> Iterator[FaultProxy]:
    network = Network()
    yield network.proxy(echo)
    network.close()


def calling(proxy: FaultProxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=SOON)


def hear(there: socket.socket, count: int) -> bytes:
    heard = b""
    while len(heard) < count and (more := there.recv(count - len(heard))):
        heard += more
    return heard


def test_in_fair_weather_every_byte_arrives(proxy: FaultProxy) -> None:
    with calling(proxy) as there:
        said = bytes(range(256)) * 1000
        threading.Thread(target=there.sendall, args=(said,), daemon=True).start()
        assert hear(there, len(said)) == said


def test_a_reset_is_seen_as_one(proxy: FaultProxy) -> None:
    with calling(proxy) as there:
        there.sendall(b"hello")
        assert hear(there, 5) == b"hello"
        assert proxy.reset() == 1
        with pytest.raises(ConnectionResetError):
            there.recv(1)


def test_a_cut_lets_so_many_bytes_through_and_then_ends_the_connection(proxy: FaultProxy) -> None:
    weather = Weather(cut_after=10)
    proxy.begin(weather)
    with calling(proxy) as there:
        there.sendall(b"0123456789abcdef")
        assert there.recv(100) == b""  # ten bytes reached the server; its answer would have been past the limit
    assert (weather.cut, weather.touched) == (1, 16)


def test_a_half_open_connection_carries_one_way_only_until_it_is_over(proxy: FaultProxy) -> None:
    weather = Weather(holds=frozenset(("down",)))
    with calling(proxy) as there:
        proxy.begin(weather)
        there.sendall(b"hello")
        there.settimeout(0.1)
        with pytest.raises(TimeoutError):
            there.recv(5)
        assert weather.touched == 5
        there.settimeout(SOON)
        proxy.clear()
        assert hear(there, 5) == b"hello"


@pytest.mark.parametrize("weather", [Weather(byte_by_byte=True), Weather(delay_s=0.01)], ids=["byte by byte", "delay"])
def test_slow_weather_changes_no_byte(proxy: FaultProxy, weather: Weather) -> None:
    proxy.begin(weather)
    with calling(proxy) as there:
        there.sendall(b"a scan " * 20)
        assert hear(there, 140) == b"a scan " * 20
    assert weather.touched >= 280  # there and back


def test_where_nobody_listens_the_caller_is_turned_away(echo: int) -> None:
    network = Network()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        proxy = network.proxy(taken.getsockname()[1])
        with calling(proxy) as there:
            assert there.recv(1) == b""
    network.close()


def test_a_closed_network_leaves_no_port_behind(echo: int) -> None:
    network = Network()
    proxy = network.proxy(echo)
    with calling(proxy) as there:
        there.sendall(b"hello")
        assert hear(there, 5) == b"hello"
        network.close()
        assert there.recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        calling(proxy)
