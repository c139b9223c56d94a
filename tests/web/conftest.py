"""A house with a few pieces, its application, and a real browser to look at it with."""

import threading
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.web.stand_in import NOON, House, mailbox
from tracker.clock import StoppedClock
from web.app import WebSettings, create_app, live_of
from web.serve import serve


@pytest.fixture
def house() -> House:
    return House()


@pytest.fixture
def app(house: House) -> Iterator[Flask]:
    app = create_app(
        house,
        house,
        clock=StoppedClock(NOON),
        letters=mailbox,
        demo=True,
        settings=WebSettings(lookups_per_minute=None, live_streams=4),
    )
    yield app
    live_of(app).stop()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def address(app: Flask) -> Iterator[str]:
    """Where the application is served, on a port of its own."""
    stop, taken = threading.Event(), threading.Event()
    ports: list[int] = []

    def ready(port: int) -> None:
        ports.append(port)
        taken.set()

    serving = threading.Thread(target=serve, args=(app, "127.0.0.1", 0, stop), kwargs={"ready": ready, "threads": 16})
    serving.start()
    assert taken.wait(10)
    yield f"http://127.0.0.1:{ports[0]}"
    stop.set()
    serving.join(15)
    assert not serving.is_alive(), "the server did not stop while streams were open"
