"""The timetable kept in mind is the one in the database, whatever was changed, committed or undone."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.domain.laws import trade
from tests.tracker.world import DEPARTURES, FEEDER, LATER, LATEST, ONWARD, PLACES, World, at
from tracker.domain.movements import Known
from tracker.domain.network import Departure
from tracker.domain.timetable import Wish
from tracker.planning import Planning

WISH = Wish(1, "SEA", "BOS", at(2))


def way(planning: Planning, world: World, wish: Wish = WISH) -> list[str] | None:
    with world.store.reading() as tx:
        found = planning.plan(tx, [wish])[1]
    return None if found is None else [leg.departure for leg in found.legs]


class UndoneError(Exception):
    pass


@given(
    st.lists(
        st.tuples(
            st.sampled_from([FEEDER, ONWARD, LATER, LATEST]),
            st.sampled_from([Known(), Known(cancelled=True), Known(left_at=at(1)), Known(estimated_departure=at(30))]),
            st.booleans(),
            st.booleans(),
        ),
        max_size=6,
    )
)
@settings(trade, max_examples=15)
def test_what_is_kept_prepared_answers_as_what_is_read_anew(
    shared: World, changes: list[tuple[str, Known, bool, bool]]
) -> None:
    kept = Planning()
    for name, known, asks_within, undone in changes:
        try:
            with shared.store.writing() as tx:
                tx.network.happened({name: known})
                if asks_within:
                    kept.plan(tx, [WISH])
                if undone:
                    raise UndoneError
        except UndoneError:
            pass
        assert way(kept, shared) == way(Planning(), shared)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> World:
    from tests.tracker.world import new_database

    return World(new_database(tmp_path_factory.mktemp("planning") / "one.db")).with_network()


def test_new_departures_and_places_are_heard_of(world: World) -> None:
    world.with_network()
    planning = Planning()
    assert way(planning, world) == [FEEDER, ONWARD]
    with world.store.writing() as tx:
        tx.network.keep_departures([Departure("AS30/2026-11-21", "SEA", "BOS", at(3), at(6))])
    assert way(planning, world) == ["AS30/2026-11-21"]
    with world.store.writing() as tx:
        tx.network.happened({"AS30/2026-11-21": Known(cancelled=True)})
        tx.network.describe(replace(PLACES[2], minimum_connection=timedelta(hours=3)))
    assert way(planning, world) == [FEEDER, LATER]


def test_a_full_departure_is_passed_over(world: World) -> None:
    world.with_network([*(replace(d, capacity=0) if d.name == ONWARD else d for d in DEPARTURES)])
    assert way(Planning(), world) == [FEEDER, LATER]
