"""The API: booking with a key, reading without one, and problems that say what to mend."""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.web.stand_in import BOOKED, DELIVERED, HELD, MOVING, House
from web.problems import PROBLEMS

DOCS = Path(__file__).parents[2] / "docs" / "api.md"

Send = Callable[..., TestResponse]


@pytest.fixture
def booking() -> dict[str, Any]:
    address = {"lines": ["Pike Street 1"], "city": "Seattle", "postcode": "98101", "country": "US"}
    return {
        "reference": "A-1007",
        "service": "express",
        "shipper": {"name": "Shop", "email": "shop@example.org", "phone": "+31 20 123", "address": {"country": "NL"}},
        "consignee": {
            "name": "Ada Lindqvist",
            "email": "ada@example.org",
            "language": "zh-Hans",
            "timezone": "America/Los_Angeles",
            "address": address,
        },
        "pieces": [
            {
                "weight_g": 1200,
                "size_mm": [300, 200, 100],
                "contents": "headphones",
                "hs": "851830",
                "value": {"minor": 12900, "currency": "EUR"},
            }
        ],
        "origin": "MIA",
        "destination": "SEA",
        "ready_at": "2026-11-21T16:00:00+01:00",
        "notify": {"consignee": ["email"]},
    }


@pytest.fixture
def send(client: FlaskClient) -> Send:
    def post(body: object, *, key: str | None = House.KEY, repeat: str | None = None) -> TestResponse:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        if repeat is not None:
            headers["Idempotency-Key"] = repeat
        data = body if isinstance(body, str | bytes) else json.dumps(body)
        return client.post("/api/v1/shipments", data=data, headers=headers, content_type="application/json")

    return post


def test_a_booking_is_answered_with_number_promise_plan_and_links(
    send: Send, house: House, booking: dict[str, Any]
) -> None:
    answer = send(booking)
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/api/v1/shipments/{BOOKED}"
    body = answer.get_json()
    assert body["numbers"] == [BOOKED]
    assert body["promise"] == {"due_by": "2026-11-22T06:00:00Z"}
    assert [leg["origin"] for leg in body["plan"]] == ["MIA", "DFW", "SEA"]
    assert body["links"]["page"] == f"/t/{BOOKED}"
    taken = house.requests[0]
    assert taken.consignee.zone == "America/Los_Angeles"
    assert taken.pieces[0].weight_g == 1200


def test_the_least_a_booking_needs(send: Send, house: House, booking: dict[str, Any]) -> None:
    least = {name: booking[name] for name in ("shipper", "consignee", "origin", "destination", "ready_at")}
    assert send(least).status_code == 201
    assert len(house.requests[0].pieces) == 1


@pytest.mark.parametrize("key", [None, "", "wrong", "lsk_live_0123456789abcde", "é"])
def test_without_a_key_of_ours_nothing_is_booked(
    send: Send, house: House, booking: dict[str, Any], key: str | None
) -> None:
    answer = send(booking, key=key)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert answer.content_type == "application/problem+json"
    assert house.requests == []


def test_the_same_key_and_body_is_the_same_booking(send: Send, house: House, booking: dict[str, Any]) -> None:
    first, again = send(booking, repeat="8c1f"), send(booking, repeat="8c1f")
    assert again.get_json() == first.get_json()
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    assert len(house.requests) == 1


def test_the_same_key_with_another_body_is_a_conflict(send: Send, booking: dict[str, Any]) -> None:
    send(booking, repeat="8c1f")
    answer = send({**booking, "reference": "A-1008"}, repeat="8c1f")
    assert answer.status_code == 409
    assert answer.get_json()["type"] == "/problems/idempotency-conflict"


def changed(booking: dict[str, Any], pointer: str, value: object) -> dict[str, Any]:
    """A copy with one field set, or left out for `...`."""
    copy: dict[str, Any] = json.loads(json.dumps(booking))
    *way, last = pointer.strip("/").split("/")
    place: Any = copy
    for step in way:
        place = place[int(step)] if step.isdigit() else place[step]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return copy


@pytest.mark.parametrize(
    ("pointer", "value", "says"),
    [
        ("/consignee/name", ..., "this field is missing"),
        ("/consignee/nickname", "x", "there is no such field"),
        ("/colour", "red", "there is no such field"),
        ("/pieces/0/weight_g", "heavy", "Expected int"),
        ("/pieces/0/weight_g", -1, "Expected int"),
        ("/pieces/0/size_mm", [1, 2], "length 3"),
        ("/pieces", [], "length"),
        ("/ready_at", "tomorrow", "RFC3339"),
        ("/ready_at", "2026-11-21T16:00:00", "timezone"),
        ("/consignee/timezone", "Mars/Olympus", "IANA"),
        ("/consignee/email", "ada@example.org\r\nBcc: all@example.org", "matching regex"),
        ("/consignee/name", "Ada\nX-Evil: 1", "matching regex"),
        ("/consignee/address/country", "Narnia", "matching regex"),
        ("/origin", "a b", "facility code"),
        ("/origin", "XXX", "no facility"),
        ("/legs", ["nonsense"], "a departure is named like"),
        ("/notify/consignee", ["pigeon"], "Invalid enum value"),
    ],
)
def test_a_booking_that_is_wrong_names_the_field(
    send: Send, house: House, booking: dict[str, Any], pointer: str, value: object, says: str
) -> None:
    answer = send(changed(booking, pointer, value))
    assert answer.status_code == 422
    problem = answer.get_json()
    assert problem["type"] == "/problems/bad-booking"
    assert problem["errors"][0]["pointer"].startswith(pointer)
    assert says in problem["errors"][0]["detail"]
    assert house.requests == []


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[" * 5000, b'{"a": NaN}', "null", "[]", '"x"'])
def test_what_is_no_booking_at_all_is_refused(send: Send, body: bytes) -> None:
    answer = send(body)
    assert answer.status_code in (400, 422)
    assert answer.get_json()["title"]


def test_a_body_past_64_kib_is_not_read(send: Send) -> None:
    assert send(b"x" * 70_000).status_code == 413


@pytest.mark.parametrize("repeat", ["", "k" * 256, "clé"])
def test_an_odd_idempotency_key_is_refused(send: Send, booking: dict[str, Any], repeat: str) -> None:
    assert send(booking, repeat=repeat).status_code == 400


def test_anyone_may_read_the_public_view(client: FlaskClient) -> None:
    body = client.get(f"/api/v1/shipments/{MOVING}").get_json()
    assert body["state"] == "moving"
    assert body["destination"] == {"code": None, "city": None, "country": "US"}
    assert body["eta"]["earliest"] == "2026-11-22T01:00:00Z"
    assert [step["milestone"] for step in body["milestones"] if step["reached_at"]] == [
        "booked",
        "accepted",
        "on_its_way",
    ]
    assert body["events"][-1]["into"] == "AA1167/2026-11-21"


def test_the_last_mile_has_no_minutes(client: FlaskClient) -> None:
    for number in (DELIVERED, HELD):
        body = client.get(f"/api/v1/shipments/{number}").get_json()
        last = [entry for entry in body["events"] if entry["place"]["city"] is None]
        assert last
        for entry in last:
            assert entry["precision"] == "part_of_day"
            assert "heard_at" not in entry


def test_who_has_the_newest_answer_is_told_so(client: FlaskClient, house: House) -> None:
    first = client.get(f"/api/v1/shipments/{MOVING}")
    again = client.get(f"/api/v1/shipments/{MOVING}", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304
    house.put(next(card for card in house.candidates(DELIVERED)))  # another piece
    assert client.get(f"/api/v1/shipments/{MOVING}").headers["ETag"] == first.headers["ETag"]


def test_an_unknown_number_is_a_problem(client: FlaskClient) -> None:
    answer = client.get("/api/v1/shipments/LS473124832NL")
    assert answer.status_code == 404
    assert answer.content_type == "application/problem+json"
    assert answer.get_json()["type"] == "/problems/not-found"


def test_wrong_methods_and_paths_of_the_api_are_problems(client: FlaskClient) -> None:
    wrong = client.delete(f"/api/v1/shipments/{MOVING}")
    assert wrong.status_code == 405
    assert "GET" in wrong.headers["Allow"]
    assert wrong.get_json()["type"] == "/problems/method-not-allowed"
    assert client.get("/api/v2").get_json()["type"] == "/problems/not-found"


def test_health_says_what_it_rests_on(client: FlaskClient, house: House) -> None:
    assert client.get("/healthz").get_json() == {"alive": True}
    assert client.get("/readyz").get_json() == {"ready": True, "database": True, "facts_to_fold": 0}
    house.healthy = lambda: {"database": False}  # type: ignore[method-assign]
    assert client.get("/readyz").status_code == 503


@pytest.mark.parametrize("name", PROBLEMS)
def test_every_problem_has_its_page_and_its_paragraph(client: FlaskClient, name: str) -> None:
    assert PROBLEMS[name].title in client.get(f"/problems/{name}").text
    assert f"`{name}`" in DOCS.read_text()


def test_the_example_of_the_document_books_a_shipment(address: str, house: House) -> None:
    script = re.search(r"```sh\n(curl .*?)```", DOCS.read_text(), flags=re.DOTALL)
    assert script
    command = script[1].replace("http://127.0.0.1:8080", address).replace("$LASTSCAN_KEY", House.KEY)
    ran = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=20, check=True)
    assert json.loads(ran.stdout)["numbers"] == [BOOKED]
