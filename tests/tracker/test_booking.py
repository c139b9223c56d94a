"""Taking a booking: once for each key, with numbers nobody else has, on departures with room."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.tracker.world import (
    ADA,
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
from tracker.booking import BadBookingError, Bookings, IdempotencyConflictError
from tracker.domain.booking import BookedPiece, BookingRequest, Party
from tracker.domain.errors import StoreError
from tracker.domain.handling import Kind
from tracker.domain.ids import S10Number
from tracker.domain.shipment import PieceKind
from tracker.store.booked import BookedShipments
from tracker.store.schema import aliases

REQUEST = BookingRequest("SEA-ST", "BOS-ST", NOON, Party("Charles"), ADA)
BAG = BookedPiece(PieceKind.BAG, BAG_TAG)


@pytest.fixture
def bookings(world: World) -> Bookings:
    return world.with_network().bookings


def book(bookings: Bookings, **asked: Any) -> tuple[str, ...]:
    return bookings.book(replace(REQUEST, **asked), account="demo").numbers


def test_a_booking_answers_numbers_promise_and_the_earliest_way(world: World, bookings: Bookings) -> None:
    booked = bookings.book(REQUEST, account="demo")
    assert [leg.departure for leg in booked.legs] == [VAN_OUT, FEEDER, ONWARD, VAN_IN]
    assert booked.due_by > booked.legs[-1].arrives_at
    world.fold()
    card = world.queries.card(booked.numbers[0])
    assert card is not None
    assert (card.due_by, card.booked_at) == (booked.due_by, NOON)


# --- once for each key ----------------------------------------------------------------------------------------------


def test_the_same_key_and_body_is_the_same_booking_however_often(world: World, bookings: Bookings) -> None:
    first = bookings.book(REQUEST, account="demo", idempotency_key="k", body_hash="h")
    world.clock.instant = at(1)
    again = bookings.book(REQUEST, account="demo", idempotency_key="k", body_hash="h")
    assert again == replace(first, replayed=True)
    assert world.queries.overview().counts["shipments"] == 1
    assert world.queries.backlog().facts == 1


def test_the_same_key_with_another_body_is_refused(bookings: Bookings) -> None:
    bookings.book(REQUEST, account="demo", idempotency_key="k", body_hash="h")
    with pytest.raises(IdempotencyConflictError, match="new key"):
        bookings.book(REQUEST, account="demo", idempotency_key="k", body_hash="other")


def test_keys_of_two_accounts_have_nothing_to_do_with_each_other(bookings: Bookings) -> None:
    one = bookings.book(REQUEST, account="one", idempotency_key="k", body_hash="h")
    two = bookings.book(REQUEST, account="two", idempotency_key="k", body_hash="h")
    assert one.numbers != two.numbers


def test_a_refused_booking_uses_up_neither_its_key_nor_a_number(world: World, bookings: Bookings) -> None:
    with pytest.raises(BadBookingError):
        bookings.book(replace(REQUEST, destination="XXX"), account="demo", idempotency_key="k", body_hash="h")
    assert not bookings.book(REQUEST, account="demo", idempotency_key="k", body_hash="h").replayed
    assert world.queries.overview().counts["pieces"] == 1


def test_ten_at_once_under_one_key_are_one_booking(world: World, bookings: Bookings) -> None:
    def once(_: int) -> tuple[str, ...]:
        return bookings.book(REQUEST, account="demo", idempotency_key="k", body_hash="h").numbers

    with ThreadPoolExecutor(10) as pool:
        assert len(set(pool.map(once, range(10)))) == 1
    assert world.queries.overview().counts["shipments"] == 1


def test_no_booking_is_without_its_fact_even_where_keys_look_like_our_own_names(
    world: World, bookings: Bookings
) -> None:
    for key in ("shipment:2", None, "shipment:3", "shipment:1"):
        try:
            bookings.book(REQUEST, account="demo", idempotency_key=key, body_hash="h")
        except IdempotencyConflictError:
            continue
    world.fold()
    assert len(world.standings()) == world.queries.overview().counts["pieces"]


def test_a_crash_before_the_end_leaves_nothing(
    world: World, bookings: Bookings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise StoreError("disk full")

    with monkeypatch.context() as broken:
        broken.setattr(BookedShipments, "keep_answer", full)
        with pytest.raises(StoreError):
            bookings.book(REQUEST, account="demo", idempotency_key="k", body_hash="h")
    counts = world.queries.overview().counts
    assert (counts["pieces"], counts["shipments"], world.queries.backlog().facts) == (0, 0, 0)


# --- numbers --------------------------------------------------------------------------------------------------------


def test_numbers_are_valid_never_the_same_and_say_nothing_of_their_neighbours(bookings: Bookings) -> None:
    numbers = [n for _ in range(40) for n in book(bookings, pieces=(BookedPiece(),) * 5)]
    assert len(set(numbers)) == 200
    assert all(str(S10Number.parse(number)) == number for number in numbers)
    assert all(re.fullmatch(r"LS\d{9}NL", number) for number in numbers)
    serials = [int(number[2:10]) for number in numbers]
    assert len({later - earlier for earlier, later in pairwise(serials)}) > 190


def test_a_number_somebody_brought_along_is_never_drawn(
    new_world: Callable[[], World], bookings: Bookings, world: World
) -> None:
    twin = new_world().with_network()
    for one in (world, twin):
        with one.store.writing() as tx:
            tx.meta.put("number_key", "ab" * 32)
    coming = [twin.books().numbers[0] for _ in range(3)]
    book(bookings, pieces=(BookedPiece(number=coming[0]),))
    drawn = book(bookings, pieces=(BookedPiece(), BookedPiece(number=coming[1]), BookedPiece()))
    assert drawn[1] == coming[1]
    assert len({coming[0], *drawn}) == 4


def test_a_number_that_was_booked_before_begins_another_journey(world: World, bookings: Bookings) -> None:
    for hours in (0, 1):
        world.clock.instant = at(hours)
        assert book(bookings, pieces=(BAG,)) == (BAG_TAG,)
    world.fold()
    assert [card.journey for card in world.queries.candidates(BAG_TAG)] == [2, 1]


def test_a_number_under_way_for_somebody_else_cannot_be_taken(world: World, bookings: Bookings) -> None:
    request = replace(REQUEST, pieces=(BAG,))
    bookings.book(request, account="ours")
    with pytest.raises(BadBookingError, match="under way for somebody else") as refused:
        bookings.book(request, account="theirs")
    assert refused.value.pointer == "/pieces/0/number"
    world.fold()
    world.scans(BAG_TAG, Kind.DELIVER, "bos", at(0.5))
    world.fold()
    assert bookings.book(request, account="theirs").numbers == (BAG_TAG,)


TWO_CARRIERS_NUMBERS = ("459845551439", "098196168946", "006462356590")  # each FedEx's by its digit, and Purolator's


def test_a_carrier_named_once_is_remembered_for_that_shipper_alone(world: World, bookings: Bookings) -> None:
    def books(number: str, *, account: str, carrier: str | None = None) -> set[str]:
        """The schemes it is then known by."""
        piece = BookedPiece(number=number, carrier=carrier)
        bookings.book(replace(REQUEST, pieces=(piece,)), account=account)
        with world.store.reading() as tx:
            query = sa.select(aliases.c.scheme).where(aliases.c.number == number)
            return set(tx.connection.execute(query).scalars())

    first, second, third = TWO_CARRIERS_NUMBERS
    assert books(first, account="ours", carrier="fedex") == {"fedex12"}
    assert bookings.pins() == [("ours", "fedex")]
    assert books(second, account="ours") == {"fedex12"}
    assert books(third, account="theirs") == {"fedex12", "purolator12"}


def test_staff_pin_a_carrier_and_take_it_back(world: World, bookings: Bookings) -> None:
    bookings.pin("ours", "purolator")
    bookings.pin("ours", "purolator")
    assert bookings.pins() == [("ours", "purolator")]
    assert [bookings.unpin("ours", "purolator"), bookings.unpin("ours", "purolator")] == [True, False]
    assert bookings.pins() == []


def test_a_number_is_kept_in_its_one_spelling(bookings: Bookings) -> None:
    assert book(bookings, pieces=(BookedPiece(number=" ls 123 456 785 nl "),)) == ("LS123456785NL",)
    assert book(bookings, pieces=(BookedPiece(PieceKind.BAG, "0220-123456"),)) == (BAG_TAG,)


# --- what is refused, and where -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "pointer"),
    [
        ({"origin": "XXX"}, "/origin"),
        ({"destination": "XXX"}, "/destination"),
        ({"destination": "SEA-ST"}, "/destination"),
        ({"origin": "BOS-ST", "destination": "SEA"}, "/destination"),  # nothing goes there
        ({"pieces": ()}, "/pieces"),
        ({"pieces": (BookedPiece(), BookedPiece(number="LS123456789NL"))}, "/pieces/1/number"),
        ({"pieces": (BookedPiece(number=""),)}, "/pieces/0/number"),
        ({"pieces": (BookedPiece(number=FEEDER),)}, "/pieces/0/number"),
        ({"pieces": (BookedPiece(PieceKind.BAG, "0000000000"),)}, "/pieces/0/number"),
        ({"pieces": (BookedPiece(PieceKind.BAG, "LS123456785NL"),)}, "/pieces/0/number"),
        ({"pieces": (BAG, BookedPiece(), BAG)}, "/pieces/2/number"),
        ({"legs": ("ZZ1/2026-11-21",)}, "/legs/0"),
        ({"legs": (VAN_OUT, ONWARD)}, "/legs/1"),  # it begins elsewhere
        ({"legs": (VAN_OUT, FEEDER)}, "/legs"),  # it ends too early
        ({"ready_at": at(100)}, "/destination"),
        ({"ready_at": datetime(9999, 12, 31, tzinfo=UTC)}, "/ready_at"),
    ],
)
def test_a_booking_that_cannot_be_is_refused_with_the_field_to_mend(
    world: World, bookings: Bookings, asked: dict[str, Any], pointer: str
) -> None:
    with pytest.raises(BadBookingError) as refusal:
        book(bookings, **asked)
    assert refusal.value.pointer == pointer
    assert str(refusal.value)
    assert world.queries.overview().counts["pieces"] == 0


def test_chosen_legs_must_join_in_place_and_in_time(bookings: Bookings) -> None:
    early = replace(DEPARTURES[2], name="AS9/2026-11-21", departs_at=at(6), arrives_at=at(9))
    with bookings._store.writing() as tx:
        tx.network.keep_departures([early])
    with pytest.raises(BadBookingError, match="does not go on from DEN"):
        book(bookings, origin="SEA", destination="BOS", legs=(FEEDER, early.name))
    chosen = bookings.book(
        replace(REQUEST, origin="SEA", destination="BOS", pieces=(BAG,), legs=(FEEDER, LATEST)), account="demo"
    )
    assert [leg.departure for leg in chosen.legs] == [FEEDER, LATEST]


def test_a_departure_fills_up_as_it_is_booked_before_anybody_folds(bookings: Bookings) -> None:
    taken = []
    for _ in range(3):
        booked = bookings.book(
            replace(REQUEST, origin="DEN", destination="BOS", ready_at=at(9)), account="demo"
        )  # LATER has room for one
        taken.append(booked.legs[0].departure)
    assert taken == [LATER, LATEST, LATEST]


def test_two_pieces_go_where_there_is_room_for_both(bookings: Bookings) -> None:
    pair = bookings.book(
        replace(REQUEST, origin="DEN", destination="BOS", ready_at=at(9), pieces=(BookedPiece(),) * 2), account="demo"
    )
    assert [leg.departure for leg in pair.legs] == [LATEST]


def test_a_shipment_ready_in_the_past_is_planned_from_now(world: World, bookings: Bookings) -> None:
    world.clock.instant = at(3)
    with pytest.raises(BadBookingError):  # the van has gone
        book(bookings, ready_at=at(-100))
    booked = bookings.book(replace(REQUEST, origin="SEA", ready_at=at(-100)), account="demo")
    assert booked.legs[0].departs_at > at(3)


# --- accounts -------------------------------------------------------------------------------------------------------


def test_an_account_is_found_by_its_key_alone_which_is_not_kept(world: World) -> None:
    world.bookings.open_account("demo", key="qZ7-the-key")
    world.bookings.open_account("demo", key="qZ7-the-key")
    assert world.bookings.account_of("qZ7-the-key") == "demo"
    assert world.bookings.account_of("qz7-the-key") is None
    assert world.bookings.account_of("") is None
    database = Path(str(world.engine.url.database))
    assert not any(b"qZ7-the-key" in database.with_name(database.name + end).read_bytes() for end in ("", "-wal"))


def test_a_scan_heard_while_a_booking_waits_belongs_to_the_journey_before(world: World, bookings: Bookings) -> None:
    book(bookings, pieces=(BAG,))
    world.clock.instant = at(1)
    world.scans(BAG_TAG, "sort", "sea", at(1) - timedelta(milliseconds=1))
    book(bookings, pieces=(BAG,))
    world.fold()
    assert [len(card.entries) for card in world.queries.candidates(BAG_TAG)] == [1, 2]
