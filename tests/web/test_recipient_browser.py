"""What recipients see, in a real Chromium: by keyboard, without script, on a narrow phone, light and dark, in English
and Chinese, and on a shop's page."""

from collections.abc import Iterator
from threading import Event, Thread

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.tracker.world import at, new_database
from tests.web.test_in_a_browser import QUIET
from tests.web.test_recipient_pages import PARTY, House
from tracker.asks import Asks
from web.app import WebSettings, create_app
from web.serve import serve

pytestmark = pytest.mark.needs_chromium

SHOP = "http://localhost:18999"
HEAVIEST = 40 * 1024
BREAKS_NO_PROMISE = frozenset({"region"})  # of a frame, which is a part of somebody's page


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    house = House(new_database(tmp_path_factory.mktemp("house") / "lastscan.db"))
    house.clock.instant = at(0)
    house.delivered = house.number  # type: ignore[attr-defined]
    house.number = house.books(consignee=PARTY).numbers[0]
    house.fold()
    with house.store.reading() as tx:
        parties = tx.booked.parties(tx.booked.journey(house.number, 1))
    assert parties is not None
    house.person = parties.pseudonym
    yield house
    house.close()


@pytest.fixture(scope="module")
def address(house: House) -> Iterator[str]:
    app = create_app(
        house.queries,
        house.bookings,
        clock=house.clock,
        recipients=house.recipients,
        asks=Asks(house.store, house.clock),
        settings=WebSettings(lookups_per_minute=None, embedded_by=(SHOP,)),
    )
    stop, up, ports = Event(), Event(), list[int]()

    def ready(port: int) -> None:
        ports.append(port)
        up.set()

    serving = Thread(target=serve, args=(app, "127.0.0.1", 0, stop), kwargs={"ready": ready, "threads": 16})
    serving.start()
    assert up.wait(10)
    yield f"http://127.0.0.1:{ports[0]}"
    stop.set()
    serving.join(15)


@pytest.fixture(scope="module")
def browser(chromium_path: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        # Another site's page may ask loopback for nothing; the shop of these tests is one, and we are on loopback.
        args = [*QUIET, "--disable-features=LocalNetworkAccessChecks"]
        browser = playwright.chromium.launch(executable_path=chromium_path, args=args)
        yield browser
        browser.close()


def findings(page: Page) -> list[str]:
    """What axe holds against a page, light and dark."""
    found = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        for violation in Axe().run(page).response["violations"]:
            if violation["id"] not in BREAKS_NO_PROMISE or "/embed/" not in page.url:
                found.append(f"{page.url} {scheme} {violation['id']}: {violation['nodes'][0]['html'][:120]}")
    return found


@pytest.mark.parametrize("language", ["en", "zh-Hans"])
def test_everybody_can_read_what_recipients_see(browser: Browser, address: str, house: House, language: str) -> None:
    """No finding of axe, no scrolling sideways at 320, nothing heavier than 40 kB."""
    window = browser.new_context(base_url=address, viewport={"width": 320, "height": 700}, reduced_motion="reduce")
    page = window.new_page()
    weight = [0]
    page.on("requestfinished", lambda request: weight.append(request.sizes()["responseBodySize"]))
    found: list[str] = []
    page.goto(f"{house.link}?lang={language}")
    pages = [house.page, f"{house.page}/manage", f"/t/{house.delivered}"]  # type: ignore[attr-defined]
    others = ["/mine", f"{house.page}/prove", f"/embed/{house.number}"]
    for path in pages + (others if language == "en" else []):
        if path != house.page:
            weight.clear()
            page.goto(path)
        for details in page.locator("details").all():
            details.evaluate("opened => opened.open = true")
        assert sum(weight) <= HEAVIEST, (path, sum(weight))
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, path
        small = page.evaluate(
            """[...document.querySelectorAll('a, button, input:not([type=hidden]), select, summary')]
            .filter(e => e.offsetParent && !e.closest('.skip') && e.getBoundingClientRect().height < 24)
            .map(e => e.outerHTML.slice(0, 90))"""
        )
        assert small == [], path
        found += findings(page)
    window.close()
    assert found == []


def test_without_script_and_without_a_mouse_a_neighbour_is_named(browser: Browser, address: str, house: House) -> None:
    window = browser.new_context(base_url=address, java_script_enabled=False, locale="en-GB")
    page = window.new_page()
    page.goto(house.link)

    def press_on(name: str, role: str = "link") -> None:
        target = page.get_by_role(role, name=name).first  # type: ignore[arg-type]
        for _ in range(60):
            page.keyboard.press("Tab")
            if target.evaluate("e => e === document.activeElement"):
                page.keyboard.press("Enter")
                return
        raise AssertionError(f"{name} cannot be reached by Tab")

    press_on("Change the delivery")
    expect(page.get_by_role("heading", level=1)).to_have_text("Change the delivery")
    summary = page.locator("#neighbour > summary")
    while not summary.evaluate("e => e === document.activeElement"):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("Grace, next door")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Granted: Give it to a neighbour").first).to_be_visible()
    window.close()


def test_a_shops_page_shows_it_in_its_colours_and_others_by_frame(browser: Browser, address: str, house: House) -> None:
    colours = 'brand="#a3b4ff" text="#e8ebf5" ground="#0e1220" good="#62d6a0" warn="#f2b85c" bad="#ff938c"'
    html = (
        f'<!doctype html><html lang="en"><title>Shop</title><script src="{address}/embed/lastscan-track.js"></script>'
        f'<lastscan-track number="{house.number}" language="en" {colours}></lastscan-track>'
    )
    window = browser.new_context()
    page = window.new_page()
    page.route(f"{SHOP}/", lambda route: route.fulfill(content_type="text/html", body=html))
    page.goto(f"{SHOP}/")
    expect(page.get_by_role("heading", name="Booked, not handed to us yet")).to_be_visible()
    ground = page.locator("lastscan-track section").evaluate("e => getComputedStyle(e).backgroundColor")
    assert ground == "rgb(14, 18, 32)"
    assert page.locator("lastscan-track iframe").count() == 0
    stranger = "http://localhost:18998"
    page.route(f"{stranger}/", lambda route: route.fulfill(content_type="text/html", body=html))
    page.goto(f"{stranger}/")
    expect(page.locator("lastscan-track iframe")).to_have_count(1)
    assert page.locator("lastscan-track section").count() == 0
    window.close()
