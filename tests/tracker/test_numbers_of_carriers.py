"""A piece booked under another carrier's number is found under its short and its long form, and never by guess."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.tracker.world import ADA, BAG_TAG, NOON, World, at
from tracker.domain.booking import BookedPiece, BookingRequest, Party
from tracker.domain.errors import BadBookingError
from tracker.domain.handling import Kind
from tracker.domain.shipment import PieceKind

FEDEX = "779017972697"
FEDEX_BARCODE = "1001921334250001000300779017972697"
USPS = "9400111206206406260787"
USPS_BARCODE = "42078745" + USPS
EITHER = "287809468872"  # FedEx and Purolator
DHL_OR_BAG = "0220456784"

REQUEST = BookingRequest("SEA-ST", "BOS-ST", NOON, Party("Charles"), ADA)


def books(world: World, number: str, carrier: str | None = None) -> str:
    request = replace(REQUEST, pieces=(BookedPiece(number=number, carrier=carrier),))
    return world.bookings.book(request, account="demo").numbers[0]


def sorted_pieces(world: World, number: str) -> list[int]:
    """How often each journey under this number was sorted."""
    world.fold()
    return [sum(e.kind == Kind.SORT for e in card.entries) for card in world.queries.candidates(number)]


@pytest.mark.parametrize(
    ("booked", "known_as", "scanned"),
    [
        (FEDEX, FEDEX, FEDEX_BARCODE),
        (FEDEX_BARCODE, FEDEX, FEDEX),
        (FEDEX_BARCODE, FEDEX, FEDEX_BARCODE),
        (USPS, USPS, USPS_BARCODE),
        (USPS_BARCODE, USPS, "]C1" + USPS),
        ("(00)340123451234567895", "340123451234567895", "00340123451234567895"),
        ("09980000020033F", "09980000020033F", "008182709980000020033350276C"),
        ("1z 5R8 939 03 5756 7127", "1Z5R89390357567127", "1Z5R89390357567127"),
        ("71969010756003077385", "71969010756003077385", "9171969010756003077385"),
    ],
)
def test_a_scan_of_any_form_is_the_piece_booked_under_another(
    world: World, booked: str, known_as: str, scanned: str
) -> None:
    world.with_network()
    assert books(world, booked) == known_as
    world.scans(scanned, Kind.SORT, "sea", at(1))
    assert sorted_pieces(world, known_as) == [1]
    assert sorted_pieces(world, scanned) == [1]
    assert world.queries.unmatched() == []


def test_a_long_barcode_scanned_before_the_booking_finds_its_piece(world: World) -> None:
    world.with_network()
    world.scans(FEDEX_BARCODE, Kind.SORT, "sea", at(-1))
    world.fold()
    assert [(row["number"], row["why"]) for row in world.queries.unmatched()] == [(FEDEX, "unknown number")]
    books(world, FEDEX)
    assert sorted_pieces(world, FEDEX) == [1]
    assert world.queries.unmatched() == []


def test_a_number_of_several_carriers_is_found_by_all_of_them_until_one_is_named(world: World) -> None:
    world.with_network()
    books(world, EITHER)
    with world.store.reading() as tx:
        (piece,) = tx.booked.numbered([EITHER])
        assert tx.booked.aliases(piece) == [("fedex12", EITHER), ("purolator12", EITHER)]
    books(world, DHL_OR_BAG, carrier="dhl")
    with world.store.reading() as tx:
        (piece,) = tx.booked.numbered([DHL_OR_BAG])
        assert tx.booked.aliases(piece) == [("dhl10", DHL_OR_BAG)]


def test_two_pieces_that_one_code_may_mean_are_both_left_alone(world: World) -> None:
    world.with_network()
    books(world, DHL_OR_BAG, carrier="dhl")
    bag = replace(REQUEST, pieces=(BookedPiece(PieceKind.BAG, DHL_OR_BAG),))
    world.bookings.book(bag, account="demo")
    world.scans(DHL_OR_BAG, Kind.SORT, "sea", at(1))
    assert sorted_pieces(world, DHL_OR_BAG) == [0, 0]
    assert [row["why"] for row in world.queries.unmatched()] == ["ambiguous"]


def test_a_carriers_number_used_again_is_another_journey(world: World) -> None:
    world.with_network()
    books(world, FEDEX)
    world.scans(FEDEX_BARCODE, Kind.SORT, "sea", at(0.5))
    world.fold()
    world.clock.instant = at(1)
    books(world, FEDEX)
    world.scans(FEDEX_BARCODE, Kind.SORT, "sea", at(2))
    world.scans(FEDEX, Kind.SORT, "sea", at(2) + timedelta(minutes=5))
    assert sorted_pieces(world, FEDEX) == [2, 1]


def test_a_form_too_weak_to_stand_alone_is_booked_and_found_once_its_carrier_is_named(world: World) -> None:
    world.with_network()
    with pytest.raises(BadBookingError):
        books(world, "12345678901")
    assert books(world, "12345678901", carrier="gls") == "12345678901"
    world.scans("12345678901", Kind.SORT, "sea", at(1))
    assert sorted_pieces(world, "12345678901") == [1]


@pytest.mark.parametrize(
    ("number", "carrier"), [("986578788854", None), (FEDEX, "ups"), ("RB123456785XX", None), ("LS123456785ZZ", None)]
)
def test_what_is_nobodys_number_cannot_be_booked(world: World, number: str, carrier: str | None) -> None:
    world.with_network()
    with pytest.raises(BadBookingError) as refusal:
        books(world, number, carrier)
    assert refusal.value.pointer == "/pieces/0/number"


def test_one_number_in_two_forms_is_not_two_pieces(world: World) -> None:
    world.with_network()
    two_forms = replace(REQUEST, pieces=(BookedPiece(number=FEDEX), BookedPiece(number=FEDEX_BARCODE)))
    with pytest.raises(BadBookingError, match="two pieces with the number"):
        world.bookings.book(two_forms, account="demo")


def test_a_bag_is_a_bag_though_its_digits_would_pass_as_a_waybill(world: World) -> None:
    world.with_network()
    world.books_bag(DHL_OR_BAG)
    world.scans(DHL_OR_BAG, Kind.SORT, "sea", at(1))
    assert sorted_pieces(world, DHL_OR_BAG) == [1]
    assert world.queries.card(BAG_TAG) is None
