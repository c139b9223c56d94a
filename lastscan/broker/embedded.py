"""amqtt inside this process: the broker that needs nothing installed. Loopback only.

What amqtt 0.12 leaves open is closed here: before it has looked at a password it drops the session of whoever has
that client id; it publishes last wills without asking; it takes packets of 256 MB; it never cuts a silent client;
two clients with one id both stay.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import structlog
from amqtt.adapters import ReaderAdapter, StreamWriterAdapter, WebSocketsWriter, WriterAdapter
from amqtt.broker import Broker, Server
from amqtt.contexts import BrokerConfig, ListenerConfig, ListenerType
from amqtt.errors import BrokerError
from amqtt.mqtt.connack import NOT_AUTHORIZED, ConnackPacket
from amqtt.mqtt.protocol.broker_handler import BrokerProtocolHandler
from amqtt.session import Session
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from lastscan.broker.amqtt_plugins import Gate, plugins
from lastscan.broker.registry import HOST, BrokerFailedError, Ports, Registry

LARGEST_PACKET = 65536
SIGNED_IN = "lastscan.signed_in"  # set on a session whose password was right
SIGN_IN_WITHIN_S = 5.0
LONGEST_KEEP_ALIVE_S = 60
COME_UP_WITHIN_S = 5.0
CLOSE_WITHIN_S = 1.0
STOP_WITHIN_S = 5.0
LOOK_EVERY_S = 0.1

log = structlog.get_logger(__name__)


def run_embedded(ports: Ports, registry: Registry, stop: threading.Event, on_ready: Callable[[Ports], None]) -> None:
    """Serves until `stop` is set. The event loop runs in the calling thread and is gone when this returns."""
    # It logs each packet it is made for, and a traceback for each client that leaves early. What concerns an
    # operator is raised, or logged by us.
    for noisy in ("amqtt", "transitions", "websockets"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
    asyncio.run(_serve(replace(ports, pid=os.getpid()), registry, stop, on_ready))


async def _serve(ports: Ports, registry: Registry, stop: threading.Event, on_ready: Callable[[Ports], None]) -> None:
    asyncio.get_running_loop().set_exception_handler(_note)
    gate = Gate(registry.table)
    broker = await _come_up(ports, gate, stop)
    try:
        on_ready(ports)
        while not stop.is_set():
            await asyncio.sleep(LOOK_EVERY_S)
            # In another thread: it reads the database, and scans must not wait for that.
            if registry.is_due() and await asyncio.to_thread(registry.changed):
                before, gate.table = gate.table, registry.table
                log.info("broker.rules_changed", logins=len(gate.table.logins))
                for name, login in before.logins.items():
                    if gate.table.logins.get(name) != login:
                        await broker.cut_off(name)
    finally:
        try:
            await asyncio.wait_for(broker.shutdown(), STOP_WITHIN_S)
        except TimeoutError:
            log.warning("broker.slow_stop", meaning="a client did not let go; its connection ends with the process")


async def _come_up(ports: Ports, gate: Gate, stop: threading.Event) -> NamedClientsBroker:
    """Tries for a while: whoever had the ports before us may be about to end."""
    give_up_at = time.monotonic() + COME_UP_WITHIN_S
    while True:
        broker = NamedClientsBroker(
            BrokerConfig(
                listeners={
                    "default": ListenerConfig(type=ListenerType.TCP, bind=f"{HOST}:{ports.mqtt}"),
                    "phones": ListenerConfig(type=ListenerType.WS, bind=f"{HOST}:{ports.ws}"),
                },
                plugins=plugins(gate),
            )
        )
        try:
            await broker.start()
        except BrokerError as error:
            for server in broker.listening():
                await server.close_instance()
            if stop.is_set() or time.monotonic() > give_up_at:
                raise BrokerFailedError(
                    f"amqtt does not come up on ports {ports.mqtt} and {ports.ws}: {error}"
                ) from error
            await asyncio.sleep(0.1)
        else:
            return broker


def _note(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    # Tasks of amqtt that fail because their client has left: the device sends again, so not worth a traceback.
    log.debug("broker.task_failed", what=context.get("message"), error=repr(context.get("exception")))


class PacketReader(ReaderAdapter):  # type: ignore[misc]
    """Bytes of one connection, from TCP or WebSocket alike; at its end, or past `LARGEST_PACKET`, it is closed.

    Not amqtt's own reader for WebSockets: that one repeats the last frame when a connection ends inside a packet.
    """

    def __init__(self, more: Callable[[], Awaitable[bytes]]) -> None:
        self._more = more
        self._waiting = bytearray()
        self._closed = False

    async def read(self, n: int = -1) -> bytes:
        if n > LARGEST_PACKET:
            log.warning("broker.packet_too_large", size=n, largest=LARGEST_PACKET)
            self._closed = True
        while not self._closed and len(self._waiting) < n:
            chunk = await self._more()
            self._waiting += chunk
            self._closed = self._closed or not chunk
        if self._closed:
            raise ConnectionResetError("the connection is closed")  # what amqtt takes for the end, quietly
        taken = bytes(self._waiting[:n])
        del self._waiting[:n]
        return taken

    def feed_eof(self) -> None:
        self._closed = True


class TcpWriter(StreamWriterAdapter):  # type: ignore[misc]
    """Closes without waiting for a peer that has gone: amqtt's own would hold up whoever takes the session over."""

    is_closed: bool

    async def close(self) -> None:
        if self.is_closed:
            return
        self.is_closed = True
        transport = self._writer.transport
        if transport.get_write_buffer_size():
            asyncio.get_running_loop().call_later(CLOSE_WITHIN_S, transport.abort)
        transport.close()


class WebSocketWriter(WebSocketsWriter):  # type: ignore[misc]
    """As TcpWriter: the closing handshake with a phone out of range would take ten seconds."""

    async def close(self) -> None:
        try:
            async with asyncio.timeout(CLOSE_WITHIN_S):
                await self._protocol.close()
        except TimeoutError:
            self._protocol.transport.abort()


class ClientHandler(BrokerProtocolHandler):  # type: ignore[misc]
    """amqtt's side of one connection, less its patience with the silent."""

    def handle_read_timeout(self) -> None:
        if self.reader is not None:
            self.reader.feed_eof()


class SubscriptionsAtOneMoment(dict[str, list[tuple[Session, int]]]):
    """amqtt walks its subscriptions and waits in between; whoever subscribes meanwhile must not lose it a scan."""

    def items(self) -> Any:
        return [(topic_filter, list(takers)) for topic_filter, takers in super().items()]

    def __iter__(self) -> Any:
        return iter(list(super().__iter__()))


class NamedClientsBroker(Broker):  # type: ignore[misc]
    """amqtt where a session is its user's name: signed in before it may touch anything, and only one of each.

    It keeps no session past its connection: every client finds `session present` 0 and subscribes again.
    """

    def __init__(self, config: BrokerConfig) -> None:
        super().__init__(config)
        self._subscriptions = SubscriptionsAtOneMoment()

    def listening(self) -> list[Server]:
        return list(self._servers.values())

    async def cut_off(self, name: str) -> None:
        """Ends the session of that name, if there is one, and forgets what it had subscribed to."""
        session, handler = self._sessions.pop(name, (None, None))
        if session is not None:
            await self._del_all_subscriptions(session)
        if handler is not None and handler.reader is not None:
            # Not handler.stop(): for a client that has just come it waits for ever on a reader that never began.
            # The end of its connection ends it, however far it has got.
            handler.reader.feed_eof()
            with suppress(OSError, ConnectionClosed):
                await handler.writer.close()

    async def shutdown(self) -> None:
        for name in list(self._sessions):
            await self.cut_off(name)
        await super().shutdown()

    async def ws_connected(self, websocket: ServerConnection, listener_name: str) -> None:
        async def frame() -> bytes:
            try:
                message = await websocket.recv()
            except ConnectionClosed:
                return b""
            return message.encode() if isinstance(message, str) else message

        await self._client_connected(listener_name, PacketReader(frame), WebSocketWriter(websocket))

    async def stream_connected(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, listener_name: str
    ) -> None:
        async def chunk() -> bytes:
            return await reader.read(LARGEST_PACKET)

        await self._client_connected(listener_name, PacketReader(chunk), TcpWriter(writer))

    async def _client_connected(self, listener_name: str, reader: ReaderAdapter, writer: WriterAdapter) -> None:
        try:
            async with asyncio.timeout(SIGN_IN_WITHIN_S):
                signed_in = await self._sign_in(reader, writer)
            if signed_in is not None:
                await self._serve_client(listener_name, reader, writer, *signed_in)
        except Exception as error:  # noqa: BLE001  whatever a client sends ends at its own connection
            log.debug("broker.client_left", error=repr(error))
        finally:
            # Also after nonsense: amqtt would leave its socket open.
            with suppress(OSError, ConnectionClosed):
                await writer.close()

    async def _sign_in(
        self, reader: ReaderAdapter, writer: WriterAdapter
    ) -> tuple[BrokerProtocolHandler, Session] | None:
        handler, session = await ClientHandler.init_from_connect(reader, writer, self.plugins_manager)
        results = await self.plugins_manager.map_plugin_auth(session=session)
        if not results or not all(results.values()):
            await ConnackPacket.build(0, NOT_AUTHORIZED).to_stream(writer)
            return None
        session.attributes[SIGNED_IN] = True
        session.client_id = session.username
        session.clean_session = True
        session.parent = 0
        session.will_flag = False  # nobody in this protocol has a last will
        session.keep_alive = min(session.keep_alive or LONGEST_KEEP_ALIVE_S, LONGEST_KEEP_ALIVE_S) * 3 // 2
        return handler, session

    async def _authenticate(self, session: Session, _listener: ListenerConfig) -> bool:
        return session.attributes.get(SIGNED_IN) is True

    async def _serve_client(
        self,
        listener_name: str,
        reader: ReaderAdapter,
        writer: WriterAdapter,
        handler: BrokerProtocolHandler,
        session: Session,
    ) -> None:
        name = session.client_id
        # Again and again, since another of that name may come while the older one is being cut. From here until amqtt
        # has noted this one, nothing waits (hence our _authenticate), so two cannot both believe they are the only.
        while name in self._sessions:
            await self.cut_off(name)
        try:
            await self._handle_client_session(
                reader, writer, session, handler, self._servers[listener_name], listener_name
            )
        finally:
            if self._sessions.get(name, (None, None))[1] is handler:
                await self.cut_off(name)

    async def _session_monitor(self) -> None:
        """Nothing to look for: a session ends with its connection, above."""

    async def retain_message(self, *_: object, **__: object) -> None:
        """No message is retained: a place for one device to leave something for another."""
