"""What anyone may read. Cards are whole: who shows one to a customer passes it through `tracker.domain.card.public`."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import msgspec

from tracker.clock import Clock
from tracker.containers import told
from tracker.domain.asks import Word
from tracker.domain.bags.custody_points import CustodyPoint, custody_points
from tracker.domain.card import (
    BAG_MILESTONES,
    PARCEL_MILESTONES,
    CardEntry,
    CardLeg,
    Milestone,
    MilestoneStep,
    PieceCard,
    ToldNotice,
)
from tracker.domain.containment import Followed, follow
from tracker.domain.expectation import next_expected
from tracker.domain.handling import FORECASTER, REPLANNER, HandlingEvent, Kind, said_of_asks
from tracker.domain.incidents import Incident, incidents
from tracker.domain.judge import judge
from tracker.domain.network import Departure, Facility, Mode
from tracker.domain.notices import Judgement
from tracker.domain.owed import BREAKS, root_of
from tracker.domain.rules import IrregularityKind
from tracker.domain.shipment import Piece, PieceKind
from tracker.domain.situation import Situation
from tracker.domain.storms import Storm
from tracker.domain.timeline import START, Entry, Timeline, progress, timeline
from tracker.folding import pieces_called, situation_at
from tracker.store import Store, Transaction
from tracker.store.bodies import SaidOfConnection
from tracker.store.fact_log import PROJECT, PutAside
from tracker.store.timelines import KnownPiece, Standing


@dataclass(frozen=True, slots=True)
class Update:
    """That something changed about a piece; `seq` goes up as changes are committed."""

    seq: int
    number: str


@dataclass(frozen=True, slots=True)
class News:
    """What changed since a position. `network` is another one once departures or facilities are."""

    position: int
    changed: tuple[str, ...] | None  # numbers; None: too many to tell
    network: int


@dataclass(frozen=True, slots=True)
class FacilityLoad:
    facility: Facility
    pieces_here: int
    scans: int


@dataclass(frozen=True, slots=True)
class RecentScan:
    happened_at: datetime
    kind: str
    facility: str
    number: str
    dev: str


@dataclass(frozen=True, slots=True)
class Overview:
    """The network at work, at one instant of the business clock."""

    now: datetime
    counts: dict[str, int]
    facilities: list[FacilityLoad]
    departures: list[Departure]
    recent: list[RecentScan]
    examples: dict[str, str]


@dataclass(frozen=True, slots=True)
class ListedPiece:
    number: str
    destination: str
    loaded: bool  # a scan of its own or of what it is in shows it loaded there, and none since that it stayed behind
    rank: int = 0  # the higher goes first where room is short
    via: str | None = None  # the outermost container that it is loaded in


@dataclass(frozen=True, slots=True)
class BagCustody:
    """A bag, and the points of Resolution 753 on its way."""

    number: str
    points: tuple[CustodyPoint, ...]


@dataclass(frozen=True, slots=True)
class LoadList:
    """What a departure should carry by the plans in force, against what was loaded: numbers and where they go, nothing
    about people."""

    departure: Departure
    pieces: tuple[ListedPiece, ...]
    over: tuple[ListedPiece, ...]  # loaded, and not on their plan
    as_of: datetime

    @property
    def short(self) -> tuple[ListedPiece, ...]:
        """Planned, and not loaded as far as any scan shows."""
        return tuple(piece for piece in self.pieces if not piece.loaded)


@dataclass(frozen=True, slots=True)
class CommittedScan:
    """One line of `lastscan log export`."""

    dev: str
    ep: str
    q: int
    site: str
    code: str
    sym: str
    k: str
    happened_at: datetime
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Backlog:
    """What is not yet worked off: facts to fold, and the instant up to which every piece that was due is judged."""

    facts: int
    swept_until: datetime


_NEWS_AT_ONCE = 500

_LOOKED_BACK = 200_000
"""How many facts what is usual at a place is read from; at most."""

_NOT_SHOWN = frozenset({Kind.REPLAN, Kind.ALERT, Kind.VOID, Kind.ASK, Kind.ANSWER})
"""What the tracker says by itself, which stands elsewhere on the page; no device asks for anything."""


@dataclass(frozen=True, slots=True)
class Decisions:
    """Alerts of connections at risk that were opened and taken back, and pieces that got another way."""

    alerts: Mapping[tuple[str, str], int]  # number and departure -> how often one was opened
    alerts_withdrawn: int
    replanned: int


class Queries:
    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    # one piece

    def card(self, number: str, *, with_notices: bool = False) -> PieceCard | None:
        """The newest journey under this number, in any accepted spelling; None when nothing is known. What others were
        told of it is left out unless asked for: a number alone never shows it."""
        with self._store.reading() as tx:
            cards = self._cards(tx, pieces_called(tx, number)[:1], with_notices)
            return cards[0] if cards else None

    def as_of(self, number: str, instant: datetime) -> PieceCard | None:
        """The newest journey under this number as it was shown at a past instant, from the log alone; None when nothing
        was booked then. Notices are no facts of the log and are left out; timetable and facilities are those of now."""
        with self._store.reading() as tx:
            for piece in pieces_called(tx, number):
                if tx.booked.piece(piece)[0].booked_at <= instant:
                    situation, told = situation_at(tx, piece, instant)
                    standing = Standing(situation.progress, situation.plan, judge(situation))
                    return self._shown(tx, situation, standing, told.entries)
            return None

    def candidates(self, number: str) -> list[PieceCard]:
        """Every journey under this number, newest first."""
        with self._store.reading() as tx:
            return self._cards(tx, pieces_called(tx, number), with_notices=False)

    def timeline(self, number: str) -> Timeline | None:
        with self._store.reading() as tx:
            found = pieces_called(tx, number)
            return timeline(_followed(tx, found[0]).events) if found else None

    def _cards(self, tx: Transaction, pieces: Sequence[int], with_notices: bool) -> list[PieceCard]:
        known = {piece.id: piece for piece in tx.timelines.known(pieces)} if pieces else {}
        return [self._card(tx, known[piece], with_notices) for piece in pieces]

    def _card(self, tx: Transaction, known: KnownPiece, with_notices: bool) -> PieceCard:
        piece, places = known.piece, tx.network.facilities()
        followed = _followed(tx, known.id)
        standing = (
            known.spelled.standing if known.spelled is not None else Standing(START, known.plan, Judgement(START))
        )
        situation = Situation(
            piece=piece,
            plan=standing.plan,
            progress=standing.progress,
            departures=tx.network.departures(standing.plan.departures),
            facilities=places,
            now=self._clock.now(),
        )
        card = self._shown(tx, situation, standing, timeline(followed.events).entries)
        card = replace(card, inside=followed.inside(situation.now), storm=_storm(tx, standing, situation.now))
        return replace(card, notices=_notices(tx, known.id)) if with_notices else card

    def _shown(
        self, tx: Transaction, situation: Situation, standing: Standing, entries: tuple[Entry, ...]
    ) -> PieceCard:
        piece, places = situation.piece, situation.facilities
        named = _named(situation, entries)
        shown = tuple(_entry(entry, places) for entry in entries if _is_shown(entry.event))
        return PieceCard(
            number=piece.number,
            journey=piece.journey,
            kind=piece.kind,
            origin=_place(places, piece.origin),
            destination=_place(places, piece.destination),
            booked_at=piece.booked_at,
            due_by=situation.due_by,
            state=standing.progress.state,
            held=standing.progress.held,
            damaged=standing.progress.damaged,
            facility=_place(places, standing.progress.facility) if standing.progress.facility else None,
            aboard=standing.progress.aboard,
            milestones=_milestones(piece, standing),
            entries=shown,
            irregularities=standing.judgement.irregularities,
            eta=standing.judgement.eta,
            next_expected=next_expected(situation),
            legs=_legs(situation, standing),
            notices=(),
            facilities={code: place for code, place in places.items() if code in named},
            seen_by=situation.now,
            position=tx.timelines.last_update(),
        )

    # what changed

    def last_update(self) -> int:
        with self._store.reading() as tx:
            return tx.timelines.last_update()

    def updates_after(self, seq: int, limit: int = 1000) -> list[Update]:
        """Changes in the order they were committed; a reader that goes on from the last `seq` misses none."""
        with self._store.reading() as tx:
            return [Update(*changed) for changed in tx.timelines.updates_after(seq, limit)]

    def news(self, since: int | None) -> News:
        """What changed since a position, for who keeps what was true then; None: only where things are now."""
        with self._store.reading() as tx:
            rows = tx.timelines.updates_after(since, _NEWS_AT_ONCE) if since is not None else []
            whole = since is not None and len(rows) < _NEWS_AT_ONCE
            position = rows[-1][0] if rows and whole else since if whole and since is not None else None
            return News(
                position=position if position is not None else tx.timelines.last_update(),
                changed=tuple(number for _, number in rows) if whole else None,
                network=hash(tx.network.versions()),
            )

    # everything

    def overview(self) -> Overview:
        now = self._clock.now()
        with self._store.reading() as tx:
            places = tx.network.facilities()
            here, scans = tx.timelines.here(), tx.log.scans_by_facility()
            devices = [device for device in tx.devices.all() if device.revoked_at is None]
            counts = {**tx.booked.counts(), **tx.timelines.counts(), **tx.owed.counts()}
            counts |= {"scans": sum(scans.values()), "quarantined": tx.log.count_aside(), "devices": len(devices)}
            return Overview(
                now=now,
                counts=counts,
                facilities=[
                    FacilityLoad(place, here.get(code, 0), scans.get(code, 0)) for code, place in sorted(places.items())
                ],
                departures=tx.network.under_way(now=now),
                recent=[
                    RecentScan(
                        f.event.happened_at, f.event.kind, f.event.facility, f.event.code, f.event.event_key.origin[4:]
                    )
                    for f in tx.log.latest_scans(12)
                ],
                examples=tx.timelines.examples(),
            )

    def load_list(self, departure: str) -> LoadList | None:
        """What is planned on this departure now, and what is loaded; None when no such run is known."""
        now = self._clock.now()
        with self._store.reading() as tx:
            run = tx.network.departures([departure]).get(departure)
            if run is None:
                return None
            planned = tx.network.load_of(run.name)
            reached = tx.timelines.progress([piece for piece, _, _, _ in planned])
            loaded = {p for p, far in reached.items() if far.rode(run.name, left_at=run.left_at)}
            via = {p: _loaded_via(tx, p, run.name) for p in tx.containers.inside(loaded)}
            listed = [
                ListedPiece(number, to, piece in loaded, rank, via.get(piece)) for piece, number, to, rank in planned
            ]
            over = [ListedPiece(number, to, True) for number, to in tx.timelines.over_on(run.name)]
            return LoadList(run, tuple(listed), tuple(over), now)

    def bag_custody(self, *, departure: str | None, on: date) -> tuple[BagCustody, ...]:
        """The points of Resolution 753 of every bag ever planned on this departure, or else on any flight of this day,
        UTC; by number, with what showed each. Without bags that were withdrawn."""
        begins = datetime.combine(on, time(), UTC)
        with self._store.reading() as tx:
            if departure is not None:
                names = set(tx.network.known_as([departure]).values())
            else:
                names = {d.name for d in tx.network.timetable(since=begins, until=begins + timedelta(days=1))}
            riders = tx.network.riders(names)
            bags = [known for known in tx.timelines.known(riders) if known.piece.kind is PieceKind.BAG]
            facts = tx.log.of_pieces([known.id for known in bags])
            containers = told(tx, (fact.event for each in facts.values() for fact in each))
            planned = {name for known in bags for name in known.plan.departures}
            runs, places = tx.network.departures(planned), tx.network.facilities()
        found = []
        for known in bags:
            events = follow((fact.event for fact in facts[known.id]), containers).events
            all_told = timeline(events)
            situation = Situation(known.piece, known.plan, progress(all_told), runs, places, self._clock.now())
            points = custody_points(
                situation.itinerary, all_told.standing, lambda name: name in runs and runs[name].mode is Mode.AIR
            )
            if not situation.withdrawn:
                found.append(BagCustody(known.piece.number, points))
        return tuple(sorted(found, key=lambda bag: bag.number))

    def backlog(self) -> Backlog:
        now = self._clock.now()
        with self._store.reading() as tx:
            waiting = tx.log.head() - tx.log.position(PROJECT)
            return Backlog(waiting, tx.timelines.due_since(now) or now)

    def healthy(self) -> dict[str, bool | int | float | str]:
        """Whether the database answers, and how far the projection is behind."""
        backlog = self.backlog()
        return {"database": True, "facts_to_fold": backlog.facts}

    def decisions(self) -> Decisions:
        """How often rules decided something, as the log has it."""
        with self._store.reading() as tx:
            said = [msgspec.json.decode(f.body or "", type=SaidOfConnection) for f in tx.log.said_by(FORECASTER)]
            replanned = len(tx.log.said_by(REPLANNER))
            numbers = tx.booked.piece_numbers({word.piece for word in said})
        standing: dict[tuple[str, str], bool] = {}
        alerts: Counter[tuple[str, str]] = Counter()
        withdrawn = 0
        for word in said:
            connection = numbers[word.piece], word.outbound
            stood = standing.get(connection, False)
            alerts[connection] += word.stands and not stood
            withdrawn += stood and not word.stands
            standing[connection] = word.stands
        return Decisions(alerts, withdrawn, replanned)

    def incidents(self) -> tuple[Incident, ...]:
        """What is open of many pieces, by the root it shares."""
        now = self._clock.now()
        with self._store.reading() as tx:
            troubles = tx.timelines.troubles()
            named = {trouble.irregularity.why.values.get("inbound", "") for trouble in troubles}
            return incidents(
                troubles,
                departures=tx.network.departures(named - {""}),
                facilities=tx.network.facilities(),
                heard=tx.log.heard_of(_LOOKED_BACK),
                due=tx.network.last_due(since=now - timedelta(days=2), now=now),
                now=now,
            )

    def unmatched(self, limit: int = 100) -> list[dict[str, Any]]:
        """Scans that belong to no piece we know, newest first."""
        with self._store.reading() as tx:
            return [
                {
                    "number": r.number,
                    "why": r.why,
                    "code": r.code,
                    "kind": r.kind,
                    "facility": r.facility,
                    "at": r.happened_at,
                }
                for r in tx.timelines.unmatched(limit)
            ]

    def quarantine(self, limit: int = 100) -> list[PutAside]:
        with self._store.reading() as tx:
            return tx.log.aside(limit)

    def committed_scans(self) -> Iterator[CommittedScan]:
        """Every scan in the log, in the order of commit."""
        after = 0
        while True:
            with self._store.reading() as tx:
                rows = tx.log.exported(after)
            for row in rows:
                yield CommittedScan(
                    dev=row.origin.removeprefix("dev:"),
                    ep=row.epoch,
                    q=row.q,
                    site=row.facility.lower(),
                    code=row.code,
                    sym=row.sym,
                    k=row.kind,
                    happened_at=row.happened_at,
                    recorded_at=row.recorded_at,
                )
            if not rows:
                return
            after = rows[-1].pos


def _followed(tx: Transaction, id: int) -> Followed:
    own = [fact.event for fact in tx.log.of_pieces([id])[id]]
    return follow(own, told(tx, own))


def _loaded_via(tx: Transaction, id: int, departure: str) -> str | None:
    """The container whose scan put a piece into this departure; None where its own did."""
    loads = [e for e in timeline(_followed(tx, id).events).standing if e.kind == Kind.LOAD and e.into == departure]
    return loads[-1].via if loads else None


def _is_shown(event: HandlingEvent) -> bool:
    """What was seen and what staff decided; not what the tracker did by itself, nor a device taking back its scan."""
    return event.decided is not None or said_of_asks(event) or event.kind not in _NOT_SHOWN


def _place(places: Mapping[str, Facility], code: str) -> Facility:
    return places.get(code) or Facility(code)


def _entry(entry: Entry, places: Mapping[str, Facility]) -> CardEntry:
    event = entry.event
    return CardEntry(
        kind=event.kind,
        facility=_place(places, event.facility),
        happened_at=event.happened_at,
        recorded_at=event.recorded_at,
        event_key=event.event_key,
        sort_point=event.sort_point,
        into=event.into,
        reason=event.decided.reason if event.decided else event.reason,
        withdrawn=entry.withdrawn_by is not None,
        estimated=event.estimated,
        error_ms=event.error_ms,
        role=event.decided.role if event.decided else None,
        via=event.via,
        word=Word.parse(event.reason or "") if said_of_asks(event) else None,
    )


def _milestones(piece: Piece, standing: Standing) -> tuple[MilestoneStep, ...]:
    marks = standing.progress.marks
    firsts: dict[Milestone, list[datetime]] = {
        Milestone.BOOKED: [piece.booked_at],
        Milestone.ACCEPTED: [m.first_at for m in marks if m.kind == Kind.ACCEPT],
        Milestone.ON_ITS_WAY: [
            m.first_at for m in marks if m.kind in (Kind.LOAD, Kind.DEPART) or m.facility != piece.origin
        ],
        Milestone.AT_DESTINATION: [m.first_at for m in marks if m.facility == piece.destination],
        Milestone.OUT_FOR_DELIVERY: [m.first_at for m in marks if m.kind == Kind.OUT_FOR_DELIVERY],
        Milestone.DELIVERED: [m.first_at for m in marks if m.kind == Kind.DELIVER],
    }
    order = BAG_MILESTONES if piece.kind is PieceKind.BAG else PARCEL_MILESTONES
    return tuple(MilestoneStep(step, min(firsts[step], default=None)) for step in order)


def _legs(situation: Situation, standing: Standing) -> tuple[CardLeg, ...]:
    """The plan in force, with the legs it missed before it standing where they were missed."""
    missed = [i.subject for i in standing.judgement.irregularities if i.kind is IrregularityKind.MISSED_CONNECTION]
    planned = [leg for version in situation.versions[:-1] for leg in version.legs if leg.departure in missed]
    legs = sorted({*planned, *situation.itinerary.legs}, key=lambda leg: (leg.departs_at, leg.departure))
    return tuple(
        CardLeg(
            departure=situation.departures[leg.departure],
            origin=situation.facility(leg.origin),
            destination=situation.facility(leg.destination),
            missed=leg.departure in missed,
            ridden=situation.rode(leg.departure),
        )
        for leg in legs
        if leg.departure in situation.departures
    )


def _storm(tx: Transaction, standing: Standing, now: datetime) -> Storm | None:
    """The incident that holds it up with others; its own notice may still be to come."""
    held_up = (*BREAKS, IrregularityKind.DWELLING)
    roots = {root_of(found) for found in standing.judgement.irregularities if found.open and found.kind in held_up}
    found = tx.storms.standing(roots, now)
    return found[min(found)] if found else None


def _notices(tx: Transaction, id: int) -> tuple[ToldNotice, ...]:
    owed = tx.owed.news_of(id)
    return tuple(ToldNotice(row.notice.kind.value, row.cause, row.owed_at, row.outcome) for row in owed)


def _named(situation: Situation, entries: tuple[Entry, ...]) -> set[str]:
    """Every facility named anywhere on the card."""
    named = {situation.piece.origin, situation.piece.destination}
    named |= {
        place for version in situation.versions for leg in version.legs for place in (leg.origin, leg.destination)
    }
    named |= {entry.event.facility for entry in entries}
    return named
