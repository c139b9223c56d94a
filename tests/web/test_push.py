"""A browser asks to be told of a piece: of its reader's own, with keys that are keys, at an address of the Internet."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from notify.store.subscriptions import Subscriptions
from tests.notify.browser import Browser
from tests.tracker.world import new_database
from tests.web.test_recipient_pages import HTTPS, House
from web.app import create_app, live_of
from web.push import Push


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(new_database(tmp_path / "lastscan.db"))
    yield made
    made.close()


@pytest.fixture
def subscriptions(tmp_path: Path) -> Subscriptions:
    return Subscriptions(new_database(tmp_path / "push.db"))


@pytest.fixture
def client(house: House, subscriptions: Subscriptions) -> Iterator[FlaskClient]:
    push = Push("vapid-key", subscriptions)
    app = create_app(house.queries, house.bookings, clock=house.clock, recipients=house.recipients, push=push)
    yield app.test_client()
    live_of(app).stop()


def asked(endpoint: str = "https://push.example/abc") -> dict[str, Any]:
    subscription = Browser().subscription(endpoint)
    keys = {"p256dh": subscription.p256dh, "auth": subscription.auth}
    return {"endpoint": endpoint, "expirationTime": None, "keys": keys}


def button(client: FlaskClient, house: House) -> tuple[str, dict[str, str]]:
    """Where the button on the page of the reader sends, and what with."""
    page = client.get(house.link, follow_redirects=True, **HTTPS).text
    found = re.search(r'<button id="push"[^>]*data-form="(\w+)" data-key="vapid-key"[^>]*data-to="([^"]+)"', page)
    assert found is not None
    return found[2], {"X-Form": found[1], "Sec-Fetch-Site": "same-origin"}


def test_whose_piece_it_is_may_be_told_on_this_device(client, house, subscriptions) -> None:
    to, headers = button(client, house)
    first, second = asked(), asked("https://push.example/def")
    for form in (first, first, second):
        assert client.post(to, json=form, headers=headers, **HTTPS).status_code == 204
    kept = subscriptions.of(house.person)
    assert kept is not None
    assert (kept.endpoint, kept.auth) == ("https://push.example/def", second["keys"]["auth"])
    assert subscriptions.at(first["endpoint"]) is None


def test_nobody_else_may(client, house, subscriptions) -> None:
    to, headers = button(client, house)
    assert client.post(to, json=asked(), **HTTPS).status_code in (400, 403)  # another site's page has no token
    client.post("/forget", headers=headers, **HTTPS)
    assert client.post(to, json=asked(), headers=headers, **HTTPS).status_code == 403
    assert subscriptions.of(house.person) is None
    assert 'id="push"' not in client.get(f"/t/{house.number}", **HTTPS).text


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        asked("https://10.0.0.1/push"),
        asked("http://push.example/abc"),
        asked() | {"keys": {"p256dh": "AAAA", "auth": "AAAA"}},
        asked() | {"keys": {"p256dh": "?" * 87, "auth": "é"}},
    ],
)
def test_what_is_no_subscription_is_refused(client, house, subscriptions, wrong) -> None:
    to, headers = button(client, house)
    assert client.post(to, json=wrong, headers=headers, **HTTPS).status_code == 400
    assert subscriptions.of(house.person) is None
