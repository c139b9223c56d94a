"""Who sends what on a day of the demo: parcels from station to station, bags of passengers with two flights."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from firmware_sim.journey import Run
from lastscan.demo.network import GATEWAYS, HUBS, carrier_of, facilities, runs_of, station_of
from tracker.domain.booking import BookedPiece, BookingRequest, Party
from tracker.domain.shipment import Goods, PieceKind

DAY_BEGINS = time(10)
"""UTC: four in the morning at Chicago, the quietest hour of this network."""

BAGS_OF = 3 / 8  # share of shipments that are bags
SHORTEST_PLANNED = timedelta(minutes=40)
SURELY_MISSED = timedelta(minutes=18)  # gate to gate; unloading alone takes that long
SURELY_MADE = timedelta(minutes=48)
AIRLINE_CODES = {"AA": "001", "UA": "016", "DL": "006", "AS": "027", "WN": "526", "F9": "422", "B6": "279"}
PIECES = (1, 2, 1, 3, 1, 2)  # of one parcel shipment after the other
CONTENTS = {
    "books": "490199",
    "headphones": "851830",
    "spare parts": "870899",
    "shoes": "640399",
    "coffee": "090121",
    "seeds": "120991",
    "a lamp": "940520",
    "papers": "490199",
}
"""What is inside, and its number in the Harmonized System."""


@dataclass(frozen=True, slots=True)
class Intent:
    """One shipment somebody means to send: booked at `at`, at the counter from `handed_in_at`."""

    at: datetime
    handed_in_at: datetime
    request: BookingRequest


def day_begins(day: date) -> datetime:
    return datetime.combine(day, DAY_BEGINS, UTC)


def intents(seed: int, day: date, shipments: int) -> list[Intent]:
    """A day's shipments in the order they are booked, the same for the same seed and day.

    About three eighths are bags, and of those one in four has a connection that the day's flights break.
    """
    chance = random.Random(f"{seed}/{day}")
    bags = round(shipments * BAGS_OF)
    people = _People(chance)
    found = _bags(chance, seed, day, bags, people)
    found += [_parcel(chance, day, people, PIECES[n % len(PIECES)]) for n in range(shipments - len(found))]
    return sorted(found, key=lambda intent: intent.at)


class _People:
    """Neutral names, addresses that reach nobody, and both languages in turn."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._count = 0

    def recipient(self, city: str) -> Party:
        self._count += 1
        n = self._count
        facility = facilities()[city]
        return Party(
            name=f"Recipient {n}",
            email=f"recipient-{n}@example.org",
            language="zh-Hans" if n % 2 else "en",
            zone=facility.zone,
            postcode=f"{self._chance.randint(1000, 99999):05d}",
            country="US",
            city=facility.city("en"),
            lines=(f"{self._chance.randint(1, 999)} Example Street",),
        )

    def sender(self, city: str) -> Party:
        n = self._chance.randint(1, 9)
        return Party(
            name=f"Sender {n}", email=f"sender-{n}@example.org", country="US", city=facilities()[city].city("en")
        )


def _parcel(chance: random.Random, day: date, people: _People, pieces: int) -> Intent:
    origin, destination = (station_of(gateway) for gateway in chance.sample(GATEWAYS, 2))
    at = day_begins(day) + timedelta(minutes=chance.choice(range(20, 480, 20)))
    handed_in_at = at + timedelta(minutes=chance.uniform(30, 90))
    sent = tuple(
        BookedPiece(
            weight_g=chance.randint(200, 9000),
            size_mm=(chance.randint(150, 600), chance.randint(100, 400), chance.randint(20, 300)),
            goods=Goods(*chance.choice(tuple(CONTENTS.items())), 100 * chance.randint(5, 400), "USD"),
        )
        for _ in range(pieces)
    )
    request = BookingRequest(
        origin=origin,
        destination=destination,
        ready_at=handed_in_at + timedelta(minutes=5),
        shipper=people.sender(origin),
        consignee=people.recipient(destination),
        pieces=sent,
        service=chance.choice(("standard", "express")),
    )
    return Intent(at, handed_in_at, request)


def _bags(chance: random.Random, seed: int, day: date, bags: int, people: _People) -> list[Intent]:
    runs = [run for run in runs_of(day) if not run.by_road]
    after = day_begins(day) + timedelta(hours=2, minutes=30)
    made = _connections(runs, after, lambda gap: gap >= SURELY_MADE)
    missed = _connections(runs, after, lambda gap: gap <= SURELY_MISSED)
    to_miss = min(len(missed), max(1, bags // 4), 6) if bags else 0
    first = missed[: min(1, to_miss)]  # whoever watches should not wait until evening for the first letter
    pairs = [*first, *_spread(chance, missed[1:], to_miss - len(first)), *_spread(chance, made, bags - to_miss)]
    found = []
    for n, (inbound, outbound) in enumerate(pairs):
        checked_in_at = inbound.departs_at - timedelta(minutes=chance.uniform(75, 110))
        request = BookingRequest(
            origin=inbound.origin,
            destination=outbound.destination,
            ready_at=checked_in_at,
            shipper=people.sender(inbound.origin),
            consignee=people.recipient(outbound.destination),
            pieces=(
                BookedPiece(
                    kind=PieceKind.BAG, number=_plate(seed, day, n, inbound), weight_g=chance.randint(8000, 23000)
                ),
            ),
            service="bag",
            legs=(inbound.name, outbound.name),
        )
        found.append(Intent(_tens(checked_in_at - timedelta(minutes=chance.uniform(10, 25))), checked_in_at, request))
    return found


def _connections(runs: Sequence[Run], after: datetime, happens: Callable[[timedelta], bool]) -> list[tuple[Run, Run]]:
    """Pairs of flights of one carrier through a hub that anybody would book, and whose real gap is as asked."""
    found = []
    for inbound in runs:
        if inbound.destination not in HUBS or inbound.departs_at < after:
            continue
        for outbound in runs:
            planned = outbound.departs_at - inbound.arrives_at
            if (
                outbound.origin == inbound.destination
                and outbound.destination != inbound.origin
                and carrier_of(outbound) == carrier_of(inbound)
                and SHORTEST_PLANNED <= planned <= timedelta(minutes=120)
                and happens(outbound.left_at - inbound.landed_at)
            ):
                found.append((inbound, outbound))
    return found


def _spread(chance: random.Random, pairs: list[tuple[Run, Run]], wanted: int) -> list[tuple[Run, Run]]:
    """As many as wanted, on different flights in as far as there are some; the same pair may carry two bags."""
    shuffled = chance.sample(pairs, len(pairs))
    apart: dict[str, tuple[Run, Run]] = {}
    for pair in shuffled:
        apart.setdefault(pair[0].name, pair)
    ordered = [*apart.values(), *shuffled]
    return [ordered[n % len(ordered)] for n in range(wanted)] if ordered else []


def _plate(seed: int, day: date, n: int, run: Run) -> str:
    """A licence plate: a nought, the airline, six digits; none comes twice within some years."""
    serial = (seed * 7919 + day.toordinal() * 200 + n) % 1_000_000
    return f"0{AIRLINE_CODES.get(carrier_of(run), '999')}{serial:06d}"


def _tens(at: datetime) -> datetime:
    """Down to ten minutes, so that people who stand in one queue are booked in one go."""
    return at - timedelta(minutes=at.minute % 10, seconds=at.second, microseconds=at.microsecond)
