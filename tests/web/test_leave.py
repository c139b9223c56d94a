"""The link at the foot of a mail: one click leaves, a look changes nothing, and the way back is on the same page."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from locales import words
from notify.preferences import Preferences
from notify.store.schema import metadata
from notify.wishes.wishes import PERSONAL
from tests.web.stand_in import NOON, House
from tracker.clock import StoppedClock
from tracker.domain.notices import NOTICE_RULES, NoticeKind
from tracker.store.engine import open_engine, sqlite_url
from web.app import create_app, live_of
from web.leave import AGAIN, CHANNELS, KINDS, MUTE, ONE_CLICK, TOLD, grid

ADA = "ada@example.org"
GROUPS = sorted({rule.left_with for rule in NOTICE_RULES.values() if rule.left_with is not None})


@pytest.fixture
def preferences(tmp_path: Path) -> Iterator[Preferences]:
    engine = open_engine(sqlite_url(tmp_path / "lastscan.sqlite"))
    metadata.create_all(engine)
    yield Preferences(engine, b"a key")
    engine.dispose()


@pytest.fixture
def client(house: House, preferences: Preferences) -> Iterator[FlaskClient]:
    app = create_app(house, house, clock=StoppedClock(NOON), preferences=preferences)
    yield app.test_client(use_cookies=False)
    live_of(app).stop()


def link(preferences: Preferences, kind: NoticeKind = NoticeKind.DELIVERED) -> str:
    return f"/u/{preferences.token_for(ADA, kind)}"


def test_one_click_leaves_at_once_without_cookie_login_or_redirect(
    client: FlaskClient, preferences: Preferences
) -> None:
    answer = client.post(link(preferences), data=ONE_CLICK)
    assert answer.status_code == 200
    assert preferences.has_left(ADA, NoticeKind.DELIVERED)
    assert not preferences.has_left(ADA, NoticeKind.MISSED_CONNECTION)
    assert "Set-Cookie" not in answer.headers


def test_one_click_may_come_as_multipart_and_from_anywhere(client: FlaskClient, preferences: Preferences) -> None:
    foreign = {"Origin": "https://mail.example", "Referer": "https://mail.example/", "Sec-Fetch-Site": "cross-site"}
    answer = client.post(link(preferences), data=ONE_CLICK, content_type="multipart/form-data", headers=foreign)
    assert answer.status_code == 200
    assert preferences.has_left(ADA, NoticeKind.DELIVERED)


def test_one_click_twice_is_one_click(client: FlaskClient, preferences: Preferences) -> None:
    first, second = (client.post(link(preferences), data=ONE_CLICK) for _ in range(2))
    assert (first.status_code, first.text) == (second.status_code, second.text)


@pytest.mark.parametrize("left", [False, True])
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("query", ["", "?List-Unsubscribe=One-Click", "?again=yes"])
def test_only_a_post_changes_anything(
    client: FlaskClient, preferences: Preferences, method: str, query: str, left: bool
) -> None:
    if left:
        client.post(link(preferences), data=ONE_CLICK)
    for data in (ONE_CLICK, AGAIN):
        client.open(link(preferences) + query, method=method, data=data)
    assert preferences.has_left(ADA, NoticeKind.DELIVERED) is left


@pytest.mark.parametrize("said", [{}, {"List-Unsubscribe": "Two-Clicks"}, {"again": "no"}])
def test_a_post_that_says_neither_changes_nothing(
    client: FlaskClient, preferences: Preferences, said: dict[str, str]
) -> None:
    assert client.post(link(preferences), data=said).status_code == 400
    assert client.post(link(preferences) + "?List-Unsubscribe=One-Click").status_code == 400
    assert not preferences.has_left(ADA, NoticeKind.DELIVERED)


def test_the_button_on_the_page_leaves_and_the_next_one_comes_back(
    client: FlaskClient, preferences: Preferences
) -> None:
    page = client.get(link(preferences))
    assert page.status_code == 200
    assert '<form method="post">' in page.text
    assert '<button name="List-Unsubscribe" value="One-Click">Stop these mails</button>' in page.text
    left = client.post(link(preferences), data=ONE_CLICK).text
    assert "These mails have stopped" in left
    assert 'name="again" value="yes">Send them again</button>' in left
    assert client.get(link(preferences)).text == left
    back = client.post(link(preferences), data=AGAIN)
    assert back.text == page.text
    assert not preferences.has_left(ADA, NoticeKind.DELIVERED)


WHOLE = {
    "save": "yes",
    "quiet_from": "22:30",
    "quiet_until": "07:00",
    "zone": "Asia/Shanghai",
    "language": "zh-Hans",
    "until": "2026-12-01",
    "on": ["missed_connection/email"],
}


def test_what_is_saved_stands_and_is_what_the_page_shows_next(client: FlaskClient, preferences: Preferences) -> None:
    answer = client.post(link(preferences), data=WHOLE)
    assert answer.status_code == 200
    assert "Saved." in answer.text
    assert preferences.has_left(ADA, NoticeKind.DELIVERED)
    assert not preferences.has_left(ADA, NoticeKind.MISSED_CONNECTION)
    page = client.get(link(preferences)).text
    for shown in (
        'name="quiet_from" required value="22:30"',
        'name="quiet_until" required value="07:00"',
        '<option value="Asia/Shanghai" selected>',
        '<option value="zh-Hans" lang="zh-Hans" selected>',
        'value="2026-12-01"',
    ):
        assert shown in page
    assert len(re.findall(r'name="on"[^>]* checked', page)) == 1


@pytest.mark.parametrize(
    "nonsense",
    [
        {"quiet_from": "25:00"},
        {"quiet_until": ""},
        {"zone": "Europe/Atlantis"},
        {"language": "xx"},
        {"until": "2099-01-01"},
        {"until": "soon"},
    ],
)
def test_what_the_page_cannot_have_sent_changes_nothing(
    client: FlaskClient, preferences: Preferences, nonsense: dict[str, str]
) -> None:
    assert client.post(link(preferences), data=WHOLE | nonsense).status_code == 400
    assert not preferences.has_left(ADA, NoticeKind.DELIVERED)


def test_a_box_the_page_does_not_have_is_no_tick(client: FlaskClient, preferences: Preferences) -> None:
    client.post(link(preferences), data=WHOLE | {"on": ["delivered/sms", "delivered/pigeon", "x"]})
    assert preferences.has_left(ADA, NoticeKind.DELIVERED)


def test_a_day_that_is_past_is_no_pause(client: FlaskClient, preferences: Preferences) -> None:
    client.post(link(preferences), data=WHOLE | {"until": "2020-01-01"})
    wish = preferences.read(link(preferences).removeprefix("/u/"))
    assert wish is not None
    assert wish.wishes.paused_until is None


def test_nothing_more_about_one_piece_and_again(client: FlaskClient, preferences: Preferences) -> None:
    about = f"/u/{preferences.token_for(ADA, NoticeKind.DELIVERED, 'LS123456785NL/1')}"
    assert "Only this one?" in client.get(about).text
    assert "Only this one?" not in client.get(link(preferences)).text
    muted = client.post(about, data=MUTE).text
    assert 'name="unmute" value="LS123456785NL/1">Tell me again</button>' in muted
    assert "Only this one?" not in muted
    assert "Only this one?" in client.post(about, data={"unmute": "LS123456785NL/1"}).text


@pytest.mark.parametrize("kind", [kind for kind, rule in NOTICE_RULES.items() if rule.left_with is None])
def test_what_nobody_may_leave_leads_to_the_page_and_leaves_nothing(
    client: FlaskClient, preferences: Preferences, kind: NoticeKind
) -> None:
    shown = client.get(link(preferences, kind)).text
    assert "This is told in any case" in shown
    assert "Stop these mails" not in shown
    assert 'name="on"' in shown  # all that may be chosen
    assert client.post(link(preferences, kind), data=ONE_CLICK).status_code == 200
    assert preferences.of([preferences.digest(ADA)])[preferences.digest(ADA)].off == frozenset()


def test_the_page_has_the_channels_there_are_here(house: House, preferences: Preferences) -> None:
    app = create_app(house, house, clock=StoppedClock(NOON), preferences=preferences, ways=("email", "sms"))
    shown = app.test_client().get(link(preferences)).text
    live_of(app).stop()
    assert ">Text message</th>" in shown
    assert 'value="out_for_delivery/sms"' in shown
    assert ">Push message</th>" not in shown


def test_with_more_channels_there_is_a_column_for_each(preferences: Preferences) -> None:
    wish = preferences.read(link(preferences).removeprefix("/u/"))
    assert wish is not None
    lines = dict(grid(wish, ["email", "sms"]))
    delivered, out = lines[TOLD[NoticeKind.DELIVERED]], lines[TOLD[NoticeKind.OUT_FOR_DELIVERY]]
    assert [box and box.ticked for box in delivered] == [True, None]  # it never goes by text message
    assert [box and box.ticked for box in out] == [True, True]


@pytest.mark.parametrize("kind", GROUPS)
@pytest.mark.parametrize("language", ["en", "zh-Hans"])
def test_the_page_names_the_kind_in_words_and_nobody(
    client: FlaskClient, preferences: Preferences, kind: NoticeKind, language: str
) -> None:
    for data in (ONE_CLICK, AGAIN):
        answer = client.post(link(preferences, kind) + f"?lang={language}", data=data)
        assert words(language).say(KINDS[kind]) in answer.text
        assert f'<html lang="{language}">' in answer.text
        assert not [part for part in ("ada@", "example.org", ADA) if part in answer.text.lower()]


def test_every_kind_that_is_left_by_itself_has_its_words() -> None:
    assert sorted(KINDS) == sorted(TOLD) == GROUPS
    assert {*PERSONAL} == {*CHANNELS}


def test_the_page_speaks_the_readers_language(client: FlaskClient, preferences: Preferences) -> None:
    page = client.get(link(preferences), headers={"Accept-Language": "zh-CN,zh;q=0.9"})
    assert "停止发送</button>" in page.text
    left = client.post(link(preferences), data=ONE_CLICK, headers={"Accept-Language": "zh-CN"})
    assert "已停止发送此类邮件" in left.text
    assert "恢复发送</button>" in left.text


@pytest.mark.parametrize("token", ["x", "A" * 60, "A" * 5000, "%00", "%D9%A1", "..%2F", "<script>", "=", "a.b.c"])
def test_a_link_that_is_none_of_ours_gets_the_page_that_says_so(client: FlaskClient, token: str) -> None:
    asked = [client.get(f"/u/{token}"), *(client.post(f"/u/{token}", data=data) for data in (ONE_CLICK, AGAIN))]
    for answer in asked:
        assert answer.status_code == 404
        assert "<script>" not in answer.text
    if "%2F" not in token:
        assert all("This link is incomplete" in answer.text and "<form method" not in answer.text for answer in asked)


def test_it_cannot_be_framed_kept_or_told_onwards(client: FlaskClient, preferences: Preferences) -> None:
    headers = client.get(link(preferences)).headers
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"


def test_without_preferences_there_is_no_such_page(house: House) -> None:
    app = create_app(house, house, clock=StoppedClock(NOON))
    assert app.test_client().post("/u/x", data=ONE_CLICK).status_code == 404
    live_of(app).stop()
