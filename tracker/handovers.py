"""Pictures and signatures of deliveries: named in a scan by their SHA-256, kept in rows that can be deleted."""

import hashlib

from tracker.clock import Clock
from tracker.domain.errors import BadFileError
from tracker.store import Store
from tracker.store.handovers import HandoverFiles as Tables

LARGEST_FILE = 2 * 1024 * 1024
_BEGINNINGS = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png"}


class HandoverFiles:
    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def keep(self, content: bytes, *, named: str, dev: str) -> bool:
        """Keeps a JPEG or PNG under its digest; False when it was there. BadFileError where it is something else."""
        if len(content) > LARGEST_FILE:
            raise BadFileError(f"{len(content)} bytes: a picture has at most {LARGEST_FILE}")
        if hashlib.sha256(content).hexdigest() != named:
            raise BadFileError("these bytes have another SHA-256 than the address says")
        kind = next((kind for beginning, kind in _BEGINNINGS.items() if content.startswith(beginning)), None)
        if kind is None:
            raise BadFileError("neither a JPEG nor a PNG")
        with self._store.writing() as tx:
            return Tables(tx.connection).add(named, content, media_type=kind, dev=dev, now=self._clock.now())

    def named(self, digest: str) -> tuple[str, bytes] | None:
        """Its media type and bytes; None when nobody brought it, or it was deleted."""
        with self._store.reading() as tx:
            return Tables(tx.connection).find(digest)
