"""Several trackers on one database: they share the work where the broker can, and are safe wherever it cannot."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from lastscan.bench.load import Account, Fleet
from lastscan.broker import Login, choose
from tests.contract.test_broker import HASH, PASSWORD, SOON, Running, running
from tests.tracker.world import World
from tracker.devices import Roll
from tracker.feeds import FeedDesk
from tracker.ingest import Ingest
from tracker.mqtt import Subscriber
from tracker.store.engine import open_engine, sqlite_url
from tracker.store.migrations import migrate

HOUSES = [
    pytest.param(("mosquitto", "postgresql"), marks=[pytest.mark.needs_mosquitto, pytest.mark.needs_postgres]),
    pytest.param(("mosquitto", "sqlite"), marks=pytest.mark.needs_mosquitto),
    pytest.param(("amqtt", "sqlite")),
]
SITES = ("ams", "fra")
TRACKERS = [Login("tracker", HASH, None), Login("tracker-2", HASH, None)]


class House:
    """A broker, a database, and handhelds at two sites."""

    def __init__(self, broker: Running, world: World, *, shares: bool) -> None:
        self.broker, self.world, self.shares = broker, world, shares
        made = [world.registry.add(f"h-{n}", site=SITES[n % 2]) for n in range(8)]
        self.accounts = [Account(c.dev, c.site, PASSWORD, bytes.fromhex(c.key)) for c in made]

    @contextmanager
    def tracker(self, name: str, *sites: str) -> Iterator[Ingest]:
        """One that takes scans, with a roll and an ingest of its own."""
        store = self.world.store
        ingest = Ingest(store, Roll(store), self.world.clock, lambda: 0.0)
        url = self.broker.ports.mqtt_url
        feeds = FeedDesk(self.world.store, self.world.clock)
        subscriber = Subscriber(ingest, feeds, self.world.clock, url=url, username=name, password=PASSWORD, sites=sites)
        subscriber.start()
        assert subscriber.connected.wait(SOON)
        try:
            yield ingest
        finally:
            subscriber.stop()

    @contextmanager
    def fleet(self) -> Iterator[Fleet]:
        fleet = Fleet(self.accounts, "127.0.0.1", self.broker.ports.mqtt)
        try:
            yield fleet
        finally:
            fleet.close()


@pytest.fixture(params=HOUSES, ids=lambda house: "-".join(house))
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    broker_kind, database = request.param
    new_url: Callable[[], str] = (
        request.getfixturevalue("new_postgres_url")
        if database == "postgresql"
        else lambda: sqlite_url(tmp_path / "lastscan.db")
    )
    engine = open_engine(new_url())
    migrate(engine)
    with ExitStack() as stack:
        stack.callback(engine.dispose)
        devices = [Login(f"h-{n}", HASH, SITES[n % 2]) for n in range(8)]
        broker = stack.enter_context(
            running(tmp_path, choose(mqtt_url=None, asked=broker_kind), logins=[*TRACKERS, *devices])
        )
        yield House(broker, World(engine), shares=broker_kind == "mosquitto")


def test_two_trackers_share_what_one_stream_brings_and_keep_each_scan_once(house: House) -> None:
    with house.tracker("tracker") as one, house.tracker("tracker-2") as two, house.fleet() as fleet:
        sent = fleet.load(400)
        fleet.drain()
    log = house.world.log()
    assert len(log) == len(set(log)) == sent
    assert one.counts["scans"] + two.counts["scans"] == sent
    assert house.world.aside() == []
    if house.shares:
        assert min(one.counts["messages"], two.counts["messages"]) > sent / 4


def test_when_one_tracker_goes_the_other_takes_everything(house: House) -> None:
    with house.tracker("tracker"), house.fleet() as fleet:
        with house.tracker("tracker-2"):
            first = fleet.load(80)
            fleet.drain()
        second = fleet.load(400, batch=10)
        fleet.drain()
    assert len(house.world.log()) == first + second


def test_trackers_with_sites_of_their_own_beside_one_with_all_of_them(house: House) -> None:
    with house.tracker("tracker", "ams") as one, house.tracker("tracker-2", "ams", "fra"), house.fleet() as fleet:
        sent = fleet.load(160)
        fleet.drain()
    assert len(house.world.log()) == sent
    assert one.counts["quarantined"] == 0
