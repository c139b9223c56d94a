"""A tracker with everything but the wire: a small network, a few handhelds, and clocks turned by hand."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from tracker import wire
from tracker.booking import Booked, Bookings
from tracker.clock import StoppedClock
from tracker.devices import Credentials, Devices, Roll
from tracker.domain.booking import BookedPiece, BookingRequest, Party
from tracker.domain.handling import Kind
from tracker.domain.network import Departure, Facility, FacilityKind
from tracker.domain.notices import NoticeKind
from tracker.domain.shipment import PieceKind
from tracker.ingest import Heard, Ingest, Reply
from tracker.outbox import Outbox, OwedNotice
from tracker.project import Projector
from tracker.queries import Queries
from tracker.store import Store
from tracker.store.engine import open_engine, sqlite_url
from tracker.store.migrations import migrate
from tracker.sweep import Sweep

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
BOOTED = NOON - timedelta(days=2)
EP = "9f3c" * 8
OTHER_EP = "77aa" * 8

PLACES = (
    Facility("SEA-ST", FacilityKind.STATION, "America/Los_Angeles", "US", names={"en": "Seattle station"}),
    Facility("SEA", FacilityKind.GATEWAY, "America/Los_Angeles", "US", names={"en": "Seattle"}),
    Facility("DEN", FacilityKind.HUB, "America/Denver", "US", names={"en": "Denver hub"}),
    Facility("BOS", FacilityKind.GATEWAY, "America/New_York", "US", names={"en": "Boston"}),
    Facility("BOS-ST", FacilityKind.STATION, "America/New_York", "US", names={"en": "Boston station"}),
)

VAN_OUT = "TR1/2026-11-21"  # SEA-ST to SEA
FEEDER = "AS10/2026-11-21"  # SEA to DEN
ONWARD = "AS20/2026-11-21"  # DEN to BOS
LATER = "AS22/2026-11-21"  # DEN to BOS, one place only
LATEST = "AS24/2026-11-22"  # DEN to BOS
VAN_IN = "TR9/2026-11-22"  # BOS to BOS-ST
LAST_VAN = "TR8/2026-11-22"  # BOS to BOS-ST


def at(hours: float) -> datetime:
    """So many hours after noon."""
    return NOON + timedelta(hours=hours)


DEPARTURES = (
    Departure(VAN_OUT, "SEA-ST", "SEA", at(2), at(3)),
    Departure(FEEDER, "SEA", "DEN", at(4), at(7)),
    Departure(ONWARD, "DEN", "BOS", at(8), at(12)),
    Departure(LATER, "DEN", "BOS", at(11), at(15), capacity=1),
    Departure(LATEST, "DEN", "BOS", at(14), at(18)),
    Departure(VAN_IN, "BOS", "BOS-ST", at(20), at(21)),
    Departure(LAST_VAN, "BOS", "BOS-ST", at(23), at(24)),
)

ADA = Party("Ada Lovelace", email="ada@example.org")
XIAOMING = Party("王小明", email="xiaoming@example.org", language="zh-Hans")
BAG_TAG = "0220123456"


@dataclass
class Device:
    """A handheld that numbers its scans; what it sends is built here and carried by nobody."""

    credentials: Credentials
    ep: str = EP
    boot: int = 7
    made: int = 0
    mono_off: int = 0

    @property
    def up(self) -> str:
        return wire.Address(self.credentials.site, self.credentials.dev).up

    @property
    def key(self) -> bytes:
        return bytes.fromhex(self.credentials.key)

    def mono(self, instant: datetime) -> int:
        return int((instant - BOOTED) / timedelta(milliseconds=1)) + self.mono_off

    def scan(self, code: str, kind: str = Kind.SORT, *, when: datetime = NOON, **more: Any) -> wire.ScanRecord:
        self.made += 1
        values = {"q": self.made, "sym": "code128", "wall": 0, "mono": self.mono(when), "boot": self.boot, **more}
        return wire.ScanRecord(code=code, k=kind, **values)

    def scans(self, *records: wire.ScanRecord | bytes, sent: datetime = NOON, key: bytes | None = None) -> bytes:
        raw = [record if isinstance(record, bytes) else wire.encode_record(record) for record in records]
        millis = int(sent.timestamp() * 1000)
        return wire.signed_batch(key or self.key, raw, ep=self.ep, sent=millis, mono=self.mono(sent), boot=self.boot)

    def hello(self, *, first: int = 1, last: int | None = None, sent: datetime = NOON) -> bytes:
        millis = int(sent.timestamp() * 1000)
        said = wire.Hello(
            v=1,
            ep=self.ep,
            first=first,
            last=self.made if last is None else last,
            boot=self.boot,
            mono=self.mono(sent),
            wall=millis,
            sent=millis,
            fw="1.4.2",
        )
        return wire.encode(said)

    def says(self, payload: bytes, heard_at: datetime = NOON) -> Heard:
        return Heard(self.up, payload, heard_at)


BEGINS = (NoticeKind.BOOKED, NoticeKind.PICKED_UP)


@dataclass
class World:
    """One tracker on one database."""

    engine: sa.Engine
    clock: StoppedClock = field(default_factory=lambda: StoppedClock(NOON))
    real: list[float] = field(default_factory=lambda: [0.0])
    devices: dict[str, Device] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.store = Store(self.engine)
        self.registry = Devices(self.store, self.clock)
        self.start()
        self.bookings = Bookings(self.store, self.clock)
        self.queries = Queries(self.store, self.clock)
        self.outbox = Outbox(self.store)

    def start(self) -> None:
        """The tracker's process begins, knowing nothing but what is in the database."""
        self.ingest = Ingest(self.store, Roll(self.store, lambda: self.real[0]), self.clock, lambda: self.real[0])
        self.projector = Projector(self.store, self.clock)
        self.sweep = Sweep(self.projector)

    def close(self) -> None:
        self.engine.dispose()

    def with_network(self, departures: Iterable[Departure] = DEPARTURES) -> "World":
        with self.store.writing() as tx:
            for place in PLACES:
                tx.network.describe(place)
            tx.network.keep_departures(departures)
        return self

    def device(self, site: str = "sea-st", dev: str | None = None) -> Device:
        name = dev or f"h-{site}"
        if name not in self.devices:
            self.devices[name] = Device(self.registry.add(name, site=site))
        return self.devices[name]

    # what happens

    def hears(self, *messages: Heard) -> list[Reply]:
        return self.ingest.take(messages)

    def scans(self, code: str, kind: str, site: str, when: datetime, **more: Any) -> None:
        """One scan, sent and heard in the moment it is made."""
        device = self.device(site)
        self.clock.instant = max(self.clock.instant, when)
        now = self.clock.instant
        self.hears(device.says(device.scans(device.scan(code, kind, when=when, **more), sent=now), now))

    def fold(self, limit: int = 500) -> None:
        """Everything the log holds, and everything time has brought."""
        while self.projector.step(limit):
            pass
        self.sweep.step()

    def books(
        self,
        *pieces: BookedPiece,
        legs: Sequence[str] = (),
        consignee: Party = ADA,
        origin: str = "SEA-ST",
        destination: str = "BOS-ST",
        key: str | None = None,
        body_hash: str = "",
    ) -> Booked:
        asked = self.asked(*pieces, legs=legs, consignee=consignee, origin=origin, destination=destination)
        return self.bookings.book(asked, account="demo", idempotency_key=key, body_hash=body_hash)

    def asked(
        self,
        *pieces: BookedPiece,
        legs: Sequence[str] = (),
        consignee: Party = ADA,
        origin: str = "SEA-ST",
        destination: str = "BOS-ST",
    ) -> BookingRequest:
        """What a shipper asks for, from now on."""
        return BookingRequest(
            origin=origin,
            destination=destination,
            ready_at=self.clock.now(),
            shipper=Party("Charles Babbage"),
            consignee=consignee,
            pieces=pieces or (BookedPiece(),),
            legs=tuple(legs),
        )

    def books_parcel(self) -> str:
        return self.books(legs=(VAN_OUT, FEEDER, ONWARD, VAN_IN)).numbers[0]

    def books_bag(self, number: str = BAG_TAG, consignee: Party = XIAOMING) -> str:
        bag = BookedPiece(PieceKind.BAG, number)
        return self.books(bag, legs=(FEEDER, ONWARD), consignee=consignee, origin="SEA", destination="BOS").numbers[0]

    # what is kept

    def log(self) -> list[tuple[str, str, int, str]]:
        """Device, epoch, number and code of every committed scan, in the order of commit."""
        return [(scan.dev, scan.ep, scan.q, scan.code) for scan in self.queries.committed_scans()]

    def aside(self) -> list[str]:
        """Why things were put aside, oldest first."""
        return [thing.why for thing in reversed(self.queries.quarantine(1000))]

    def watermark(self, device: Device) -> int:
        with self.store.reading() as tx:
            streams = {stream.epoch: stream.upto for stream in tx.log.streams_of(f"dev:{device.credentials.dev}")}
        return streams.get(device.ep, 0)

    def owed(self) -> list[tuple[str, str]]:
        """Cause and outcome of every notice ever owed, in order, but of those every piece begins with."""
        from tracker.store.schema import outbox

        with self.store.reading() as tx:
            rows = tx.connection.execute(sa.select(outbox.c.cause, outbox.c.outcome).order_by(outbox.c.cause))
            return [(row.cause, row.outcome) for row in rows if row.cause.partition(":")[0] not in BEGINS]

    def news(self, limit: int = 500) -> list[OwedNotice]:
        """What waits for notify, but for those every piece begins with."""
        return [notice for notice in self.outbox.unplanned(1000) if notice.kind not in BEGINS][:limit]

    def standings(self) -> dict[int, tuple[str, str, str]]:
        with self.store.reading() as tx:
            return tx.timelines.digest()


def acks(replies: Iterable[Reply]) -> list[int]:
    return [reply.message.upto for reply in replies if isinstance(reply.message, wire.Ack)]


def nacks(replies: Iterable[Reply]) -> list[tuple[int, str]]:
    return [(reply.message.q, reply.message.why) for reply in replies if isinstance(reply.message, wire.Nack)]


def needs(replies: Iterable[Reply]) -> list[list[tuple[int, int]]]:
    return [reply.message.ranges for reply in replies if isinstance(reply.message, wire.Need)]


def new_database(path: Path) -> sa.Engine:
    engine = open_engine(sqlite_url(path))
    migrate(engine)
    return engine
