"""A place that closes: decided once, one incident, and everybody planned through it gets another way, in batches."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from lastscan.bench.filling import HUBS, NOW, fill_on_their_way
from lastscan.cli import lastscan
from tests.tracker.world import BAG_TAG, DEPARTURES, FEEDER, LATEST, ONWARD, PLACES, World, at, new_database
from tracker.clock import StoppedClock
from tracker.desk import Desk
from tracker.domain.decisions import CloseFacility, ReopenFacility
from tracker.domain.errors import DecisionError, NotAllowedError
from tracker.domain.handling import Kind
from tracker.domain.network import Departure, Facility
from tracker.domain.notices import NoticeKind
from tracker.domain.staff import Role, Staff
from tracker.network import Network
from tracker.project import Projector, rebuild
from tracker.project.projector import JUDGED_AT_ONCE

MANAGER = Staff("nora", Role.NETWORK_MANAGER)
AROUND = (
    Departure("AS40/2026-11-21", "SEA", "ORD", at(5), at(9)),
    Departure("AS41/2026-11-21", "ORD", "BOS", at(10), at(12.5)),
)


def closes(world: World, since: float, until: float, *, place: str = "DEN", by: Staff = MANAGER) -> None:
    closing = CloseFacility(facility=place, since=at(since), until=at(until), reason="water in the cellar")
    Desk(world.store, world.clock).decide(closing, by=by, key="close")


def opens(world: World, *, key: str = "o") -> None:
    Desk(world.store, world.clock).decide(ReopenFacility(facility="den", reason="dry again"), by=MANAGER, key=key)


def legs(world: World, number: str = BAG_TAG) -> list[str]:
    card = world.queries.card(number)
    assert card is not None
    return [leg.departure.name for leg in card.legs]


def told(world: World) -> list[tuple[str, str | None]]:
    """What was owed of plans; that it was booked and handed in is another matter."""
    of_plans = (NoticeKind.LEG_CANCELLED, NoticeKind.REPLANNED, NoticeKind.WITHDRAWN)
    return [(notice.kind, notice.departure) for notice in world.outbox.unplanned() if notice.kind in of_plans]


@pytest.fixture
def bag_in_seattle(world: World) -> World:
    with world.store.writing() as tx:
        tx.network.describe(Facility("ORD"))
    world.with_network([*DEPARTURES, *AROUND])
    world.books_bag()
    world.scans(BAG_TAG, Kind.ACCEPT, "sea", at(1))
    world.clock.instant = at(1.5)
    world.fold()
    return world


def test_who_is_not_there_yet_goes_around_it_and_is_told_once(bag_in_seattle: World) -> None:
    world = bag_in_seattle
    closes(world, 6, 20)
    world.fold()
    assert legs(world) == [AROUND[0].name, AROUND[1].name]
    assert told(world) == [("leg_cancelled", AROUND[0].name)]
    (incident,) = world.queries.incidents()
    assert (incident.kind, incident.root, incident.pieces) == ("closed", "DEN", (BAG_TAG,))
    assert rebuild(world.store, world.clock) == {}
    world.clock.instant = at(1.6)
    world.fold()
    assert (told(world), len(legs(world))) == ([("leg_cancelled", AROUND[0].name)], 2)


def test_who_is_on_the_way_there_goes_on_once_it_is_open(bag_in_seattle: World) -> None:
    world = bag_in_seattle
    world.scans(BAG_TAG, Kind.LOAD, "sea", at(3.5), into=FEEDER)
    world.clock.instant = at(4.5)
    world.fold()
    closes(world, 6, 12)
    world.fold()
    assert legs(world) == [FEEDER, LATEST]  # LATER leaves while it is closed


def test_opened_again_before_anybody_was_planned_anew_nothing_has_happened(bag_in_seattle: World) -> None:
    world = bag_in_seattle
    closes(world, 6, 20)
    opens(world)
    world.fold()
    assert (legs(world), told(world), world.queries.incidents()) == ([FEEDER, ONWARD], [], ())
    with pytest.raises(DecisionError, match="not closed"):
        opens(world, key="again")
    assert rebuild(world.store, world.clock) == {}


def test_opened_later_who_was_planned_anew_stays_so_and_is_told_nothing_else(bag_in_seattle: World) -> None:
    world = bag_in_seattle
    closes(world, 6, 20)
    world.fold()
    opens(world)
    world.fold()
    assert (legs(world), len(told(world))) == ([AROUND[0].name, AROUND[1].name], 1)
    number = world.books_parcel()
    world.fold()
    assert ONWARD in legs(world, number)


def test_new_bookings_and_files_of_places_leave_a_closed_place_closed(bag_in_seattle: World, tmp_path) -> None:
    world = bag_in_seattle
    closes(world, 6, 20)
    world.fold()
    number = world.books_parcel()
    world.fold()
    assert AROUND[1].name in legs(world, number)
    file = tmp_path / "places.csv"
    file.write_text("code,kind,zone,country,name\nDEN,hub,America/Denver,US,Denver hub\n")
    network = Network(world.store, world.clock)
    assert [network.load([], facilities=[file]).facilities for _ in range(2)] == [1, 0]
    with world.store.writing() as tx:
        tx.network.describe(replace(PLACES[2], cutoff=timedelta(minutes=5)))
        assert [closure.reason for closure in tx.network.facilities()["DEN"].closures] == ["water in the cellar"]


@pytest.mark.parametrize(
    ("since", "until", "place", "why"),
    [
        (6, 6, "DEN", "later one"),
        (-3, -1, "DEN", "not in the past"),
        (6, 999, "DEN", "30 days"),
        (6, 8, "XXX", "no facility"),
    ],
)
def test_what_cannot_be_is_refused_by_name(world: World, since: float, until: float, place: str, why: str) -> None:
    world.with_network()
    with pytest.raises(DecisionError, match=why):
        closes(world, since, until, place=place)


def test_only_the_network_manager_closes_a_place_and_the_same_key_closes_it_once(world: World) -> None:
    world.with_network()
    with pytest.raises(NotAllowedError):
        closes(world, 6, 8, by=Staff("sam", Role.SUPPORT))
    closes(world, 6, 8)
    closes(world, 6, 8)
    world.fold()
    with world.store.reading() as tx:
        assert len(tx.network.facilities()["DEN"].closures) == 1


def test_many_are_planned_anew_in_batches_on_what_has_not_left_nor_is_closed(
    new_world: Callable[[], World],
) -> None:
    store = new_world().store
    fill_on_their_way(store, pieces=700, through=HUBS[0], seed=3)
    clock = StoppedClock(NOW)
    projector = Projector(store, clock)
    closing = CloseFacility(facility=HUBS[0], since=NOW, until=NOW + timedelta(days=1), reason="drill")
    Desk(store, clock).decide(closing, by=MANAGER, key="drill")
    assert projector.step() == 1  # that alone plans nobody
    batches = []
    while done := projector.judge_due():
        batches.append(done)
    assert (max(batches), sum(batches)) == (JUDGED_AT_ONCE, 700)
    with store.reading() as tx:
        told = {notice.piece for notice in tx.owed.unplanned(1000) if notice.notice.kind is NoticeKind.LEG_CANCELLED}
        assert told == set(range(1, 701))
        planned = [replan for known in tx.timelines.known(range(1, 701)) for replan in known.plan.replans]
        runs = tx.network.departures({leg.departure for replan in planned for leg in replan.legs})
        places = tx.network.facilities()
    assert len(planned) == 700
    for replan in planned:
        for leg in replan.legs:
            assert runs[leg.departure].left_at is None
            assert runs[leg.departure].leaves_at >= NOW
            assert places[leg.origin].works_at(leg.departs_at)


def test_a_place_is_closed_and_opened_from_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    World(new_database(tmp_path / "lastscan.db")).with_network().close()

    def call(*words: str) -> Result:
        return CliRunner().invoke(lastscan, [*words, "--home", str(tmp_path), "--json"], catch_exceptions=False)

    until = (datetime.now(UTC) + timedelta(hours=3)).isoformat()
    who = ("--by", "nora", "--reason", "snow")
    closing = ("network", "close", "DEN", "--from", "2026-11-21T18:00:00Z", "--until", until, *who, "--key", "k")
    answers = [json.loads(call(*closing).stdout) for _ in range(2)]
    assert answers == [{"event_key": "desk:nora#k", "again": False}, {"event_key": "desk:nora#k", "again": True}]
    assert json.loads(call("network", "reopen", "DEN", *who, "--key", "o").stdout)["again"] is False
    assert call("network", "close", "DEN", "--from", "18:00", "--until", until, *who).exit_code == 2
