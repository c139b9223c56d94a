"""What anyone may read."""

import pytest

from tests.tracker.test_project import DEPARTED, MISSED, parcels_way, tell
from tests.tracker.world import BAG_TAG, NOON, World, at
from tracker.domain.booking import BookedPiece
from tracker.domain.handling import Kind
from tracker.domain.shipment import Goods
from tracker.domain.timeline import State


@pytest.fixture
def number(world: World) -> str:
    world.with_network()
    number = world.books_parcel()
    world.books_bag()
    tell(world, [*parcels_way(number), *DEPARTED, *MISSED], fold_each=True)
    return number


def test_a_card_is_found_by_any_spelling_of_its_number(world: World, number: str) -> None:
    spelled = f" {number[:2].lower()} {number[2:5]}-{number[5:]} "
    found = world.queries.card(spelled)
    assert found is not None
    assert found.number == number
    assert world.queries.card(BAG_TAG[:4] + " " + BAG_TAG[4:]) is not None


@pytest.mark.parametrize("text", ["", "LS123456785NL", "0" * 10, "'; --", "\0", "\ud800", "x" * 10_000, "١٢٣٤٥٦٧٨٩٠"])
def test_what_is_no_number_of_ours_finds_nothing(world: World, number: str, text: str) -> None:
    assert world.queries.card(text) is None
    assert world.queries.candidates(text) == []
    assert world.queries.timeline(text) is None


def test_a_piece_booked_a_moment_ago_has_a_card_before_anybody_folded_it(world: World) -> None:
    world.with_network()
    number = world.books_parcel()
    card = world.queries.card(number)
    assert card is not None
    assert (card.state, card.entries, card.legs[0].ridden) == (State.BOOKED, (), False)


def test_a_piece_is_judged_by_what_its_booking_says_is_inside(world: World) -> None:
    world.with_network()
    world.books(BookedPiece(goods=Goods("a lamp", "940520", 4900, "EUR")))
    with world.store.reading() as tx:
        (piece,) = tx.booked.pieces_after(0, 10)
        (known,) = tx.timelines.known([piece])
        assert known.piece == tx.booked.piece(piece)[0]
        assert known.piece.goods.lacking == ()


def test_a_card_names_every_place_it_speaks_of(world: World, number: str) -> None:
    world.scans(number, Kind.DAMAGE, "nowhere", at(25))
    world.fold()
    card = world.queries.card(number)
    assert card is not None
    assert set(card.facilities) == {"SEA-ST", "SEA", "DEN", "BOS", "BOS-ST", "NOWHERE"}


def test_a_withdrawn_scan_stays_on_the_timeline_and_its_withdrawal_does_not_show(world: World) -> None:
    world.with_network()
    number = world.books_parcel()
    world.scans(number, Kind.ACCEPT, "sea-st", at(1))
    world.scans(number, Kind.VOID, "sea-st", at(1.1), x={"void": [world.device("sea-st").ep, 1]})
    world.fold()
    card = world.queries.card(number)
    assert card is not None
    assert [(entry.kind, entry.withdrawn) for entry in card.entries] == [("book", False), ("accept", True)]
    assert card.state is State.BOOKED


def test_nobody_withdraws_the_scan_of_another_device(world: World) -> None:
    world.with_network()
    number = world.books_parcel()
    world.scans(number, Kind.ACCEPT, "sea-st", at(1))
    world.scans(number, Kind.VOID, "bos", at(1.1), x={"void": [world.device("sea-st").ep, 1]})
    world.fold()
    card = world.queries.card(number)
    assert card is not None
    assert card.state is State.ACCEPTED


def test_the_overview_counts_what_is_there(world: World, number: str) -> None:
    world.scans("hello", Kind.SORT, "sea", at(26))
    device = world.device("sea")
    world.hears(device.says(b"junk", at(26)))
    world.fold()
    seen = world.queries.overview()
    counts = seen.counts
    assert (counts["pieces"], counts["bags"], counts["shipments"]) == (2, 1, 2)
    assert (counts["delivered"], counts["moving"], counts["missed_connections"]) == (1, 1, 1)
    assert (counts["unmatched"], counts["quarantined"], counts["devices"]) == (1, 1, 5)
    assert counts["scans"] == len(world.log()) == sum(load.scans for load in seen.facilities)
    assert seen.examples == {"delivered": number, "missed": BAG_TAG}
    assert seen.recent[0].number == "hello"
    assert {load.facility.code: load.pieces_here for load in seen.facilities}["DEN"] == 1


def test_every_committed_scan_is_listed_once_in_the_order_of_commit_page_by_page(world: World) -> None:
    device = world.device()
    for _ in range(90):
        world.hears(device.says(device.scans(*(device.scan("x") for _ in range(60)))))
    assert [scan.q for scan in world.queries.committed_scans()] == list(range(1, 5401))


def test_what_is_not_worked_off_is_known(world: World) -> None:
    assert world.queries.backlog().facts == 0
    assert world.queries.backlog().swept_until == NOON
    world.scans("A", Kind.SORT, "sea", NOON)
    world.scans("B", Kind.SORT, "sea", NOON)
    assert world.queries.backlog().facts == 2
    assert world.queries.healthy() == {"database": True, "facts_to_fold": 2}
    world.fold()
    assert world.queries.backlog().facts == 0
