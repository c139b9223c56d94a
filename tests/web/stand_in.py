"""A small house behind the pages: real cards of a small real network, kept in memory.

It keeps the promises of `tracker.queries.Queries` and `tracker.booking.Bookings` that the web relies on, and lets a
test change a piece and see who notices.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from threading import Lock

from tracker.booking import Booked, IdempotencyConflictError
from tracker.domain.booking import BookingRequest
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
from tracker.domain.errors import BadBookingError
from tracker.domain.eta import BY_BELT, BY_ROUND, Eta
from tracker.domain.expectation import Expectation
from tracker.domain.handling import Kind, scan_key
from tracker.domain.ids import readings
from tracker.domain.itinerary import leg_on
from tracker.domain.network import Departure, Facility, FacilityKind, Mode
from tracker.domain.rules import Irregularity, IrregularityKind
from tracker.domain.rules.late import PROMISE_PASSED
from tracker.domain.rules.missed_connection import LEFT_BEHIND
from tracker.domain.shipment import PieceKind
from tracker.domain.timeline import State
from tracker.domain.why import because
from tracker.queries import FacilityLoad, News, Overview, RecentScan, Update

NOON = datetime(2026, 11, 21, 18, 5, tzinfo=UTC)  # noon in Dallas

CENTRAL, PACIFIC, EASTERN = "America/Chicago", "America/Los_Angeles", "America/New_York"


def _place(
    code: str, city: str, chinese: str, zone: str, at: tuple[float, float], kind: FacilityKind = FacilityKind.HUB
) -> Facility:
    suffix = {FacilityKind.STATION: (" Station", "站")}.get(kind, (" Airport", "机场"))
    return Facility(
        code,
        kind,
        zone,
        "US",
        *at,
        names={"en": city + suffix[0], "zh-Hans": chinese + suffix[1]},
        cities={"en": city, "zh-Hans": chinese},
    )


DFW = _place("DFW", "Dallas", "达拉斯", CENTRAL, (32.9, -97.04))
SEA = _place("SEA", "Seattle", "西雅图", PACIFIC, (47.45, -122.31))
ORD = _place("ORD", "Chicago", "芝加哥", CENTRAL, (41.98, -87.9))
MIA = _place("MIA", "Miami", "迈阿密", EASTERN, (25.79, -80.29))
JFK = _place("JFK", "New York", "纽约", EASTERN, (40.64, -73.78))
LAX = _place("LAX", "Los Angeles", "洛杉矶", PACIFIC, (33.94, -118.41))
DEN = _place("DEN", "Denver", "丹佛", "America/Denver", (39.86, -104.67))
ATL = _place("ATL", "Atlanta", "亚特兰大", EASTERN, (33.64, -84.43))
SEATTLE_STATION = _place("SEA-ST", "Seattle", "西雅图", PACIFIC, (47.58, -122.33), FacilityKind.STATION)
MIAMI_STATION = _place("MIA-ST", "Miami", "迈阿密", EASTERN, (25.8, -80.2), FacilityKind.STATION)

FACILITIES = {place.code: place for place in (DFW, SEA, ORD, MIA, JFK, LAX, DEN, ATL, SEATTLE_STATION, MIAMI_STATION)}

MOVING, DELIVERED, MISSED_BAG, BOOKED, HELD = (
    "LS473124829NL",
    "LS100000003NL",
    "0001345678",
    "LS200000010NL",
    "LS300000009NL",
)

SECRETS = (
    "Ada Lindqvist",
    "ada@example.org",
    "98101",
    "Pike Street",
    "SEA-ST",
    "Seattle Station",
    "h-0017",
    "belt-7",
    "papers wanted",
)
"""What no page and no answer of the API may show to somebody who has only a number."""


def at(hour: int, minute: int, *, day: int = 21) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


def run(
    name: str,
    origin: Facility,
    destination: Facility,
    departs: datetime,
    arrives: datetime,
    *,
    left: datetime | None = None,
    landed: datetime | None = None,
    mode: Mode = Mode.AIR,
) -> Departure:
    day = departs.date().isoformat()
    return Departure(
        f"{name}/{day}", origin.code, destination.code, departs, arrives, mode, left_at=left, landed_at=landed
    )


def leg(departure: Departure, *, missed: bool = False, ridden: bool = False) -> CardLeg:
    return CardLeg(departure, FACILITIES[departure.origin], FACILITIES[departure.destination], missed, ridden)


_counter = iter(range(1, 10**6))


def entry(
    kind: Kind, place: Facility, when: datetime, *, late: timedelta = timedelta(milliseconds=300), **more: object
) -> CardEntry:
    key = scan_key("h-0017", "0" * 32, next(_counter))
    return CardEntry(kind, place, when, when + late, key, sort_point="belt-7", **more)  # type: ignore[arg-type]


def steps(order: Sequence[Milestone], *reached: datetime) -> tuple[MilestoneStep, ...]:
    times: list[datetime | None] = [*reached, *([None] * (len(order) - len(reached)))]
    return tuple(MilestoneStep(step, when) for step, when in zip(order, times, strict=True))


def moving_parcel() -> PieceCard:
    """Miami to Seattle by way of Dallas; in the air on its last leg, one scan withdrawn, one heard of late."""
    first = run("AA1044", MIA, DFW, at(9, 50), at(13, 5), left=at(9, 58), landed=at(13, 2))
    second = run("AA1167", DFW, SEA, at(16, 15), at(20, 35), left=at(16, 20))
    road = run("RT200", SEA, SEATTLE_STATION, at(21, 30), at(22, 15), mode=Mode.ROAD)
    return PieceCard(
        number=MOVING,
        journey=1,
        kind=PieceKind.PARCEL,
        origin=MIAMI_STATION,
        destination=SEATTLE_STATION,
        booked_at=at(20, 4, day=20),
        due_by=at(6, 0, day=22),
        state=State.MOVING,
        held=None,
        damaged=False,
        facility=DFW,
        aboard=second.name,
        milestones=steps(PARCEL_MILESTONES, at(20, 4, day=20), at(21, 40, day=20), at(9, 20)),
        entries=(
            entry(Kind.BOOK, MIAMI_STATION, at(20, 4, day=20)),
            entry(Kind.ACCEPT, MIAMI_STATION, at(21, 40, day=20), late=timedelta(minutes=14)),
            entry(Kind.SORT, MIA, at(8, 30)),
            entry(Kind.LOAD, MIA, at(9, 20), into=first.name),
            entry(Kind.UNLOAD, DFW, at(13, 31), late=timedelta(seconds=41)),
            entry(Kind.LOAD, DFW, at(14, 2), into="AA9999/2026-11-21", withdrawn=True),
            entry(Kind.SORT, DFW, at(14, 20)),
            entry(Kind.LOAD, DFW, at(15, 41), into=second.name, error_ms=2400),
        ),
        irregularities=(),
        eta=Eta(
            at(1, 0, day=22),
            at(5, 0, day=22),
            because(
                BY_ROUND,
                {
                    "departure": road.name,
                    "facility": SEATTLE_STATION.code,
                    "arrives_at": road.arrives_at,
                    "round_at": at(1, 0, day=22),
                },
            ),
        ),
        next_expected=Expectation(Kind.UNLOAD, "SEA", at(21, 5)),
        legs=(leg(first, ridden=True), leg(second, ridden=True), leg(road)),
        notices=(ToldNotice("out_for_delivery", f"out_for_delivery:{MOVING}", at(17, 0), "due"),),
        facilities={p.code: p for p in (MIA, MIAMI_STATION, DFW, SEA, SEATTLE_STATION)},
        seen_by=NOON,
        position=10,
    )


def delivered_parcel() -> PieceCard:
    card = moving_parcel()
    first, second, road = (leg.departure for leg in card.legs)
    second, road = replace(second, landed_at=at(20, 31)), replace(road, left_at=at(21, 30), landed_at=at(22, 12))
    return replace(
        card,
        number=DELIVERED,
        state=State.DELIVERED,
        facility=SEATTLE_STATION,
        aboard=None,
        milestones=steps(
            PARCEL_MILESTONES, at(20, 4, day=20), at(21, 40, day=20), at(9, 20), at(1, 10, day=22), at(3, 47, day=22)
        ),
        entries=(
            *card.entries,
            entry(Kind.UNLOAD, SEA, at(20, 52)),
            entry(Kind.ARRIVE, SEATTLE_STATION, at(22, 20)),
            entry(Kind.OUT_FOR_DELIVERY, SEATTLE_STATION, at(1, 10, day=22)),
            entry(Kind.DELIVER, SEATTLE_STATION, at(3, 47, day=22), reason="papers wanted"),
        ),
        legs=(leg(first, ridden=True), leg(second, ridden=True), leg(road, ridden=True)),
        eta=None,
        next_expected=None,
    )


def missed_bag() -> PieceCard:
    """New York to Seattle; late into Chicago, AA1221 left without it, AA1301 takes it."""
    first = run("AA87", JFK, ORD, at(12, 0), at(14, 40), left=at(13, 10), landed=at(15, 44))
    missed = run("AA1221", ORD, SEA, at(15, 50), at(20, 20), left=at(15, 53))
    instead = run("AA1301", ORD, SEA, at(19, 10), at(23, 45))
    why = because(
        LEFT_BEHIND,
        {"departure": missed.name, "facility": "ORD", "left_at": at(15, 53), "seen_at": at(16, 11)},
    )
    return PieceCard(
        number=MISSED_BAG,
        journey=2,
        kind=PieceKind.BAG,
        origin=JFK,
        destination=SEA,
        booked_at=at(9, 40),
        due_by=at(22, 45),
        state=State.MOVING,
        held=None,
        damaged=False,
        facility=ORD,
        aboard=None,
        milestones=steps(BAG_MILESTONES, at(9, 40), at(10, 2), at(11, 20)),
        entries=(
            entry(Kind.BOOK, JFK, at(9, 40)),
            entry(Kind.ACCEPT, JFK, at(10, 2)),
            entry(Kind.SORT, JFK, at(10, 31)),
            entry(Kind.LOAD, JFK, at(11, 20), into=first.name),
            entry(Kind.UNLOAD, ORD, at(16, 11)),
        ),
        irregularities=(
            Irregularity(
                IrregularityKind.MISSED_CONNECTION,
                missed.name,
                at(15, 53),
                why,
                (scan_key("h-0017", "0" * 32, 9),),
            ),
        ),
        eta=Eta(
            at(23, 55),
            at(0, 25, day=22),
            because(BY_BELT, {"departure": instead.name, "facility": "SEA", "arrives_at": at(23, 45)}),
        ),
        next_expected=Expectation(Kind.SORT, "ORD", at(18, 55)),
        legs=(leg(first, ridden=True), leg(missed, missed=True), leg(instead)),
        notices=(ToldNotice("missed_connection", "…", at(16, 11), "accepted"),),
        facilities={p.code: p for p in (JFK, ORD, SEA)},
        seen_by=NOON,
        position=11,
    )


def earlier_bag() -> PieceCard:
    """The same tag, three weeks before."""
    return replace(missed_bag(), journey=1, booked_at=at(9, 40) - timedelta(days=21), irregularities=())


def booked_parcel() -> PieceCard:
    card = moving_parcel()
    return replace(
        card,
        number=BOOKED,
        state=State.BOOKED,
        facility=None,
        aboard=None,
        milestones=steps(PARCEL_MILESTONES, card.booked_at),
        entries=card.entries[:1],
        next_expected=Expectation(Kind.ACCEPT, "MIA-ST", at(8, 50)),
        legs=tuple(
            replace(leg, ridden=False, departure=replace(leg.departure, left_at=None, landed_at=None))
            for leg in card.legs
        ),
    )


def held_parcel() -> PieceCard:
    """Held at its last station for papers, and past its promise."""
    card = delivered_parcel()
    late = because(PROMISE_PASSED, {"facility": SEATTLE_STATION.code, "due_by": at(1, 0, day=22)})
    held = because(
        "It is held at {facility} since {held_at}.", {"facility": SEATTLE_STATION.code, "held_at": at(22, 41)}
    )
    return replace(
        card,
        number=HELD,
        state=State.MOVING,
        due_by=at(1, 0, day=22),
        held="papers wanted",
        milestones=steps(PARCEL_MILESTONES, at(20, 4, day=20), at(21, 40, day=20), at(9, 20)),
        entries=(*card.entries[:-2], entry(Kind.HOLD, SEATTLE_STATION, at(22, 41), reason="papers wanted")),
        irregularities=(
            Irregularity(IrregularityKind.HELD, SEATTLE_STATION.code, at(22, 41), held),
            Irregularity(IrregularityKind.LATE, "2026-11-22", at(1, 0, day=22), late),
        ),
        seen_by=at(4, 0, day=22),
    )


@dataclass(frozen=True)
class Mail:
    id: str
    at: datetime
    to: str
    subject: str
    language: str
    text: str
    html: str | None
    number: str | None


class House:
    """Keeps cards by number, newest journey first; each change is an update with the next number."""

    KEY = "lsk_live_0123456789abcdef"

    def __init__(self) -> None:
        cards = (moving_parcel(), delivered_parcel(), booked_parcel(), held_parcel())
        self._lock = Lock()
        self._cards: dict[str, list[PieceCard]] = {card.number: [card] for card in cards}
        self._cards[MISSED_BAG] = [missed_bag(), earlier_bag()]
        self._updates: list[Update] = [Update(seq, MOVING) for seq in range(1, 12)]
        self._booked: dict[tuple[str, str], tuple[str, Booked]] = {}
        self.requests: list[BookingRequest] = []
        self.reads = 0
        self.extra = 0

    def put(self, card: PieceCard) -> int:
        """A change of a piece, as the tracker would commit it; gives its position."""
        with self._lock:
            seq = len(self._updates) + 1
            kept = self._cards.setdefault(card.number, [])
            kept[:1] = [replace(card, position=seq)]
            self._updates.append(Update(seq, card.number))
            return seq

    def scan(self, number: str, kind: Kind, place: Facility, when: datetime, **more: object) -> int:
        card = self._cards[number][0]
        return self.put(replace(card, facility=place, entries=(*card.entries, entry(kind, place, when, **more))))  # type: ignore[arg-type]

    # what the web asks

    def card(self, number: str) -> PieceCard | None:
        found = self.candidates(number)
        return found[0] if found else None

    def candidates(self, number: str) -> list[PieceCard]:
        with self._lock:
            for reading in readings(number):
                if reading.number in self._cards:
                    newest = len(self._updates)
                    return [replace(card, position=newest) for card in self._cards[reading.number]]
        return []

    def last_update(self) -> int:
        with self._lock:
            return len(self._updates)

    def updates_after(self, seq: int, limit: int = 1000) -> list[Update]:
        with self._lock:
            self.reads += 1
            return self._updates[seq : seq + limit]

    def news(self, since: int | None) -> News:
        with self._lock:
            changed = tuple(update.number for update in self._updates[since:]) if since is not None else None
            return News(len(self._updates), changed, 0)

    def healthy(self) -> dict[str, bool | int | float | str]:
        return {"database": True, "facts_to_fold": 0}

    def overview(self) -> Overview:
        cards = [cards[0] for cards in self._cards.values()]
        runs = [leg.departure for card in (moving_parcel(), missed_bag()) for leg in card.legs]
        runs += [
            run("AA2411", LAX, DEN, at(17, 10), at(19, 30), left=at(17, 36)),
            run("AA31", JFK, LAX, at(15, 30), at(21, 40), left=at(15, 33)),
            run("AA1530", ATL, ORD, at(17, 40), at(19, 50), left=at(17, 41)),
            run("AA702", DEN, JFK, at(18, 30), at(22, 0)),
        ]
        return Overview(
            now=NOON + timedelta(seconds=self.extra),
            counts={
                "pieces": 240, "bags": 80, "shipments": 160, "delivered": 61, "moving": 171, "scans": 1874 + self.extra,
                "unmatched": 2, "quarantined": 1, "missed_connections": 7, "notices_due": 3, "notices_sent": 68,
                "devices": 64,
            },
            facilities=[
                FacilityLoad(place, (len(place.code) * 7 + ord(place.code[0])) % 23, 100 + ord(place.code[1]))
                for place in FACILITIES.values()
            ],
            departures=[run for run in runs if run.landed_at is None],
            recent=[
                RecentScan(e.happened_at, e.kind, e.facility.code, card.number, "h-0017")
                for card in cards
                for e in card.entries[-3:]
            ],
            examples={"delivered": DELIVERED, "moving": MOVING, "missed": MISSED_BAG},
        )  # fmt: skip

    def account_of(self, key: str) -> str | None:
        return "demo" if key == self.KEY else None

    def book(
        self, request: BookingRequest, *, account: str, idempotency_key: str | None = None, body_hash: str = ""
    ) -> Booked:
        if idempotency_key is not None and (account, idempotency_key) in self._booked:
            kept_hash, booked = self._booked[account, idempotency_key]
            if kept_hash != body_hash:
                raise IdempotencyConflictError("this Idempotency-Key came with another body before; use a new key")
            return replace(booked, replayed=True)
        for pointer, code in (("/origin", request.origin), ("/destination", request.destination)):
            if code not in FACILITIES:
                raise BadBookingError(f"no facility {code!r} in the network", pointer=pointer)
        self.requests.append(request)
        booked = Booked((BOOKED,), at(6, 0, day=22), tuple(leg_on(leg.departure) for leg in booked_parcel().legs))
        if idempotency_key is not None:
            self._booked[account, idempotency_key] = (body_hash, booked)
        return booked


LETTER_HTML = """<!doctype html><html lang="en"><head><meta charset="utf-8">
<style>body{font:16px sans-serif;margin:24px}
</style></head><body><h1>Your bag missed its connection</h1><p style="color:#333">AA1221 left Chicago at 09:53
without it. It goes with AA1301 instead.</p><p><a href="https://example.org/t/0001345678">Follow your bag</a></p>
<script>document.title = 'run'; parent.document.title = 'broken out'</script></body></html>"""


def mailbox() -> list[Mail]:
    return [
        Mail("1", at(16, 12), "ada@example.org", "Your bag missed its connection in Chicago", "en",
             "AA1221 left Chicago without it.\n\nFollow it: /t/0001345678\n", LETTER_HTML, MISSED_BAG),
        Mail("2", at(17, 2), "li@example.cn", "您的包裹已送达", "zh-Hans", "已于11月21日送达。\n", None, DELIVERED),
    ]  # fmt: skip
