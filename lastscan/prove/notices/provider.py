"""The other side: a provider on this machine that hears everything and can be trusted with nothing.

It is a process of its own, over HTTP with keys or SMTP without. It drops connections at any byte of a request or of its
answer, answers after the sender has given up, refuses for now, and takes messages whose sender never hears of it. What
it accepted it writes down, and remembers by key where it has keys.
"""

import asyncio
import json
import random
import re
import time
from dataclasses import dataclass
from pathlib import Path

TIMEOUT_S = 1.0
"""How long a sender waits for an answer here."""

DROP_IN_REQUEST, DROP_IN_ANSWER, TOO_SLOW, BUSY = 0.03, 0.03, 0.01, 0.04
"""How often each of these happens."""

_ANSWERS = {200: b"OK", 429: b"Too Many Requests", 503: b"Service Unavailable"}


@dataclass
class Heard:
    """One accepted message."""

    key: str
    notice: str
    at: float


class Provider:
    def __init__(self, *, seed: int, smtp: bool, accepted: Path) -> None:
        self._chance = random.Random(seed)
        self._smtp = smtp
        self._keys: set[str] = set()
        self._written = accepted.open("w", buffering=1)

    async def serve(self, port: Path) -> None:
        """Writes its port into this file, then goes on until it is killed."""
        server = await asyncio.start_server(self._smtp_call if self._smtp else self._http_call, "127.0.0.1", 0)
        written = port.with_suffix(".new")
        written.write_text(str(server.sockets[0].getsockname()[1]))
        written.replace(port)
        async with server:
            await server.serve_forever()

    # What it does to those who ask

    def _strikes(self, share: float) -> bool:
        return self._chance.random() < share

    def _accept(self, key: str, notice: str) -> None:
        known = key in self._keys
        self._keys.add(key)
        if self._smtp or not known:
            self._written.write(json.dumps([key, notice, time.time()]) + "\n")

    async def _answer(self, writer: asyncio.StreamWriter, answer: bytes, accepts: tuple[str, str] | None) -> None:
        """Late, whole, or in part. A message is accepted however its sender fares."""
        if self._strikes(TOO_SLOW):
            await asyncio.sleep(TIMEOUT_S * 1.2)
        if accepts is not None:
            self._accept(*accepts)
        cut = self._chance.randrange(len(answer)) if self._strikes(DROP_IN_ANSWER) else None
        writer.write(answer[:cut])
        await writer.drain()
        if cut is not None:
            raise ConnectionAbortedError

    async def _http_call(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self._strikes(DROP_IN_REQUEST):
                await reader.read(self._chance.randrange(1, 400))
                raise ConnectionAbortedError
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = int(re.search(r"(?im)^content-length: (\d+)", head)[1])  # type: ignore[index]
            key = re.search(r"(?im)^idempotency-key: (\S+)", head)[1]  # type: ignore[index]
            body = json.loads(await reader.readexactly(length))
            if self._strikes(BUSY):
                code, more = self._chance.choice((429, 503)), b"Retry-After: 2\r\n"
                await self._answer(writer, _http(code, more), None)
            else:
                await self._answer(writer, _http(200), (key, body["notice"]))
            writer.close()
        except (OSError, EOFError):
            writer.transport.abort()

    async def _smtp_call(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(b"220 here\r\n")
            drop_after = self._chance.randrange(6) if self._strikes(DROP_IN_REQUEST) else None
            said = 0
            while line := await reader.readline():
                said += 1
                if said == drop_after:
                    raise ConnectionAbortedError
                verb = line[:4].upper()
                if verb == b"DATA":
                    writer.write(b"354 go on\r\n")
                    letter = await reader.readuntil(b"\r\n.\r\n")
                    if self._strikes(BUSY):
                        await self._answer(writer, b"451 later\r\n", None)
                        continue
                    key = re.search(rb"(?im)^message-id:\s*<([^@>]+)@", letter)[1].decode()  # type: ignore[index]
                    whom = re.search(rb"(?im)^to:.*?p(\d+)@", letter)[1].decode()  # type: ignore[index]
                    await self._answer(writer, b"250 taken\r\n", (key, f"n-{whom}"))
                elif verb == b"QUIT":
                    writer.write(b"221 bye\r\n")
                    writer.close()
                    return
                else:
                    writer.write(b"250 ok\r\n")
        except (OSError, EOFError):
            writer.transport.abort()


def _http(code: int, more: bytes = b"") -> bytes:
    return b"HTTP/1.1 %d %s\r\nContent-Length: 2\r\n%sConnection: close\r\n\r\n{}" % (code, _ANSWERS[code], more)


def run_provider(seed: int, smtp: bool, accepted: str, port: str) -> None:
    """The body of its process."""
    asyncio.run(Provider(seed=seed, smtp=smtp, accepted=Path(accepted)).serve(Path(port)))


def heard(accepted: Path) -> list[Heard]:
    """What it accepted, in order."""
    return [Heard(*json.loads(line)) for line in accepted.read_text().splitlines()]
