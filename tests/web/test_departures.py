"""Updates of departures over the API."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.tracker.world import FEEDER, ONWARD, World, new_database
from tracker.network import Network
from web.app import create_app

AT = "2026-11-21T12:00:00Z"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(new_database(tmp_path / "lastscan.db"))
    yield made
    made.close()


@pytest.fixture
def told(world: World) -> Callable[..., Any]:
    network = Network(world.with_network().store, world.clock)
    key = network.add_feed("ops")
    client: FlaskClient = create_app(world.queries, world.bookings, clock=world.clock, feeds=network).test_client()

    def post(*updates: dict[str, Any], key: str = key) -> Any:
        headers = {"Authorization": f"Bearer {key}"}
        return client.post("/api/v1/departures", json={"updates": updates}, headers=headers)

    return post


def test_what_a_feed_says_is_taken_once(told: Callable[..., Any], world: World) -> None:
    update = {"departure": FEEDER, "at": AT, "estimated_departure": "2026-11-21T17:30:00+01:00", "tail": "N1"}
    assert (told(update).status_code, told(update).json) == (202, {"taken": 1, "new": 0, "unknown": []})
    assert told({"departure": "LH0716/2026-11-21", "at": AT, "cancelled": True}).json["unknown"] == ["LH716/2026-11-21"]
    world.fold()
    with world.store.reading() as tx:
        known = tx.network.departures([FEEDER])[FEEDER]
    assert (known.tail, known.leaves_at.isoformat()) == ("N1", "2026-11-21T16:30:00+00:00")


def test_only_a_feed_may_tell(told: Callable[..., Any]) -> None:
    refused = told({"departure": ONWARD, "at": AT, "cancelled": True}, key="lsk_secret")
    assert (refused.status_code, refused.json["type"]) == (401, "/problems/no-feed-key")


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"departure": "LH716", "at": AT}, "/updates/1"),
        ({"departure": ONWARD}, "/updates/1/at"),
        ({"departure": ONWARD, "at": AT, "canceled": True}, "/updates/1/canceled"),
        ({"departure": ONWARD, "at": AT, "left_at": "2026-11-21T12:00:00"}, "/updates/1/left_at"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_taken(
    told: Callable[..., Any], world: World, wrong: dict[str, Any], pointer: str
) -> None:
    refused = told({"departure": FEEDER, "at": AT, "cancelled": True}, wrong)
    assert (refused.status_code, refused.json["errors"][0]["pointer"]) == (422, pointer)
    world.fold()
    with world.store.reading() as tx:
        assert tx.network.departures([FEEDER])[FEEDER].takes_pieces
