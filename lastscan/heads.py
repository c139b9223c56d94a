"""Heads of the audit chain, noted in a file that should lie on another volume than the database.

One line a head: `{"at","hash","mac","n"}`, where `mac` is a keyed hash of the rest under a key of this home. Whoever
rewrites the chain must rewrite this file as well, and cannot without the key.
"""

import hashlib
import hmac
import json
import os
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import structlog

from lastscan.home import Home
from tracker.domain.chain import Head, Value, canonical
from tracker.domain.errors import LastscanError

log = structlog.get_logger()

EVERY_S = 600.0


class HeadsError(LastscanError):
    """The file of heads is not what was written; the message says where."""


class Heads:
    """The file of heads of one home."""

    def __init__(self, path: Path, key: bytes) -> None:
        self.path = path
        self._key = key

    @classmethod
    def of(cls, home: Home) -> "Heads":
        """`LASTSCAN_AUDIT_HEADS`, else a file in the home."""
        named = os.environ.get("LASTSCAN_AUDIT_HEADS")
        return cls(Path(named) if named else home.path / "audit-heads.jsonl", home.secret("audit").encode())

    def note(self, head: Head, at: datetime) -> None:
        """Adds a head, flushed to disk; nothing where it is the last one already, or the chain is empty."""
        if head.n == 0 or head == self._last():
            return
        row: dict[str, Value] = {"n": head.n, "hash": head.hash, "at": at.isoformat(timespec="seconds")}
        with open(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "wb") as file:
            file.write(canonical({**row, "mac": self._mac(row)}) + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def read(self) -> list[Head]:
        """Every head that was noted; HeadsError where a line was changed."""
        try:
            lines = self.path.read_bytes().splitlines()
        except FileNotFoundError:
            return []
        return [self._head(line, number) for number, line in enumerate(lines, 1)]

    def _last(self) -> Head | None:
        found = self.read()
        return found[-1] if found else None

    def _head(self, line: bytes, number: int) -> Head:
        try:
            row = json.loads(line)
            mac = row.pop("mac")
            if hmac.compare_digest(self._mac(row), mac):
                return Head(row["n"], row["hash"])
        except (ValueError, KeyError, TypeError, AttributeError):
            pass
        raise HeadsError(f"line {number} of {self.path} is not what was written")

    def _mac(self, row: dict[str, Value]) -> str:
        return hmac.new(self._key, canonical(row), hashlib.sha256).hexdigest()


def note_now_and_then(note: Callable[[], None], stop: threading.Event, every_s: float = EVERY_S) -> None:
    """Calls `note` every ten minutes until told to stop, and once more then; what goes wrong is logged."""
    while True:
        ended = stop.wait(every_s)
        try:
            note()
        except (LastscanError, OSError) as wrong:
            log.error("the head of the audit could not be noted", why=str(wrong))
        if ended:
            return
