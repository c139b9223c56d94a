"""A seeded database with a past: parcels delivered over many days, and those under way now; filled in bulk.

Twelve scans a parcel over two hubs. What happened on one route on one day is folded once, by the domain, and stands in
the row of every parcel of that route and day: its size and shape are true, its event keys are another parcel's. The
scans lie in the log as they would come in: a day's parcels are scanned in turn, so those of one parcel lie apart.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from tracker.domain.handling import EventKey, HandlingEvent, Kind
from tracker.domain.ids import S10Number
from tracker.domain.itinerary import Itinerary, Leg, Plan, leg_on
from tracker.domain.judge import judge, judge_again_at, stranded
from tracker.domain.movements import Known
from tracker.domain.network import Departure, Facility, FacilityKind, Mode
from tracker.domain.notices import Notice, NoticeKind, cause
from tracker.domain.shipment import Piece, PieceKind, Promise
from tracker.domain.situation import Situation
from tracker.domain.timeline import progress, timeline
from tracker.domain.why import because
from tracker.store import Store, Transaction
from tracker.store.bulk import fill
from tracker.store.engine import micros
from tracker.store.fact_log import PROJECT
from tracker.store.schema import (
    aliases,
    facts,
    outbox,
    people,
    piece_facts,
    pieces,
    planned_rides,
    shipments,
    streams,
    timelines,
)
from tracker.store.timelines import Standing, spelled

NOW = datetime(2026, 11, 21, 18, 0, tzinfo=UTC)
SCANS = 12
"""Scans of a parcel from acceptance to delivery."""
HUBS = ("HUBA", "HUBB", "HUBC", "HUBD")
STATIONS = tuple(f"ST{n:02}" for n in range(20))
ADDRESS = '{"lines":["1 Main Street"],"city":"Utrecht","postcode":"3511","country":"NL"}'


@dataclass(frozen=True, slots=True)
class Filled:
    """The numbers of parcels delivered and under way, and the scans that come next."""

    delivered: Sequence[str]
    moving: Sequence[str]
    next_scans: Sequence[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class _Day:
    """One route on one day: its legs, and what is done to each parcel of it."""

    legs: tuple[Leg, ...]
    steps: tuple[tuple[str, str, datetime, str | None], ...]  # kind, facility, when, into what


def fill_database(store: Store, *, rows: int, live: int, seed: int) -> Filled:
    """About `rows` scans in the log, all folded: `live` parcels are under way, the others were delivered long ago."""
    rng = random.Random(seed)
    delivered = max(rows // SCANS, 1)
    days = max(delivered // 20_000, 1)
    with store.writing() as tx:
        for place in _places():
            tx.network.describe(place)
        writer = _Writer(tx, rng)
        for ago in range(days, 0, -1):
            writer.day(NOW - timedelta(days=ago + 2), delivered // days, scans=SCANS)
        done = len(writer.numbers)
        for _ in range(max(live // 20_000, 1)):
            writer.day(NOW - timedelta(hours=12), live // max(live // 20_000, 1), scans=6)
        tx.log.move(PROJECT, writer.pos)
    moving = writer.next_scans
    rng.shuffle(moving)
    return Filled(writer.numbers[:done], writer.numbers[done:], moving)


def fill_on_their_way(store: Store, *, pieces: int, through: str, seed: int) -> None:
    """So many parcels whose plan goes through one hub: half are aboard what brings them there, half wait where they
    begin; and three days of departures on from every hub and around it."""
    with store.writing() as tx:
        for place in _places():
            tx.network.describe(place)
        tx.network.keep_departures(_three_days())
        writer = _Writer(tx, random.Random(seed), through=through)
        writer.day(NOW - timedelta(hours=11), pieces // 2, scans=6)
        writer.day(NOW - timedelta(hours=2, minutes=30), pieces - pieces // 2, scans=2)
        writer.told_of_handing_in()
        tx.log.move(PROJECT, writer.pos)


def _three_days() -> list[Departure]:
    """From each place to each hub and from each hub to each place, every four hours."""
    ends = [(hub, other) for hub in HUBS for other in (*HUBS, *STATIONS) if other != hub]
    ways = dict.fromkeys(way for a, b in ends for way in ((a, b), (b, a)))
    return [
        Departure(
            f"BY{n}{hour:02}/{at:%Y-%m-%d}", origin, destination, at, at + timedelta(hours=3), Mode.ROAD, 1_000_000
        )
        for n, (origin, destination) in enumerate(ways)
        for hour in range(2, 74, 4)
        for at in (NOW + timedelta(hours=hour, minutes=n % 60),)
    ]


class _Writer:
    def __init__(self, tx: Transaction, rng: random.Random, *, through: str | None = None) -> None:
        self._tx = tx
        self._rng = rng
        self._routed = 0
        self._through = through  # the second hub of every route; None: one after the other
        self.numbers: list[str] = []
        self.pos = 0
        self.next_scans: list[tuple[Any, ...]] = []
        made = [(n, f"dev:h-{place.lower()}", "9f3c" * 8) for n, place in enumerate((*HUBS, *STATIONS), 1)]
        fill(tx.connection, streams, ["id", "origin", "epoch"], made)
        self._streams = {place: n for n, place in enumerate((*HUBS, *STATIONS), 1)}
        self._scanned = dict.fromkeys(self._streams.values(), 0)

    def day(self, begins: datetime, count: int, *, scans: int) -> None:
        """Books this many parcels on one day and scans each so many times."""
        routes = [self._route(begins, n) for n in range(min(24, count))]
        self._routed += len(routes)
        first = len(self.numbers) + 1
        numbers = [str(S10Number("LS", f"{n * 48_271 % 100_000_000:08}", "NL")) for n in range(first, first + count)]
        on = [routes[n % len(routes)] for n in range(count)]
        self._book(first, numbers, on, begins)
        standings = {id(route): self._standing(route, begins, scans) for route in routes}
        positions: list[list[int]] = [[] for _ in numbers]
        log: list[tuple[Any, ...]] = []
        for step in range(scans):
            for at, route in enumerate(on):
                log.append(self._fact(route, step, numbers[at]))
                self.pos += 1
                positions[at].append(self.pos)
        fill(self._tx.connection, facts, FACT_COLUMNS, log)
        attached = [(first + at, pos) for at, of in enumerate(positions) for pos in of]
        fill(self._tx.connection, piece_facts, ["piece", "pos"], attached)
        kept = [(first + at, *standings[id(route)]) for at, route in enumerate(on)]
        fill(self._tx.connection, timelines, _TIMELINE, kept)
        if scans < SCANS:
            self.next_scans += [self._fact(route, scans, numbers[at]) for at, route in enumerate(on)]
        self.numbers += numbers

    def told_of_handing_in(self) -> None:
        """The consignee of every parcel heard that it was handed in."""
        at, ends = micros(NOW - timedelta(hours=1)), micros(NOW + timedelta(hours=1))
        rows = []
        for n, number in enumerate(self.numbers, 1):
            named = cause(NoticeKind.PICKED_UP, piece=f"{number}/1")
            notice = Notice(NoticeKind.PICKED_UP, named, because("It was handed in."), ())
            told = msgspec.json.encode(notice).decode()
            rows.append(
                (str(n), named, n, n, 1, notice.kind.value, told, '["email"]', at, at, ends, True, True, "accepted")
            )
        fill(self._tx.connection, outbox, _TOLD, rows)

    def _book(self, first: int, numbers: Sequence[str], on: Sequence[_Day], begins: datetime) -> None:
        db, at = self._tx.connection, micros(begins)
        ids = range(first, first + len(numbers))
        fill(db, people, _PERSON, [(n, f"person-{n}", "Ada", f"p{n}@example.org", "en", ADDRESS) for n in ids])
        fill(db, shipments, _SHIPMENT, [(n, "bench", "standard", n, n, '["email"]', at) for n in ids])
        legs = {id(route): msgspec.json.encode(route.legs).decode() for route in on}
        made = [
            (
                n,
                n,
                number,
                1,
                "parcel",
                route.legs[0].origin,
                route.legs[-1].destination,
                at,
                _due(begins),
                "standard",
                legs[id(route)],
            )
            for n, number, route in zip(ids, numbers, on, strict=True)
        ]
        fill(db, pieces, _PIECE, made)
        fill(db, aliases, ["number", "scheme", "piece", "valid_from"], [(m[2], "s10", m[0], at) for m in made])
        rides = sorted((leg.departure, n, True) for n, route in zip(ids, on, strict=True) for leg in route.legs)
        fill(db, planned_rides, ["departure", "piece", "in_force"], rides)

    def _route(self, begins: datetime, n: int) -> _Day:
        """Station, hub, hub, station: the departures are in the timetable, and ran on time."""
        start, end = STATIONS[n % 20], STATIONS[(n * 7 + 3) % 20]
        stops = (start, HUBS[n % 4], HUBS[(n + 1 + n % 3) % 4], end if end != start else STATIONS[(n + 1) % 20])
        if self._through is not None:
            others = [hub for hub in HUBS if hub != self._through]
            stops = (start, others[n % len(others)], self._through, stops[3])
        times = [begins + timedelta(hours=h) for h in (3, 4, 9, 12, 20, 21)]
        runs = [
            Departure(
                f"BX{(self._routed + n) * 10 + leg}/{times[leg * 2]:%Y-%m-%d}",
                stops[leg],
                stops[leg + 1],
                times[leg * 2],
                times[leg * 2 + 1],
                mode=Mode.ROAD,
                capacity=1_000_000,
            )
            for leg in range(3)
        ]
        self._tx.network.keep_departures(runs)
        ran = [run for run in runs if run.arrives_at < NOW]
        self._tx.network.happened({run.name: Known(left_at=run.departs_at, landed_at=run.arrives_at) for run in ran})
        a, b, c = (run.name for run in runs)
        hours: list[tuple[str, str, float, str | None]] = [
            (Kind.ACCEPT, stops[0], 1, None), (Kind.SORT, stops[0], 2, None), (Kind.LOAD, stops[0], 2.8, a),
            (Kind.UNLOAD, stops[1], 4.2, None), (Kind.SORT, stops[1], 5, None), (Kind.LOAD, stops[1], 8.5, b),
            (Kind.UNLOAD, stops[2], 12.2, None), (Kind.SORT, stops[2], 13, None), (Kind.LOAD, stops[2], 19.5, c),
            (Kind.ARRIVE, stops[3], 21.1, None), (Kind.OUT_FOR_DELIVERY, stops[3], 22, None),
            (Kind.DELIVER, stops[3], 24, None),
        ]  # fmt: skip
        steps = tuple((kind, place, begins + timedelta(hours=h), into) for kind, place, h, into in hours)
        return _Day(tuple(leg_on(run) for run in runs), steps)

    def _standing(self, route: _Day, begins: datetime, scans: int) -> tuple[Any, ...]:
        """The row of `timelines` for every parcel of this route and day."""
        origin, destination = route.legs[0].origin, route.legs[-1].destination
        piece = Piece("LS000000005NL", 1, PieceKind.PARCEL, origin, destination, begins, Promise(begins + DUE))
        events = [
            HandlingEvent(
                when,
                EventKey(f"dev:h-{place.lower()}", f"{'9f3c' * 8}:{n}"),
                kind,
                place,
                piece.number,
                when,
                into=into,
            )
            for n, (kind, place, when, into) in enumerate(route.steps[:scans], 1)
        ]
        plan = Plan(Itinerary(route.legs))
        runs = self._tx.network.departures([leg.departure for leg in route.legs])
        reached = progress(timeline(events))
        situation = Situation(piece, plan, reached, runs, self._tx.network.facilities(), NOW)
        judged = judge(situation)
        text = spelled(Standing(reached, plan, judged))
        again_at = judge_again_at(situation, stranded(situation, judged.irregularities))
        return (
            reached.state.value, reached.facility, text.progress, text.plan, text.judgement,
            micros(again_at) if again_at else None,
        )  # fmt: skip

    def _fact(self, route: _Day, step: int, number: str) -> tuple[Any, ...]:
        kind, place, when, into = route.steps[step]
        stream = self._streams[place]
        self._scanned[stream] += 1
        at = micros(when) + self._rng.randrange(600_000_000)
        q = self._scanned[stream]
        return (stream, q, kind, number, "code128", place, into, at, at + 900_000, False, 20, 0, at // 1000, 7, _DIGEST)


DUE = timedelta(days=2)
_DIGEST = bytes(16)
FACT_COLUMNS = [
    "stream", "q", "kind", "code", "sym", "facility", "into", "happened_at", "recorded_at", "estimated", "error_ms",
    "wall", "mono", "boot", "digest",
]  # fmt: skip
_PIECE = [
    "id", "shipment", "number", "journey", "kind", "origin", "destination", "booked_at", "due_by", "service",
    "booked_legs",
]  # fmt: skip
_TOLD = [
    "id", "cause", "person", "piece", "seq", "kind", "notice", "channels", "owed_at", "not_before", "expires_at",
    "planned", "noted", "outcome",
]  # fmt: skip
_PERSON = ["id", "pseudonym", "name", "email", "language", "address"]
_SHIPMENT = ["id", "account", "service", "shipper", "consignee", "channels", "booked_at"]
_TIMELINE = ["piece", "state", "facility", "progress", "plan", "judgement", "judge_again_at"]


def _due(begins: datetime) -> int:
    return micros(begins + DUE)


def _places() -> Iterator[Facility]:
    for code in (*HUBS, *STATIONS):
        kind = FacilityKind.HUB if code in HUBS else FacilityKind.STATION
        yield Facility(code, kind, "Europe/Amsterdam", "NL", lat=52.0, lon=5.0, names={"en": f"{code} of the bench"})
