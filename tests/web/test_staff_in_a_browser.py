"""Pages of staff in a real Chromium: a whole first day, a passkey, the warning, and nothing for axe to find."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.web.staff_house import PASSWORD, StaffHouse
from tests.web.test_in_a_browser import QUIET
from tracker.domain.staff import Role
from web.app import live_of
from web.serve import serve

pytestmark = pytest.mark.needs_chromium

Open = Callable[..., Any]
PAGES = ("/staff/people", "/staff/devices", "/staff/audit", "/staff/me", "/design")


@pytest.fixture(scope="module")
def browser(chromium_path: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def house() -> Iterator[StaffHouse]:
    made = StaffHouse()
    yield made
    live_of(made.app).stop()


@pytest.fixture(scope="module")
def address(house: StaffHouse) -> Iterator[str]:
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
def window(browser: Browser, address: str, house: StaffHouse) -> Open:
    """A window, signed in as a role where one is named; leaving it checks that nothing was refused or broke."""

    @contextmanager
    def opened(role: Role | None = None, *, width: int = 1280, script: bool = True, **more: Any) -> Iterator[Page]:
        context = browser.new_context(
            viewport={"width": width, "height": 900}, java_script_enabled=script, base_url=address, **more
        )
        if role is not None:
            kept = house.client(role).get_cookie("staff")
            assert kept is not None
            context.add_cookies([{"name": "staff", "value": kept.value, "url": address}])
        said: list[str] = []
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        yield page
        context.close()
        assert [text for text in said if "status of 4" not in text] == []

    return opened


@pytest.mark.parametrize("script", [True, False])
def test_a_first_day_with_the_keyboard_alone(window: Open, house: StaffHouse, script: bool) -> None:
    user = f"ada-{'s' if script else 'n'}"
    link = f"/staff/link/{house.accounts.add(user, role=Role.SUPPORT, by=None)}"
    with window(script=script, width=390) as page:
        page.goto(link)
        page.get_by_label("Password", exact=True).press_sequentially(PASSWORD)
        page.keyboard.press("Tab")
        page.keyboard.type(PASSWORD)
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("Cases")
        page.get_by_role("button", name="Sign out").press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
        page.get_by_label("Name").press_sequentially(user)
        page.keyboard.press("Tab")
        page.keyboard.type("wrong")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert").first).to_contain_text("That does not fit")
        page.get_by_label("Password").press_sequentially(PASSWORD)
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("Cases")


def test_a_passkey_is_added_and_then_opens_the_account(window: Open) -> None:
    with window(Role.SUPPORT) as page:
        devtools = page.context.new_cdp_session(page)
        devtools.send("WebAuthn.enable")
        kind = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
        kind |= {"isUserVerified": True, "automaticPresenceSimulation": True}
        added = devtools.send("WebAuthn.addVirtualAuthenticator", {"options": kind})
        page.goto("/staff/me")
        page.get_by_label("What to call it").fill("My laptop")
        page.get_by_role("button", name="Add a passkey").click()
        expect(page.locator("strong", has_text="My laptop")).to_be_visible()
        page.get_by_role("button", name="Sign out").first.click()
        page.get_by_role("button", name="Sign in with a passkey").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Cases")
        page.goto("/staff/me")
        expect(page.locator(".chip", has_text="passkey")).to_be_visible()
        page.get_by_role("button", name="Remove My laptop").click()
        page.get_by_role("button", name="Sign out").first.click()
        page.get_by_role("button", name="Sign in with a passkey").click()
        expect(page.locator("#passkey-said")).to_be_visible()
        devtools.send("WebAuthn.removeVirtualAuthenticator", {"authenticatorId": added["authenticatorId"]})


def test_before_a_session_ends_the_page_warns_and_one_press_keeps_it_and_what_was_typed(window: Open) -> None:
    with window(Role.ADMINISTRATOR) as page:
        page.clock.install()
        page.goto("/staff/people")
        page.locator("#user").fill("half a na")
        expect(page.get_by_role("button", name="Stay signed in")).to_be_hidden()
        page.clock.fast_forward("13:01")
        expect(page.locator("#ending")).to_contain_text("in two minutes")
        with page.expect_response("**/staff/stay") as kept:
            page.get_by_role("button", name="Stay signed in").click()
        assert kept.value.status == 204
        expect(page.get_by_role("button", name="Stay signed in")).to_be_hidden()
        page.clock.fast_forward("15:01")
        expect(page.locator("#ending")).to_contain_text("You are signed out")
        assert page.locator("#user").input_value() == "half a na"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "zh-Hans"])
def test_axe_finds_nothing_and_nothing_scrolls_sideways(window: Open, language: str, scheme: str) -> None:
    with window(Role.ADMINISTRATOR, width=320, color_scheme=scheme) as page:
        for path in (*PAGES, "/staff/sign-in", "/staff/link/none"):
            page.goto(f"{path}?lang={language}")
            for details in page.locator("details").all():
                details.evaluate("each => each.open = true")
            found = Axe().run(page)
            assert found.response["violations"] == [], (path, found.generate_report())
            assert page.evaluate("document.documentElement.scrollWidth") <= 320, path
            small = """[...document.querySelectorAll('a, button, input:not([type=hidden]), summary, select')]
              .filter(e => e.offsetParent && !e.classList.contains('skip'))
              .map(e => [e.outerHTML, e.getBoundingClientRect()])
              .filter(([, box]) => box.height < 24 || box.width < 24).map(([html]) => html)"""
            assert page.evaluate(small) == [], path
