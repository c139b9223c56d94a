"""The demo's mailbox: an SMTP server that keeps every letter in a folder, and reads them back for a page."""

import asyncio
import mailbox
import re
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from aiosmtpd.smtp import SMTP

HOST = "127.0.0.1"
LARGEST = 1_000_000  # bytes; our letters have some ten thousand

_NUMBER = re.compile(r"/t/([^\s?/]+)")


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter as its reader sees it. `number` is the piece it links to, empty if it links to none."""

    id: str  # its Message-ID without brackets: the same for every copy of one letter
    at: datetime
    to: str
    subject: str
    language: str
    text: str
    html: str
    number: str


def start(folder: Path, port: int = 0) -> tuple[str, Callable[[], None]]:
    """Takes mail for everybody on this machine alone, until `stop` is called; `port` 0 takes any that is free.

    A letter is in the folder, complete, before it is accepted.
    """
    return serve(_Keeper(folder), port)


def serve(handler: object, port: int = 0) -> tuple[str, Callable[[], None]]:
    """An SMTP server of aiosmtpd on this machine, in a thread of its own: its URL, and what stops it."""
    # Not aiosmtpd's Controller: it connects to the port it was asked for, so it cannot take any that is free.
    listening = socket.create_server((HOST, port))
    loop = asyncio.new_event_loop()

    def conversation() -> SMTP:
        return SMTP(handler, hostname="localhost", data_size_limit=LARGEST, loop=loop)

    server = loop.run_until_complete(loop.create_server(conversation, sock=listening))
    thread = threading.Thread(target=loop.run_forever, name="mailbox", daemon=True)
    thread.start()

    def stop() -> None:
        def close() -> None:
            server.close()
            loop.stop()

        if thread.is_alive():
            loop.call_soon_threadsafe(close)
            thread.join()
            loop.close()

    return f"smtp://{HOST}:{listening.getsockname()[1]}", stop


def letters(folder: Path) -> list[Letter]:
    """All that came, newest first."""
    if not (folder / "new").is_dir():
        return []
    kept = [_letter(file) for file in (folder / "new").iterdir()]
    return [letter for _, letter in sorted(kept, key=lambda entry: entry[0], reverse=True)]


class _Keeper:
    def __init__(self, folder: Path) -> None:
        folder.parent.mkdir(parents=True, exist_ok=True)
        self._box = mailbox.Maildir(folder, create=True)

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        self._box.add(envelope.content)
        return "250 kept"


def _letter(file: Path) -> tuple[float, Letter]:
    message = message_from_bytes(file.read_bytes(), policy=policy.default)
    assert isinstance(message, EmailMessage)
    text, html = _part(message, "plain"), _part(message, "html")
    number = _NUMBER.search(text)
    came_at = file.stat().st_mtime
    return came_at, Letter(
        id=str(message["Message-ID"] or file.name).strip("<> "),
        at=_date(message) or datetime.fromtimestamp(came_at, UTC),
        to=", ".join(address.addr_spec for address in message["To"].addresses) if message["To"] else "",
        subject=str(message["Subject"] or ""),
        language=str(message["Content-Language"] or ""),
        text=text,
        html=html,
        number=unquote(number[1]) if number else "",
    )


def _part(message: EmailMessage, subtype: str) -> str:
    part = message.get_body((subtype,))
    return str(part.get_content()) if part is not None else ""


def _date(message: EmailMessage) -> datetime | None:
    try:
        return parsedate_to_datetime(str(message["Date"]))
    except ValueError:
        return None
