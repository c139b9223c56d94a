"""The load list of a departure, for a device that says who it is, and for nobody else."""

from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.tracker.world import ADA, BAG_TAG, FEEDER, ONWARD, VAN_OUT, World, at, new_database
from tracker.domain.handling import Kind
from web.app import WebSettings, create_app

LATER_RUN = "AS22/2026-11-21"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(new_database(tmp_path / "lastscan.db")).with_network()
    yield world
    world.close()


def client_of(world: World, a_minute: int | None = None) -> FlaskClient:
    settings = WebSettings(lookups_per_minute=a_minute)
    app = create_app(world.queries, world.bookings, clock=world.clock, devices=world.registry, settings=settings)
    return app.test_client()


def asks(client: FlaskClient, dev: str, password: str, departure: str = FEEDER) -> TestResponse:
    told = "Basic " + b64encode(f"{dev}:{password}".encode()).decode()
    return client.get("/courier/manifest", query_string={"departure": departure}, headers={"Authorization": told})


def test_a_device_of_the_site_has_the_list_and_no_word_about_people(world: World) -> None:
    parcel, bag = world.books_parcel(), world.books_bag()
    told = world.registry.add("h-1", site="sea")
    answer = asks(client_of(world), "h-1", told.password, FEEDER.lower())
    assert answer.status_code == 200
    assert answer.get_json() == {
        "departure": FEEDER,
        "origin": "SEA",
        "destination": "DEN",
        "departs_at": "2026-11-21T16:00:00Z",
        "as_of": "2026-11-21T12:00:00Z",
        "pieces": [
            {"number": bag, "destination": "BOS", "loaded": False},
            {"number": parcel, "destination": "BOS-ST", "loaded": False},
        ],
        "over": [],
        "short": 2,
    }
    assert ADA.name not in answer.text
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_piece_with_another_way_is_on_the_new_list_and_off_the_old(world: World) -> None:
    world.books_bag()
    told = world.registry.add("h-1", site="den")
    client = client_of(world)

    def listed(departure: str) -> list[str]:
        pieces = asks(client, "h-1", told.password, departure).get_json()["pieces"]
        return [piece["number"] for piece in pieces]

    assert (listed(ONWARD), listed(LATER_RUN)) == ([BAG_TAG], [])
    world.scans(BAG_TAG, Kind.ACCEPT, "sea", at(1))
    world.scans(ONWARD, Kind.DEPART, "den", at(8))
    world.scans(BAG_TAG, Kind.UNLOAD, "den", at(9))
    world.fold()
    assert (listed(ONWARD), listed(LATER_RUN)) == ([], [BAG_TAG])


@pytest.mark.parametrize(
    ("dev", "password"),
    [("h-1", "wrong"), ("h-1", ""), ("", ""), ("h-2", "wrong"), ("tracker", "x"), ("h\0", "x"), ("ä", "ä")],
)
def test_a_wrong_password_and_an_unknown_name_are_refused_alike(world: World, dev: str, password: str) -> None:
    world.registry.add("h-1", site="sea")
    answer = asks(client_of(world), dev, password)
    assert (answer.status_code, answer.get_json()["type"]) == (401, "/problems/no-device")
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")


def test_without_a_name_or_by_another_scheme_there_is_no_list(world: World) -> None:
    told = world.registry.add("h-1", site="sea")
    client = client_of(world)
    for said in (None, "", "Basic", "Basic ???", f"Bearer {told.password}", "Digest username=h-1"):
        headers = {} if said is None else {"Authorization": said}
        assert client.get(f"/courier/manifest?departure={FEEDER}", headers=headers).status_code == 401


def test_a_revoked_device_is_refused_and_a_moved_one_gives_its_new_password(world: World) -> None:
    old = world.registry.add("h-1", site="sea")
    world.registry.revoke("h-1")
    client = client_of(world)
    assert asks(client, "h-1", old.password).status_code == 401
    new = world.registry.add("h-1", site="sea", move=True)
    assert [asks(client, "h-1", each.password).status_code for each in (old, new)] == [401, 200]


@pytest.mark.parametrize("departure", [VAN_OUT, ONWARD, "AS99/2026-11-21", "", "\0", "x" * 5000, "'; --"])
def test_a_device_reads_no_list_of_another_site_nor_of_a_run_that_is_not(world: World, departure: str) -> None:
    told = world.registry.add("h-1", site="bos-st")
    answer = asks(client_of(world), "h-1", told.password, departure)
    assert (answer.status_code, answer.get_json()["type"]) == (404, "/problems/not-found")


def test_guessing_is_slowed_down_like_looking_up(world: World) -> None:
    client = client_of(world, a_minute=3)
    assert [asks(client, "h-1", "guess").status_code for _ in range(4)] == [401, 401, 401, 429]


def test_an_unknown_device_costs_the_same_work_as_a_known_one(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    checked = []
    monkeypatch.setattr("tracker.devices.verify_password", lambda given, kept: checked.append((given, kept)))
    world.registry.add("h-1", site="sea")
    assert world.registry.site_of("h-1", password="a") is world.registry.site_of("nobody", password="a") is None
    assert len(checked) == 2
    assert all(kept.startswith("$7$101$") for _, kept in checked)


def test_where_no_devices_are_served_there_is_no_such_address(world: World) -> None:
    bare = create_app(world.queries, world.bookings, clock=world.clock).test_client()
    assert bare.get("/courier/manifest").status_code == 404
