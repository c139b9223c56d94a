"""Timetables and facilities taken in from files: what fits is known, what does not is named and put aside."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.domain.laws import trade
from tests.tracker.world import FEEDER, LATER, NOON, ONWARD, VAN_IN, VAN_OUT, World, at
from tracker.domain.errors import BadNetworkError, FeedExistsError
from tracker.domain.handling import MOVEMENT
from tracker.domain.movements import Known
from tracker.domain.network import ConnectionTime, Departure, FacilityKind, Side
from tracker.network import DepartureUpdate, Loaded, Network, Told
from tracker.project import rebuild
from tracker.store import Store

HEADER = "flight,origin,dest,sched_dep_utc,actual_dep_utc,sched_arr_utc,actual_arr_utc"


def load(world: World, folder: Path, *lines: str, header: str = HEADER, facilities: Path | None = None) -> Loaded:
    file = folder / "departures.csv"
    file.write_text("\n".join((header, *lines)) + "\n")
    return Network(world.store, world.clock).load([file], facilities=[facilities] if facilities else [])


def names(world: World) -> list[str]:
    with world.store.reading() as tx:
        until = NOON + timedelta(days=30)
        return sorted(d.name for d in tx.network.timetable(since=NOON - timedelta(days=30), until=until))


LEAVES = "LH0716,FRA,HND,2026-11-21T12:40Z,,2026-11-22T00:45Z,"


def test_a_timetable_is_taken_once_however_often_it_is_loaded(world: World, tmp_path: Path) -> None:
    first = load(world, tmp_path, LEAVES)
    assert (first.lines, first.added, first.changed, first.facilities) == (1, 1, 0, 2)
    again = load(world, tmp_path, LEAVES)
    assert (again.added, again.changed, again.facilities, again.misfits) == (0, 0, 0, [])
    later = load(world, tmp_path, LEAVES.replace("12:40Z", "13:10Z"))
    assert (later.added, later.changed) == (0, 1)
    with world.store.reading() as tx:
        (departure,) = tx.network.departures(["LH716/2026-11-21"]).values()
        assert departure.departs_at == datetime(2026, 11, 21, 13, 10, tzinfo=UTC)
        assert tx.network.facilities()["HND"].zone == "Asia/Tokyo"


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("LH1,FRA,HND,2026-11-21T12:40Z,,2026-11-21T12:40Z,", "arrives_before_it_leaves"),
        ("LH1,FRA,QQQ9,2026-11-21T12:40Z,,2026-11-21T13:40Z,", "unknown_facility"),
        ("LH1,FRA,HND,2026-11-21T12:40,,2026-11-21T13:40Z,", "bad_time"),
        ("LH1,FRA,HND,yesterday,,2026-11-21T13:40Z,", "bad_time"),
        ("LH1,FRA,HND,,,2026-11-21T13:40Z,", "bad_time"),
        ("LH1,FRA,FRA,2026-11-21T12:40Z,,2026-11-21T13:40Z,", "goes_nowhere"),
        ("flight 1,FRA,HND,2026-11-21T12:40Z,,2026-11-21T13:40Z,", "bad_name"),
        ("LH1,F!,HND,2026-11-21T12:40Z,,2026-11-21T13:40Z,", "bad_name"),
        ("LH1,FRA", "short_line"),
        (LEAVES, "same_flight_twice"),
    ],
)
def test_a_line_that_makes_no_sense_is_named_and_put_aside_and_the_rest_goes_on(
    world: World, tmp_path: Path, line: str, why: str
) -> None:
    loaded = load(world, tmp_path, LEAVES, line, LEAVES.replace("LH0716", "LH718"))
    assert loaded.added == 2
    assert [(misfit.line.number, misfit.why) for misfit in loaded.misfits] == [(3, why)]
    assert world.aside() == [why]


def test_a_file_of_another_kind_is_refused_whole(world: World, tmp_path: Path) -> None:
    with pytest.raises(BadNetworkError, match="no column sched_dep_utc"):
        load(world, tmp_path, "LH1,FRA,HND", header="flight,origin,dest")


def test_a_tail_that_would_be_in_two_places_is_left_out(world: World, tmp_path: Path) -> None:
    loaded = load(
        world,
        tmp_path,
        "LH1,FRA,HND,2026-11-21T12:00Z,,2026-11-21T14:00Z,,D-AIXA,0",
        "LH2,FRA,OSL,2026-11-21T13:00Z,,2026-11-21T15:00Z,,D-AIXA,0",
        "LH3,HND,OSL,2026-11-21T14:00Z,,2026-11-21T15:00Z,,D-AIXA,0",
        header=HEADER + ",tail,cancelled",
    )
    assert [(misfit.line.number, misfit.why) for misfit in loaded.misfits] == [(3, "tail_in_two_places")]
    with world.store.reading() as tx:
        known = tx.network.departures(names(world))
    assert [d.tail for d in known.values()] == ["D-AIXA", None, "D-AIXA"]


def test_a_run_that_leaves_several_places_on_one_day_says_where_from(world: World, tmp_path: Path) -> None:
    legs = (
        "WN12,DAL,HOU,2026-11-21T12:00Z,,2026-11-21T13:00Z,",
        "WN12,HOU,MSY,2026-11-21T13:30Z,,2026-11-21T14:30Z,",
    )
    load(world, tmp_path, *legs)
    assert names(world) == ["WN12/2026-11-21", "WN12/2026-11-21/HOU"]
    load(world, tmp_path, *reversed(legs))
    assert names(world) == ["WN12/2026-11-21", "WN12/2026-11-21/HOU"]


def test_a_code_share_is_one_departure_with_several_names(world: World, tmp_path: Path) -> None:
    load(world, tmp_path, LEAVES + ",UA8840 NH0204", header=HEADER + ",also_as")
    asked = ["LH716/2026-11-21", "UA8840/2026-11-21", "NH204/2026-11-21", "NH205/2026-11-21"]
    with world.store.reading() as tx:
        assert tx.network.known_as(asked) == dict.fromkeys(asked[:3], "LH716/2026-11-21")


def test_facilities_come_from_csv_with_names_in_each_language_and_a_calendar(world: World, tmp_path: Path) -> None:
    file = tmp_path / "places.csv"
    file.write_text(
        "code,kind,zone,country,name,name:zh-Hans,minimum_connection_min,cutoff_min,sort_points,rest_days,calendar\n"
        "FRA-H,hub,Europe/Berlin,DE,Frankfurt hub,法兰克福转运中心,50,35,belt-1 belt-2,sat,DE\n"
        "FRA-X,hub,Europe/Nowhere,DE,,,,,,,\n"
    )
    loaded = load(world, tmp_path, "LS1,FRA-H,FRA,2026-11-20T12:00Z,,2026-11-20T12:30Z,", facilities=file)
    assert [misfit.why for misfit in loaded.misfits] == ["bad_facility"]
    with world.store.reading() as tx:
        place = tx.network.facilities()["FRA-H"]
        (run,) = tx.network.departures(["LS1/2026-11-20"]).values()
    assert (place.kind, place.name("zh-Hans"), place.sort_points) == (
        FacilityKind.HUB,
        "法兰克福转运中心",
        ("belt-1", "belt-2"),
    )
    assert run.cutoff == timedelta(minutes=35)
    assert not place.works_on(date(2026, 11, 22))  # a Sunday
    assert not place.works_on(date(2026, 12, 25))
    assert place.works_on(date(2026, 11, 23))
    assert place.handled_from(datetime(2026, 11, 21, 9, tzinfo=UTC)) == datetime(2026, 11, 22, 23, tzinfo=UTC)


def test_facilities_come_from_json_with_the_connection_times_of_terminals_and_carriers(
    world: World, tmp_path: Path
) -> None:
    file = tmp_path / "places.json"
    rules = [
        {"minimum_min": 60, "inbound_terminal": "1", "outbound_terminal": "2"},
        {"minimum_min": 35, "inbound_carrier": "LH"},
    ]
    file.write_text(json.dumps([{"code": "FRA", "kind": "hub", "minimum_connection_min": 45, "connections": rules}]))
    Network(world.store, world.clock).load([], facilities=[file])
    with world.store.reading() as tx:
        place = tx.network.facilities()["FRA"]
    assert place.zone == "Europe/Berlin"
    assert place.connections[1] == ConnectionTime(timedelta(minutes=35), "LH")
    sides = [(Side("LH", "1"), Side("LH", "2")), (Side("LH", "1"), Side("LH", "1")), (Side("UA", "1"), Side("LH", "1"))]
    assert [place.connection(*each) / timedelta(minutes=1) for each in sides] == [60, 35, 45]


def tell(world: World, departure: str, *, true_at: datetime = NOON, **said: datetime | bool | None) -> Told:
    told = Network(world.store, world.clock).tell("ops", [DepartureUpdate(departure, true_at, said)])
    world.fold()
    return told


def departure(world: World, name: str) -> Departure:
    with world.store.reading() as tx:
        return tx.network.departures([name])[name]


def test_a_departure_kept_in_memory_is_as_the_database_has_it_whoever_changed_it(world: World) -> None:
    world.with_network()
    before = departure(world, ONWARD)
    other = Store(world.engine)  # as another process would
    with other.writing() as tx:
        tx.network.happened({ONWARD: Known(left_at=NOON)})
    assert departure(world, ONWARD) == replace(before, left_at=NOON)
    assert departure(world, FEEDER).left_at is None


def test_a_departure_is_not_kept_in_memory_as_a_transaction_had_it_that_was_undone(world: World) -> None:
    world.with_network()
    with world.store.writing() as tx:
        tx.network.happened({ONWARD: Known(left_at=NOON)})
        assert tx.network.departures([ONWARD])[ONWARD].left_at == NOON
        tx.connection.rollback()
    assert departure(world, ONWARD).left_at is None


def test_whoever_is_planned_on_a_cancelled_departure_gets_another_way(world: World) -> None:
    world.with_network()
    number = world.books_parcel()
    world.fold()
    tell(world, ONWARD, cancelled=True)
    card = world.queries.card(number)
    assert card is not None
    assert [leg.departure.name for leg in card.legs] == [VAN_OUT, FEEDER, LATER, VAN_IN]
    (notice,) = world.news()
    assert (notice.kind, notice.departure, notice.why.values["departure"]) == ("leg_cancelled", VAN_OUT, ONWARD)
    assert rebuild(world.store, world.clock) == {}
    assert departure(world, ONWARD).cancelled


@given(st.permutations(range(4)))
@settings(trade, max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_updates_heard_in_any_order_and_twice_come_to_the_same(
    new_world: Callable[[], World], order: list[int]
) -> None:
    world = new_world().with_network()
    said: list[dict[str, datetime | None]] = [
        {"estimated_departure": at(5)},
        {"estimated_departure": at(6), "estimated_arrival": at(9)},
        {"estimated_arrival": None},
        {"left_at": at(6.5)},
    ]
    for n in [*order, order[0]]:
        tell(world, FEEDER, true_at=NOON - timedelta(minutes=10 - n), **said[n])
    known = departure(world, FEEDER)
    assert (known.estimated_departure, known.estimated_arrival, known.left_at) == (at(6), None, at(6.5))


def test_what_is_said_of_a_departure_nobody_knows_waits_for_its_timetable(world: World, tmp_path: Path) -> None:
    assert tell(world, "LH716/2026-11-21", cancelled=True).unknown == ("LH716/2026-11-21",)
    load(world, tmp_path, LEAVES)
    world.fold()
    assert departure(world, "LH716/2026-11-21").cancelled


def test_actual_times_of_a_file_are_facts_and_are_told_once(world: World, tmp_path: Path) -> None:
    flown = "LH0716,FRA,HND,2026-11-20T12:40Z,2026-11-20T12:52Z,2026-11-21T00:45Z,2026-11-21T00:40Z"
    assert [load(world, tmp_path, flown).told for _ in range(2)] == [1, 0]
    world.fold()
    known = departure(world, "LH716/2026-11-20")
    assert known.left_at == datetime(2026, 11, 20, 12, 52, tzinfo=UTC)
    assert known.landed_at == datetime(2026, 11, 21, 0, 40, tzinfo=UTC)


def test_a_scan_cannot_pass_for_what_a_feed_says(world: World) -> None:
    world.with_network()
    world.scans(FEEDER, MOVEMENT, "sea", at(1))
    world.fold()
    assert departure(world, FEEDER).takes_pieces


def test_a_feed_is_known_by_its_key_until_it_is_revoked(world: World) -> None:
    network = Network(world.store, world.clock)
    key = network.add_feed("ops")
    assert network.feed_of(key) == "ops"
    with pytest.raises(FeedExistsError):
        network.add_feed("ops")
    assert network.revoke_feed("ops")
    assert network.feed_of(key) is None
    assert not network.revoke_feed("ops")


def test_the_examples_of_the_manual_can_be_loaded(world: World, tmp_path: Path) -> None:
    manual = (Path(__file__).parents[2] / "docs" / "network.md").read_text("utf-8")
    blocks = re.findall(r"```(csv|json)\n(.*?)```", manual, re.DOTALL)
    files = []
    for n, (form, text) in enumerate(blocks):
        files.append(tmp_path / f"{n}.{form}")
        files[-1].write_text(text, "utf-8")
    departures, *places = files
    loaded = Network(world.store, world.clock).load([departures], facilities=places)
    assert (loaded.added, loaded.facilities, loaded.misfits) == (2, 3, [])
