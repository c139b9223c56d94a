"""The courier's page in a real Chromium, whose camera sees real label pictures: every beep is committed, once."""

import json
import sqlite3
import statistics
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.tracker.world import FEEDER, World, new_database
from tests.web.phones import BLANK, Station, film, shown, station
from tests.web.test_in_a_browser import QUIET
from tracker.devices import REFRESH_S
from tracker.domain.handling import Kind
from tracker.handovers import HandoverFiles
from tracker.store.engine import open_engine, sqlite_url

pytestmark = pytest.mark.needs_chromium

ONE, TWO, THREE = "LS123456785NL", "LS473124829NL", "LS714565298NL"
OUT_OF_VIEW = 1.1


@pytest.fixture(scope="module")
def browser(chromium_path: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Its camera sees one label, then two at once, then none, again and again."""
    seen = [(shown(ONE), 0.4), (BLANK, OUT_OF_VIEW), (shown(TWO, THREE), 0.4), (BLANK, OUT_OF_VIEW)]
    reel = film(tmp_path_factory.mktemp("film") / "labels.mjpeg", seen)
    camera = (
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={reel}",
        "--autoplay-policy=no-user-gesture-required",
    )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=[*QUIET, *camera])
        yield browser
        browser.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(new_database(tmp_path / "lastscan.db")).with_network()
    yield world
    world.close()


@pytest.fixture
def pages(world: World) -> Iterator[Station]:
    with station(world) as found:
        yield found


class Phone:
    """One phone: a browser's storage of its own. What beeped is noted outside of it, as a bystander would."""

    def __init__(
        self, browser: Browser, pages: Station, *, language: str = "en-GB", keeps_the_page: bool = False
    ) -> None:
        self.window: BrowserContext = browser.new_context(
            viewport={"width": 360, "height": 740},
            locale=language,
            service_workers="allow" if keeps_the_page else "block",  # fetching all of it takes each phone a while
        )
        self.pages = pages
        self.said: list[str] = []
        self.beeped: list[dict[str, Any]] = []
        self.window.expose_function("bystander", lambda scan: self.beeped.append(scan))
        self.window.add_init_script("document.addEventListener('beep', (event) => bystander(event.detail))")
        self.page = self.new_page()

    def new_page(self) -> Page:
        page = self.window.new_page()
        page.set_default_timeout(6000)
        page.on("console", lambda m: self.said.append(m.text) if "Content Security Policy" in m.text else None)
        page.on("pageerror", lambda wrong: self.said.append(str(wrong)))
        return page

    def pairs(self, dev: str = "c-17", site: str = "sea") -> "Phone":
        self.page.goto(self.pages.invitation(dev, site))
        self.page.get_by_role("button", name="Pair this phone").click()
        expect(self.page.locator("#start")).to_be_visible()
        return self

    def chooses(self, kind: str, into: str = "") -> None:
        self.page.locator("#task").click()
        self.page.locator("#kind").select_option(kind)
        self.page.locator("#into").fill(into)
        self.page.get_by_role("button", name="Done").click()

    @contextmanager
    def beeping(self) -> Iterator[None]:
        """Until one more scan was told to be recorded, or not."""
        before = len(self.beeped)
        yield
        for _ in range(1000):
            if len(self.beeped) > before:
                return
            self.page.wait_for_timeout(5)
        raise AssertionError("nothing was told")

    def fills_in(self, code: str) -> None:
        self.page.locator("#type").click()
        self.page.locator("#typed").fill(code)
        self.page.locator("#typed-ok").click()

    def types(self, code: str) -> None:
        with self.beeping():
            self.fills_in(code)

    def settles(self) -> None:
        """Until the tracker has receipted everything."""
        expect(self.page.locator("#sending")).to_contain_text("nothing waits · on line", timeout=10_000)

    @property
    def ids(self) -> set[tuple[str, int]]:
        """Epoch and number of all that was called recorded."""
        return {(scan["id"][0], scan["id"][1]) for scan in self.beeped if scan["id"]}


@pytest.fixture
def phone(browser: Browser, pages: Station, request: pytest.FixtureRequest) -> Iterator[Phone]:
    phone = Phone(browser, pages, keeps_the_page=request.node.get_closest_marker("keeps_the_page") is not None)
    yield phone
    phone.window.close()
    assert phone.said == []


def committed(world: World) -> set[tuple[str, int]]:
    return {(ep, q) for _, ep, q, _ in world.log()}


def test_what_the_camera_sees_beeps_once_for_each_time_it_is_there_and_is_committed_exactly_once(
    phone: Phone, world: World
) -> None:
    page = phone.pairs().page
    page.locator("#start").click()
    expect(page.locator("#recent li")).to_have_count(3, timeout=10_000)
    ms = []
    for _ in range(20):
        page.wait_for_timeout(20)
        ms.append(float(page.locator("#video").get_attribute("data-ms") or 0))
    phone.settles()
    seen = [scan["code"] for scan in phone.beeped]
    assert set(seen) == {ONE, TWO, THREE}
    assert len(seen) <= 2 * seen.count(ONE) + 2, "one reading while a label stays in view"
    assert committed(world) == phone.ids
    assert len(world.log()) == len(phone.ids)
    sys.stdout.write(f"\ndecoding a frame of 1280 x 720: {statistics.median(ms):.0f} ms median, {max(ms):.0f} most\n")
    assert statistics.median(ms) <= 100


@pytest.mark.keeps_the_page
def test_off_line_scans_beep_wait_and_arrive_when_the_network_is_back(phone: Phone, world: World) -> None:
    page = phone.pairs().page
    page.evaluate("navigator.serviceWorker.ready.then((shell) => shell.active.state)")
    phone.window.set_offline(True)
    page.reload()  # the page itself comes from the phone
    expect(page.locator("#sending")).to_contain_text("off line")
    for code in (ONE, TWO, ONE):
        phone.types(code)
    expect(page.locator("#sending")).to_contain_text("3 waiting")
    expect(page.locator("#word")).to_have_text("Recorded again")
    assert world.log() == []
    phone.window.set_offline(False)
    phone.settles()
    assert committed(world) == phone.ids
    assert len(phone.ids) == 3


def test_after_a_restore_the_phone_brings_again_what_the_server_forgot(
    phone: Phone, world: World, tmp_path: Path
) -> None:
    phone.pairs()
    phone.types(ONE)
    phone.settles()
    with (
        closing(sqlite3.connect(tmp_path / "lastscan.db")) as now,
        closing(sqlite3.connect(tmp_path / "old.db")) as old,
    ):
        now.backup(old)
    for code in (TWO, THREE):
        phone.types(code)
    phone.settles()
    phone.pages.close()
    restored = World(open_engine(sqlite_url(tmp_path / "old.db")))
    with restored.store.writing() as tx:
        tx.meta.raise_generation(restored.clock.now())
    assert [code for *_, code in restored.log()] == [ONE]
    phone.pages.world = restored
    phone.pages.open()
    phone.page.reload()  # or a scan, or its word each minute: a phone that greets is told
    for _ in range(1000):
        if len(restored.log()) == 3:
            break
        phone.page.wait_for_timeout(10)
    phone.settles()
    assert committed(restored) == phone.ids
    assert len(restored.log()) == 3
    restored.close()


@pytest.mark.keeps_the_page
def test_a_newer_page_takes_over_at_a_start_and_what_waits_stays(
    phone: Phone, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = phone.pairs().page
    page.evaluate("navigator.serviceWorker.ready.then((shell) => shell.active.state)")
    (old,) = page.evaluate("caches.keys()")
    page.route("**/courier/ldp", lambda asked: asked.abort())
    phone.types(ONE)
    monkeypatch.setattr("web.phone._content", lambda name: b"newer")
    page.evaluate("navigator.serviceWorker.getRegistration().then((shell) => shell.update())")
    for _ in range(400):
        page.wait_for_timeout(10)
        if page.evaluate("navigator.serviceWorker.getRegistration().then((shell) => shell.waiting !== null)"):
            break
    page.reload(wait_until="commit")  # and once more by itself, as the newer one takes over
    expect(page.locator("#sending")).to_contain_text("1 waiting")
    for _ in range(400):
        page.wait_for_timeout(10)
        names = page.evaluate("caches.keys()")
        if len(names) == 1 and names != [old]:
            break
    assert names != [old]
    page.unroute("**/courier/ldp")
    page.reload()
    phone.settles()
    assert [code for *_, code in world.log()] == [ONE]


def test_a_tab_killed_in_mid_journal_loses_no_beep_and_numbers_have_no_gap(phone: Phone, world: World) -> None:
    phone.pairs()
    phone.window.set_offline(True)
    burst = (
        "(code) => { for (let n = 0; n < 40; n++) for (const key of [...code, String(n % 10), 'Enter']) "
        "document.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true })); }"
    )
    phone.page.evaluate(burst, "LS12345678")
    phone.page.wait_for_timeout(15)  # some are flushed, some are not
    phone.page.close()
    before = set(phone.ids)
    phone.window.set_offline(False)
    phone.page = phone.new_page()
    phone.page.goto(f"{phone.pages.address}/courier/")
    phone.settles()
    assert before <= committed(world)
    numbers = sorted(q for _, q in committed(world))
    assert numbers == list(range(1, len(numbers) + 1))


def test_a_full_phone_says_so_and_the_scan_is_never_sent(phone: Phone, world: World) -> None:
    page = phone.pairs().page
    phone.types(ONE)
    phone.settles()
    page.evaluate(FULL)
    phone.types(TWO)
    expect(page.locator("#word")).to_have_text("NOT RECORDED")
    expect(page.locator("#detail")).to_contain_text("Write it down.")
    assert [scan["outcome"] for scan in phone.beeped] == ["recorded", "refused"]
    page.locator("#verdict").click()  # what needs a hand stays until it is touched
    page.evaluate("IDBObjectStore.prototype.add = IDBObjectStore.prototype.adds; 0")
    phone.types(THREE)
    phone.settles()
    assert [code for *_, code in world.log()] == [ONE, THREE]
    assert sorted(q for _, q in committed(world)) == [1, 2]


def test_a_revoked_phone_is_told_and_keeps_what_waits(phone: Phone, world: World) -> None:
    page = phone.pairs().page
    world.registry.revoke("c-17")
    world.real[0] += REFRESH_S + 1
    page.reload()
    phone.types(ONE)
    expect(page.locator("#sending")).to_contain_text("NOT LET IN")
    expect(page.locator("#sending")).to_contain_text("1 waiting")
    assert world.log() == []


def test_one_tab_owns_the_journal_and_the_next_takes_over(phone: Phone, world: World) -> None:
    phone.pairs()
    phone.types(ONE)
    second = phone.new_page()
    second.goto(f"{phone.pages.address}/courier/")
    expect(second.get_by_role("heading", name="open in another tab")).to_be_visible()
    phone.page.close()
    phone.page = second
    phone.types(TWO)
    phone.settles()
    assert [code for *_, code in world.log()] == [ONE, TWO]
    assert len({ep for ep, _ in committed(world)}) == 1


def test_a_piece_of_another_run_is_loud_red_says_where_it_goes_and_is_recorded_all_the_same(
    phone: Phone, world: World
) -> None:
    here, elsewhere = world.books_parcel(), ONE
    page = phone.pairs().page
    phone.chooses("load", FEEDER)
    expect(page.locator("#list-count")).to_have_text("0 of 1, missing 1, surplus 0")
    phone.types(here)
    expect(page.locator("#detail")).to_have_text("1 of 1")
    phone.types(elsewhere)
    expect(page.locator("#word")).to_have_text("NOT EXPECTED HERE")
    expect(page.locator("#list-count")).to_have_text("1 of 1, missing 0, surplus 1")
    page.get_by_role("button", name="I keep it off").click()
    expect(page.locator("#list-count")).to_have_text("1 of 1, missing 0, surplus 0")
    phone.settles()
    scans = [(scan.k, scan.code) for scan in world.queries.committed_scans()]
    assert scans == [(Kind.LOAD, here), (Kind.LOAD, elsewhere), (Kind.VOID, elsewhere)]


def test_a_delivery_asks_who_took_it_and_what_is_personal_stays_out_of_the_log(phone: Phone, world: World) -> None:
    page = phone.pairs().page
    phone.chooses("deliver")
    phone.fills_in(ONE)
    page.locator("#proof-name").fill("Ada Lovelace")
    box = page.locator("#signature").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 20, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 120, box["y"] + 60, steps=4)
    page.mouse.up()
    with phone.beeping():
        page.get_by_role("button", name="Record the delivery").click()
    phone.settles()
    with world.engine.connect() as database:
        detail = json.loads(database.execute(sa.text("SELECT x FROM fact_details")).scalar_one())
    assert (detail["to"], detail["name"], len(detail["files"])) == ("recipient", "Ada Lovelace", 1)
    digest = detail["files"][0]
    phone.settles()  # pictures too
    assert HandoverFiles(world.store, world.clock).named(digest) is not None


def test_practice_counts_a_list_asks_about_a_wrong_digit_and_sends_nothing(phone: Phone, world: World) -> None:
    page = phone.page
    page.goto(f"{phone.pages.address}/courier/?practice=1")
    expect(page.locator("#practice")).to_be_visible()
    phone.chooses("load", "pr1/2026-01-01")
    page.locator("#type").click()
    page.locator("#typed").fill("0014")
    page.locator("#typed-choices button").click()
    with phone.beeping():
        page.locator("#typed-ok").click()
    expect(page.locator("#list-count")).to_have_text("1 of 5, missing 4, surplus 0")
    phone.fills_in("LS 0000 0002 9 ZZ")
    expect(page.locator("#typed-verdict")).to_contain_text("Check digit does not agree")
    assert len(phone.beeped) == 1
    with phone.beeping():
        page.locator("#typed-ok").click()  # a person who means it
    assert [scan["outcome"] for scan in phone.beeped] == ["recorded", "elsewhere"]
    expect(page.locator("#sending")).to_have_text("Practice: nothing is sent.")
    names = page.evaluate("indexedDB.databases().then((all) => all.map((each) => each.name))")
    assert names == ["lastscan-practice"]
    assert world.log() == []


@pytest.mark.parametrize("language", ["en-GB", "zh-CN"])
def test_the_page_has_no_axe_findings_and_is_made_for_sun_and_gloves(
    browser: Browser, pages: Station, language: str
) -> None:
    phone = Phone(browser, pages, language=language)
    page = phone.page
    page.goto(pages.invitation())
    page.locator("#pair").click()
    expect(page.locator("#start")).to_be_visible()
    for opened in ("", "task", "type", "work") if language == "en-GB" else ("", "task"):
        if opened:
            page.locator(f"#{opened}").click()
        found = Axe().run(page, options={"rules": {"color-contrast-enhanced": {"enabled": True}}})
        assert found.violations_count == 0, found.generate_report()
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        assert page.evaluate(TOO_SMALL) == []
        if opened:
            page.keyboard.press("Escape")
    phone.window.close()


FULL = """const store = IDBObjectStore.prototype; store.adds = store.add;
  store.add = () => { throw new DOMException('full', 'QuotaExceededError'); }; 0"""

TOO_SMALL = """[...document.querySelectorAll('button, select, input, summary, p, li, label, h2, h3, span, a')]
  .filter(e => e.checkVisibility() && !e.closest('.vh') && e.innerText + e.tagName)
  .filter(e => parseFloat(getComputedStyle(e).fontSize) < 18 ||
    (e.matches('button, select, input, summary, a') && e.getBoundingClientRect().height < 48))
  .map(e => e.outerHTML.slice(0, 90))"""
