"""The four points of IATA Resolution 753, for Ada's bag."""

from tests.world import AMS, FRA, LH862, LH991, OSL, Story
from tracker.domain.bags.custody_points import Point, carrier, custody_points, shares
from tracker.domain.handling import Kind
from tracker.domain.itinerary import Itinerary, Leg, leg_on
from tracker.domain.timeline import timeline

FLIGHTS = Itinerary((leg_on(LH991), leg_on(LH862)))
SK862 = leg_on(LH862).departure.replace("LH", "SK")
TWO_CARRIERS = Itinerary(
    (leg_on(LH991), Leg(SK862, FRA.code, OSL.code, LH862.departs_at, LH862.arrives_at)),
)


def seen(itinerary, story):
    return custody_points(itinerary, timeline(story.events).standing, lambda departure: departure[:2] in ("LH", "SK"))


def test_every_point_names_the_scan_that_showed_it():
    story = (
        Story()
        .scan(Kind.ACCEPT, AMS, "07:00")
        .scan(Kind.LOAD, AMS, "08:00", into=LH991.name)
        .scan(Kind.UNLOAD, FRA, "10:50")
        .scan(Kind.LOAD, FRA, "11:30", into=SK862)
        .scan(Kind.DELIVER, OSL, "15:00")
    )
    points = seen(TWO_CARRIERS, story)
    assert [(p.point, p.facility) for p in points] == [
        (Point.ACCEPTED, "AMS"),
        (Point.LOADED, "AMS"),
        (Point.TRANSFERRED, "FRA"),
        (Point.LOADED, "FRA"),
        (Point.RETURNED, "OSL"),
    ]
    assert [p.shown_by for p in points] == [event.event_key for event in story.events]


def test_within_one_carrier_there_is_no_transfer_to_show():
    assert [p.point for p in seen(FLIGHTS, Story())] == [Point.ACCEPTED, Point.LOADED, Point.LOADED, Point.RETURNED]


def test_a_withdrawn_scan_shows_nothing():
    story = Story().scan(Kind.ACCEPT, AMS, "07:00")
    story = story.withdraws(story.events[0], "07:01")
    assert all(point.shown_by is None for point in seen(FLIGHTS, story))


def test_what_goes_by_road_has_no_points():
    assert custody_points(FLIGHTS, (), lambda departure: False) == ()


def test_shares_count_seen_among_due_by_station_flight_and_point():
    one = seen(FLIGHTS, Story().scan(Kind.LOAD, AMS, "08:00", into=LH991.name))
    other = seen(FLIGHTS, Story())
    loaded = next(
        share for share in shares([*one, *other]) if share.departure == LH991.name and share.point == "loaded"
    )
    assert (loaded.facility, loaded.due, loaded.seen) == ("AMS", 2, 1)


def test_a_carrier_has_two_letters_or_three():
    assert [carrier(name) for name in ("LH716/2026-11-12", "U21/2026-11-12", "DLH716/2026-11-12")] == [
        "LH",
        "U2",
        "DLH",
    ]
