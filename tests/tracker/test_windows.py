"""Windows held against deliveries, by what had happened when each was shown."""

from tests.tracker.test_project import parcels_way, tell
from tests.tracker.test_rebuild import a_day
from tests.tracker.world import World
from tracker.domain.handling import Kind
from tracker.project import rebuild
from tracker.project.windows import held


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
