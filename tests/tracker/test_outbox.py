"""What notify may lease, and whether it is still true when its turn comes."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.tracker.test_project import DEPARTED, MISSED, parcels_way, tell
from tests.tracker.world import BAG_TAG, LATER, ONWARD, World, at
from tracker.domain.handling import Kind
from tracker.domain.notices import NOTICE_RULES, NoticeKind, Urgency
from tracker.outbox import OwedNotice
from tracker.store.owed import Debt


@pytest.fixture
def missed(world: World) -> OwedNotice:
    """Xiaoming's bag missed its connection, and that is owed."""
    world.with_network()
    world.books_bag()
    tell(world, [*MISSED, *DEPARTED[2:5]])
    world.fold()
    (notice,) = world.news()
    return notice


def test_a_notice_carries_all_its_text_needs(missed: OwedNotice) -> None:
    assert missed.kind is NoticeKind.MISSED_CONNECTION
    assert (missed.number, missed.origin.code, missed.destination.code) == (BAG_TAG, "SEA", "BOS")
    assert missed.departure == LATER
    assert missed.window is not None
    assert {"SEA", "BOS", "DEN"} == set(missed.places)
    assert (missed.recipient.name, missed.recipient.language) == ("王小明", "zh-Hans")
    assert missed.recipient.zone == "America/New_York"
    assert missed.channels == ("push", "email")
    assert missed.urgency is Urgency.NOW


def test_what_is_planned_is_offered_no_more_and_saying_so_twice_does_no_harm(world: World, missed: OwedNotice) -> None:
    world.outbox.planned([])
    world.outbox.planned([missed.id])
    world.outbox.planned([missed.id])
    assert world.news() == []
    assert world.outbox.notice(missed.id) == missed


def test_what_is_owed_is_offered_oldest_first_and_as_many_as_asked_for(world: World) -> None:
    world.with_network()
    number = world.books_parcel()
    tell(world, [*parcels_way(number)[:-1]])
    world.fold()
    tell(world, [*parcels_way(number)[-1:]])
    world.fold()
    assert [notice.kind for notice in world.news()] == ["out_for_delivery", "delivered"]
    assert [notice.kind for notice in world.outbox.unplanned(limit=1)] == ["out_for_delivery"]


def test_what_is_owed_knows_whose_it_is_and_its_place_among_what_its_piece_owes(world: World) -> None:
    world.with_network()
    number = world.books_parcel()
    tell(world, parcels_way(number))
    world.fold()
    owed = world.outbox.unplanned()
    assert {notice.account for notice in owed} == {"demo"}
    assert sorted(notice.seq for notice in owed) == [*range(1, len(owed) + 1)]
    assert all(notice.first_time for notice in owed)
    again = replace(owed[0], seq=len(owed) + 1)
    with world.store.writing() as tx:
        (row,) = [row for row in tx.owed.unplanned(9) if row.id == again.id]
        debt = Debt(replace(row.notice, cause="once:more"), row.person, "p", row.piece, (), row.owed_at, row.expires_at)
        tx.owed.owe([debt])
    (last,) = [notice for notice in world.outbox.unplanned() if notice.cause == "once:more"]
    assert (last.seq, last.first_time) == (again.seq, False)


def test_a_miss_stands_while_it_is_open(world: World, missed: OwedNotice) -> None:
    assert world.outbox.verdict(missed.id, world.clock.now()) == "stands"


def test_a_miss_is_overtaken_once_the_bag_went_on_or_arrived(world: World, missed: OwedNotice) -> None:
    world.scans(BAG_TAG, Kind.LOAD, "den", at(10.5), into=LATER)
    world.fold()
    assert world.outbox.verdict(missed.id, world.clock.now()) == "overtaken"


def test_any_notice_expires(world: World, missed: OwedNotice) -> None:
    assert missed.expires_at == missed.owed_at + NOTICE_RULES[missed.kind].expires_after
    assert world.outbox.verdict(missed.id, missed.expires_at) == "stands"
    assert world.outbox.verdict(missed.id, missed.expires_at + timedelta(microseconds=1)) == "expired"


def test_an_out_for_delivery_is_overtaken_by_the_delivery(world: World) -> None:
    world.with_network()
    number = world.books_parcel()
    tell(world, parcels_way(number), fold_each=True)
    out, delivered = world.news()
    assert world.outbox.verdict(out.id, world.clock.now()) == "overtaken"
    assert world.outbox.verdict(delivered.id, world.clock.now()) == "stands"


def test_a_delivery_that_was_withdrawn_is_overtaken(world: World) -> None:
    world.with_network()
    number = world.books_parcel()
    tell(world, parcels_way(number), fold_each=True)
    delivered = world.outbox.unplanned()[-1]
    device = world.device("bos-st")
    world.scans(number, Kind.VOID, "bos-st", at(24.6), x={"void": [device.ep, device.made]})
    world.fold()
    assert world.outbox.verdict(delivered.id, world.clock.now()) == "overtaken"


def test_an_unknown_notice_is_overtaken(world: World) -> None:
    assert world.outbox.verdict("none", at(0)) == "overtaken"
    assert world.outbox.notice("none") is None


# --- taking back ----------------------------------------------------------------------------------------------------


def take_back(world: World) -> OwedNotice:
    """The scans that showed the miss are withdrawn, and the load turns up."""
    device = world.device("den")
    world.scans(BAG_TAG, Kind.VOID, "den", at(9), x={"void": [device.ep, sighting(world)]})
    silent = world.device("den", "h-silent")
    load = silent.scan(BAG_TAG, Kind.LOAD, when=at(7.9), into=ONWARD)
    world.hears(silent.says(silent.scans(load, sent=at(9)), at(9)))
    world.fold()
    return next(notice for notice in world.outbox.unplanned() if notice.kind is NoticeKind.WITHDRAWN)


def sighting(world: World) -> int:
    """The number of the scan that showed the bag in Denver."""
    return next(scan.q for scan in world.queries.committed_scans() if (scan.code, scan.site) == (BAG_TAG, "den"))


@pytest.mark.parametrize(
    ("outcome", "verdict"),
    [
        ("accepted", "stands"),
        ("unknown", "stands"),
        ("due", "unsaid"),
        ("failed", "unsaid"),
        ("cancelled", "unsaid"),
    ],
)
def test_only_what_was_told_is_taken_back(world: World, missed: OwedNotice, outcome: str, verdict: str) -> None:
    world.outbox.told([(missed.id, outcome)])
    back = take_back(world)
    assert back.withdraws == missed.cause
    assert world.outbox.verdict(back.id, world.clock.now()) == verdict
    assert world.outbox.verdict(missed.id, world.clock.now()) == "overtaken"


def test_what_is_true_again_is_not_taken_back(world: World, missed: OwedNotice) -> None:
    world.outbox.told([(missed.id, "accepted")])
    back = take_back(world)
    world.scans(BAG_TAG, Kind.VOID, "den", at(9.1), x={"void": [world.device("den").ep, 99]})
    silent = world.device("den", "h-silent")
    void = silent.scan(BAG_TAG, Kind.VOID, when=at(9.2), x={"void": [silent.ep, 1]})
    world.clock.instant = at(9.5)
    world.hears(silent.says(silent.scans(void, sent=at(9.5)), at(9.5)))
    world.scans(BAG_TAG, Kind.UNLOAD, "den", at(9.5))
    world.fold()
    assert world.outbox.verdict(back.id, world.clock.now()) == "overtaken"
