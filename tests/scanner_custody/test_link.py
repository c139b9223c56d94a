"""The rim on a real broker: killed, wiped and started again, nothing that beeped is lost."""

import random
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from scanner.disk import FileDisk
from scanner.handheld import Handheld
from scanner.journal import Journal
from scanner.link import BadBrokerAddressError, Link, SystemClock
from tests.scanner_custody.world import KEY, Epochs, Flash, Tracker, a_handheld
from tracker.wire import ALL_UP, Address, address_of

HERE = Address(site="ams", dev="h-1")


class Broker:
    """A Mosquitto that remembers nothing, on a port of its own."""

    def __init__(self, program: str, directory: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self._config = directory / "mosquitto.conf"
        self._config.write_text(f"listener {self.port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\n")
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    def start(self) -> None:
        self._process = subprocess.Popen([self._program, "-c", str(self._config)], stderr=subprocess.DEVNULL)
        until = time.monotonic() + 10
        while time.monotonic() < until:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.02)
        raise AssertionError("the broker does not start")

    def kill(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None


class TrackerOnTheWire:
    """The tests' tracker, subscribed to the broker and answering."""

    def __init__(self, broker: Broker) -> None:
        self.tracker = Tracker()
        self.heard = 0
        self.mute = False
        self._client = Client(CallbackAPIVersion.VERSION2, client_id="tracker")
        self._client.reconnect_delay_set(min_delay=1, max_delay=1)
        self._client.on_connect = lambda client, *_: client.subscribe(ALL_UP, qos=1)
        self._client.on_message = self._hear
        self._client.connect_async("127.0.0.1", broker.port)
        self._client.loop_start()

    def _hear(self, client, _userdata, message) -> None:
        self.heard += 1
        if not self.mute:
            for answer in self.tracker.hear(message.payload):
                client.publish(address_of(message.topic).down, answer, qos=1)

    def stop(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def broker(mosquitto_path, tmp_path):
    broker = Broker(mosquitto_path, tmp_path)
    broker.start()
    yield broker
    broker.kill()


@pytest.fixture
def tracker(broker):
    tracker = TrackerOnTheWire(broker)
    yield tracker
    tracker.stop()


def until(condition, seconds: float = 10.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return False


@pytest.mark.needs_mosquitto
def test_a_broker_killed_twice_loses_no_scan(broker, tracker, tmp_path):
    disk = FileDisk(tmp_path / "h-1")
    journal = Journal(disk, new_epoch=Epochs())
    handheld = Handheld(journal, SystemClock(journal.boot), random.Random(1), key=KEY)
    link = Link(handheld, HERE, broker.url)
    link.start()
    beeped = []
    for number in range(120):
        beeped.append(link.record(f"C{number}", "code128", "sort"))
        if number in (40, 80):
            broker.kill()
        if number in (60, 100):
            broker.start()
        time.sleep(0.002)
    assert link.wait_until_empty(15), link.trouble
    link.stop()
    assert [(each.ep, each.q) for each in beeped] == sorted(tracker.tracker.log)
    assert not link.online
    disk.close()


@pytest.mark.needs_mosquitto
def test_a_live_scan_has_its_receipt_within_a_blink_and_a_cut_link_keeps_its_scans(broker, tracker):
    handheld = a_handheld()
    link = Link(handheld, HERE, broker.url)
    link.start()
    assert until(lambda: link.online)
    assert link.wait_until_empty(5)
    waits = []
    for number in range(30):
        before = time.monotonic()
        link.record(f"C{number}", "code128", "sort")
        assert link.wait_until_empty(5)
        waits.append(time.monotonic() - before)
    assert sorted(waits)[15] < 0.04  # Nagle's algorithm alone would cost as much

    link.cut()
    assert until(lambda: not link.online)
    for number in range(100):
        link.record(f"D{number}", "code128", "sort")
    assert not link.wait_until_empty(0.2)
    link.restore()
    assert link.wait_until_empty(10)
    assert len(tracker.tracker.log) == 130
    link.stop()


@pytest.mark.needs_mosquitto
def test_a_muted_tracker_is_asked_again_until_it_answers(broker, tracker):
    tracker.mute = True
    link = Link(a_handheld(), HERE, broker.url)
    link.start()
    assert until(lambda: link.online)
    link.record("A", "code128", "sort")
    assert not link.wait_until_empty(1.5)
    tracker.mute = False
    assert link.wait_until_empty(5)
    link.stop()


def test_without_a_broker_it_says_why_and_goes_on_recording():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    link = Link(a_handheld(), HERE, f"mqtt://127.0.0.1:{port}")
    link.start()
    assert until(lambda: link.trouble is not None)
    assert str(port) in link.trouble
    assert link.record("A", "code128", "sort").q == 1
    before = threading.active_count()
    link.stop()
    assert threading.active_count() == before - 1


def test_a_link_survives_a_handheld_that_trips():
    class Tripping(Handheld):
        def next_tick(self, now: float) -> float | None:
            raise ZeroDivisionError

    with socket.create_server(("127.0.0.1", 0)) as dumb:
        journal = Journal(Flash(), new_epoch=Epochs())
        link = Link(
            Tripping(journal, SystemClock(1), random.Random(1)), HERE, f"mqtt://127.0.0.1:{dumb.getsockname()[1]}"
        )
        link.start()
        time.sleep(0.3)
        assert link._thread.is_alive()
        link.stop()


@pytest.mark.parametrize("url", ["", "127.0.0.1:1883", "http://127.0.0.1", "mqtt://"])
def test_an_address_of_another_kind_is_refused(url):
    with pytest.raises(BadBrokerAddressError, match="mqtt://"):
        Link(a_handheld(), HERE, url)
