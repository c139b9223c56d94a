"""The tracker on the wire: what arrives is gathered, committed, and only then acknowledged and answered.

Group commit without a timer: one thread takes whatever has arrived as soon as the last commit has returned.
"""

import queue
import socket
import threading
import time
from collections.abc import Sequence
from urllib.parse import urlsplit

import paho.mqtt.client as mqtt
import structlog
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from tracker.clock import Clock
from tracker.domain.errors import StoreError
from tracker.ingest import Heard, Ingest, Reply
from tracker.wire import ALL_UP, Ack, encode

log = structlog.get_logger()

MOST_AT_ONCE = 2000
_LOOK_FOR_GAPS_S = 1.0
_BACK_OFF_S = 1.0


class Subscriber:
    """Connects the ingest to a broker, as the user `tracker`, and keeps it connected until told to stop."""

    def __init__(self, ingest: Ingest, clock: Clock, *, url: str, username: str, password: str) -> None:
        self._ingest = ingest
        self._clock = clock
        address = urlsplit(url)
        self._host, self._port = address.hostname or "127.0.0.1", address.port or 1883
        self._arrived: queue.SimpleQueue[tuple[Heard, int, int] | None] = queue.SimpleQueue()
        self._stop = threading.Event()
        self.connected = threading.Event()
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=username,
            clean_session=False,
            manual_ack=True,
            protocol=mqtt.MQTTv311,
        )
        self._client.username_pw_set(username, password)
        self._client.reconnect_delay_set(min_delay=1, max_delay=2)
        self._client.max_inflight_messages_set(MOST_AT_ONCE)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_message = self._on_message
        self._client.on_socket_open = _send_small_packets_at_once
        self._keeper = threading.Thread(target=self._keep_going, name="ingest", daemon=True)

    def start(self) -> None:
        self._client.connect_async(self._host, self._port, keepalive=30)
        self._client.loop_start()
        self._keeper.start()

    def stop(self) -> None:
        """Commits what has arrived, then leaves the broker."""
        self._stop.set()
        self._arrived.put(None)
        self._keeper.join(timeout=10)
        self._client.disconnect()
        self._client.loop_stop()

    # paho's thread: its callbacks must never raise, or it dies silently

    def _on_connect(self, client: mqtt.Client, _data: object, _flags: object, reason: ReasonCode, _p: object) -> None:
        if reason.is_failure:
            log.error("the broker refused us", reason=str(reason))
            return
        client.subscribe(ALL_UP, qos=1)  # at every connect: a restarted broker has forgotten
        self.connected.set()
        log.info("connected to the broker", host=self._host, port=self._port)

    def _on_disconnect(self, _c: mqtt.Client, _d: object, _f: object, reason: ReasonCode, _p: object) -> None:
        self.connected.clear()
        if not self._stop.is_set():
            log.warning("the broker is gone; trying again", reason=str(reason))

    def _on_message(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = repr(bytes(message._topic))
        self._arrived.put((Heard(topic, bytes(message.payload), self._clock.now()), message.mid, message.qos))

    # our own thread

    def _keep_going(self) -> None:
        looked_at = time.monotonic()
        while not self._stop.is_set() or not self._arrived.empty():
            arrived = self._gather()
            if arrived:
                self._take(arrived)
            if time.monotonic() - looked_at >= _LOOK_FOR_GAPS_S:
                looked_at = time.monotonic()
                self._ask_for_gaps()

    def _gather(self) -> list[tuple[Heard, int, int]]:
        """Waits for something, then takes all that is there."""
        gathered: list[tuple[Heard, int, int]] = []
        try:
            first = self._arrived.get(timeout=_LOOK_FOR_GAPS_S)
            while True:
                if first is not None:
                    gathered.append(first)
                if len(gathered) >= MOST_AT_ONCE:
                    break
                first = self._arrived.get_nowait()
        except queue.Empty:
            pass
        return gathered

    def _take(self, arrived: Sequence[tuple[Heard, int, int]]) -> None:
        try:
            replies = self._ingest.take([heard for heard, _, _ in arrived])
        except StoreError as wrong:
            # Nothing is committed, so nothing is acknowledged: devices keep everything and send it again.
            log.error("cannot commit; leaving the broker for a moment", why=str(wrong))
            self._leave_and_return()
            return
        except Exception:
            # This thread is the only one that keeps scans: whatever happens, it goes on.
            log.exception("tripped while committing; leaving the broker for a moment")
            self._leave_and_return()
            return
        for _, mid, qos in arrived:
            self._client.ack(mid, qos)
        self._answer(replies)

    def _ask_for_gaps(self) -> None:
        try:
            self._answer(self._ingest.overdue())
        except StoreError as wrong:
            log.error("cannot look for gaps", why=str(wrong))
        except Exception:
            log.exception("tripped while looking for gaps")

    def _answer(self, replies: Sequence[Reply]) -> None:
        if not self.connected.is_set():
            return  # lost answers heal: the device sends again and is answered again
        newest = {reply.address.down + reply.message.ep: reply for reply in replies if isinstance(reply.message, Ack)}
        for reply in replies:
            if isinstance(reply.message, Ack) and newest[reply.address.down + reply.message.ep] is not reply:
                continue  # a later one says more
            self._client.publish(reply.address.down, encode(reply.message), qos=1)

    def _leave_and_return(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
        self.connected.clear()
        if not self._stop.wait(_BACK_OFF_S):
            self._client.connect_async(self._host, self._port, keepalive=30)
            self._client.loop_start()


def _send_small_packets_at_once(_client: mqtt.Client, _data: object, sock: object) -> None:
    if isinstance(sock, socket.socket):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
