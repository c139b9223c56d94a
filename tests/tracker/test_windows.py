"""Windows held against deliveries, by what had happened when each was shown."""

from tests.tracker.test_project import parcels_way, tell
from tests.tracker.test_rebuild import a_day
from tests.tracker.world import World
from tracker import transit
from tracker.domain.eta import STATED
from tracker.domain.handling import Kind
from tracker.domain.transit.tables import POINTS, Case, Transit
from tracker.project import rebuild
from tracker.project.windows import held
from tracker.queries import Queries


def test_only_what_was_delivered_is_held_against_its_windows(world: World) -> None:
    world.with_network()
    way = parcels_way(world.books_parcel())
    tell(world, way[:2], fold_each=True)
    assert held(world.store) == []


def test_each_moment_has_one_window_and_a_rebuild_finds_the_same(world: World) -> None:
    a_day(world)
    found = held(world.store)
    assert {each.after for each in found} <= {Kind.ACCEPT, Kind.LOAD, Kind.OUT_FOR_DELIVERY}
    assert found
    for each in found:
        assert each.stated is None
        assert each.windows == each.within + each.before + each.late == 1
    rebuild(world.store, world.clock)
    assert held(world.store) == found


def test_tables_put_in_force_state_a_confidence_on_the_card(world: World) -> None:
    world.with_network()
    tables = Transit("made up", {"": Case(0.1, 90)}, {"": tuple((n - 20) / 40 for n in range(1, POINTS + 1))})
    with world.store.writing() as tx:
        transit.put_in_force(tx, tables)
    number = world.books_parcel()
    tell(world, parcels_way(number)[:1], fold_each=True)
    card = Queries(world.store, world.clock).card(number)
    assert card is not None
    assert card.eta is not None
    assert card.eta.confidence == STATED
    assert rebuild(world.store, world.clock) == {}
