"""What notify knows of the tracker: notices that are owed, and whether each is still true."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from tracker.outbox import OwedNotice, Recipient

__all__ = ["EXPIRED", "OVERTAKEN", "STANDS", "STOPPED", "SUPERSEDED", "UNSAID", "Outbox", "OwedNotice", "Recipient"]

STANDS, OVERTAKEN, EXPIRED, UNSAID, SUPERSEDED = "stands", "overtaken", "expired", "unsaid", "superseded"
STOPPED = "stopped"
"""What `Outbox.verdict` answers. UNSAID: it answers what the tracker has not heard was ever told. STOPPED: by support,
with its incident."""


class Outbox(Protocol):
    """The tracker's side, as much as notify uses: `tracker.outbox.Outbox`, or a test's own with the same promises.

    Every call is one transaction of its own and may be repeated.
    """

    def unplanned(self, limit: int = 500, *, by: datetime | None = None) -> list[OwedNotice]: ...

    def planned(self, ids: Sequence[str]) -> None: ...

    def notice(self, id: str) -> OwedNotice | None: ...

    def verdict(self, id: str, now: datetime) -> str:
        """Whether it should still be told at this business time: stands, overtaken, superseded, expired,
        unsaid or stopped."""
        ...

    def told(self, outcomes: Sequence[tuple[str, str]]) -> None:
        """How far each notice got, for cards and for the verdict on what takes it back."""
        ...
