"""The pages in a real Chromium: found, live, without a policy broken, without script, and on a narrow phone."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.web.stand_in import MISSED_BAG, MOVING, SEA, House, at
from tracker.domain.handling import Kind

pytestmark = pytest.mark.needs_chromium

QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

Open = Callable[..., Any]


@pytest.fixture(scope="module")
def browser(chromium_path: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def page_at(browser: Browser, address: str) -> Open:
    """Opens a path in a window of its own; leaving it checks that nothing was refused or broke."""

    @contextmanager
    def opened(path: str, *, width: int = 390, script: bool = True, language: str = "en-GB") -> Iterator[Page]:
        window = browser.new_context(
            viewport={"width": width, "height": 800}, java_script_enabled=script, locale=language, base_url=address
        )
        said: list[str] = []
        page = window.new_page()
        page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(path)
        yield page
        window.close()
        assert [text for text in said if "status of 404" not in text] == []

    return opened


def test_a_parcel_is_looked_up_by_keyboard_alone(page_at: Open) -> None:
    with page_at("/", width=1280) as page:
        for _ in range(8):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.id") == "number":
                break
        page.keyboard.type("ls 4731 2482 9 nl")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("On its way to Seattle")
        assert page.url.endswith(f"/t/{MOVING}")


def test_a_scan_appears_by_itself_and_what_was_open_stays_open(page_at: Open, house: House) -> None:
    with page_at(f"/t/{MOVING}") as page:
        expect(page.locator("#pulse")).to_have_text("Live")
        opened = page.locator(".line").nth(0).locator("details")
        opened.locator("summary").click()
        page.locator("#all > summary").click()
        kept = opened.get_attribute("id")
        house.scan(MOVING, Kind.UNLOAD, SEA, at(20, 52))
        expect(page.locator(".line").nth(0)).to_contain_text("Unloaded", timeout=1000)
        expect(page.locator(".line").nth(0)).to_have_class(re.compile(r"\bnew\b"))
        assert page.locator(f"#{kept}").get_attribute("open") is not None
        assert page.locator("#all").get_attribute("open") is not None
        expect(page.locator("#pulse")).to_have_text("Live")


def test_when_all_streams_are_taken_the_page_says_that_it_asks_again(page_at: Open, house: House) -> None:
    with page_at(f"/t/{MOVING}") as first, page_at(f"/t/{MOVING}"), page_at(f"/t/{MOVING}"), page_at(f"/t/{MOVING}"):
        expect(first.locator("#pulse")).to_have_text("Live")
        fifth = first.context.new_page()
        fifth.goto(f"/t/{MOVING}")
        expect(fifth.locator("#pulse")).to_have_text("Looks again every 20 seconds", timeout=3000)
        fifth.close()


@pytest.mark.parametrize("path", [f"/t/{MISSED_BAG}", "/", "/demo", "/demo/mail"])
def test_everything_can_be_read_without_script(page_at: Open, path: str) -> None:
    with page_at(path, script=False) as page:
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        if path.startswith("/t/"):
            page.locator("#all > summary").click()
            expect(page.get_by_text("Tag issued")).to_be_visible()


@pytest.mark.parametrize("language", ["en-GB", "zh-CN"])
@pytest.mark.parametrize("width", [320, 1280])
def test_nothing_scrolls_sideways(page_at: Open, width: int, language: str) -> None:
    with page_at("/", width=width, language=language) as page:
        for path in (f"/t/{MOVING}", f"/t/{MISSED_BAG}", "/t/LS473124821NL", "/demo", "/demo/mail", "/"):
            page.goto(path)
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, path


def test_what_can_be_pressed_is_large_enough(page_at: Open) -> None:
    """WCAG 2.2, 2.5.8: 24 by 24, but for links inside a sentence."""
    small = """[...document.querySelectorAll('a, button, input, summary')]
      .filter(e => e.offsetParent && !e.closest('.scans p') && !e.classList.contains('skip'))
      .map(e => [e.outerHTML.slice(0, 80), e.getBoundingClientRect()])
      .filter(([, box]) => box.height < 24 || box.width < 24).map(([html]) => html)"""
    with page_at("/") as page:
        for path in ("/", f"/t/{MISSED_BAG}", "/demo", "/demo/mail"):
            page.goto(path)
            assert page.evaluate(small) == [], path


def test_the_network_moves_by_itself(page_at: Open, house: House) -> None:
    with page_at("/demo", width=1280) as page:
        expect(page.locator("#demo-clock")).to_contain_text("18:05")
        house.extra = 600
        expect(page.locator("#demo-clock")).to_contain_text("18:15", timeout=4000)
        expect(page.locator("#counts")).to_contain_text("2,474")


def test_a_letter_cannot_run_script(browser: Browser, address: str) -> None:
    page = browser.new_page()
    page.goto(f"{address}/demo/mail")
    page.get_by_role("link", name="Your bag missed its connection").click()
    expect(page.frame_locator("iframe").get_by_role("heading")).to_have_text("Your bag missed its connection")
    assert "broken" not in page.title()
    page.close()
