"""What Lastscan needs of a broker, asked of each that it can start itself.

No row here is about keeping messages: the protocol assumes a broker that forgets.
"""

from __future__ import annotations

import os
import queue
import re
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from lastscan.broker import (
    AccessTable,
    BrokerFailedError,
    BrokerUnavailableError,
    Choice,
    Login,
    Ports,
    UnknownBrokerError,
    choose,
    free_port,
    run_broker,
)
from lastscan.broker.rules import acl_file, password_file
from tracker.domain.credentials import hash_password, is_password_hash, verify_password

SOON = 5.0  # what must happen
LET_IT_BE = 0.1  # what must not happen gets this long, after a marker has shown that the way is open
PASSWORD = secrets.token_urlsafe(32)
HASH = hash_password(PASSWORD, salt=b"twelve bytes")

H17_UP, H17_DOWN = "lastscan/v1/ams/h-0017/up", "lastscan/v1/ams/h-0017/down"
H18_UP, H18_DOWN = "lastscan/v1/ams/h-0018/up", "lastscan/v1/ams/h-0018/down"
EVERY_UP = "lastscan/v1/+/+/up"
TRACKER = Login("tracker", HASH, None)
OPS_UP = "lastscan/v1/_feed/ops/up"
OPS = Login("ops", HASH, "_feed")
H17, H18 = Login("h-0017", HASH, "ams"), Login("h-0018", HASH, "ams")

BROKERS = [
    pytest.param("mosquitto", marks=pytest.mark.needs_mosquitto),
    pytest.param("amqtt"),
]


def _choice(kind: str) -> Choice:
    return choose(mqtt_url=None, asked=kind)


class Running:
    """A broker run by `run_broker` in a thread, with a registry that a test may change."""

    def __init__(
        self, home: Path, choice: Choice, *, mqtt_port: int, ws_port: int, logins: Sequence[Login] = ()
    ) -> None:
        self.logins = list(logins) or [TRACKER, OPS, H17, H18]
        self.ready: queue.Queue[Ports] = queue.Queue()
        self.failure: BaseException | None = None
        self.stop = threading.Event()
        self.home, self.choice, self.mqtt_port, self.ws_port = home, choice, mqtt_port, ws_port
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self.ports = self.ready.get(timeout=SOON)

    def _run(self) -> None:
        try:
            run_broker(
                self.home,
                mqtt_port=self.mqtt_port,
                ws_port=self.ws_port,
                logins=lambda: list(self.logins),
                choice=self.choice,
                stop=self.stop,
                on_ready=self.ready.put,
            )
        except BaseException as error:
            self.failure = error
            raise

    def end(self) -> None:
        self.stop.set()
        self._thread.join(SOON * 2)
        assert not self._thread.is_alive(), "the broker did not stop"
        assert self.failure is None


@contextmanager
def running(
    home: Path,
    choice: Choice,
    *,
    mqtt_port: int | None = None,
    ws_port: int | None = None,
    logins: Sequence[Login] = (),
) -> Iterator[Running]:
    ports = {"mqtt_port": mqtt_port or free_port(), "ws_port": ws_port or free_port()}
    broker = Running(home, choice, **ports, logins=logins)
    try:
        yield broker
    finally:
        broker.end()


@pytest.fixture(scope="module", params=BROKERS)
def broker(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One of each kind for all tests that leave it as they found it."""
    home = tmp_path_factory.mktemp("a home with spaces")
    with running(home, _choice(request.param)) as broker:
        yield broker


@pytest.fixture(params=BROKERS)
def own_broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Running]:
    """One for a test that stops, kills or re-registers."""
    with running(tmp_path, _choice(request.param)) as broker:
        yield broker


class Client:
    """A paho client that notes what it is told; every wait ends by an event or by an assertion."""

    def __init__(
        self, ports: Ports, user: str, password: str = PASSWORD, *, transport: str = "tcp", will: str | None = None
    ):
        self.heard: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self.up, self.down = threading.Event(), threading.Event()
        self.refused = threading.Event()
        self._acked: queue.Queue[int] = queue.Queue()
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=user,
            protocol=mqtt.MQTTv311,
            transport="websockets" if transport == "websockets" else "tcp",
            reconnect_on_failure=False,
        )
        self._client.username_pw_set(user, password)
        if will is not None:
            self._client.will_set(will, b"forged by a last will", qos=1)
        self._client.on_connect = lambda _c, _u, _f, code, _p: (self.refused if code.is_failure else self.up).set()
        self._client.on_disconnect = lambda *_: self.down.set()
        self._client.on_message = lambda _c, _u, m: self.heard.put((m.topic, bytes(m.payload)))
        self._client.on_publish = lambda _c, _u, mid, *_: self._acked.put(mid)
        self._client.on_subscribe = lambda _c, _u, mid, *_: self._acked.put(mid)
        self._client.connect("127.0.0.1", ports.mqtt if transport == "tcp" else ports.ws, keepalive=30)
        self._client.loop_start()

    def signed_in(self) -> Client:
        assert self.up.wait(SOON), "not connected"
        return self

    def subscribe(self, topic_filter: str) -> Client:
        self._client.subscribe(topic_filter, qos=1)
        self._acked.get(timeout=SOON)
        return self

    def publish(self, topic: str, payload: bytes, *, acked: bool = True) -> None:
        self._client.publish(topic, payload, qos=1)
        if acked:
            self._acked.get(timeout=SOON)

    def hears(self) -> tuple[str, bytes]:
        return self.heard.get(timeout=SOON)

    def hears_nothing(self) -> bool:
        try:
            return not self.heard.get(timeout=LET_IT_BE)
        except queue.Empty:
            return True

    def drop(self) -> None:
        """Gone without a word, as in a tunnel: the broker sees the connection end and no DISCONNECT."""
        sock = self._client.socket()
        if isinstance(sock, socket.socket):
            sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


Join = Callable[..., Client]


@pytest.fixture
def join() -> Iterator[Join]:
    """Makes clients and takes them away again."""
    with ExitStack() as gone:

        def client(ports: Ports, user: str, password: str = PASSWORD, **more: str) -> Client:
            made = Client(ports, user, password, **more)
            gone.callback(made.close)
            return made

        yield client


def test_a_registered_device_gets_in(broker: Running, join: Join) -> None:
    assert join(broker.ports, "h-0017").up.wait(SOON)


@pytest.mark.parametrize(
    ("user", "password"),
    [("h-0017", "wrong"), ("h-0017", ""), ("nobody", PASSWORD), ("nobody", "wrong"), ("", "")],
    ids=["wrong", "empty", "stranger", "stranger and wrong", "nothing"],  # the password is drawn anew in each run
)
def test_a_wrong_password_or_a_stranger_is_refused(broker: Running, join: Join, user: str, password: str) -> None:
    client = join(broker.ports, user, password)
    assert client.refused.wait(SOON)
    assert not client.up.is_set()


def test_a_refused_stranger_leaves_the_tracker_alone(broker: Running, join: Join) -> None:
    tracker = join(broker.ports, "tracker").signed_in().subscribe(EVERY_UP)
    assert join(broker.ports, "tracker", "wrong").refused.wait(SOON)
    join(broker.ports, "h-0017").signed_in().publish(H17_UP, b"still there?")
    assert tracker.hears() == (H17_UP, b"still there?")
    assert not tracker.down.is_set()


def test_scans_go_up_and_receipts_come_down(broker: Running, join: Join) -> None:
    tracker = join(broker.ports, "tracker").signed_in().subscribe(EVERY_UP)
    device = join(broker.ports, "h-0017").signed_in().subscribe(H17_DOWN)
    device.publish(H17_UP, b"scans")
    assert tracker.hears() == (H17_UP, b"scans")
    tracker.publish(H17_DOWN, b"ack")
    assert device.hears() == (H17_DOWN, b"ack")


def test_a_feed_tells_on_its_own_topic_and_hears_nothing(broker: Running, join: Join) -> None:
    tracker = join(broker.ports, "tracker").signed_in().subscribe(EVERY_UP)
    feed = join(broker.ports, "ops").signed_in().subscribe("lastscan/v1/_feed/ops/down").subscribe(EVERY_UP)
    for topic in (H17_UP, "lastscan/v1/_feed/other/up", H17_DOWN, OPS_UP):
        feed.publish(topic, b"departures")
    join(broker.ports, "h-0017").signed_in().publish(OPS_UP, b"forged")
    tracker.publish("lastscan/v1/_feed/ops/down", b"nothing is said to feeds")
    feed.publish(OPS_UP, b"marker")
    assert [tracker.hears(), tracker.hears()] == [(OPS_UP, b"departures"), (OPS_UP, b"marker")]
    assert feed.hears_nothing()


@pytest.mark.parametrize(
    "topic",
    [
        H18_UP,
        H17_DOWN,
        H18_DOWN,
        "lastscan/v1/fra/h-0017/up",
        "lastscan/v1/ams/h-0017/up/",
        "lastscan/v2/ams/h-0017/up",
    ],
)
def test_a_forged_topic_reaches_nobody(broker: Running, join: Join, topic: str) -> None:
    tracker = join(broker.ports, "tracker").signed_in().subscribe(EVERY_UP)
    other = join(broker.ports, "h-0018").signed_in().subscribe(H18_DOWN)
    forger = join(broker.ports, "h-0017").signed_in().subscribe(H17_DOWN)
    forger.publish(topic, b"forged")
    forger.publish(H17_UP, b"marker")
    assert tracker.hears() == (H17_UP, b"marker")
    tracker.publish(H17_DOWN, b"marker")
    assert forger.hears() == (H17_DOWN, b"marker")
    assert tracker.heard.empty()
    assert other.heard.empty()


def test_a_last_will_cannot_forge_either(broker: Running, join: Join) -> None:
    tracker = join(broker.ports, "tracker").signed_in().subscribe(EVERY_UP)
    forger = join(broker.ports, "h-0017", will=H18_UP).signed_in()
    forger.drop()
    assert forger.down.wait(SOON)
    join(broker.ports, "h-0018").signed_in().publish(H18_UP, b"marker")
    assert tracker.hears() == (H18_UP, b"marker")
    assert tracker.hears_nothing()


@pytest.mark.parametrize(
    "topic_filter", ["#", "+/+/+", "+/+/+/+/+", "$share/x/#", "$share/x/" + EVERY_UP, EVERY_UP, H18_DOWN, "$SYS/#"]
)
def test_a_foreign_subscription_brings_nothing(broker: Running, join: Join, topic_filter: str) -> None:
    tracker = join(broker.ports, "tracker").signed_in().subscribe(EVERY_UP)
    other = join(broker.ports, "h-0018").signed_in().subscribe(H18_DOWN)
    nosy = join(broker.ports, "h-0017").signed_in().subscribe(topic_filter)
    other.publish(H18_UP, b"not for you")
    assert tracker.hears() == (H18_UP, b"not for you")
    tracker.publish(H18_DOWN, b"nor this")
    assert other.hears() == (H18_DOWN, b"nor this")
    assert nosy.hears_nothing()


def test_the_tracker_only_hears_ups_and_only_writes_downs(broker: Running, join: Join) -> None:
    device = join(broker.ports, "h-0017").signed_in().subscribe(H17_DOWN)
    tracker = join(broker.ports, "tracker").signed_in().subscribe(EVERY_UP).subscribe("lastscan/v1/+/+/down")
    tracker.publish(H17_UP, b"invented")
    tracker.publish(H17_DOWN, b"ack")
    assert device.hears() == (H17_DOWN, b"ack")
    assert tracker.hears_nothing()


def test_a_full_batch_of_32_kib_passes(broker: Running, join: Join) -> None:
    tracker = join(broker.ports, "tracker").signed_in().subscribe(EVERY_UP)
    batch = bytes(range(256)) * 128
    join(broker.ports, "h-0017").signed_in().publish(H17_UP, batch)
    assert tracker.hears() == (H17_UP, batch)


def test_an_oversized_packet_costs_only_its_sender_the_connection(broker: Running, join: Join) -> None:
    tracker = join(broker.ports, "tracker").signed_in().subscribe(EVERY_UP)
    greedy = join(broker.ports, "h-0018").signed_in()
    greedy.publish(H18_UP, b"x" * 70_000, acked=False)
    assert greedy.down.wait(SOON)
    join(broker.ports, "h-0017").signed_in().publish(H17_UP, b"marker")
    assert tracker.hears() == (H17_UP, b"marker")


def test_an_oversized_packet_by_websocket_harms_nobody_else(broker: Running, join: Join) -> None:
    tracker = join(broker.ports, "tracker").signed_in().subscribe(EVERY_UP)
    greedy = join(broker.ports, "h-0018", transport="websockets").signed_in()
    greedy.publish(H18_UP, b"x" * 300_000, acked=False)
    join(broker.ports, "h-0017").signed_in().publish(H17_UP, b"marker")
    # Mosquitto 2.0.11 holds to max_packet_size on TCP only: here it hands all of it on.
    heard = [topic for topic, _ in iter(tracker.hears, (H17_UP, b"marker"))]
    assert heard in ([], [H18_UP])
    assert not tracker.down.is_set()


def test_nonsense_on_the_wire_harms_nobody_else(broker: Running, join: Join) -> None:
    tracker = join(broker.ports, "tracker").signed_in().subscribe(EVERY_UP)
    connect = connect_packet("h-0017")
    for nonsense in (
        b"\x00",
        b"\xff" * 64,
        b"\x10\x05\x00\x04MQT",
        b"\x30\xff\xff\xff\x7f",
        connect[:-9],
        connect[:9] + b"\xff" * 60,
    ):
        wire = socket.create_connection(("127.0.0.1", broker.ports.mqtt), timeout=SOON)
        with wire, suppress(OSError):
            wire.sendall(nonsense)
            wire.shutdown(socket.SHUT_WR)
            while wire.recv(4096):
                pass
    join(broker.ports, "h-0017").signed_in().publish(H17_UP, b"marker")
    assert tracker.hears() == (H17_UP, b"marker")


def test_many_idle_and_half_open_connections_keep_nobody_from_scanning(broker: Running, join: Join) -> None:
    """A small flood, of those that say nothing, half a word, and fifty megabytes."""
    tracker = join(broker.ports, "tracker").signed_in().subscribe(EVERY_UP)
    device = join(broker.ports, "h-0017").signed_in()
    with ExitStack() as gone:
        for n in range(150):
            wire = gone.enter_context(socket.create_connection(("127.0.0.1", broker.ports.mqtt), timeout=SOON))
            wire.sendall((b"", connect_packet("h-0018")[:7])[n % 2])
        greedy = gone.enter_context(socket.create_connection(("127.0.0.1", broker.ports.mqtt), timeout=SOON))
        with suppress(OSError):  # cut off long before the end
            greedy.sendall(connect_packet("h-0018") + b"\x30\x80\xe1\xeb\x17" + bytes(50_000_000))
        for n in range(20):
            device.publish(H17_UP, b"%d" % n)
            assert tracker.hears() == (H17_UP, b"%d" % n)
    assert not tracker.down.is_set()
    assert not device.down.is_set()


def test_a_phone_comes_by_websocket(broker: Running, join: Join) -> None:
    tracker = join(broker.ports, "tracker").signed_in().subscribe(EVERY_UP)
    phone = join(broker.ports, "h-0017", transport="websockets").signed_in().subscribe(H17_DOWN)
    batch = bytes(range(256)) * 128
    phone.publish(H17_UP, batch)
    assert tracker.hears() == (H17_UP, batch)
    tracker.publish(H17_DOWN, b"ack")
    assert phone.hears() == (H17_DOWN, b"ack")
    assert join(broker.ports, "h-0017", "wrong", transport="websockets").refused.wait(SOON)


def test_of_two_clients_with_one_id_the_older_is_cut(broker: Running, join: Join) -> None:
    tracker = join(broker.ports, "tracker").signed_in().subscribe(EVERY_UP)
    older = join(broker.ports, "h-0017").signed_in().subscribe(H17_DOWN)
    newer = join(broker.ports, "h-0017").signed_in().subscribe(H17_DOWN)
    assert older.down.wait(SOON)
    tracker.publish(H17_DOWN, b"ack")
    assert newer.hears() == (H17_DOWN, b"ack")
    newer.publish(H17_UP, b"scans")
    assert tracker.hears() == (H17_UP, b"scans")
    assert older.heard.empty()


def test_of_many_that_come_at_once_with_one_id_one_stays(broker: Running, join: Join) -> None:
    with ExitStack() as gone:
        wires = [
            gone.enter_context(socket.create_connection(("127.0.0.1", broker.ports.mqtt), timeout=SOON))
            for _ in range(20)
        ]
        for wire in wires:
            wire.sendall(connect_packet("h-0017"))
        last = join(broker.ports, "h-0017").signed_in().subscribe(H17_DOWN)
        for wire in wires:
            with suppress(ConnectionError):
                while wire.recv(64):  # to its end: a session that was left open would time out here
                    pass
    join(broker.ports, "tracker").signed_in().publish(H17_DOWN, b"ack")
    assert last.hears() == (H17_DOWN, b"ack")


def test_a_device_cannot_cut_the_tracker_by_taking_its_client_id(broker: Running, join: Join) -> None:
    tracker = join(broker.ports, "tracker").signed_in().subscribe(EVERY_UP)
    thief = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="tracker", protocol=mqtt.MQTTv311)
    thief.username_pw_set("h-0017", PASSWORD)
    is_in = threading.Event()
    thief.on_connect = lambda *_: is_in.set()
    thief.connect("127.0.0.1", broker.ports.mqtt)
    thief.loop_start()
    try:
        assert is_in.wait(SOON)
        join(broker.ports, "h-0018").signed_in().publish(H18_UP, b"marker")
        assert tracker.hears() == (H18_UP, b"marker")
        assert not tracker.down.is_set()
    finally:
        thief.disconnect()
        thief.loop_stop()


def test_a_revoked_device_cannot_publish_any_more_on_its_open_session(own_broker: Running, join: Join) -> None:
    ports = own_broker.ports
    tracker = join(ports, "tracker").signed_in().subscribe(EVERY_UP)
    lost, kept = join(ports, "h-0017").signed_in(), join(ports, "h-0018").signed_in()
    own_broker.logins = [TRACKER, H18]
    assert lost.down.wait(3), "still connected three seconds after it was revoked"
    assert join(ports, "h-0017").refused.wait(SOON)
    kept.publish(H18_UP, b"marker")
    assert tracker.hears() == (H18_UP, b"marker")
    assert not tracker.down.is_set()
    assert not kept.down.is_set()


def test_a_device_added_while_it_runs_gets_in(own_broker: Running, join: Join) -> None:
    own_broker.logins = [*own_broker.logins, Login("h-0019", HASH, "fra")]
    give_up_at = time.monotonic() + 3
    while not (device := join(own_broker.ports, "h-0019")).up.wait(0.2):
        assert time.monotonic() < give_up_at, "not let in three seconds after it was registered"
    tracker = join(own_broker.ports, "tracker").signed_in().subscribe(EVERY_UP)
    device.publish("lastscan/v1/fra/h-0019/up", b"hello")
    assert tracker.hears() == ("lastscan/v1/fra/h-0019/up", b"hello")


def test_a_registry_that_cannot_be_read_leaves_the_rules_as_they_were(own_broker: Running, join: Join) -> None:
    asked = threading.Event()

    class Locked(list[Login]):
        def __iter__(self) -> Iterator[Login]:
            asked.set()
            raise OSError("database is locked")

    own_broker.logins = Locked()
    assert asked.wait(SOON)
    assert join(own_broker.ports, "h-0017").up.wait(SOON)


def test_after_a_restart_on_the_same_ports_a_clean_session_subscribes_again(own_broker: Running, join: Join) -> None:
    before = own_broker.ports
    tracker = join(before, "tracker").signed_in().subscribe(EVERY_UP)
    own_broker.end()
    assert tracker.down.wait(SOON)
    with running(own_broker.home, own_broker.choice, mqtt_port=before.mqtt, ws_port=before.ws) as again:
        tracker = join(again.ports, "tracker").signed_in().subscribe(EVERY_UP)
        join(again.ports, "h-0017").signed_in().publish(H17_UP, b"scans")
        assert tracker.hears() == (H17_UP, b"scans")


@pytest.mark.needs_mosquitto
def test_a_killed_mosquitto_is_back_within_five_seconds(tmp_path: Path, join: Join) -> None:
    with running(tmp_path, _choice("mosquitto")) as broker:
        os.kill(broker.ports.pid, signal.SIGKILL)
        again = broker.ready.get(timeout=5)
        assert (again.mqtt, again.ws) == (broker.ports.mqtt, broker.ports.ws)
        assert again.pid != broker.ports.pid
        assert join(again, "h-0017").up.wait(SOON)


LAUNCHER = """
import sys, threading
from pathlib import Path
from lastscan.broker import choose, run_broker
run_broker(Path(sys.argv[1]), mqtt_port=int(sys.argv[2]), ws_port=int(sys.argv[3]), logins=lambda: [],
           choice=choose(mqtt_url=None, asked=sys.argv[4]), stop=threading.Event(),
           on_ready=lambda ports: print("ready", flush=True))
"""


@pytest.mark.parametrize("kind", BROKERS)
def test_when_the_launcher_is_killed_its_ports_are_free_at_once(kind: str, tmp_path: Path, join: Join) -> None:
    choice, mqtt_port, ws_port = _choice(kind), free_port(), free_port()
    command = [sys.executable, "-c", LAUNCHER, str(tmp_path), str(mqtt_port), str(ws_port), kind]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as launcher:
        assert launcher.stdout is not None
        while launcher.stdout.readline() != "ready\n":
            assert launcher.poll() is None
        launcher.kill()
    with running(tmp_path, choice, mqtt_port=mqtt_port, ws_port=ws_port) as broker:
        assert join(broker.ports, "h-0017").up.wait(SOON)


@pytest.mark.parametrize("kind", BROKERS)
def test_a_taken_port_is_named_in_the_error(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    choice = _choice(kind)
    for module in ("mosquitto", "embedded"):
        monkeypatch.setattr(f"lastscan.broker.{module}.COME_UP_WITHIN_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BrokerFailedError, match=str(port)):
            run_broker(
                tmp_path,
                mqtt_port=port,
                ws_port=free_port(),
                logins=list,
                choice=choice,
                stop=threading.Event(),
                on_ready=lambda _: None,
            )


def connect_packet(user: str) -> bytes:
    """MQTT 3.1.1's CONNECT, for what no client library would do."""
    parts = [text.encode() for text in (user, user, PASSWORD)]
    body = b"\x00\x04MQTT\x04\xc2\x00\x1e" + b"".join(len(part).to_bytes(2, "big") + part for part in parts)
    return bytes([0x10, len(body)]) + body


# The choice


def test_a_url_means_that_nothing_is_started() -> None:
    assert choose(mqtt_url="mqtts://broker.example", find=lambda: Path("/sbin/none")).kind == "url"


def test_without_mosquitto_the_embedded_broker_is_chosen_and_says_why() -> None:
    choice = choose(mqtt_url=None, find=lambda: None)
    assert str(choice) == "broker: amqtt (no mosquitto on this machine; in this process, on loopback only)"


def test_a_mosquitto_too_old_to_read_our_passwords_is_passed_over(tmp_path: Path) -> None:
    old = tmp_path / "mosquitto"
    old.write_text("#!/bin/sh\necho mosquitto version 1.6.9\n")
    old.chmod(0o755)
    choice = choose(mqtt_url=None, find=lambda: old)
    assert choice.kind == "amqtt"
    assert "version 1.6" in choice.because


@pytest.mark.needs_mosquitto
def test_a_mosquitto_on_this_machine_is_preferred() -> None:
    _choice("mosquitto")
    assert choose(mqtt_url=None).kind == "mosquitto"


def test_a_broker_asked_for_and_missing_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(BrokerUnavailableError, match="apt-get install mosquitto"):
        choose(mqtt_url=None, asked="mosquitto", find=lambda: None)


@pytest.mark.parametrize(("mqtt_url", "asked"), [(None, "rabbit"), (None, "url"), ("mqtt://x", "amqtt")])
def test_settings_that_make_no_sense_together_are_refused(mqtt_url: str | None, asked: str) -> None:
    with pytest.raises(UnknownBrokerError):
        choose(mqtt_url=mqtt_url, asked=asked)


# The table and its files


def test_the_acl_has_a_block_for_each_login_with_exact_topics() -> None:
    assert acl_file(AccessTable.of([H17, TRACKER, OPS])) == (
        "user h-0017\ntopic read lastscan/v1/ams/h-0017/down\ntopic write lastscan/v1/ams/h-0017/up\n\n"
        "user ops\ntopic write lastscan/v1/_feed/ops/up\n\n"
        "user tracker\ntopic read lastscan/v1/+/+/up\ntopic write lastscan/v1/+/+/down\n"
    )


@pytest.mark.parametrize(
    "bad",
    [
        Login("h-1\ntopic read #", HASH, "ams"),
        Login("h-1", HASH, "ams/+"),
        Login("H-1", HASH, "ams"),
        Login("h-1", HASH + "\nroot:x", "ams"),
        Login("h-1", "", "ams"),
        Login("tracker", HASH, "ams"),
        Login("h-0017", HASH, "fra"),
    ],
)
def test_a_login_that_would_bend_the_rules_is_left_out_and_the_others_stay(bad: Login) -> None:
    table = AccessTable.of([H17, bad, TRACKER])
    assert table == AccessTable.of([TRACKER, H17])
    assert len(table.left_out) == 1
    assert set(re.findall("^([^:]*):", password_file(table), re.MULTILINE)) == {"h-0017", "tracker"}


def test_a_password_fits_only_itself() -> None:
    assert verify_password(PASSWORD, HASH)
    assert not verify_password(PASSWORD + "x", HASH)
    assert not verify_password("", HASH)
    assert not verify_password("\ud800", HASH)
    assert PASSWORD not in HASH


@pytest.mark.parametrize(
    "damaged", ["", "$7$", "secret", HASH[:-4], HASH.replace("$101$", "$-1$"), HASH + "$", HASH + "\n"]
)
def test_a_damaged_hash_fits_no_password(damaged: str) -> None:
    assert not is_password_hash(damaged)
    assert not verify_password(PASSWORD, damaged)
