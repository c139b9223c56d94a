"""The physical world: one piece, one place; no effect before its cause; every piece gets there."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_sim.journey import Freight, Handling, Run, Whereabouts, World
from tracker.domain.handling import Kind

DAWN = datetime(2026, 11, 22, 10, tzinfo=UTC)
PARCEL = Freight("LS123456785NL", is_bag=False, origin="SEA-ST", destination="BOS-ST")
BAG = Freight("0027123456", is_bag=True, origin="SEA", destination="BOS")
PLACES = ("SEA-ST", "SEA", "ORD", "BOS", "BOS-ST")


def runs(late: Sequence[int]) -> list[Run]:
    """From each place to the next every two hours; `late` minutes are handed out one departure after the other."""
    found = []
    for at, (origin, destination) in enumerate(pairwise(PLACES)):
        by_road = origin.endswith("ST") or destination.endswith("ST")
        for n in range(40):
            departs_at = DAWN + timedelta(hours=2 * n, minutes=13 * at)
            delay = timedelta(minutes=late[(at + 3 * n) % len(late)])
            hours = timedelta(hours=1 if by_road else 3)
            name = f"LS{at + 1}{n:02d}/{departs_at.date()}"
            found.append(
                Run(
                    name,
                    origin,
                    destination,
                    departs_at,
                    departs_at + hours,
                    left_at=departs_at + delay,
                    landed_at=departs_at + delay + hours,
                    by_road=by_road,
                )
            )
    return found


class Staff:
    """Plans as a tracker would: with the next departure that has not left, and on from where that ends."""

    def __init__(self, departures: Sequence[Run]) -> None:
        self.departures = departures
        self.freight = {freight.number: freight for freight in (PARCEL, BAG)}
        self.now = DAWN
        self.world: World | None = None

    def plan_of(self, number: str) -> list[str]:
        assert self.world is not None
        place, plan, at = self.world.where(number).facility, list[str](), self.now
        while place is not None and place != self.freight[number].destination:
            leg = next((r for r in self.departures if r.origin == place and r.left_at > at), None)
            if leg is None:
                break
            plan.append(leg.name)
            place, at = leg.destination, leg.landed_at + timedelta(minutes=30)
        return plan


def played(seed: int, late: Sequence[int], step: int = 6) -> tuple[World, list[Handling]]:
    staff = Staff(runs(late))
    world = World(seed, van_leaves=lambda _station, at: at + timedelta(hours=2))
    staff.world = world
    world.add_runs(staff.departures)
    world.hand_in(PARCEL, at=DAWN + timedelta(minutes=5))
    world.hand_in(BAG, at=DAWN + timedelta(minutes=25))
    happened: list[Handling] = []
    while world.under_way:
        assert world.next_at is not None
        staff.now = world.next_at + timedelta(minutes=step)
        happened += world.play(staff.now, staff.plan_of)
        assert staff.now < DAWN + timedelta(days=3), "it never gets there"
    return world, happened


worlds = st.builds(
    played,
    st.integers(0, 10**6),
    st.lists(st.integers(-15, 240), min_size=1, max_size=12),
    st.integers(1, 15),
)


@settings(max_examples=60, deadline=None)
@given(worlds)
def test_every_piece_is_delivered_after_at_least_six_handlings(world: tuple[World, list[Handling]]) -> None:
    for freight in (PARCEL, BAG):
        its = [h for h in world[1] if h.code == freight.number]
        assert its[0].kind == Kind.ACCEPT
        assert sum(h.kind == Kind.DELIVER for h in its) >= 1
        assert its[-1].kind == Kind.DELIVER
        assert len({(h.kind, h.facility, h.into) for h in its}) >= 6
        assert world[0].where(freight.number) == Whereabouts(done=True)


@settings(max_examples=60, deadline=None)
@given(worlds)
def test_a_piece_is_in_one_place_at_a_time_and_moves_only_by_a_departure_it_was_loaded_on(
    world: tuple[World, list[Handling]],
) -> None:
    known = {run.name: run for run in runs([0])}
    for freight in (PARCEL, BAG):
        place, loaded = freight.origin, None
        for h in (h for h in world[1] if h.code == freight.number):
            if h.kind in (Kind.UNLOAD, Kind.ARRIVE) and loaded is not None:
                place, loaded = known[loaded].destination, None
            assert h.facility == place
            if h.kind == Kind.LOAD:
                loaded = h.into


@settings(max_examples=60, deadline=None)
@given(worlds)
def test_nothing_happens_before_its_cause(world: tuple[World, list[Handling]]) -> None:
    happened = world[1]
    assert happened == sorted(happened, key=lambda h: h.at)
    left = {h.code: h.at for h in happened if h.is_card and h.kind == Kind.DEPART}
    landed = {h.code: h.at for h in happened if h.is_card and h.kind == Kind.ARRIVE}
    for freight in (PARCEL, BAG):
        aboard = None
        for h in (h for h in happened if h.code == freight.number):
            if h.kind == Kind.LOAD:
                assert h.at <= left[h.into or ""] + timedelta(seconds=15)
                aboard = h.into
            elif aboard is not None:
                assert h.at >= landed[aboard]
                aboard = None


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.lists(st.integers(-15, 240), min_size=1, max_size=12))
def test_a_seed_replays_exactly(seed: int, late: list[int]) -> None:
    assert played(seed, late)[1] == played(seed, late)[1]


def test_a_bag_that_comes_off_after_the_doors_closed_is_found_on_the_floor_and_goes_with_the_next() -> None:
    early, late = DAWN + timedelta(hours=2), DAWN + timedelta(hours=5)
    inbound = Run("AA1/2026-11-22", "SEA", "ORD", early, early, left_at=early, landed_at=late)
    missed = Run("AA2/2026-11-22", "ORD", "BOS", late, late, left_at=late + timedelta(minutes=20), landed_at=late)
    goes = late + timedelta(hours=2)
    instead = Run("AA3/2026-11-22", "ORD", "BOS", goes, goes, left_at=goes, landed_at=goes + timedelta(hours=2))
    world = World(1, van_leaves=lambda _station, at: at)
    world.add_runs([inbound, missed, instead])
    world.hand_in(BAG, at=DAWN)
    found = world.play(missed.left_at + timedelta(minutes=20), lambda _number: [inbound.name, missed.name])
    assert [h.kind for h in found if h.code == BAG.number and h.at > missed.left_at + timedelta(minutes=5)] == [
        Kind.SORT
    ]
    found = world.play(goes + timedelta(hours=3), lambda _number: [inbound.name, instead.name])
    assert [h.into for h in found if h.kind == Kind.LOAD] == [instead.name]
    assert world.where(BAG.number).done


def test_a_piece_found_aboard_after_a_restart_comes_off_where_its_departure_lands() -> None:
    run = Run("AA1/2026-11-22", "ORD", "BOS", DAWN, DAWN, left_at=DAWN, landed_at=DAWN + timedelta(hours=2))
    world = World(1, van_leaves=lambda _station, at: at)
    world.add_runs([run])
    world.go_on(BAG, Whereabouts(aboard=run.name), at=DAWN + timedelta(hours=1))
    found = world.play(DAWN + timedelta(hours=4), lambda _number: [run.name])
    assert [h.kind for h in found if h.code == BAG.number] == [Kind.UNLOAD, Kind.DELIVER]
