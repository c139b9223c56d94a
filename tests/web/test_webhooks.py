"""Webhooks over the API: an account's own, once under a key, refused with what to mend; and the docs' receiver."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from notify.channels.webhook.channel import signatures
from notify.channels.webhook.endpoints import Endpoints
from notify.store.webhooks import WebhookStore
from tests.tracker.world import World, new_database
from web.app import create_app

DOCS = Path(__file__).parents[2] / "docs" / "api.md"

Ask = Callable[..., TestResponse]


@pytest.fixture
def endpoints(tmp_path: Path) -> Iterator[Endpoints]:
    engine = new_database(tmp_path / "hooks.db")
    yield Endpoints(WebhookStore(engine), lambda: datetime.now(UTC), allowed=frozenset())
    engine.dispose()


@pytest.fixture
def ask(tmp_path: Path, endpoints: Endpoints) -> Iterator[Ask]:
    world = World(new_database(tmp_path / "lastscan.db"))
    world.bookings.open_account("shop", key="lsk_shop")
    world.bookings.open_account("other", key="lsk_other")
    app = create_app(world.queries, world.bookings, clock=world.clock, endpoints=endpoints)
    client: FlaskClient = app.test_client()

    def send(method: str, path: str = "", *, key: str = "lsk_shop", repeat: str = "", **more: Any) -> TestResponse:
        headers = {"Authorization": f"Bearer {key}"} | ({"Idempotency-Key": repeat} if repeat else {})
        return client.open(f"/api/v1/webhooks{path}", method=method, headers=headers, **more)

    yield send
    world.close()


HOOK = {"url": "https://shop.example/hook", "kinds": ["delivered"], "owner": "ops@shop.example"}


def test_one_is_made_shown_rotated_and_removed(ask: Ask) -> None:
    made = ask("POST", json=HOOK)
    assert made.status_code == 201
    assert made.json is not None
    path = made.headers["Location"].removeprefix("/api/v1/webhooks")
    secret = made.json["secret"]
    assert secret.startswith("whsec_")
    listed = ask("GET").json
    assert listed is not None
    assert [hook["url"] for hook in listed["webhooks"]] == [HOOK["url"]]
    assert secret not in ask("GET").text + ask("GET", path).text
    rotated = ask("POST", f"{path}/rotate").json
    assert rotated is not None
    assert rotated["secret"] != secret
    assert rotated["old_secret_until"]
    assert ask("DELETE", path).status_code == 204
    assert ask("GET", path).status_code == 404


def test_the_same_request_under_one_key_is_done_once(ask: Ask) -> None:
    first, again = (ask("POST", json=HOOK, repeat="order-1") for _ in range(2))
    assert first.json == again.json
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    other = ask("POST", json=HOOK | {"url": "https://shop.example/other"}, repeat="order-1")
    assert (other.status_code, (other.json or {})["type"]) == (409, "/problems/idempotency-conflict")
    assert len((ask("GET").json or {})["webhooks"]) == 1
    assert ask("POST", json=HOOK, repeat="\x7f").status_code == 400


def test_a_request_that_was_refused_may_be_mended_under_its_key(ask: Ask) -> None:
    assert ask("POST", json=HOOK | {"url": "http://shop.example"}, repeat="k").status_code == 422
    assert ask("POST", json=HOOK, repeat="k").status_code == 201


def test_another_account_finds_nothing(ask: Ask) -> None:
    path = ask("POST", json=HOOK).headers["Location"].removeprefix("/api/v1/webhooks")
    for method, rest in (("GET", ""), ("DELETE", ""), ("POST", "/rotate"), ("POST", "/test"), ("GET", "/attempts")):
        assert ask(method, path + rest, key="lsk_other").status_code == 404
    assert ask("GET", key="lsk_other").json == {"webhooks": []}
    refused = ask("GET", key="lsk_nobody")
    assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, 'Bearer realm="lastscan"')


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"url": "https://127.0.0.1/"}, "/url"),
        ({"url": "https://user:password@shop.example/"}, "/url"),
        ({"kinds": ["delivered", "pigeon"]}, "/kinds/1"),
        ({"owner": "nobody"}, "/owner"),
        ({"secret": "mine"}, "/secret"),
    ],
)
def test_what_is_refused_names_the_field_to_mend(ask: Ask, wrong: dict[str, Any], pointer: str) -> None:
    refused = ask("POST", json=HOOK | wrong)
    assert (refused.status_code, refused.mimetype) == (422, "application/problem+json")
    assert [error["pointer"] for error in (refused.json or {})["errors"]] == [pointer]


def test_a_replay_says_which(ask: Ask) -> None:
    path = ask("POST", json=HOOK).headers["Location"].removeprefix("/api/v1/webhooks")
    assert ask("POST", f"{path}/replay", json={}).status_code == 422
    assert ask("POST", f"{path}/replay", data=b"{").status_code == 400
    answer = ask("POST", f"{path}/replay", json={"failed": True, "since": "2026-11-21T00:00:00Z"})
    assert (answer.status_code, answer.json) == (202, {"replayed": 0})


def test_the_log_has_pages(ask: Ask, endpoints: Endpoints) -> None:
    path = ask("POST", json=HOOK).headers["Location"].removeprefix("/api/v1/webhooks")
    assert ask("POST", f"{path}/test").status_code == 202
    assert ask("GET", f"{path}/attempts?limit=1").json == {"attempts": []}
    assert ask("GET", f"{path}/attempts?cursor=%F0%9F").status_code == 422
    assert ask("GET", f"{path}/attempts?cursor=bm90aGluZw").status_code == 422


def test_the_receiver_of_the_documents_takes_what_is_signed_and_nothing_else(ask: Ask, endpoints: Endpoints) -> None:
    made = ask("POST", json=HOOK).json
    assert made is not None
    hook, now = endpoints.find("shop", made["id"]), datetime.now(UTC)
    body = '{"type":"delivered","timestamp":"2026-11-21T08:00:00.000Z","data":{}}'
    headers = {
        "webhook-id": "msg-1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": signatures(hook, id="msg-1", body=body, now=now),
    }
    text = DOCS.read_text(encoding="utf-8")
    found = re.search(r"```python\n(import base64.*?)```", text, re.DOTALL)
    assert found is not None
    for forged, outcome in (
        ({}, "delivered"),
        ({"webhook-id": "msg-2"}, "ValueError"),
        ({"webhook-timestamp": "1"}, "ValueError"),
    ):
        told = {**headers, **forged}
        script = f"{found[1]}\nprint(verified({body.encode()!r}, {told!r}, {hook.secret!r})['type'])"
        ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=30)
        assert outcome in ran.stdout + ran.stderr
        assert (ran.returncode == 0) == (outcome == "delivered")
