"""What notify may lease: notices that are owed, whether they still stand, and how they ended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from tracker.domain.network import Facility
from tracker.domain.notices import NoticeKind, Quote, Urgency
from tracker.domain.owed import stands
from tracker.domain.shipment import PieceKind
from tracker.domain.why import Why
from tracker.store import Store, Transaction
from tracker.store.owed import OwedRow


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who is told. `person` is a pseudonym; the rest is personal and goes nowhere but into the message."""

    person: str
    name: str
    email: str | None
    phone: str | None
    language: str
    zone: str


@dataclass(frozen=True, slots=True)
class OwedNotice:
    """One message owed to one person, with everything its text needs."""

    id: str
    kind: NoticeKind
    cause: str
    account: str  # the shipper's
    number: str
    journey: int
    seq: int  # among the notices of its piece, from 1, in the order they came to be owed
    first_time: bool  # no notice of this kind was owed for its piece before
    piece_kind: PieceKind
    origin: Facility
    destination: Facility
    why: Why
    window: tuple[datetime, datetime] | None
    departure: str | None
    withdraws: str | None  # the cause of the notice that it answers
    before: tuple[datetime, datetime] | None  # the window they were told last
    quotes: Quote | None  # what it corrects
    places: Mapping[str, Facility]
    owed_at: datetime
    expires_at: datetime
    urgency: Urgency
    channels: tuple[str, ...]
    recipient: Recipient
    evidence: tuple[str, ...] = ()  # the keys of the facts that caused it

    @property
    def piece(self) -> str:
        """Number and journey: what is about this one, and about none that has its number later."""
        return f"{self.number}/{self.journey}"


class Outbox:
    """The tracker's side of sending: notify asks here and nowhere else."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def unplanned(self, limit: int = 500, *, by: datetime | None = None) -> list[OwedNotice]:
        """Notices nobody planned deliveries for yet, oldest first; `by`: only those whose time has come by then."""
        with self._store.reading() as tx:
            rows = tx.owed.unplanned(limit, by=by)
            places = tx.network.facilities() if rows else {}
            return [_owed(tx, row, places) for row in rows]

    def planned(self, ids: Sequence[str]) -> None:
        """Their deliveries are kept; saying so twice does no harm."""
        if ids:
            with self._store.writing() as tx:
                tx.owed.planned(ids)

    def unnoted(self, limit: int = 500) -> list[OwedNotice]:
        """Notices not yet put down for the machines of their account, oldest first."""
        with self._store.reading() as tx:
            rows = tx.owed.unnoted(limit)
            places = tx.network.facilities() if rows else {}
            return [_owed(tx, row, places) for row in rows]

    def noted(self, ids: Sequence[str]) -> None:
        """They are put down; saying so twice does no harm."""
        if ids:
            with self._store.writing() as tx:
                tx.owed.noted(ids)

    def notice(self, id: str) -> OwedNotice | None:
        with self._store.reading() as tx:
            row = tx.owed.find(id)
            return _owed(tx, row, tx.network.facilities()) if row else None

    def verdict(self, id: str, now: datetime) -> str:
        """Whether it may be sent now: `stands`, `expired`, `overtaken` (no longer true), `superseded` (a newer notice
        says more), or `unsaid` (it answers what was never told)."""
        with self._store.reading() as tx:
            row = tx.owed.find(id)
            if row is None:
                return "overtaken"
            return _verdict(tx, row, now)

    def told(self, outcomes: Sequence[tuple[str, str]]) -> None:
        """How each ended, for the pages that show what a customer was told."""
        with self._store.writing() as tx:
            for notice, outcome in outcomes:
                tx.owed.told(notice, outcome)


def _verdict(tx: Transaction, row: OwedRow, now: datetime) -> str:
    if now > row.expires_at:
        return "expired"
    standing = tx.timelines.standing(row.piece)
    if standing is None:
        return "overtaken"
    piece, _ = tx.booked.piece(row.piece)
    if not stands(row.notice, standing.judgement, piece, now=now):
        return "overtaken"
    if tx.owed.superseded(row):
        return "superseded"
    if row.notice.withdraws is not None:
        told = tx.owed.outcome_of(row.notice.withdraws, row.person)
        return "stands" if told in ("accepted", "unknown") else "unsaid"
    return "stands"


def _owed(tx: Transaction, row: OwedRow, places: dict[str, Facility]) -> OwedNotice:
    piece, _ = tx.booked.piece(row.piece)
    who, _ = tx.booked.consignee(row.piece)
    destination = places.get(piece.destination) or Facility(piece.destination)
    quotes = row.notice.quotes
    said = quotes.why.values.values() if quotes is not None else ()
    named = {*row.notice.why.values.values(), *said, piece.origin, piece.destination}
    return OwedNotice(
        id=row.id,
        kind=row.notice.kind,
        cause=row.cause,
        account=tx.booked.account_of_piece(row.piece),
        number=piece.number,
        journey=piece.journey,
        seq=row.seq,
        first_time=tx.owed.is_first(row),
        piece_kind=piece.kind,
        origin=places.get(piece.origin) or Facility(piece.origin),
        destination=destination,
        why=row.notice.why,
        window=row.notice.window,
        departure=row.notice.departure,
        withdraws=row.notice.withdraws,
        before=row.notice.before,
        quotes=row.notice.quotes,
        places={code: place for code, place in places.items() if code in named},
        owed_at=row.owed_at,
        expires_at=row.expires_at,
        urgency=row.notice.urgency or row.notice.rule.urgency,
        channels=row.channels,
        recipient=Recipient(who.pseudonym, who.name, who.email, who.phone, who.language, who.zone or destination.zone),
        evidence=tuple(map(str, row.notice.evidence)),
    )
