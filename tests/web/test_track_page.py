"""What a customer reads: where it is, when it comes, what went wrong, and how we know."""

from dataclasses import replace
from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from tests.web.stand_in import (
    BOOKED,
    DELIVERED,
    HELD,
    MISSED_BAG,
    MOVING,
    SEA,
    House,
    at,
    missed_bag,
    moving_parcel,
)
from tracker.domain.eta import Eta
from tracker.domain.handling import Kind
from tracker.domain.why import because


def test_a_number_typed_with_blanks_leads_to_its_page(client: FlaskClient) -> None:
    answer = client.get("/?number=ls 4731 2482-9 nl")
    assert answer.status_code == 303
    assert answer.location == f"/t/{MOVING}"


def test_a_moving_parcel_shows_its_window_its_promise_and_its_next_step(client: FlaskClient) -> None:
    page = client.get(f"/t/{MOVING}").text
    assert "On its way to Seattle" in page
    assert "Sat 21 Nov, 17:00–21:00" in page
    assert "by Sat 21 Nov, 22:00" in page
    assert "On time" in page
    assert "It is unloaded in Seattle, by Sat 21 Nov, 13:05." in page
    assert 'aria-current="step"' in page


def test_the_newest_three_stand_open_and_the_rest_is_one_tap_away(client: FlaskClient) -> None:
    page = client.get(f"/t/{MOVING}").text
    first, rest = page.split('<details id="all"')
    assert first.count('id="line-') == 3
    assert rest.count('id="line-') == 5
    assert "Show all 8" in rest
    assert first.index("09:41") < first.index("08:20")  # newest first, in Dallas time


def test_each_line_says_how_it_is_known(client: FlaskClient) -> None:
    page = client.get(f"/t/{MOVING}").text
    assert "A scan in Dallas on Sat 21 Nov, 07:31, local time." in page
    assert "We heard of it 41 seconds later." in page
    assert "We heard of it 14 minutes later." in page
    assert "Its clock may be off by 2 s." in page


def test_a_withdrawn_scan_stays_struck_through(client: FlaskClient) -> None:
    page = client.get(f"/t/{MOVING}").text
    assert "<s>Loaded</s>" in page
    assert "was taken back: it was a mistake" in page


def test_a_bag_that_missed_its_connection_says_which_and_what_takes_it_instead(client: FlaskClient) -> None:
    page = client.get(f"/t/{MISSED_BAG}").text
    assert "It missed its connection in Chicago" in page
    assert "AA1221 left Chicago at Sat 21 Nov, 09:53 without it" in page
    assert "It goes with AA1301 instead: leaves Chicago Sat 21 Nov, 13:10, arrives Seattle Sat 21 Nov, 15:45." in page
    assert "<s>by Sat 21 Nov, 14:45</s>" in page
    assert "Later than promised" in page


def test_a_bag_is_checked_in_and_comes_to_the_belt(client: FlaskClient) -> None:
    page = client.get(f"/t/{MISSED_BAG}").text
    assert "Checked in" in page
    assert "On the belt" in page
    assert "Out for delivery" not in page


def test_a_tag_used_before_offers_its_earlier_journey(client: FlaskClient) -> None:
    page = client.get(f"/t/{MISSED_BAG}").text
    assert f'href="/t/{MISSED_BAG}?journey=1"' in page
    earlier = client.get(f"/t/{MISSED_BAG}?journey=1").text
    assert "data-live" not in earlier
    assert "Booked Sat 21 Nov, 04:40" in earlier


def test_a_number_that_fits_two_pieces_asks_which(house: House, client: FlaskClient) -> None:
    two = [moving_parcel(), missed_bag()]
    house.candidates = lambda number: two  # type: ignore[method-assign]
    page = client.get(f"/t/{MOVING}").text
    assert "Which one is yours?" in page
    assert "Miami → Seattle" in page
    assert "Station" not in page


def test_a_delivered_parcel_says_so_by_the_day(client: FlaskClient) -> None:
    page = client.get(f"/t/{DELIVERED}").text
    assert "Sat 21 Nov, evening" in page
    assert "19:47" not in page


def test_what_holds_a_parcel_is_said_without_its_reason(client: FlaskClient) -> None:
    page = client.get(f"/t/{HELD}").text
    assert "Held at the local delivery station" in page
    assert "A new time will stand here as soon as we know it." in page


def test_a_parcel_only_booked_waits_to_be_handed_in(client: FlaskClient) -> None:
    assert "Booked, not handed to us yet" in client.get(f"/t/{BOOKED}").text


def test_a_parcel_on_the_van_shows_hours_not_the_minute_it_left(house: House, client: FlaskClient) -> None:
    card = moving_parcel()
    why = because(
        "It left {facility} on the van at {out_at}; a round takes up to four hours.",
        {"facility": "SEA-ST", "out_at": at(17, 23)},
    )
    house.put(replace(card, eta=Eta(at(17, 23), at(21, 23), why)))
    page = client.get(f"/t/{MOVING}").text
    assert "09:00–13:30" in page
    assert "09:23" not in page


def test_an_unknown_number_gets_advice_and_404(client: FlaskClient) -> None:
    answer = client.get("/t/LS473124832NL")
    assert answer.status_code == 404
    assert "Nothing heard yet" in answer.text
    assert "The number may be right" in answer.text


@pytest.mark.parametrize(
    ("number", "hint"),
    [
        ("LS473124821NL", "The check digit does not match: in LS 4731 2482 1 NL"),
        ("022020821", "A bag tag has ten digits; this number has 9."),
        ("HELLO", "looks like LS 1234 5678 5 NL"),
    ],
)
def test_a_typing_slip_is_named(client: FlaskClient, number: str, hint: str) -> None:
    answer = client.get(f"/t/{number}")
    assert answer.status_code == 404
    assert hint in answer.text


def test_a_late_heard_scan_is_not_called_prompt(house: House, client: FlaskClient) -> None:
    house.scan(MOVING, Kind.UNLOAD, SEA, at(20, 50), late=timedelta(hours=3))
    assert "We heard of it 3 hours later." in client.get(f"/t/{MOVING}").text


def test_the_map_draws_the_way_with_a_title(client: FlaskClient) -> None:
    page = client.get(f"/t/{MOVING}").text
    assert "Map of the way from Miami to Seattle" in page
    assert 'class="run done"' in page
    assert 'class="run now"' in page
