"""From facts to timelines, irregularities and notices: whatever order they came in, however often we crash."""

import random
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.tracker.world import (
    BAG_TAG,
    DEPARTURES,
    FEEDER,
    LATER,
    LATEST,
    NOON,
    ONWARD,
    VAN_IN,
    VAN_OUT,
    World,
    at,
)
from tracker.domain.booking import BookedPiece
from tracker.domain.card import PieceCard
from tracker.domain.handling import Kind
from tracker.domain.rules import IrregularityKind
from tracker.domain.shipment import PieceKind
from tracker.domain.timeline import State
from tracker.project import rebuild
from tracker.store.schema import updates

FEW = settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


class PowerCutError(BaseException):
    """The tracker's machine went off."""


Step = tuple[str, str, str, float, dict[str, Any]]  # code, kind, site, hours after noon, and the rest


def parcels_way(number: str) -> list[Step]:
    """A parcel that catches everything it was booked on."""
    return [
        (number, Kind.ACCEPT, "sea-st", 1.0, {}),
        (number, Kind.SORT, "sea-st", 1.3, {}),
        (number, Kind.LOAD, "sea-st", 1.8, {"into": VAN_OUT}),
        (number, Kind.ARRIVE, "sea", 3.1, {}),
        (number, Kind.LOAD, "sea", 3.8, {"into": FEEDER}),
        (number, Kind.UNLOAD, "den", 7.2, {}),
        (number, Kind.LOAD, "den", 7.8, {"into": ONWARD}),
        (number, Kind.UNLOAD, "bos", 12.3, {}),
        (number, Kind.LOAD, "bos", 19.5, {"into": VAN_IN}),
        (number, Kind.ARRIVE, "bos-st", 21.1, {}),
        (number, Kind.OUT_FOR_DELIVERY, "bos-st", 22.0, {}),
        (number, Kind.DELIVER, "bos-st", 24.5, {}),
    ]


DEPARTED: list[Step] = [
    (VAN_OUT, Kind.DEPART, "sea-st", 2.0, {}),
    (VAN_OUT, Kind.ARRIVE, "sea", 3.0, {}),
    (FEEDER, Kind.DEPART, "sea", 4.0, {}),
    (FEEDER, Kind.ARRIVE, "den", 7.0, {}),
    (ONWARD, Kind.DEPART, "den", 8.0, {}),
    (ONWARD, Kind.ARRIVE, "bos", 12.0, {}),
    (VAN_IN, Kind.DEPART, "bos", 20.0, {}),
    (VAN_IN, Kind.ARRIVE, "bos-st", 21.0, {}),
]

MISSED: list[Step] = [
    (BAG_TAG, Kind.ACCEPT, "sea", 1.0, {}),
    (BAG_TAG, Kind.LOAD, "sea", 3.5, {"into": FEEDER}),
    (BAG_TAG, Kind.UNLOAD, "den", 8.5, {}),
]


def card(world: World, number: str) -> PieceCard:
    found = world.queries.card(number)
    assert found is not None
    return found


def missed(world: World, number: str = BAG_TAG) -> list[tuple[str, bool]]:
    found = card(world, number).irregularities
    return [(i.subject, i.open) for i in found if i.kind is IrregularityKind.MISSED_CONNECTION]


def tell(world: World, story: list[Step], *, fold_each: bool = False) -> None:
    for code, kind, site, hours, more in sorted(story, key=lambda step: step[3]):
        world.scans(code, kind, site, at(hours), **more)
        if fold_each:
            world.fold()


def tell_late(world: World, story: list[Step], rng: random.Random, *, now: float) -> None:
    """Everything was scanned off line and comes in any order, folded in between whenever."""
    world.clock.instant = at(now)
    for site in {step[2] for step in story}:  # each device is heard once first, so that its clock is known
        device = world.device(site)
        world.hears(device.says(device.hello(last=0, sent=at(now)), at(now)))
    records = []
    for code, kind, site, hours, more in story:
        device = world.device(site)
        records.append((device, device.scan(code, kind, when=at(hours), **more)))
    rng.shuffle(records)
    for device, record in records:
        world.hears(device.says(device.scans(record, sent=at(now)), at(now)))
        if rng.random() < 0.4:
            world.projector.step(limit=rng.choice([1, 3, 500]))
    world.fold(limit=rng.choice([1, 500]))


# --- the whole way --------------------------------------------------------------------------------------------------


def test_what_was_judged_by_a_clock_that_ran_ahead_is_judged_again(world: World):
    world.with_network()
    number = world.books_parcel()
    tell(world, [(number, Kind.ACCEPT, "sea-st", 1.0, {})], fold_each=True)
    before = card(world, number)
    world.clock.instant += timedelta(days=3)
    while world.sweep.step():
        pass
    assert IrregularityKind.LATE in {i.kind for i in card(world, number).irregularities}
    world.start()  # whoever set the clock right has started us anew
    world.clock.instant -= timedelta(days=3)
    while world.sweep.step():
        pass
    assert card(world, number).irregularities == before.irregularities
    assert not rebuild(world.store, world.clock)


def test_a_parcel_that_catches_everything_is_delivered_and_its_consignee_told_twice(world: World) -> None:
    world.with_network()
    number = world.books_parcel()
    tell(world, [*parcels_way(number), *DEPARTED], fold_each=True)
    shown = card(world, number)
    assert shown.delivered
    assert len(shown.entries) == 13
    assert shown.irregularities == ()
    assert [cause.split(":")[0] for cause, _ in world.owed()] == ["delivered", "out_for_delivery"]
    assert [(leg.departure.name, leg.ridden) for leg in shown.legs] == [
        (name, True) for name in (VAN_OUT, FEEDER, ONWARD, VAN_IN)
    ]


def test_a_departure_left_and_landed_when_its_card_was_scanned_there(world: World) -> None:
    world.with_network()
    tell(world, [*DEPARTED[:3], (FEEDER, Kind.DEPART, "bos", 3.0, {})])  # a card scanned elsewhere says nothing
    world.fold()
    with world.store.reading() as tx:
        known = tx.network.departures([VAN_OUT, FEEDER])
    assert (known[VAN_OUT].left_at, known[VAN_OUT].landed_at) == (at(2), at(3))
    assert (known[FEEDER].left_at, known[FEEDER].landed_at) == (at(4), None)


def test_a_withdrawn_departure_has_not_left(world: World) -> None:
    world.with_network()
    tell(world, [DEPARTED[0]])
    world.fold()
    made = world.device("sea-st")
    world.scans(VAN_OUT, Kind.VOID, "sea-st", at(2.1), x={"void": [made.ep, 1]})
    world.fold()
    with world.store.reading() as tx:
        assert tx.network.departures([VAN_OUT])[VAN_OUT].left_at is None


def test_a_card_scanned_before_its_run_is_in_the_timetable_counts_once_it_is(world: World) -> None:
    world.with_network([departure for departure in DEPARTURES if departure.name != VAN_OUT])
    tell(world, DEPARTED[:3])
    world.fold()
    assert [row["why"] for row in world.queries.unmatched()] == ["unknown departure", "unknown departure"]
    world.with_network()
    world.fold()
    assert world.queries.unmatched() == []
    with world.store.reading() as tx:
        known = tx.network.departures([VAN_OUT])[VAN_OUT]
    assert (known.left_at, known.landed_at) == (at(2), at(3))


def test_a_departure_judges_every_piece_planned_on_it(world: World) -> None:
    world.with_network()
    bags = [world.books_bag(f"022012345{n}") for n in range(3)]
    for bag in bags:
        world.scans(bag, Kind.ACCEPT, "sea", at(1))
    world.fold()
    for bag in bags[:2]:
        world.scans(bag, Kind.SORT, "sea", at(4.5))
    tell(world, [(FEEDER, Kind.DEPART, "sea", 4.0, {})])
    world.fold()
    assert [missed(world, bag) for bag in bags] == [[(FEEDER, True)], [(FEEDER, True)], []]


# --- missed connections ---------------------------------------------------------------------------------------------


def test_a_bag_that_misses_its_connection_goes_with_the_next_and_one_mail_is_owed(world: World) -> None:
    world.with_network()
    world.books_bag()
    tell(world, [*MISSED, *DEPARTED[2:5]], fold_each=True)
    assert missed(world) == [(ONWARD, True)]
    assert [leg.departure.name for leg in card(world, BAG_TAG).legs] == [FEEDER, ONWARD, LATER]
    assert [leg.missed for leg in card(world, BAG_TAG).legs] == [False, True, False]
    assert [cause.split(":")[0] for cause, _ in world.owed()] == ["missed_connection"]
    world.fold()
    assert len(world.owed()) == 1


def test_a_replan_takes_no_more_room_than_there_is(world: World) -> None:
    world.with_network()
    bags = [f"022012345{n}" for n in range(3)]
    for bag in bags:
        world.books_bag(bag)
    story = [(bag, kind, site, hours, more) for bag in bags for _, kind, site, hours, more in MISSED]
    tell(world, [*story, *DEPARTED[2:5]])
    world.fold()
    taken = [card(world, bag).legs[-1].departure.name for bag in bags]
    assert sorted(taken) == [LATER, LATEST, LATEST]  # LATER has room for one


def test_a_load_that_comes_late_takes_back_what_was_told(world: World) -> None:
    world.with_network()
    world.books_bag()
    silent = world.device("den", "h-silent")
    loaded = silent.scan(BAG_TAG, Kind.LOAD, when=at(7.9), into=ONWARD)
    tell(world, [*MISSED[:2], (BAG_TAG, Kind.UNLOAD, "den", 7.2, {}), *DEPARTED[2:5]])
    other = world.device("den", "h-clock")  # somebody scans the bag's tag far behind its plan
    sighted = other.scan(BAG_TAG, Kind.SORT, when=at(8.2))
    world.clock.instant = at(8.4)
    world.hears(other.says(other.scans(sighted, sent=at(8.4)), at(8.4)))
    world.fold()
    assert missed(world) == [(ONWARD, True)]
    withdrawn = other.scan(BAG_TAG, Kind.VOID, when=at(8.5), x={"void": [other.ep, 1]})
    world.clock.instant = at(9)
    world.hears(other.says(other.scans(withdrawn, sent=at(9)), at(9)))
    world.hears(silent.says(silent.scans(loaded, sent=at(9)), at(9)))
    world.fold()
    assert missed(world) == []
    assert [leg.departure.name for leg in card(world, BAG_TAG).legs] == [FEEDER, ONWARD]
    assert [cause.split(":")[0] for cause, _ in world.owed()] == ["missed_connection", "withdrawn"]


def test_where_no_way_is_left_another_is_looked_for_every_hour(world: World) -> None:
    world.with_network([d for d in DEPARTURES if d.name not in (LATER, LATEST)])
    world.books_bag()
    tell(world, [*MISSED, *DEPARTED[2:5]])
    world.fold()
    assert [leg.departure.name for leg in card(world, BAG_TAG).legs] == [FEEDER, ONWARD]
    world.with_network()
    world.clock.instant += timedelta(minutes=59)
    world.fold()
    assert card(world, BAG_TAG).legs[-1].departure.name == ONWARD
    world.clock.instant += timedelta(minutes=2)
    world.fold()
    assert card(world, BAG_TAG).legs[-1].departure.name == LATER


# --- which piece a scan belongs to ----------------------------------------------------------------------------------


def test_scans_made_before_the_booking_find_their_piece_when_it_comes(world: World) -> None:
    world.with_network()
    world.clock.instant = at(3)
    tell(world, MISSED[:2])
    world.clock.instant = at(3)
    world.fold()
    assert [row["why"] for row in world.queries.unmatched()] == ["unknown number", "unknown number"]
    assert world.queries.card(BAG_TAG) is None
    world.books_bag()
    world.fold()
    assert world.queries.unmatched() == []
    assert [entry.kind for entry in card(world, BAG_TAG).entries] == [Kind.ACCEPT, Kind.BOOK, Kind.LOAD]
    assert card(world, BAG_TAG).state is State.MOVING


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("LS123456789NL", "no number we know the form of"),  # its check digit is wrong
        ("hello", "no number we know the form of"),
        ("", "no number we know the form of"),
        ("0000000000", "no number we know the form of"),
        ("x\0\\" + "y" * 4000, "no number we know the form of"),
        ("LS123456785NL", "unknown number"),
        ("AS99/2026-11-21", "unknown departure"),
    ],
)
def test_a_code_that_belongs_to_nothing_is_kept_shown_and_attached_to_nothing(
    world: World, code: str, why: str
) -> None:
    world.with_network()
    world.books_bag()
    world.scans(code, Kind.SORT, "sea", at(1))
    world.fold()
    assert [(row["code"], row["why"]) for row in world.queries.unmatched()] == [(code, why)]
    assert len(card(world, BAG_TAG).entries) == 1
    assert world.queries.backlog().facts == 0


def test_a_number_that_means_two_pieces_at_once_is_attached_to_neither(world: World) -> None:
    from tracker.store.schema import aliases

    world.with_network()
    world.books_bag()
    other = world.books_bag("0220999999")
    with world.store.writing() as tx:  # as two carriers may give one reference to two pieces
        (piece,) = tx.booked.numbered([other])
        row = {"scheme": "lpn", "number": BAG_TAG, "piece": piece, "valid_from": NOON}
        tx.connection.execute(sa.insert(aliases).values(**row))
    world.scans(BAG_TAG, Kind.SORT, "sea", at(1))
    world.fold()
    assert [row["why"] for row in world.queries.unmatched()] == ["ambiguous"]
    assert card(world, other).state is State.BOOKED


def test_a_number_booked_again_is_another_journey_with_scans_of_its_own(world: World) -> None:
    world.with_network()
    world.books_bag()
    tell(world, MISSED[:2])
    world.fold()
    world.clock.instant = at(30)
    again = world.books(BookedPiece(PieceKind.BAG, BAG_TAG), legs=(LATEST,), origin="DEN", destination="BOS")
    assert again.numbers == (BAG_TAG,)
    world.scans(BAG_TAG, Kind.ACCEPT, "den", at(31))
    late = world.device("sea", "h-late")  # made on the first journey, heard during the second
    world.hears(late.says(late.scans(late.scan(BAG_TAG, Kind.SORT, when=at(2)), sent=at(31)), at(31)))
    world.fold()
    second, first = world.queries.candidates(BAG_TAG)
    assert (first.journey, [e.kind for e in first.entries]) == (1, [Kind.BOOK, Kind.ACCEPT, Kind.SORT, Kind.LOAD])
    assert (second.journey, [e.kind for e in second.entries]) == (2, [Kind.BOOK, Kind.ACCEPT])


@pytest.mark.parametrize("heard_first", [True, False])
def test_a_scan_before_the_first_journey_stays_with_it_when_a_second_is_booked_soon(
    world: World, heard_first: bool
) -> None:
    world.with_network()
    device = world.device("sea")
    early = device.says(device.scans(device.scan(BAG_TAG, Kind.ACCEPT, when=at(-1))))
    if heard_first:
        world.hears(early)
    world.books_bag()
    world.fold()
    world.clock.instant = at(20)
    world.books(BookedPiece(PieceKind.BAG, BAG_TAG), origin="DEN", destination="BOS", legs=(LATEST,))
    world.hears(early)
    world.fold()
    assert [len(card.entries) for card in world.queries.candidates(BAG_TAG)] == [1, 2]
    assert rebuild(world.store, world.clock) == {}


# --- time alone -----------------------------------------------------------------------------------------------------


def test_a_piece_is_late_by_time_alone_and_only_once(world: World) -> None:
    world.with_network()
    world.books_bag()
    world.scans(BAG_TAG, Kind.ACCEPT, "sea", at(1))
    world.fold()
    due_by = card(world, BAG_TAG).due_by
    world.clock.instant = due_by
    world.sweep.step()
    assert IrregularityKind.LATE not in [i.kind for i in card(world, BAG_TAG).irregularities]
    world.clock.instant = due_by + timedelta(seconds=1)
    assert world.queries.backlog().swept_until == world.clock.instant
    assert world.sweep.step() == 1
    (late,) = [i for i in card(world, BAG_TAG).irregularities if i.kind is IrregularityKind.LATE]
    assert (late.kind, late.since, late.open) == (IrregularityKind.LATE, due_by, True)
    assert world.sweep.step() == 0
    assert f"late:{BAG_TAG}/1:{due_by.date()}" in [cause for cause, _ in world.owed()]


# --- laws: order, crashes, rebuilding -------------------------------------------------------------------------------


def seen(world: World) -> dict[str, Any]:
    """All that must not depend on the order in which facts arrived."""
    shown = {}
    for number in sorted({update.number for update in world.queries.updates_after(0)}):
        found = card(world, number)
        shown[number] = (
            [(e.kind, e.facility.code, e.happened_at, e.into, e.withdrawn) for e in found.entries],
            found.state,
            found.facility,
            [(i.kind, i.subject, i.since, i.cleared_at) for i in found.irregularities],
            found.milestones,
        )
    return shown


def standing_notices(world: World) -> set[str]:
    with world.store.reading() as tx:
        owed = [row for piece in tx.booked.pieces_after(0, 1000) for row in tx.owed.about(piece)]
    return {row.cause for row in owed if world.outbox.verdict(row.id, world.clock.now()) == "stands"}


IN_ORDER: list[tuple[Any, Any]] = []  # what the first telling came to


@FEW
@given(rng=st.randoms(use_true_random=False))
def test_arrival_order_changes_no_timeline_no_irregularity_and_no_notice_that_stands(
    new_world: Callable[[], World], rng: random.Random
) -> None:
    told: list[tuple[Any, Any]] = []
    for shuffled in (random.Random(0), rng)[len(IN_ORDER) :]:
        world = new_world().with_network()
        with world.store.writing() as tx:
            tx.meta.put("number_key", "00" * 32)
        number = world.books_parcel()
        world.books_bag()
        held = [(number, Kind.HOLD, "den", 7.3, {"x": {"reason": "customs"}}), (number, Kind.RELEASE, "den", 7.5, {})]
        odd = [(number, Kind.DAMAGE, "bos", 13.0, {}), (number, "weigh", "bos", 13.1, {})]
        # The bag goes on with the feeder of the plan and is seen in Denver in time: missed stays to be proven.
        bag = [*MISSED[:2], (BAG_TAG, Kind.UNLOAD, "den", 7.1, {}), (BAG_TAG, Kind.UNLOAD, "bos", 12.2, {})]
        story = [*parcels_way(number), *DEPARTED, *held, *odd, *bag]
        tell_late(world, story, shuffled, now=26)
        told.append((seen(world), standing_notices(world)))
        assert rebuild(world.store, world.clock) == {}
        assert (seen(world), standing_notices(world)) == told[-1]
        IN_ORDER.extend(told[: 1 - len(IN_ORDER)])
    assert told[-1] == IN_ORDER[0]


@FEW
@given(rng=st.randoms(use_true_random=False))
def test_folding_the_log_again_finds_everything_as_it_was_and_owes_and_sends_nothing(
    new_world: Callable[[], World], rng: random.Random
) -> None:
    world = new_world().with_network()
    number = world.books_parcel()
    story = [*parcels_way(number), *DEPARTED, *MISSED, (BAG_TAG, Kind.LOAD, "den", 10.5, {"into": LATER})]
    booked = rng.random() < 0.5
    if booked:
        world.books_bag()
    tell_late(world, story, rng, now=26)
    silent = world.device("den")
    withdrawn = rng.randint(1, silent.made)
    record = silent.scan(rng.choice([BAG_TAG, number]), Kind.VOID, when=at(26), x={"void": [silent.ep, withdrawn]})
    world.hears(silent.says(silent.scans(record, sent=at(26)), at(26)))
    if not booked:
        world.books_bag()
    world.fold(limit=rng.choice([1, 2, 500]))
    log, owed, standings = world.log(), world.owed(), world.standings()
    with world.store.reading() as tx:
        head = tx.log.head()
        waiting = len(tx.owed.unplanned(1000))
    assert rebuild(world.store, world.clock) == {}
    assert (world.log(), world.standings()) == (log, standings)
    with world.store.reading() as tx:
        assert tx.log.head() == head  # no decision was made anew
        assert len(tx.owed.unplanned(1000)) == waiting
    assert [row for row in world.owed() if row[1] != "muted"] == owed


def test_a_rebuild_after_time_has_passed_differs_in_nothing(world: World) -> None:
    world.with_network()
    world.books_bag()
    world.scans(BAG_TAG, Kind.ACCEPT, "sea", at(1))
    world.fold()
    world.clock.instant = at(200)
    assert rebuild(world.store, world.clock) == {}
    assert {i.kind for i in card(world, BAG_TAG).irregularities} == {IrregularityKind.DWELLING, IrregularityKind.LATE}


@FEW
@given(
    rng=st.randoms(use_true_random=False), limits=st.lists(st.sampled_from([1, 2, 5, 40, 500]), min_size=2, max_size=2)
)
def test_batches_order_and_repeats_never_change_what_is_derived(
    new_world: Callable[[], World], rng: random.Random, limits: list[int]
) -> None:
    digests = []
    for limit in limits:
        world = new_world().with_network()
        with world.store.writing() as tx:
            tx.meta.put("number_key", "00" * 32)
        number = world.books_parcel()
        story = [*parcels_way(number), *DEPARTED, ("LS123456785NL", Kind.SORT, "sea", 1.0, {})]
        world.clock.instant = at(26)
        messages = []
        for code, kind, site, hours, more in story:
            device = world.device(site, f"h-{site}")
            record = device.scan(code, kind, when=at(hours), **more)
            messages.append(device.says(device.scans(record, sent=at(26)), at(26)))
        for site in {step[2] for step in story}:
            device = world.device(site, f"h-{site}")
            world.hears(device.says(device.hello(last=0, sent=at(26)), at(26)))
        messages += rng.choices(messages, k=3)
        rng.shuffle(messages)
        for message in messages:
            world.hears(message)
            if rng.random() < 0.3:
                world.projector.step(limit)
        world.fold(limit)
        digests.append((world.standings(), world.queries.unmatched()))
    assert digests[0] == digests[1]


@FEW
@given(cuts=st.lists(st.integers(0, 80), min_size=1, max_size=4), limit=st.sampled_from([1, 4, 500]))
def test_a_crash_anywhere_in_a_step_is_simply_done_again(
    new_world: Callable[[], World], cuts: list[int], limit: int
) -> None:
    told = []
    for crashes in ([], cuts):
        world = new_world().with_network()
        with world.store.writing() as tx:
            tx.meta.put("number_key", "00" * 32)
        number = world.books_parcel()
        world.books_bag()
        tell(world, [*parcels_way(number), *DEPARTED, *MISSED])
        for cut in crashes:
            _fold_until_cut(world, cut, limit)
            world.start()
        world.fold(limit)
        told.append((seen(world), world.owed(), world.standings(), world.queries.unmatched()))
    assert told[0] == told[1]


def _fold_until_cut(world: World, statements: int, limit: int) -> None:
    done = 0

    def cut(*_: object) -> None:
        nonlocal done
        done += 1
        if done > statements:
            raise PowerCutError

    for name in ("before_cursor_execute", "commit"):
        sa.event.listen(world.engine, name, cut)
    try:
        world.fold(limit)
    except PowerCutError:
        pass
    finally:
        for name in ("before_cursor_execute", "commit"):
            sa.event.remove(world.engine, name, cut)


def test_readers_of_changes_miss_none_and_see_them_in_order(world: World) -> None:
    world.with_network()
    world.books_bag()
    tell(world, [*MISSED, *DEPARTED[2:5]], fold_each=True)
    all_of_them = world.queries.updates_after(0)
    assert all(before.seq < after.seq for before, after in pairwise(all_of_them))
    seen_so_far, got = 0, []
    while some := world.queries.updates_after(seen_so_far, limit=2):
        got += some
        seen_so_far = some[-1].seq
    assert got == all_of_them
    assert seen_so_far == world.queries.last_update() == card(world, BAG_TAG).position
    with world.store.reading() as tx:
        assert tx.connection.execute(sa.select(sa.func.count()).select_from(updates)).scalar() == len(got)
