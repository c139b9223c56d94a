"""Folding the log again: whatever was damaged is mended, and no reader ever sees less than before (I9)."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.tracker.test_project import DEPARTED, MISSED, PowerCutError, card, missed, parcels_way, seen, tell
from tests.tracker.world import BAG_TAG, LATER, ONWARD, World, at
from tracker.domain.handling import Kind
from tracker.project import rebuild
from tracker.store import Store, Transaction
from tracker.store.schema import (
    departure_facts,
    departures,
    irregularities,
    piece_facts,
    planned_rides,
    timelines,
    unmatched,
)

FEW = settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
DERIVED = (piece_facts, departure_facts, unmatched, timelines, planned_rides, irregularities)


class Watched(Store):
    """A store that somebody looks into after each commit."""

    def __init__(self, engine: sa.Engine, look: Callable[[], None]) -> None:
        super().__init__(engine)
        self._look = look

    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        with super().writing() as tx:
            yield tx
        self._look()


def a_day(world: World) -> str:
    """A parcel that arrived, a bag that missed its connection, and a code that belongs to nothing."""
    world.with_network()
    number = world.books_parcel()
    world.books_bag()
    tell(
        world, [*parcels_way(number), *DEPARTED, *MISSED, ("LS123456785NL", Kind.SORT, "sea", 25.0, {})], fold_each=True
    )
    return number


def damage(world: World, rng: random.Random) -> None:
    """Rows of what is derived are lost, and others stand where they do not belong."""
    with world.store.writing() as tx:
        for table in rng.sample(DERIVED, rng.randint(1, len(DERIVED))):
            keys = list(table.primary_key)
            rows = tx.connection.execute(sa.select(*keys)).all()
            for row in rng.sample(rows, rng.randint(0, len(rows))):
                lost = [key == value for key, value in zip(keys, row, strict=True)]
                tx.connection.execute(sa.delete(table).where(*lost))
        if rng.random() < 0.5:
            tx.connection.execute(sa.update(departures).values(left_at=None, landed_at=at(9)))
        if rng.random() < 0.5:
            tx.timelines.attach([(1, pos) for pos in range(1, tx.log.head(), 3)])
            tx.timelines.attach_cards([(ONWARD, pos) for pos in range(1, tx.log.head(), 4)])
            tx.timelines.leave_unmatched([("nobody", tx.log.head(), "unknown number")])
        if rng.random() < 0.5:
            tx.connection.execute(sa.update(timelines).values(progress="{", judgement="?"))


@FEW
@given(rng=st.randoms(use_true_random=False))
def test_whatever_is_damaged_is_mended_and_nobody_hears_of_it(
    new_world: Callable[[], World], rng: random.Random
) -> None:
    world = new_world()
    a_day(world)
    before, owed, standings = seen(world), world.owed(), world.standings()
    with world.store.reading() as tx:
        head = tx.log.head()
    damage(world, rng)
    differed = rebuild(world.store, world.clock)
    assert (seen(world), world.owed(), world.standings()) == (before, owed, standings)
    assert [row["code"] for row in world.queries.unmatched()] == ["LS123456785NL"]
    assert differed.keys() <= {1, 2}
    with world.store.reading() as tx:
        assert tx.log.head() == head  # nothing was decided anew
        assert tx.network.room([ONWARD, LATER]) == {ONWARD: 999, LATER: 0}
    assert rebuild(world.store, world.clock) == {}


@FEW
@given(cut=st.integers(0, 60))
def test_no_reader_sees_less_while_the_log_is_folded_again_nor_when_that_is_killed(
    new_world: Callable[[], World], cut: int
) -> None:
    world = new_world()
    a_day(world)
    before, last = seen(world), world.queries.last_update()
    looked = 0

    def look() -> None:
        nonlocal looked
        looked += 1
        assert seen(world) == before

    done = 0

    def power_cut(*_: Any) -> None:
        nonlocal done
        done += 1
        if done > cut:
            raise PowerCutError

    watched = Watched(world.engine, look)
    sa.event.listen(watched.engine, "before_cursor_execute", power_cut)
    try:
        rebuild(watched, world.clock)
    except PowerCutError:
        pass
    finally:
        sa.event.remove(watched.engine, "before_cursor_execute", power_cut)
    look()
    assert rebuild(watched, world.clock) == {}
    assert looked > 4
    assert world.queries.last_update() == last  # no page is told of a change that was none


@FEW
@given(after=st.integers(1, 5), limit=st.sampled_from([1, 500]))
def test_what_is_new_while_the_log_is_folded_again_is_judged_and_told_once(
    new_world: Callable[[], World], after: int, limit: int
) -> None:
    world = new_world().with_network()
    number = world.books_parcel()
    tell(world, parcels_way(number)[:4])
    world.fold()
    looked = 0

    def live() -> None:
        nonlocal looked
        looked += 1
        if looked == after:
            tell(world, parcels_way(number)[4:])
            while world.projector.step(limit):
                pass

    assert rebuild(Watched(world.engine, live), world.clock) == {}
    world.fold()
    assert card(world, number).delivered
    told = [(cause.split(":")[0], outcome) for cause, outcome in world.owed()]
    assert told == [("delivered", "due")] if limit == 500 else [("delivered", "due"), ("out_for_delivery", "due")]


def test_a_scan_waits_and_its_bag_is_booked_while_the_log_is_folded_again(new_world: Callable[[], World]) -> None:
    for after in range(1, 9):  # commits of the rebuild before somebody books
        world = new_world().with_network()
        tell(world, [MISSED[0]], fold_each=True)
        looked = 0

        def live() -> None:
            nonlocal looked
            looked += 1
            if looked == after:  # noqa: B023
                world.books_bag()  # noqa: B023

        rebuild(Watched(world.engine, live), world.clock)
        if looked < after:
            assert after > 3
            return
        world.fold()
        assert Kind.ACCEPT in {entry.kind for entry in card(world, BAG_TAG).entries}


def test_what_is_found_only_by_folding_again_is_shown_and_told_to_nobody(world: World) -> None:
    world.with_network()
    world.books_bag()
    tell(world, [*MISSED[:2], (BAG_TAG, Kind.UNLOAD, "den", 7.2, {}), *DEPARTED[2:4]])
    world.fold()
    with world.store.writing() as tx:  # as if the rule had been wrong until now
        tx.connection.execute(sa.update(departures).where(departures.c.name == ONWARD).values(left_at=None))
    tell(world, [(BAG_TAG, Kind.SORT, "den", 8.3, {})])
    world.fold()
    tell(world, [DEPARTED[4]])
    with world.store.writing() as tx:
        tx.log.move("project", tx.log.head())
    assert missed(world) == []
    assert len(rebuild(world.store, world.clock)) == 1
    assert missed(world) == [(ONWARD, True)]
    assert [(cause.split(":")[0], outcome) for cause, outcome in world.owed()] == [("missed_connection", "muted")]
