"""The desk in a real Chromium: a missed connection resolved with three keys, and nothing for axe to find."""

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

from locales import words
from notify import texts
from notify.channel import Message
from notify.dispatch import Clocks, Dispatcher
from notify.owed import OwedNotice
from notify.preferences import Preferences
from notify.store.deliveries import DeliveryStore
from tests.notify.world import Provider
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
            for path in ("/desk/?", f"{case}?", f"{case}?as_of=2026-11-21T19:30&", "/desk/find?", "/desk/gaps?"):
                page.goto(f"{path}lang={language}")
                for details in page.locator("details").all():
                    details.evaluate("each => each.open = true")
                found = Axe().run(page)
                assert found.response["violations"] == [], (path, found.generate_report())
                assert page.evaluate("document.documentElement.scrollWidth") <= width, path


class Mailbox(Provider):
    """Mails as their subject and what they say, by address."""

    def compose(self, notice: OwedNotice, *, key: str, written_at: datetime) -> Message:
        said = texts.write(notice, words("en"))
        return Message(notice.recipient.email or "", "en", "\n".join([said.subject, *said.happened]).encode())

    def send(self, message: Message, *, key: str):  # type: ignore[no-untyped-def]
        self.mails.append((message.address, message.body.decode()))
        return super().send(message, key=key)

    def __init__(self) -> None:
        super().__init__()
        self.mails: list[tuple[str, str]] = []


def post_goes_out(house: DeskHouse) -> list[tuple[str, str]]:
    """What the notifier sends of all that is owed by now."""
    box, world = Mailbox(), house.world
    world.fold()
    notifier = Dispatcher(
        world.outbox,
        DeliveryStore(world.engine),
        {"email": box},
        Clocks(world.clock, world.clock.now),
        preferences=Preferences(world.engine, b"a key"),
        proof_key=b"k",
        chance=random.Random(4711),
    )
    while notifier.step():
        pass
    notifier.close()
    return box.mails


def test_a_missed_connection_is_resolved_with_three_keys_and_the_customers_mail_is_there(
    window: Open, house: DeskHouse
) -> None:
    case = house.missed_connection()
    post_goes_out(house)  # that it missed, as the rule says
    with window() as page:
        page.goto("/desk/")
        page.keyboard.press("j")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("Missed connection")
        page.keyboard.press("m")
        expect(page.locator(".just-done")).to_contain_text("Done: Goes before others · We wrote that we are sorry")
        expect(page.locator("#owner")).to_have_text("You have it.")
        assert page.url.partition("?")[0].endswith(case)
    assert post_goes_out(house) == []
    house.world.clock.instant += timedelta(seconds=10)
    ((address, mail),) = post_goes_out(house)
    assert address == "ada@example.org"
    assert mail.startswith("We are sorry about your parcel; now expected")
    assert "AS20 left Denver hub" in mail


def test_an_undo_by_one_key_keeps_the_mail_back(window: Open, house: DeskHouse) -> None:
    case = house.missed_connection()
    post_goes_out(house)
    with window() as page:
        page.goto(case)
        page.keyboard.press("m")
        expect(page.get_by_role("button", name="Undo")).to_be_visible()
        page.keyboard.press("z")
        expect(page.locator(".just-done")).to_contain_text("Undone.")
    house.world.clock.instant += timedelta(minutes=1)
    assert post_goes_out(house) == []


def test_keys_write_nothing_into_a_field_and_can_be_switched_off(window: Open, house: DeskHouse) -> None:
    case = house.missed_connection()
    with window() as page:
        page.goto(case)
        page.keyboard.press("n")
        page.keyboard.type("mama exaktly")
        assert page.locator("#note").input_value() == "mama exaktly"
        assert page.url.endswith(case)
        page.locator("#note").blur()
        page.keyboard.press("x")
        expect(page.locator("#reason-expedite")).to_be_focused()
        page.locator("#reason-expedite").blur()
        page.keyboard.press("?")
        expect(page.get_by_role("dialog")).to_be_visible()
        page.get_by_label("Single keys work on this device").uncheck()
        page.get_by_role("button", name="Shut").click()
        page.keyboard.press("u")
        page.keyboard.press("a")
        expect(page.locator("#owner")).to_have_text("Nobody has it.")


def test_all_of_it_works_without_script(window: Open, house: DeskHouse) -> None:
    house.missed_connection()
    with window(script=False, width=390) as page:
        page.goto("/desk/")
        page.locator("[data-case]").click()
        page.get_by_role("button", name="Apologise, put it first").click()
        expect(page.locator(".just-done")).to_contain_text("Done:")
        page.get_by_role("button", name="Undo").click()
        expect(page.locator(".just-done")).to_contain_text("Undone.")
        page.get_by_role("button", name="Leave it").click()
        expect(page.locator("#owner")).to_have_text("Nobody has it.")
