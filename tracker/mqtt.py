"""The tracker on the wire: what arrives is gathered, committed, and only then acknowledged and answered.

Group commit without a timer: one thread takes whatever has arrived as soon as the last commit has returned.
"""

import threading
import time
from collections.abc import Collection, Sequence
from urllib.parse import urlsplit

import paho.mqtt.client as mqtt
import structlog
from paho.mqtt.reasoncodes import ReasonCode

from tracker.clock import Clock
from tracker.domain.errors import StoreError
from tracker.feeds import FeedDesk
from tracker.inbox import Inbox
from tracker.ingest import Heard, Ingest, Reply
from tracker.line import Line
from tracker.wire import ALL_UP, FEEDS, encode, feed_of, up_of_site

log = structlog.get_logger()

SHARED = "$share/lastscan/"
"""Before a topic: each message goes to one of the trackers that subscribed so."""

_KEEP_ALIVE_S = 15
_MOST_UNACKNOWLEDGED = 2000
_LOOK_FOR_GAPS_S = 1.0
_BACK_OFF_S = 1.0
_PORTS = {"mqtt": 1883, "mqtts": 8883}


class Subscriber:
    """Connects the ingest to a broker, under a name of its own, and keeps it connected until told to stop.

    It shares the work with every other tracker on that broker, where the broker can; with `sites`, it takes only what
    comes from these and from feeds. Where a broker shares nothing, each takes everything, which costs time and changes
    nothing.
    Sessions are clean: what is sent while no tracker listens is sent again by the devices, not kept by the broker.
    """

    def __init__(
        self,
        ingest: Ingest,
        feeds: FeedDesk,
        clock: Clock,
        *,
        url: str,
        username: str,
        password: str,
        sites: Collection[str] = (),
    ) -> None:
        self._ingest = ingest
        self._feeds = feeds
        self._clock = clock
        address = urlsplit(url)
        self._host, self._port = address.hostname or "127.0.0.1", address.port or _PORTS.get(address.scheme, 1883)
        self._topics = [up_of_site(site) for site in [*sorted(sites), FEEDS]] if sites else [ALL_UP]
        self._inbox = Inbox()
        self._stop = threading.Event()
        self.connected = threading.Event()
        self._line = Line(username, password, keep_alive_s=_KEEP_ALIVE_S, tls=address.scheme == "mqtts")
        self._line.max_inflight_messages_set(_MOST_UNACKNOWLEDGED)
        self._line.on_connect = self._on_connect
        self._line.on_subscribe = self._on_subscribe
        self._line.on_disconnect = self._on_disconnect
        self._line.on_message = self._on_message
        self._shared: int | None = None
        self._keeper = threading.Thread(target=self._keep_going, name="ingest", daemon=True)

    def start(self) -> None:
        self._keeper.start()

    def stop(self) -> None:
        """Commits what has arrived, then leaves the broker."""
        self._stop.set()
        self._line.wake()
        self._keeper.join(timeout=10)

    def _keep_going(self) -> None:
        while not self._stop.is_set():
            try:
                self._line.open(self._host, self._port)
                self._serve()
            except OSError as wrong:
                log.warning("no broker; trying again", host=self._host, port=self._port, why=str(wrong))
            except StoreError as wrong:
                # Nothing is committed, so nothing is acknowledged: devices keep everything and send it again.
                log.error("cannot commit; leaving the broker for a moment", why=str(wrong))
            except Exception:
                # This thread is the only one that keeps scans: whatever happens, it goes on.
                log.exception("tripped while committing; leaving the broker for a moment")
            self._leave()
            self._stop.wait(_BACK_OFF_S)
        self._line.close()

    def _serve(self) -> None:
        """Until the connection is gone or it is told to stop."""
        looked_at = time.monotonic()
        while self._gather() and not self._stop.is_set():
            self._commit()
            if time.monotonic() - looked_at >= _LOOK_FOR_GAPS_S:
                looked_at = time.monotonic()
                self._ask_for_gaps()
        while self._inbox:
            self._commit()

    def _gather(self) -> bool:
        """Waits for something, unless it is there; then reads on while more is there. Whether the line still holds."""
        holds = self._line.turn(0 if self._inbox else _LOOK_FOR_GAPS_S)
        before = 0
        while holds and not self._inbox.is_full and len(self._inbox) > before:
            before = len(self._inbox)
            holds = self._line.turn(0)
        return holds

    def _commit(self) -> None:
        taken = self._inbox.take()
        if not taken:
            return
        of_feeds = [arrived.heard for arrived in taken if feed_of(arrived.heard.topic)]
        replies = self._ingest.take([arrived.heard for arrived in taken if not feed_of(arrived.heard.topic)])
        self._feeds.take(of_feeds)
        self._line.acknowledge(self._inbox.settle(taken))
        self._answer(replies)

    def _ask_for_gaps(self) -> None:
        try:
            self._answer(self._ingest.overdue())
        except StoreError as wrong:
            log.error("cannot look for gaps", why=str(wrong))

    def _answer(self, replies: Sequence[Reply]) -> None:
        if not self.connected.is_set():
            return  # lost answers heal: the device sends again and is answered again
        for reply in replies:
            self._line.publish(reply.address.down, encode(reply.message), qos=1)

    def _leave(self) -> None:
        self._line.hang_up()
        self.connected.clear()
        self._inbox.clear()

    # called by paho, from inside `turn`

    def _on_connect(self, _client: mqtt.Client, _data: object, _flags: object, reason: ReasonCode, _p: object) -> None:
        if reason.is_failure:
            log.error("the broker refused us", reason=str(reason))
            return
        _, self._shared = self._line.subscribe([(SHARED + topic, 1) for topic in self._topics])

    def _on_subscribe(
        self, _client: mqtt.Client, _data: object, number: int, granted: Sequence[ReasonCode], _p: object
    ) -> None:
        refused = any(reason.is_failure for reason in granted)
        if refused and number == self._shared:
            self._line.subscribe([(topic, 1) for topic in self._topics])
            return
        if refused:
            log.error("the broker lets us hear nothing", topics=self._topics)
            return
        self.connected.set()
        log.info("connected to the broker", host=self._host, port=self._port, shared=number == self._shared)

    def _on_disconnect(self, _c: mqtt.Client, _d: object, _f: object, reason: ReasonCode, _p: object) -> None:
        self.connected.clear()
        if not self._stop.is_set():
            log.warning("the broker is gone; trying again", reason=str(reason))

    def _on_message(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = repr(bytes(message._topic))
        self._inbox.put(Heard(topic, bytes(message.payload), self._clock.now()), message.mid)
