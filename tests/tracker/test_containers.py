"""Pieces in bags, bags in unit load devices, those on departures: through the log and the projector."""

import random
from collections.abc import Callable

import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.tracker.test_project import DEPARTED, Step, card, missed, standing_notices, tell, tell_late
from tests.tracker.world import BAG_TAG, FEEDER, LATER, ONWARD, World, at
from tracker.domain.handling import Kind
from tracker.domain.rules import IrregularityKind
from tracker.project import rebuild
from tracker.store.engine import open_engine
from tracker.store.migrations import migrate
from tracker.store.schema import container_facts, contents, unmatched

FEW = settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
chance = st.randoms(use_true_random=False)

CAGE, ULD, SSCC = "CAGE-12", "AKE12345LH", "340123451234567895"

NESTED: list[Step] = [
    (BAG_TAG, Kind.ACCEPT, "sea", 1.0, {}),
    (BAG_TAG, Kind.PACK, "sea", 1.2, {"into": CAGE}),
    (CAGE, Kind.LOAD, "sea", 2.0, {"into": ULD}),
    (ULD, Kind.LOAD, "sea", 3.5, {"into": FEEDER}),
    (ULD, Kind.UNLOAD, "den", 7.2, {}),
]
ONWARDS: list[Step] = [(ULD, Kind.LOAD, "den", 7.8, {"into": ONWARD}), (ULD, Kind.UNLOAD, "bos", 12.3, {})]
BROKEN_DOWN: list[Step] = [(ULD, Kind.UNPACK, "bos", 12.5, {}), (CAGE, Kind.UNPACK, "bos", 12.7, {})]


def listed(world: World, departure: str) -> tuple[list[str], list[str]]:
    """Who is short of a departure's load list, and who is over."""
    found = world.queries.load_list(departure)
    assert found is not None
    return [piece.number for piece in found.short], [piece.number for piece in found.over]


def derived(world: World) -> tuple[object, ...]:
    with world.store.reading() as tx:
        rows = [set(map(tuple, tx.connection.execute(sa.select(table)))) for table in (container_facts, contents)]
    found = card(world, BAG_TAG)
    entries = [(entry.kind, entry.facility.code, entry.happened_at, entry.via) for entry in found.entries]
    return world.standings(), standing_notices(world), rows[1], entries, found.irregularities, found.inside


def test_a_bag_in_a_cage_in_a_unit_load_device_catches_its_flights_unscanned(world: World) -> None:
    world.with_network()
    world.books_bag()
    tell(world, [*NESTED, *DEPARTED[2:4]], fold_each=True)
    inside = card(world, BAG_TAG)
    assert inside.inside == (CAGE, ULD)
    assert inside.facility is not None
    assert inside.facility.code == "DEN"
    assert [(leg.departure.name, leg.ridden) for leg in inside.legs] == [(FEEDER, True), (ONWARD, False)]
    assert [(entry.kind, entry.via) for entry in inside.entries] == [
        (Kind.BOOK, None),
        (Kind.ACCEPT, None),
        (Kind.PACK, None),
        (Kind.LOAD, CAGE),
        (Kind.LOAD, ULD),
        (Kind.UNLOAD, ULD),
    ]
    tell(world, [*ONWARDS, *DEPARTED[4:6], *BROKEN_DOWN], fold_each=True)
    arrived = card(world, BAG_TAG)
    assert arrived.inside == ()
    assert all(leg.ridden for leg in arrived.legs)
    assert arrived.irregularities == ()
    world.scans(CAGE, Kind.ARRIVE, "sea", at(20))  # used again
    world.fold()
    assert card(world, BAG_TAG).entries == arrived.entries
    assert world.queries.unmatched() == []


def test_on_postgresql_a_cage_is_filled_moved_and_mended_the_same(new_postgres_url: Callable[[], str]) -> None:
    engine = open_engine(new_postgres_url())
    migrate(engine)
    world = World(engine).with_network()
    try:
        world.books_bag()
        tell(world, [*NESTED, *DEPARTED[2:4]])
        world.fold()
        assert card(world, BAG_TAG).inside == (CAGE, ULD)
        assert listed(world, FEEDER) == ([], [])
        before = derived(world)
        with world.store.writing() as tx:
            tx.connection.execute(sa.delete(contents))
        rebuild(world.store, world.clock)
        assert derived(world) == before
        tell(world, [(SSCC, Kind.ARRIVE, "den", 8.0, {}), (ULD, Kind.LOAD, "den", 8.1, {"into": LATER})])
        world.fold()
        assert [row["number"] for row in world.queries.unmatched()] == [SSCC]
        assert listed(world, LATER) == ([], [BAG_TAG])
    finally:
        world.close()


def test_what_a_device_left_behind_left_its_pieces_behind(world: World) -> None:
    world.with_network()
    world.books_bag()
    tell(world, [*NESTED, (ULD, Kind.SORT, "den", 8.5, {}), *DEPARTED[2:5]])
    world.fold()
    assert missed(world) == [(ONWARD, True)]
    assert card(world, BAG_TAG).legs[-1].departure.name == LATER


def test_a_load_list_shows_who_is_short_and_who_is_over(world: World) -> None:
    world.with_network()
    world.books_bag()
    other = world.books_bag("0220999999")
    tell(world, [*NESTED[:4]])
    world.fold()
    assert listed(world, FEEDER) == ([other], [])
    tell(world, [NESTED[4], (ULD, Kind.LOAD, "den", 7.5, {"into": LATER})])
    world.fold()
    assert listed(world, LATER) == ([], [BAG_TAG])
    over = [i for i in card(world, BAG_TAG).irregularities if i.kind is IrregularityKind.OVERAGE]
    assert [(i.subject, i.open) for i in over] == [(LATER, True)]
    tell(world, [(ULD, Kind.UNLOAD, "den", 7.6, {}), ONWARDS[0]])
    world.fold()
    assert listed(world, LATER) == ([], [])
    assert listed(world, ONWARD) == ([other], [])


def test_a_withdrawn_pack_takes_back_all_that_the_cage_told(world: World) -> None:
    world.with_network()
    world.books_bag()
    tell(world, NESTED)
    world.fold()
    made = world.device("sea")
    world.scans(BAG_TAG, Kind.VOID, "sea", at(9), x={"void": [made.ep, 2]})
    world.fold()
    found = card(world, BAG_TAG)
    assert found.inside == ()
    assert {entry.via for entry in found.entries} == {None}
    assert found.facility is not None
    assert found.facility.code == "SEA"
    with world.store.reading() as tx:
        assert tx.connection.execute(sa.select(contents)).all() == []


def test_a_later_scan_of_the_bag_itself_corrects_what_its_container_said(world: World) -> None:
    world.with_network()
    world.books_bag()
    tell(world, [*NESTED, (BAG_TAG, Kind.ARRIVE, "sea", 7.5, {}), *ONWARDS])
    world.fold()
    found = card(world, BAG_TAG)
    assert found.facility is not None
    assert (found.facility.code, found.inside) == ("SEA", ())


def test_a_pallet_nobody_booked_is_a_container_once_something_is_on_it(world: World) -> None:
    world.with_network()
    world.books_bag()
    tell(world, [(SSCC, Kind.ARRIVE, "sea", 1.0, {})])
    world.fold()
    assert [row["why"] for row in world.queries.unmatched()] == ["unknown number"]
    tell(world, [(BAG_TAG, Kind.PACK, "sea", 1.5, {"into": f"(00){SSCC}"}), (f"00{SSCC}", Kind.ARRIVE, "den", 7.0, {})])
    world.fold()
    assert world.queries.unmatched() == []
    assert card(world, BAG_TAG).inside == (SSCC,)
    with world.store.reading() as tx:  # it may be booked yet
        assert tx.connection.execute(sa.select(sa.func.count(sa.distinct(unmatched.c.pos)))).scalar() == 2


STORY: list[Step] = [
    *NESTED,
    *ONWARDS,
    *BROKEN_DOWN,
    (CAGE, Kind.ARRIVE, "sea", 20.0, {}),
    (BAG_TAG, Kind.SORT, "bos", 13.0, {}),
]


@FEW
@given(rng=chance)
def test_order_repeats_and_batches_never_matter(new_world: Callable[[], World], rng: random.Random) -> None:
    told, late = new_world().with_network(), new_world().with_network()
    for each in (told, late):
        each.books_bag()
        each.clock.instant = at(30)
    tell_late(told, STORY, random.Random(0), now=30)
    tell_late(late, [*STORY], rng, now=30)
    assert derived(late) == derived(told)
    assert rebuild(late.store, late.clock) == {}


@FEW
@given(rng=chance)
def test_what_is_lost_of_containers_is_mended(new_world: Callable[[], World], rng: random.Random) -> None:
    world = new_world().with_network()
    world.books_bag()
    tell(world, [*STORY, *DEPARTED[2:6]])
    world.fold()
    before = derived(world)
    with world.store.writing() as tx:
        for table in rng.sample((container_facts, contents), rng.randint(1, 2)):
            tx.connection.execute(sa.delete(table))
        if rng.random() < 0.5:
            tx.containers.attach([("CAGE-99", at(3), 1), (ULD, at(3), 2)])
    rebuild(world.store, world.clock)
    assert derived(world) == before
    with world.store.reading() as tx:
        assert set(tx.connection.execute(sa.select(container_facts.c.container)).scalars()) == {CAGE, ULD}
    assert rebuild(world.store, world.clock) == {}
