"""A piece follows its containers: any order, any repeats, one place at a time, and a withdrawn pack never was."""

import random
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.laws import as_heard, moments, trade
from tests.world import AMS, FRA, LH860, LH862, LH991, OSL, Story, at
from tracker.domain.containment import LONGEST_STAY, Followed, follow
from tracker.domain.handling import HandlingEvent, Kind, scan_key
from tracker.domain.ids import container_of, identify
from tracker.domain.timeline import progress, timeline

BAG, CAGE, ULD, SSCC = "BAG-0007", "CAGE-12", "AKE12345LH", "340123451234567895"
PIECE = "LS123456785NL"
BOXES = (BAG, CAGE, ULD, SSCC)

chance = st.randoms(use_true_random=False)
Facts = tuple[HandlingEvent, ...]


class Yard:
    """What is scanned, whichever label it is read from."""

    def __init__(self) -> None:
        self.events: list[HandlingEvent] = []

    def scan(self, code: str, kind: str, place, when: str, *, into: str | None = None, day: int = 0, **more) -> "Yard":  # type: ignore[no-untyped-def]
        told = Story().scan(kind, place, when, into=into, day=day, **more)
        key = scan_key(f"h-{place.code.lower()}", "9f3c" * 8, len(self.events) + 1)
        self.events.append(replace(told.last, code=code, event_key=key))
        return self

    @property
    def piece(self) -> Followed:
        return followed(self.events)


def followed(events: list[HandlingEvent] | Facts) -> Followed:
    """As the tracker does: what is read from the piece's label is its own, the rest belongs to containers."""
    boxes: dict[str, list[HandlingEvent]] = {}
    for event in events:
        name = container_of(event.code)
        if name is not None:
            boxes.setdefault(name, []).append(event)
    return follow([event for event in events if event.code == PIECE], boxes)


def via(found: Followed) -> list[tuple[str, str, str | None]]:
    return [(event.kind, event.facility, event.via) for event in timeline(found.events).standing]


@st.composite
def yards(draw: st.DrawFn) -> Facts:
    events: list[HandlingEvent] = []
    for number in range(draw(st.integers(1, 14))):
        place = draw(st.sampled_from((AMS, FRA, OSL)))
        dev = f"h-{place.code.lower()}"
        event = HandlingEvent(
            happened_at=(moment := draw(moments)),
            event_key=scan_key(dev, "9f3c" * 8, number),
            kind=draw(st.sampled_from((Kind.PACK, Kind.LOAD, Kind.UNPACK, Kind.UNLOAD, Kind.ARRIVE, Kind.DELIVER))),
            facility=place.code,
            code=draw(st.sampled_from((PIECE, PIECE, *BOXES))),
            recorded_at=moment,
            into=draw(st.sampled_from((*BOXES, LH991.name, None))),
            estimated=draw(st.integers(0, 5)) == 0,
        )
        slip = draw(st.sampled_from(events)) if events and draw(st.integers(0, 6)) == 0 else None
        if slip is not None:
            event = replace(
                event,
                kind=Kind.VOID,
                code=slip.code,
                voids=slip.event_key,
                event_key=scan_key(slip.event_key.origin.removeprefix("dev:"), "9f3c" * 8, number),
            )
        events.append(event)
    return tuple(events)


@given(yards(), chance)
@trade
def test_arrival_order_and_repeats_never_matter(events: Facts, rng: random.Random) -> None:
    once, again = followed(events), followed(as_heard(events, rng))
    assert timeline(again.events) == timeline(once.events)
    assert (again.stays, again.reached, again.open, again.span) == (once.stays, once.reached, once.open, once.span)


@given(yards())
@trade
def test_a_piece_is_inside_of_one_container_at_a_time(events: Facts) -> None:
    stays = followed(events).stays
    for one, next_ in pairwise(stays):
        assert one.until is not None
        assert one.since < one.until <= next_.since


@given(yards(), st.data())
@trade
def test_a_withdrawn_scan_is_as_if_it_had_never_been(events: Facts, data: st.DataObject) -> None:
    slip = data.draw(st.sampled_from([event for event in events if event.kind != Kind.VOID]))
    voided = replace(slip, kind=Kind.VOID, into=None, voids=slip.event_key, event_key=scan_key("x", "9f3c" * 8, 99))
    voided = replace(voided, event_key=voided.event_key._replace(origin=slip.event_key.origin))
    without = followed([event for event in events if event != slip])
    withdrawn = followed([*events, voided])
    assert timeline(withdrawn.events).standing == timeline(without.events).standing
    assert (withdrawn.stays, withdrawn.reached, withdrawn.open) == (without.stays, without.reached, without.open)


@given(yards())
@trade
def test_what_does_not_concern_a_piece_changes_nothing_of_it(events: Facts) -> None:
    """The tracker folds again only those pieces that a container's fact may say something about."""
    whole = followed(events)
    near = [event for event in events if event.code == PIECE or container_of(event.code) in whole.reached]
    assert followed(near).events == whole.events


@given(yards())
@trade
def test_what_is_inherited_says_so_and_happened_while_inside(events: Facts) -> None:
    found = followed(events)
    for event in found.events:
        if event.code != PIECE:
            assert event.via == container_of(event.code)
            assert any(stay.covers(event.order) for stay in found.stays)


# stories


def packed() -> Yard:
    """In a bag, in a unit load device, on LH991."""
    return (
        Yard()
        .scan(PIECE, Kind.PACK, AMS, "08:00", into=BAG)
        .scan(BAG, Kind.LOAD, AMS, "08:20", into=ULD)
        .scan(ULD, Kind.LOAD, AMS, "08:40", into=LH991.name)
    )


def test_a_scan_of_the_outermost_container_moves_the_piece_in_the_innermost() -> None:
    yard = packed().scan(ULD, Kind.UNLOAD, FRA, "10:40")
    assert via(yard.piece) == [
        (Kind.PACK, "AMS", None),
        (Kind.LOAD, "AMS", BAG),
        (Kind.LOAD, "AMS", ULD),
        (Kind.UNLOAD, "FRA", ULD),
    ]
    reached = progress(timeline(yard.piece.events))
    assert reached.rode(LH991.name, left_at=at("09:00"))
    assert reached.facility == "FRA"
    assert yard.piece.inside(at("10:40")) == (BAG, ULD)  # off the departure, not out of the device


def test_before_it_goes_in_and_after_it_comes_out_the_container_is_not_its_own() -> None:
    yard = Yard().scan(BAG, Kind.ARRIVE, AMS, "07:00").scan(PIECE, Kind.PACK, AMS, "08:00", into=BAG)
    yard.scan(PIECE, Kind.UNPACK, AMS, "08:10").scan(BAG, Kind.ARRIVE, FRA, "10:00")
    assert [event.code for event in yard.piece.events] == [PIECE, PIECE]
    assert yard.piece.inside(at("10:00")) == ()


def test_a_later_scan_of_the_piece_itself_elsewhere_corrects_what_its_container_said() -> None:
    yard = packed().scan(ULD, Kind.UNLOAD, FRA, "10:40").scan(PIECE, Kind.ARRIVE, AMS, "11:00")
    yard.scan(ULD, Kind.LOAD, FRA, "14:00", into=LH862.name)
    assert via(yard.piece)[-1] == (Kind.ARRIVE, "AMS", None)
    assert yard.piece.inside(at("14:00")) == ()


def test_a_scan_of_the_piece_where_its_container_is_leaves_it_inside() -> None:
    yard = packed().scan(ULD, Kind.UNLOAD, FRA, "10:40").scan(PIECE, Kind.ARRIVE, FRA, "10:50")
    assert yard.piece.inside(at("11:00")) == (BAG, ULD)


def test_a_piece_loaded_by_itself_on_another_departure_goes_without_its_container() -> None:
    yard = Yard().scan(PIECE, Kind.PACK, FRA, "10:00", into=ULD).scan(ULD, Kind.LOAD, FRA, "10:20", into=LH860.name)
    assert yard.scan(PIECE, Kind.LOAD, FRA, "10:30", into=LH860.name).piece.inside(at("10:30")) == (ULD,)
    assert yard.scan(PIECE, Kind.LOAD, FRA, "10:40", into=LH862.name).piece.inside(at("10:40")) == ()


def test_unpacking_takes_a_container_out_of_its_own_first_and_then_empties_it() -> None:
    yard = packed().scan(BAG, Kind.UNPACK, FRA, "10:50")
    assert yard.piece.inside(at("11:00")) == (BAG,)
    yard.scan(ULD, Kind.ARRIVE, OSL, "13:00").scan(BAG, Kind.UNPACK, FRA, "13:10").scan(BAG, Kind.ARRIVE, AMS, "15:00")
    assert yard.piece.inside(at("15:00")) == ()
    assert via(yard.piece)[-1] == (Kind.UNPACK, "FRA", BAG)


def test_nothing_stays_inside_for_ever() -> None:
    yard = Yard().scan(PIECE, Kind.PACK, AMS, "08:00", into=CAGE).scan(CAGE, Kind.ARRIVE, FRA, "08:00", day=31)
    assert len(yard.piece.events) == 1
    assert yard.piece.inside(at("08:00") + LONGEST_STAY) == (CAGE,)
    assert yard.piece.inside(at("08:01") + LONGEST_STAY) == ()


def test_containers_said_to_be_inside_one_another_do_no_harm() -> None:
    yard = Yard().scan(PIECE, Kind.PACK, AMS, "08:00", into=BAG).scan(BAG, Kind.PACK, AMS, "08:10", into=CAGE)
    yard.scan(CAGE, Kind.PACK, AMS, "08:20", into=BAG).scan(CAGE, Kind.ARRIVE, AMS, "08:30")
    assert [event.code for event in timeline(yard.piece.events).standing] == [PIECE, BAG, CAGE, CAGE]


def test_a_damaged_cage_says_nothing_of_the_pieces_in_it() -> None:
    yard = packed().scan(BAG, Kind.DAMAGE, FRA, "10:50")
    assert not progress(timeline(yard.piece.events)).damaged


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("ake 12345 lh", "AKE12345LH"),
        ("PMC1234 5X", "PMC12345X"),
        ("cage0012", "CAGE-0012"),
        ("BAG-7", "BAG-7"),
        ("]C100340123451234567895", SSCC),
        (f"(00){SSCC}", SSCC),
        ("AKE12345", None),
        ("CAGE", None),
        (LH991.name, None),
        (PIECE, None),
        ("x" * 5000, None),
    ],
)
def test_a_container_has_one_name_however_it_is_spelled(code: str, name: str | None) -> None:
    assert container_of(code) == name
    assert name is None or name in {found.number for found in identify(code)}
