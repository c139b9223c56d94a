"""The demo's network and its day: real places, real flights, enough of everything."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from lastscan.demo.bookings import SURELY_MISSED, day_begins, intents
from lastscan.demo.network import GATEWAYS, HUBS, departure, facilities, runs_of, station_of
from tracker.domain.ids import DepartureName, LicencePlate
from tracker.domain.network import FacilityKind
from tracker.domain.shipment import PieceKind
from tracker.domain.timetable import Timetable, Wish

TODAY = date(2026, 11, 22)


def test_every_place_is_named_in_both_languages_and_has_a_zone() -> None:
    places = facilities()
    assert len(places) >= 12
    for place in places.values():
        assert ZoneInfo(place.zone)
        assert place.lat is not None
        assert {"en", "zh-Hans"} <= place.names.keys() & place.cities.keys()
    assert {station_of(gateway) for gateway in GATEWAYS} <= places.keys()
    assert len([p for p in places.values() if p.kind is FacilityKind.HUB]) == len(HUBS)


def test_departures_of_following_days_have_names_of_their_own() -> None:
    names = [run.name for day in range(4) for run in runs_of(TODAY + timedelta(days=day))]
    assert len(names) == len(set(names))
    for run in runs_of(TODAY):
        assert DepartureName.parse(run.name).service_on == run.departs_at.date()


def test_the_timetable_says_nothing_of_how_late_a_flight_will_be() -> None:
    for run in runs_of(TODAY):
        told = departure(run)
        assert (told.departs_at, told.arrives_at) == (run.departs_at, run.arrives_at)
        assert told.left_at is None
        assert told.landed_at is None


def test_room_is_scarce_on_some_departures_and_the_same_every_day() -> None:
    rooms = {run.name.split("/")[0]: departure(run).capacity for run in runs_of(TODAY)}
    assert 10 <= sum(room <= 3 for room in rooms.values()) < len(rooms) / 4
    assert rooms == {run.name.split("/")[0]: departure(run).capacity for run in runs_of(TODAY + timedelta(days=3))}


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10**6), st.dates(date(2026, 1, 1), date(2030, 1, 1)))
def test_a_day_of_sixty_has_eighty_pieces_twenty_bags_and_connections_that_break(seed: int, day: date) -> None:
    found = intents(seed, day, 60)
    pieces = [piece for intent in found for piece in intent.request.pieces]
    bags = [piece for piece in pieces if piece.kind is PieceKind.BAG]
    assert (len(found), len(pieces) >= 80, len(bags) >= 20) == (60, True, True)
    plates = {str(LicencePlate.parse(bag.number or "")) for bag in bags}
    assert len(plates) == len(bags)
    flown = {run.name: run for run in runs_of(day)}
    gaps = [
        flown[outbound].left_at - flown[inbound].landed_at
        for inbound, outbound in (intent.request.legs for intent in found if intent.request.legs)
    ]
    assert sum(gap <= SURELY_MISSED for gap in gaps) >= 3
    for intent in found:
        assert day_begins(day) <= intent.at <= intent.handed_in_at < day_begins(day) + timedelta(days=1)
        assert intent.request.consignee.email is not None
        assert intent.request.consignee.email.endswith("@example.org")
    languages = [intent.request.consignee.language for intent in found]
    assert languages.count("zh-Hans") == 30


def test_a_day_is_the_same_for_the_same_seed_and_another_for_the_next() -> None:
    assert intents(7, TODAY, 60) == intents(7, TODAY, 60)
    assert intents(7, TODAY, 60) != intents(8, TODAY, 60)


def test_every_station_reaches_every_other_within_two_days() -> None:
    timetable = [departure(run) for day in range(3) for run in runs_of(TODAY + timedelta(days=day))]
    table = Timetable(facilities(), timetable)
    ready_at = datetime(2026, 11, 22, 18, tzinfo=UTC)
    for origin in GATEWAYS:
        for destination in set(GATEWAYS) - {origin}:
            way = table.way(Wish(0, station_of(origin), station_of(destination), ready_at))
            assert way is not None
            assert len(way.legs) >= 4
            assert way.arrives_at is not None
            assert way.arrives_at < ready_at + timedelta(days=2)
