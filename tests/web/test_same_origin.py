"""Nobody else's page makes a browser act here."""

import re
from collections.abc import Iterator
from typing import Any, cast

import pytest
from flask import Flask, render_template_string
from flask.testing import FlaskClient

from tests.web.stand_in import NOON, House, mailbox
from tracker.clock import StoppedClock
from web.app import create_app, live_of
from web.same_origin import SAFE, takes_no_cookie

TAKE_NO_COOKIE = {
    "/api/v1/shipments": "an API key",
    "/api/v1/departures": "the key of a feed",
    "/api/v1/webhooks": "an API key",
    "/api/v1/webhooks/<id>": "an API key",
    "/api/v1/webhooks/<id>/replay": "an API key",
    "/api/v1/webhooks/<id>/rotate": "an API key",
    "/api/v1/webhooks/<id>/test": "an API key",
    "/courier/files/<name>": "the password of a device",
    "/hooks/<provider>": "a signature",
    "/courier/ldp": "the password of a device",
    "/courier/pair": "an invitation, once",
    "/u/<token>": "the link at the foot of a mail",
}
"""Every route that changes something and asks for no form of ours, and what it acts by instead."""

OURS = {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"}
FOREIGN = (
    {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
    {"Sec-Fetch-Site": "same-site", "Origin": "http://localhost"},
    {"Sec-Fetch-Site": "none"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "null"},
    {"Origin": "https://evil.example"},
    {"Origin": "http://localhost.evil.example"},
    {"Origin": "http://["},
)


@pytest.fixture
def whole(house: House) -> Iterator[Flask]:
    """Every page there is, with two more that count what they were asked to do."""
    anything = cast(Any, object())
    app = create_app(
        house,
        house,
        clock=StoppedClock(NOON),
        letters=mailbox,
        preferences=anything,
        devices=anything,
        door=anything,
        invitations=anything,
        handovers=anything,
        feeds=anything,
        endpoints=anything,
        feedback=anything,
        followers=anything,
        demo=True,
    )
    done: list[str] = []
    app.extensions["done"] = done

    def act() -> str:
        done.append("acted")
        return render_template_string('<input name="form" value="{{ form_token() }}">')

    app.add_url_rule("/act", view_func=act, endpoint="look")
    app.add_url_rule("/act", view_func=act, endpoint="act", methods=["POST", "PUT", "PATCH", "DELETE"])
    app.add_url_rule("/by-key", view_func=takes_no_cookie(lambda: act()), endpoint="by_key", methods=["POST"])
    yield app
    live_of(app).stop()


@pytest.fixture
def browser(whole: Flask) -> FlaskClient:
    return whole.test_client()


def token(browser: FlaskClient) -> str:
    found = re.search(r'name="form" value="([0-9a-f]+)"', browser.get("/act").text)
    assert found is not None
    cast(Flask, browser.application).extensions["done"].clear()
    return found[1]


def done(browser: FlaskClient) -> list[str]:
    return cast("list[str]", cast(Flask, browser.application).extensions["done"])


def changing(app: Flask) -> list[tuple[str, str, str]]:
    return [
        (rule.rule, rule.endpoint, method)
        for rule in app.url_map.iter_rules()
        for method in sorted((rule.methods or set()) - set(SAFE))
    ]


def test_every_route_that_changes_something_asks_for_a_form_of_ours_or_is_named_here(whole: Flask) -> None:
    free = {
        rule
        for rule, endpoint, _ in changing(whole)
        if getattr(whole.view_functions[endpoint], "takes_no_cookie", False)
    }
    assert free == {*TAKE_NO_COOKIE, "/by-key"}


def test_every_other_one_refuses_a_request_without_a_token_from_elsewhere_or_with_anothers(whole: Flask) -> None:
    guarded = [(rule, method) for rule, _, method in changing(whole) if rule not in {*TAKE_NO_COOKIE, "/by-key"}]
    assert guarded
    browser, other = whole.test_client(), whole.test_client()
    mine, anothers = token(browser), token(other)
    for rule, method in guarded:
        path = re.sub(r"<[^>]+>", "1", rule)
        for headers in FOREIGN:
            assert browser.open(path, method=method, data={"form": mine}, headers=headers).status_code == 403, rule
        for data in ({}, {"form": anothers}, {"form": ""}, {"form": "é"}, {"form": mine[:-1]}):
            assert browser.open(path, method=method, data=data, headers=OURS).status_code == 403, rule
        assert browser.open(f"{path}?form={mine}", method=method, headers=OURS).status_code == 403, rule
        assert whole.test_client().open(path, method=method, data={"form": mine}, headers=OURS).status_code == 403
    assert done(browser) == []


@pytest.mark.parametrize("headers", [OURS, {"Sec-Fetch-Site": "same-origin", "Origin": "null"}, {"Origin": "null"}, {}])
def test_a_form_of_ours_goes_through(browser: FlaskClient, headers: dict[str, str]) -> None:
    assert browser.post("/act", data={"form": token(browser)}, headers=headers).status_code == 200
    assert browser.put("/act", headers={**headers, "X-Form": token(browser)}).status_code == 200
    assert len(done(browser)) == 1


def test_two_pages_open_at_once_both_stay_good_and_never_show_the_same_token(browser: FlaskClient) -> None:
    first, second = token(browser), token(browser)
    assert first != second
    for each in (first, second):
        assert browser.post("/act", data={"form": each}, headers=OURS).status_code == 200


def test_who_acts_by_a_key_needs_no_form(browser: FlaskClient) -> None:
    for headers in FOREIGN:
        assert browser.post("/by-key", headers=headers).status_code == 200


def test_over_tls_the_cookie_is_bound_to_this_host_and_a_planted_one_is_useless(whole: Flask) -> None:
    browser = whole.test_client()
    (set_cookie,) = browser.get("/act", base_url="https://localhost").headers.getlist("Set-Cookie")
    assert set_cookie.startswith("__Host-form=")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(set_cookie.split("; "))
    assert "Domain" not in set_cookie
    planted = whole.test_client()
    mine = token(browser)
    cookie = browser.get_cookie("form")
    assert cookie is not None
    planted.set_cookie("form", cookie.value, domain="localhost")
    https = {"base_url": "https://localhost", "headers": {"Origin": "https://localhost"}}
    assert planted.post("/act", data={"form": mine}, **cast(Any, https)).status_code == 403


def test_a_page_without_a_form_sets_no_cookie(browser: FlaskClient) -> None:
    assert "Set-Cookie" not in browser.get("/").headers


def test_the_refusal_says_what_to_do(browser: FlaskClient) -> None:
    answer = browser.post("/act")
    assert "Open the page again" in answer.text
    assert "再次打开" in browser.post("/act", headers={"Accept-Language": "zh-CN"}).text
