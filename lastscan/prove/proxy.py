"""A TCP proxy that does to connections what networks do: delays, holds, cuts in mid-packet, byte by byte, resets."""

import asyncio
import socket
import struct
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal

HOST = "127.0.0.1"
CHUNK = 16384

Direction = Literal["up", "down"]
"""From whoever connects, or to them."""


@dataclass(slots=True)
class Weather:
    """What connections meet while it lasts; `touched` and `cut` say what really met it."""

    delay_s: float = 0.0  # each piece of the stream waits so long
    byte_by_byte: bool = False
    holds: frozenset[Direction] = frozenset()  # taken, and not passed on until it is over: half-open
    cut_after: int | None = None  # bytes a connection may carry; then it ends, in mid-packet
    touched: int = 0  # bytes
    cut: int = 0  # connections
    over: asyncio.Event = field(default_factory=asyncio.Event)


class Network:
    """Runs proxies in one thread until closed."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="network", daemon=True)
        self._thread.start()

    def proxy(self, upstream: int) -> "FaultProxy":
        """A new port of this machine that leads to another one."""
        proxy = FaultProxy(upstream, self._loop)
        asyncio.run_coroutine_threadsafe(proxy.open(), self._loop).result()
        return proxy

    def close(self) -> None:
        """Every connection and port is gone when it returns."""

        async def end() -> None:
            tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@dataclass(eq=False, slots=True)
class _Pair:
    """One connection: both its ends."""

    ends: tuple[asyncio.StreamWriter, asyncio.StreamWriter]
    carried: int = 0

    def reset(self) -> None:
        """Ends both sides as a crashed machine's peer would see it: RST, not a good-bye."""
        for end in self.ends:
            with suppress(OSError):
                end.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            end.transport.abort()


class FaultProxy:
    """One port; its methods may be called from any thread. Make it with `Network.proxy`."""

    def __init__(self, upstream: int, loop: asyncio.AbstractEventLoop) -> None:
        self.port = 0
        self._upstream = upstream
        self._loop = loop
        self._weather: Weather | None = None
        self._pairs: set[_Pair] = set()

    async def open(self) -> None:
        server = await asyncio.start_server(self._connected, HOST, 0)
        self.port = server.sockets[0].getsockname()[1]
        self._serving = self._loop.create_task(server.serve_forever())

    @property
    def connections(self) -> int:
        return len(self._pairs)

    def begin(self, weather: Weather) -> None:
        """From now on every connection meets this."""
        self._weather = weather

    def clear(self) -> None:
        """Fair again; what was held goes on its way."""
        weather, self._weather = self._weather, None
        if weather is not None:
            self._loop.call_soon_threadsafe(weather.over.set)

    def reset(self) -> int:
        """Resets every connection that stands now; how many."""

        async def now() -> int:
            pairs = list(self._pairs)
            for pair in pairs:
                pair.reset()
            return len(pairs)

        return asyncio.run_coroutine_threadsafe(now(), self._loop).result()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(HOST, self._upstream)
        except OSError:
            writer.transport.abort()
            return
        pair = _Pair((writer, far_writer))
        self._pairs.add(pair)
        up = asyncio.ensure_future(self._carry(reader, far_writer, "up", pair))
        down = asyncio.ensure_future(self._carry(far_reader, writer, "down", pair))
        try:
            await asyncio.wait((up, down), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._pairs.discard(pair)
            up.cancel()
            down.cancel()
            for end in pair.ends:
                end.close()

    async def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, direction: Direction, pair: _Pair
    ) -> None:
        with suppress(OSError):
            while some := await reader.read(CHUNK):
                weather = self._weather
                if weather is None:
                    writer.write(some)
                elif not await self._in(weather, some, writer, direction, pair):
                    return
                await writer.drain()

    async def _in(
        self, weather: Weather, some: bytes, writer: asyncio.StreamWriter, direction: Direction, pair: _Pair
    ) -> bool:
        """Passes these bytes on as the weather lets them; False when the connection is gone."""
        if direction in weather.holds:
            weather.touched += len(some)
            await weather.over.wait()
        if weather.delay_s:
            weather.touched += len(some)
            await asyncio.sleep(weather.delay_s)
        if weather.cut_after is not None and pair.carried + len(some) > weather.cut_after:
            writer.write(some[: weather.cut_after - pair.carried])
            weather.cut += 1
            weather.touched += len(some)
            return False  # and both ends are closed, behind the part of a packet that was let through
        pair.carried += len(some)
        if weather.byte_by_byte:
            weather.touched += len(some)
            for at in range(len(some)):
                if writer.transport.is_closing():
                    return False
                writer.write(some[at : at + 1])
                await asyncio.sleep(0)
        else:
            writer.write(some)
        return True
