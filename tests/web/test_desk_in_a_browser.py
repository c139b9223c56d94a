"""The desk in a real Chromium: nothing for axe to find, and nothing that scrolls sideways."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from tests.tracker.conftest import empty_database, new_world, world
from tests.tracker.world import World
from tests.web.desk_house import DeskHouse
from tests.web.test_in_a_browser import QUIET
from tracker.domain.staff import Role
from web.app import live_of
from web.serve import serve

pytestmark = pytest.mark.needs_chromium
__all__ = ["empty_database", "new_world", "world"]

Open = Callable[..., Any]


@pytest.fixture(scope="module")
def browser(chromium_path: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def house(world: World) -> Iterator[DeskHouse]:
    made = DeskHouse(world)
    yield made
    live_of(made.app).stop()


@pytest.fixture
def address(house: DeskHouse) -> Iterator[str]:
    stop, taken = threading.Event(), threading.Event()
    ports: list[int] = []

    def ready(port: int) -> None:
        ports.append(port)
        taken.set()

    serving = threading.Thread(
        target=serve, args=(house.app, "127.0.0.1", 0, stop), kwargs={"ready": ready, "threads": 8}
    )
    serving.start()
    assert taken.wait(10)
    yield f"http://localhost:{ports[0]}"
    stop.set()
    serving.join(15)


@pytest.fixture
def window(browser: Browser, address: str, house: DeskHouse) -> Open:
    """A window of somebody signed in; leaving it checks that nothing was refused or broke."""

    @contextmanager
    def opened(role: Role = Role.SUPPORT, *, width: int = 1280, script: bool = True, **more: Any) -> Iterator[Page]:
        context = browser.new_context(
            viewport={"width": width, "height": 900}, java_script_enabled=script, base_url=address, **more
        )
        kept = house.client(role).get_cookie("staff")
        assert kept is not None
        context.add_cookies([{"name": "staff", "value": kept.value, "url": address}])
        said: list[str] = []
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        yield page
        context.close()
        assert said == []

    return opened


@pytest.mark.parametrize(("language", "scheme"), [("en", "light"), ("zh-Hans", "dark")])
def test_axe_finds_nothing_and_nothing_scrolls_sideways(
    window: Open, house: DeskHouse, language: str, scheme: str
) -> None:
    case = house.missed_connection()
    for width in (320, 1440):
        with window(width=width, color_scheme=scheme) as page:
            for path in ("/desk/", case):
                page.goto(f"{path}?lang={language}")
                for details in page.locator("details").all():
                    details.evaluate("each => each.open = true")
                found = Axe().run(page)
                assert found.response["violations"] == [], (path, found.generate_report())
                assert page.evaluate("document.documentElement.scrollWidth") <= width, path
