"""The MQTT rim of a handheld: one thread that owns one connection and carries what the state machine answers.

paho is driven by our own loop over its socket: nothing waits in its queues, no callback can end the thread, and a new
client for every connection forgets what the old one had under way. The handheld sends it again.
"""

import logging
import random
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from scanner.handheld import Effect, Handheld, Reconnect, Recorded
from scanner.stamp import Stamp
from tracker.domain.errors import LastscanError
from tracker.wire import Address

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")

KEEP_ALIVE = 30
CONNECT_TIMEOUT = 5.0
SUBSCRIBE_WITHIN = 10.0
RETRY_AFTER = 0.05
RETRY_AT_MOST = 3.0
RETRY_JITTER = 0.2
_LONGEST_SLEEP = 1.0  # paho looks at its keep-alive this often
_PORTS = {"mqtt": 1883, "mqtts": 8883, "ws": 80, "wss": 443}


class BadBrokerAddressError(LastscanError):
    """The broker's address is not one we can connect to; the message shows the form."""


class SystemClock:
    """The machine's own clocks, counted from this start of the program. `boot` is `Journal.boot`."""

    def __init__(self, boot: int) -> None:
        self._boot = boot
        self._started = time.monotonic_ns()

    def stamp(self) -> Stamp:
        return Stamp(
            wall=time.time_ns() // 1_000_000,
            mono=(time.monotonic_ns() - self._started) // 1_000_000,
            boot=self._boot,
        )


class Link:
    """Runs a Handheld over a broker until stopped; every method may be called from any thread."""

    def __init__(
        self,
        handheld: Handheld,
        address: Address,
        url: str,
        username: str | None = None,
        password: str | None = None,
        *,
        ca: Path | str | None = None,
        mqtt5: bool = False,
        on_change: Callable[[], None] | None = None,
    ) -> None:
        """`ca`: the certificates to trust under `mqtts:` and `wss:`, the system's without it. `on_change` is called
        from the link's thread after something was heard or the connection came or went.
        """
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname:
            raise BadBrokerAddressError(f"{url!r}: write the broker's address like mqtt://127.0.0.1:1883")
        self.address = address
        self._handheld = handheld
        self._parts = parts
        self._host, self._port = parts.hostname, parts.port or _PORTS[parts.scheme]
        self._username, self._password, self._ca = username, password, ca
        self._mqtt5 = mqtt5
        self._on_change = on_change
        self._rng = random.Random()
        self._changed = threading.Condition(threading.RLock())  # guards the handheld and the flags
        self._cut = False
        self._stopping = False
        self._online = False
        self._lost = False
        self._trouble: str | None = None
        self._thread: threading.Thread | None = None
        self._bell, self._rope = _bell_and_rope()  # pulling the rope wakes the thread

    # --- for callers ---

    def start(self) -> None:
        """Connect, and connect again whenever the connection is gone, until `stop`."""
        if self._thread is None:
            self._stopping = False
            if self._bell.fileno() < 0:
                self._bell, self._rope = _bell_and_rope()
            self._thread = threading.Thread(target=self._run, name=f"link-{self.address.dev}", daemon=True)
            self._thread.start()

    def stop(self, timeout: float = 5.0) -> None:
        """Say good-bye and end the thread. What waits stays in the journal."""
        with self._changed:
            self._stopping = True
        self._wake()
        if self._thread is not None:
            self._thread.join(timeout)
            if self._thread.is_alive():
                log.warning("%s: still connecting; the link's thread ends by itself", self.address.dev)
            else:
                self._bell.close()
                self._rope.close()
            self._thread = None
        with self._changed:
            self._handheld.journal.keep_house(self._handheld.clock.stamp())

    def record(
        self,
        code: str,
        sym: str,
        kind: str,
        *,
        at: str | None = None,
        into: str | None = None,
        op: str | None = None,
        x: dict[str, Any] | None = None,
        lat: float | None = None,
        lon: float | None = None,
    ) -> Recorded:
        """Journal a scan, as `Handheld.record`; beep when this returns. It is on its way at once when on line."""
        with self._changed:
            recorded = self._handheld.record(
                code, sym, kind, now=time.monotonic(), at=at, into=into, op=op, x=x, lat=lat, lon=lon
            )
        self._wake()
        return recorded

    def wait_until_empty(self, timeout: float) -> bool:
        """Whether every scan that can be receipted is, within `timeout` seconds."""
        return self.wait_for(lambda handheld: handheld.waiting_count == 0, timeout)

    def wait_for(self, condition: Callable[[Handheld], bool], timeout: float) -> bool:
        """Whether the condition holds within `timeout` seconds; it is asked whenever something was heard."""
        with self._changed:
            return self._changed.wait_for(lambda: condition(self._handheld), timeout)

    def ask(self, question: Callable[[Handheld], Answer]) -> Answer:
        """Look at the handheld while nobody else changes it."""
        with self._changed:
            return question(self._handheld)

    @property
    def online(self) -> bool:
        """Connected and subscribed, as far as we know."""
        return self._online

    @property
    def trouble(self) -> str | None:
        """Why the last attempt to connect failed, for the screen; None while on line."""
        return self._trouble

    def cut(self) -> None:
        """Go off line as if the network were gone: no good-bye, no new attempt until `restore`."""
        with self._changed:
            self._cut = True
        self._wake()

    def restore(self) -> None:
        """Be on line again."""
        with self._changed:
            self._cut = False
        self._wake()

    # --- the thread ---

    def _run(self) -> None:
        pause = RETRY_AFTER
        while not self._stopping:
            if self._cut:
                self._sleep(_LONGEST_SLEEP)
                pause = RETRY_AFTER
                continue
            try:
                was_online = self._one_connection()
            except Exception:
                # Whatever a library or a broker does, a handheld goes on trying.
                log.exception("%s: the connection ended in an error; connecting again", self.address.dev)
                was_online = False
            pause = RETRY_AFTER if was_online else pause
            if not self._stopping and not self._cut:
                self._pause(pause * self._rng.uniform(1 - RETRY_JITTER, 1 + RETRY_JITTER))
                pause = min(RETRY_AT_MOST, pause * 2)

    def _one_connection(self) -> bool:
        """Connect and carry messages until the connection is gone; whether it was ever on line."""
        self._lost = False
        client = self._new_client()
        was_online = False
        try:
            client.connect(self._host, self._port, keepalive=KEEP_ALIVE, **self._cleanly())
            subscribed_by = time.monotonic() + SUBSCRIBE_WITHIN
            while not (self._stopping or self._cut or self._lost):
                was_online = was_online or self._online
                if not self._online and time.monotonic() > subscribed_by:
                    self._trouble = "the broker does not answer"
                    break
                if not self._turn(client):
                    break
            if self._stopping and not self._cut:
                client.disconnect()
        except (OSError, ValueError) as failure:
            self._trouble = f"no connection to {self._host}:{self._port}: {failure}"
        finally:
            self._hang_up(client)
        return was_online

    def _turn(self, client: Client) -> bool:
        """Send what is due, wait for the socket or the rope, read and write; False when the connection is done."""
        now = time.monotonic()
        with self._changed:
            effects = self._handheld.tick(now)
            due = self._handheld.next_tick(now)
        if not self._carry_out(client, effects):
            return False
        connection: Any = client.socket()
        if connection is None:
            return False
        sleep = _LONGEST_SLEEP if due is None else min(_LONGEST_SLEEP, max(0.0, due - time.monotonic()))
        # TLS and WebSocket may hold bytes already read, which no poll would show.
        held_back = getattr(connection, "pending", None)
        has_more = held_back is not None and held_back() > 0
        ready = _ready(connection, self._bell, wants_write=client.want_write(), seconds=0.0 if has_more else sleep)
        if self._bell.fileno() in ready:
            self._hush()
        happened = ready.get(connection.fileno(), 0)
        if has_more or happened & ~select.POLLOUT:
            client.loop_read()
        if happened & select.POLLOUT and client.socket() is not None:
            client.loop_write()
        return client.loop_misc() == MQTTErrorCode.MQTT_ERR_SUCCESS

    def _carry_out(self, client: Client, effects: Iterable[Effect]) -> bool:
        """Publish in order; False for a connection that is to be given up."""
        for effect in effects:
            if isinstance(effect, Reconnect):
                self._trouble = "scans wait and nobody receipts them; connecting again"
                return False
            client.publish(self.address.up, effect, qos=1)
        return True

    def _hang_up(self, client: Client) -> None:
        with self._changed:
            was_online, self._online = self._online, False
            self._handheld.disconnected(time.monotonic())
            self._changed.notify_all()
        with suppress(OSError, AttributeError):
            if (connection := client.socket()) is not None:
                connection.close()
        if was_online:
            self._tell()

    # --- paho's callbacks: all run inside `_turn`, in our thread ---

    def _new_client(self) -> Client:
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=self.address.dev,
            protocol=MQTTProtocolVersion.MQTTv5 if self._mqtt5 else MQTTProtocolVersion.MQTTv311,
            clean_session=None if self._mqtt5 else True,
            transport="websockets" if self._parts.scheme in ("ws", "wss") else "tcp",
            reconnect_on_failure=False,
        )
        client.connect_timeout = CONNECT_TIMEOUT
        client.max_inflight_messages_set(0)  # the window is the handheld's
        if self._username is not None:
            client.username_pw_set(self._username, self._password)
        if self._parts.scheme in ("ws", "wss"):
            client.ws_set_options(path=self._parts.path or "/mqtt")
        if self._parts.scheme in ("mqtts", "wss"):
            client.tls_set_context(ssl.create_default_context(cafile=self._ca))
        client.on_socket_open = _without_nagle
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_disconnect = self._on_disconnect
        return client

    def _cleanly(self) -> dict[str, Any]:
        if not self._mqtt5:
            return {}
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = 0
        return {"clean_start": True, "properties": properties}

    def _on_connect(self, client: Client, _userdata: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            self._trouble = f"the broker refuses this device: {reason}"
            self._lost = True
        else:
            client.subscribe(self.address.down, qos=1)

    def _on_subscribe(self, client: Client, _userdata: Any, _mid: int, reasons: Any, _properties: Any) -> None:
        if any(reason.is_failure for reason in reasons):
            self._trouble = f"the broker does not let this device hear {self.address.down}"
            self._lost = True
            return
        with self._changed:
            self._online, self._trouble = True, None
            effects = self._handheld.connected(time.monotonic())
            self._changed.notify_all()
        self._lost = not self._carry_out(client, effects) or self._lost
        self._tell()

    def _on_message(self, client: Client, _userdata: Any, message: MQTTMessage) -> None:
        try:
            with self._changed:
                effects = self._handheld.heard(bytes(message.payload), time.monotonic())
                self._changed.notify_all()
            self._lost = not self._carry_out(client, effects) or self._lost
            self._tell()
        except Exception:
            # An answer that trips us must not stop the scans: it is dropped, and the connection begun anew.
            log.exception("%s: an answer could not be taken", self.address.dev)
            self._lost = True

    def _on_disconnect(self, _client: Client, _userdata: Any, _flags: Any, _reason: Any, _properties: Any) -> None:
        self._lost = True

    def _tell(self) -> None:
        if self._on_change is not None:
            self._on_change()

    # --- sleeping and waking ---

    def _wake(self) -> None:
        with suppress(OSError):  # a full pipe wakes as well as an empty one
            self._rope.send(b"!")

    def _hush(self) -> None:
        with suppress(OSError):
            while self._bell.recv(64):
                pass

    def _sleep(self, seconds: float) -> None:
        """Sleep until woken."""
        if _ready(self._bell, seconds=seconds):
            self._hush()

    def _pause(self, seconds: float) -> None:
        """Sleep the whole time, unless the link is stopped or cut: a new scan must not hasten a reconnect."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not self._stopping and not self._cut:
            self._sleep(left)


def _bell_and_rope() -> tuple[socket.socket, socket.socket]:
    bell, rope = socket.socketpair()
    bell.setblocking(False)
    rope.setblocking(False)
    return bell, rope


def _ready(*sockets: Any, wants_write: bool = False, seconds: float) -> dict[int, int]:
    """What happened on these sockets; the first is also asked for room to write. Not `select`: it ends at fd 1024."""
    poll = select.poll()
    for place, each in enumerate(sockets):
        poll.register(each, select.POLLIN | (select.POLLOUT if wants_write and place == 0 else 0))
    return dict(poll.poll(seconds * 1000))


def _without_nagle(_client: Client, _userdata: Any, connection: Any) -> None:
    """Small packets must not wait for each other: measured, receipts come in 4 ms instead of 60."""
    with suppress(OSError, AttributeError):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
