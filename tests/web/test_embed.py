"""A piece on a shop's page: who may embed it, in which colours, and nothing more than its number shows."""

from pathlib import Path

import pytest
from flask.testing import FlaskClient

import web
from tests.web.stand_in import HELD, MOVING, NOON, SECRETS, House
from tracker.clock import StoppedClock
from web.app import WebSettings, create_app
from web.colours import TOKENS, BadColoursError, colours, contrast
from web.embed import BadOriginError

SHOP = "https://shop.example"
DARK = dict(zip(TOKENS, ("a3b4ff", "e8ebf5", "0e1220", "62d6a0", "f2b85c", "ff938c"), strict=True))


def shops(*origins: str) -> FlaskClient:
    house = House()
    settings = WebSettings(lookups_per_minute=None, embedded_by=origins)
    return create_app(house, house, clock=StoppedClock(NOON), settings=settings).test_client()


def test_only_those_on_the_list_may_frame_and_only_this_page() -> None:
    client = shops(SHOP)
    assert f"frame-ancestors 'self' {SHOP}" in client.get(f"/embed/{MOVING}").headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in client.get(f"/t/{MOVING}").headers["Content-Security-Policy"]
    assert "frame-ancestors 'self';" in shops().get(f"/embed/{MOVING}").headers["Content-Security-Policy"] + ";"


def test_only_those_on_the_list_may_read_what_the_element_draws() -> None:
    client = shops(SHOP)
    ours = client.get(f"/embed/{MOVING}/view", headers={"Origin": SHOP})
    assert ours.headers["Access-Control-Allow-Origin"] == SHOP
    assert "Origin" in ours.headers["Vary"]
    assert ours.get_json()["headline"] == "On its way to Seattle"
    for origin in ("https://evil.example", "null", f"{SHOP}.evil.example"):
        theirs = client.get(f"/embed/{MOVING}/view", headers={"Origin": origin})
        assert "Access-Control-Allow-Origin" not in theirs.headers
    assert "Access-Control-Allow-Credentials" not in ours.headers
    assert "Set-Cookie" not in ours.headers


@pytest.mark.parametrize(
    "origin", ["*", "https://*", "shop.example", "https://shop.example/x", "https://a b", "http://shop"]
)
def test_an_origin_that_is_none_is_refused_at_the_start(origin: str) -> None:
    with pytest.raises(BadOriginError):
        shops(origin)


def test_it_shows_what_the_number_alone_shows() -> None:
    client = shops(SHOP)
    shown = client.get(f"/embed/{HELD}").text + client.get(f"/embed/{HELD}/view").text
    assert [secret for secret in SECRETS if secret in shown] == []
    assert client.get("/embed/LS999999999NL").status_code == 404


def test_a_shops_colours_are_taken_if_all_can_be_read() -> None:
    client = shops(SHOP)
    assert colours(DARK) == DARK
    assert "ground=0e1220" in client.get(f"/embed/{MOVING}", query_string=DARK).text
    assert "--ground: #0e1220" in client.get("/embed/colours.css", query_string=DARK).text
    for wrong in (
        {**DARK, "bad": "300000"},
        {**DARK, "brand": "red"},
        {"brand": "a3b4ff"},
        {**DARK, "text": "0;} *{x"},
    ):
        with pytest.raises(BadColoursError):
            colours(wrong)
        assert client.get("/embed/colours.css", query_string=wrong).status_code == 422
        assert "colours.css" not in client.get(f"/embed/{MOVING}", query_string=wrong).text
    assert round(contrast("000000", "ffffff"), 1) == 21
    assert contrast("777777", "ffffff") < 4.5 < contrast("767676", "ffffff")


def test_the_element_is_small_and_may_be_loaded_from_anywhere() -> None:
    assert (Path(web.__file__).parent / "static" / "lastscan-track.js").stat().st_size <= 15_000
    answer = shops().get("/embed/lastscan-track.js")
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert answer.mimetype == "text/javascript"
