"""What notify may lease: notices that are owed, whether they still stand, and how they ended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tracker.domain.card import ends_for_all, window_for_all
from tracker.domain.incidents import silent_since
from tracker.domain.network import Facility
from tracker.domain.notices import NoticeKind, Quote, Urgency
from tracker.domain.owed import stands
from tracker.domain.shipment import Piece, PieceKind
from tracker.domain.storms import Decision, Storm
from tracker.domain.why import Why
from tracker.store import Store, Transaction
from tracker.store.booked import Consignee
from tracker.store.owed import OwedRow

LISTEN_AGAIN = timedelta(minutes=10)
"""After so long it is asked again whether a silent place speaks."""


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
    due_by: datetime | None = None  # when the piece is promised by
    root: str | None = None  # what may owe others the same
    incident: Storm | None = None  # what it is told with
    coarse: bool = False  # its reader has the number alone: nothing finer than that shows may be said

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
            silent = _silent(tx, rows, by) if by is not None else {}
            notices = _owed(tx, [row for row in rows if row.notice.root not in silent or not _is_lying(row)])
        if by is not None and silent:
            self._put_off([row for row in rows if row.notice.root in silent and _is_lying(row)], silent, by)
        return notices

    def _put_off(self, rows: Sequence[OwedRow], silent: Mapping[str, datetime], now: datetime) -> None:
        """Nobody hears that a piece lies at a place that is silent: it is one incident, and each is judged when the
        place speaks again."""
        with self._store.writing() as tx:
            standing = tx.storms.standing(silent.keys(), now)
            for root in silent:
                here = [row.id for row in rows if row.notice.root == root]
                tx.storms.put_off(here, standing.get(root) or tx.storms.open(root, now), now + LISTEN_AGAIN)

    def planned(self, ids: Sequence[str]) -> None:
        """Their deliveries are kept; saying so twice does no harm."""
        if ids:
            with self._store.writing() as tx:
                tx.owed.planned(ids)

    def unnoted(self, limit: int = 500) -> list[OwedNotice]:
        """Notices not yet put down for the machines of their account, oldest first."""
        with self._store.reading() as tx:
            return _owed(tx, tx.owed.unnoted(limit))

    def noted(self, ids: Sequence[str]) -> None:
        """They are put down; saying so twice does no harm."""
        if ids:
            with self._store.writing() as tx:
                tx.owed.noted(ids)

    def notice(self, id: str) -> OwedNotice | None:
        with self._store.reading() as tx:
            row = tx.owed.find(id)
            return _owed(tx, [row])[0] if row else None

    def verdict(self, id: str, now: datetime) -> str:
        """Whether it may be sent now: `stands`, `expired`, `overtaken` (no longer true), `superseded` (a newer notice
        says more), `unsaid` (it answers what was never told), or `stopped` (by support, with its incident)."""
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
    if row.incident is not None and tx.storms.named([row.incident])[row.incident].decision is Decision.STOPPED:
        return "stopped"
    if row.notice.kind is NoticeKind.CONFIRM_CONTACT:
        return "stands" if tx.follows.waits(row.person) else "overtaken"
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


_LOOKED_BACK = 200_000
"""Facts by which it is known how often a place is usually heard of."""


def _silent(tx: Transaction, rows: Sequence[OwedRow], now: datetime) -> dict[str, datetime]:
    """The roots of what lies at a place that is silent, and since when it is."""
    roots = {row.notice.root for row in rows if _is_lying(row)}
    if not roots:
        return {}
    heard = tx.log.heard_of(_LOOKED_BACK)
    due = tx.network.last_due(since=now - timedelta(days=2), now=now)
    found = {f"facility:{place}": silent_since(heard[place], due.get(place), now) for place in heard}
    return {root: since for root, since in found.items() if root in roots and since is not None}


def _is_lying(row: OwedRow) -> bool:
    return row.notice.kind is NoticeKind.STALLED


def _owed(tx: Transaction, rows: Sequence[OwedRow]) -> list[OwedNotice]:
    """All that their texts need, asked for all at once."""
    if not rows:
        return []
    ids = {row.piece for row in rows}
    pieces, people, firsts = tx.booked.pieces(ids), tx.booked.consignees(ids), tx.owed.firsts(ids)
    storms = tx.storms.named({row.incident for row in rows if row.incident is not None})
    beside = tx.follows.addressees({row.person for row in rows if row.person != people[row.piece][0].id})
    places = tx.network.facilities()
    return [
        _notice(
            row,
            *pieces[row.piece],
            beside.get(row.person, people[row.piece][0]),
            places,
            storms.get(row.incident or ""),
            beside=row.person in beside,
            first=firsts[row.piece, row.notice.kind.value] == row.seq,
        )
        for row in rows
    ]


def _notice(
    row: OwedRow,
    piece: Piece,
    account: str,
    who: Consignee,
    places: Mapping[str, Facility],
    storm: Storm | None,
    *,
    beside: bool,
    first: bool,
) -> OwedNotice:
    origin = places.get(piece.origin) or Facility(piece.origin)
    destination = places.get(piece.destination) or Facility(piece.destination)
    window, before = row.notice.window, row.notice.before
    if beside:
        origin, destination = ends_for_all(piece.kind, origin, destination)
        window = window_for_all(piece.kind, window) if window is not None else None
        before = window_for_all(piece.kind, before) if before is not None else None
    quotes = row.notice.quotes
    said = quotes.why.values.values() if quotes is not None else ()
    rooted = [storm.name] if storm is not None else []
    named = {*row.notice.why.values.values(), *said, *rooted, piece.origin, piece.destination}
    return OwedNotice(
        id=row.id,
        kind=row.notice.kind,
        cause=row.cause,
        account=account,
        number=piece.number,
        journey=piece.journey,
        seq=row.seq,
        first_time=first,
        piece_kind=piece.kind,
        origin=origin,
        destination=destination,
        why=row.notice.why,
        window=window,
        departure=row.notice.departure,
        withdraws=row.notice.withdraws,
        before=before,
        quotes=row.notice.quotes,
        places={code: places[code] for code in named if code in places},
        owed_at=row.owed_at,
        expires_at=row.expires_at,
        urgency=row.notice.urgency or row.notice.rule.urgency,
        channels=row.channels,
        recipient=Recipient(who.pseudonym, who.name, who.email, who.phone, who.language, who.zone or destination.zone),
        evidence=tuple(map(str, row.notice.evidence)),
        due_by=piece.promise.due_by,
        root=row.notice.root,
        incident=storm if not beside else None,
        coarse=beside,
    )
