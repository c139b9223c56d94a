"""What notify knows of the tracker: notices that are owed, and whether each is still true."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from tracker.domain.network import Facility
from tracker.domain.notices import NoticeKind
from tracker.domain.shipment import PieceKind
from tracker.domain.why import Why

STANDS, OVERTAKEN, EXPIRED, UNSAID = "stands", "overtaken", "expired", "unsaid"
"""What `Outbox.verdict` answers. UNSAID: it takes back what the tracker has not heard was ever told."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who is told. `person` is a pseudonym; the rest is contact data and stays out of the ledger of proofs."""

    person: str
    name: str
    email: str | None
    phone: str | None
    language: str  # BCP 47
    zone: str  # IANA


@dataclass(frozen=True, slots=True)
class OwedNotice:
    """One message owed to one person for one reason."""

    id: str
    kind: NoticeKind
    cause: str
    number: str
    piece_kind: PieceKind
    origin: Facility
    destination: Facility
    why: Why
    window: tuple[datetime, datetime] | None  # when the piece is expected now
    departure: str | None  # the one it goes with instead
    withdraws: str | None  # the cause of the notice that no longer stands
    places: Mapping[str, Facility]  # every facility named in `why`
    owed_at: datetime  # business time, as all here
    expires_at: datetime
    urgent: bool
    channels: tuple[str, ...]  # in order of liking
    recipient: Recipient


class Outbox(Protocol):
    """The tracker's side. Every call is one transaction of its own and may be repeated."""

    def unplanned(self, limit: int = 500) -> list[OwedNotice]: ...

    def planned(self, ids: Sequence[str]) -> None: ...

    def notice(self, id: str) -> OwedNotice | None: ...

    def verdict(self, id: str, now: datetime) -> str:
        """Whether it should still be told at this business time: stands, overtaken, expired or unsaid."""
        ...

    def told(self, id: str, outcome: str) -> None:
        """How far it got, for cards and for the verdict on what takes it back."""
        ...
