"""What a number alone may show, and what every answer carries whatever is asked."""

import gzip
import re
from pathlib import Path
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient

import web
from locales import words
from locales.sentences import collect
from tests.web.stand_in import BOOKED, DELIVERED, HELD, MISSED_BAG, MOVING, NOON, SECRETS, House, mailbox
from tracker.clock import StoppedClock
from web.app import WebSettings, create_app
from web.headers import LETTER_POLICY, PAGE_POLICY
from web.live import LiveUpdates

NUMBERS = (MOVING, DELIVERED, MISSED_BAG, BOOKED, HELD)

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{7*7}}",
    "' OR 1=1--",
    "\u202egnp.exe",
    "%0d%0aSet-Cookie: a=b",
    "../../etc/passwd",
    "A" * 5000,
    "\x00\x01",
    "١٢٣٤٥٦٧٨٩٠",
    "javascript:alert(1)",
)


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("language", ["en", "zh-Hans"])
def test_a_number_alone_shows_no_person_no_device_and_no_last_station(
    client: FlaskClient, number: str, language: str
) -> None:
    shown = client.get(f"/t/{number}?lang={language}").text + client.get(f"/api/v1/shipments/{number}").text
    assert [secret for secret in SECRETS if secret in shown] == []


def test_the_live_stream_shows_no_more_than_the_page(app: Flask, house: House) -> None:
    stream = app.test_client().get(f"/t/{HELD}/events?after=0")
    house.put(house.candidates(HELD)[0])
    sent = ""
    for chunk in stream.iter_encoded():
        sent += chunk.decode()
        if "data-part" in sent:
            break
    stream.close()
    assert "Held at the local delivery station" in sent
    assert [secret for secret in SECRETS if secret in sent] == []


@pytest.mark.parametrize("path", ["/", f"/t/{MOVING}", "/t/NOTHING", "/demo", "/demo/mail", "/nowhere", "/healthz"])
def test_every_answer_is_guarded(client: FlaskClient, path: str) -> None:
    headers = client.get(path).headers
    assert headers["Content-Security-Policy"] == PAGE_POLICY
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["/", f"/t/{MOVING}", f"/t/{MISSED_BAG}", "/demo", "/demo/mail", "/t/X"])
def test_nothing_is_inline(client: FlaskClient, path: str) -> None:
    page = client.get(path).text
    assert not re.search(r"<script(?![^>]*\bsrc=)", page)
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=", page)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_words_anywhere_are_only_words(client: FlaskClient, hostile: str) -> None:
    asked = [
        client.get(f"/t/{quote(hostile, safe='')}"),
        client.get("/", query_string={"number": hostile}),
        client.get("/", query_string={"lang": hostile}),
        client.get(f"/t/{MOVING}", query_string={"journey": hostile, "lang": hostile}),
        client.get(f"/t/{MOVING}", headers={"Cookie": f"lang={quote(hostile)}"}),
        client.get(f"/api/v1/shipments/{quote(hostile, safe='')}"),
        client.get(f"/demo/mail/{quote(hostile, safe='')}"),
        client.get(f"/problems/{quote(hostile, safe='')}"),
    ]
    plain = hostile.replace("\x00\x01", "")
    if plain.isprintable() and plain.isascii() and plain:
        asked.append(client.get("/", headers={"Accept-Language": plain}))
    for answer in asked:
        assert answer.status_code in (200, 302, 303, 404)
        assert "<script>alert" not in answer.text
        assert "<img src=x" not in answer.text
        assert "Set-Cookie: a=b" not in str(answer.headers)


def test_a_page_that_is_not_there_looks_like_the_others(client: FlaskClient) -> None:
    for path in ("/nowhere", "/t/ABC/def", "/demo/mail/none", "/problems/none"):
        answer = client.get(path)
        assert answer.status_code == 404
        assert "lastscan.css" in answer.text
        assert "There is no such page" in answer.text


def test_without_demo_there_is_no_demo(house: House) -> None:
    client = create_app(house, house, clock=StoppedClock(NOON), letters=mailbox).test_client()
    assert client.get("/demo").status_code == 404
    assert "Demo" not in client.get("/").text


def test_a_letter_is_shown_where_it_can_neither_run_nor_load(client: FlaskClient) -> None:
    found = re.findall(r"/demo/mail/[0-9a-f]{16}", client.get("/demo/mail").text)
    bodies = [client.get(f"{path}/body") for path in found]
    assert len(bodies) == 2
    for body in bodies:
        assert body.headers["Content-Security-Policy"] == LETTER_POLICY
    assert 'sandbox="allow-popups' in client.get(found[1]).text


def test_look_ups_are_limited_by_address_and_the_page_says_when_to_go_on(house: House) -> None:
    settings = WebSettings(lookups_per_minute=3)
    client = create_app(house, house, clock=StoppedClock(NOON), settings=settings).test_client()
    asked = [client.get(f"/t/{MOVING}") for _ in range(4)]
    assert [answer.status_code for answer in asked] == [200, 200, 200, 429]
    assert 0 < int(asked[3].headers["Retry-After"]) <= 21
    assert "Too many look-ups" in asked[3].text
    assert client.get(f"/api/v1/shipments/{MOVING}").json["type"] == "/problems/too-many-lookups"  # type: ignore[index]
    other = client.get(f"/t/{MOVING}", environ_base={"REMOTE_ADDR": "203.0.113.9"})
    assert other.status_code == 200


def test_language_is_asked_for_kept_and_else_the_browsers(client: FlaskClient) -> None:
    assert 'lang="en"' in client.get("/").text
    assert "它到哪儿了" in client.get("/", headers={"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.1"}).text
    answer = client.get("/?lang=zh-Hans")
    assert 'html lang="zh-Hans"' in answer.text
    assert "SameSite=Lax" in answer.headers["Set-Cookie"]
    assert "它到哪儿了" in client.get("/").text
    assert "Set-Cookie" not in client.get("/?lang=klingon").headers


PATHS = ["/", "/t/LS473124821NL", "/t/AB", "/demo", "/demo/mail", "/nowhere", *(f"/t/{number}" for number in NUMBERS)]


@pytest.mark.parametrize("path", PATHS)
def test_no_english_is_left_on_chinese_pages(client: FlaskClient, path: str) -> None:
    page = client.get(path, query_string={"lang": "zh-Hans"}).text
    text = re.sub(r"<[^>]*>", " ", re.sub(r"<title>.*?</title>", "", page, count=1, flags=re.DOTALL))
    known = r"Lastscan|English|UTC|LS|NL|IATA|[A-Z]{2,}\d+|[A-Z]{2,4}\b|h-0017|[\w.]+@[\w.]+"
    left = re.findall(
        r"[A-Za-z]{2,}", re.sub(known, " ", text.replace("Your bag missed its connection in Chicago", ""))
    )
    assert left == []
    for label in re.findall(r'aria-label="([^"]*)"', page):
        assert not re.search(r"[a-z]{3,} [a-z]{2,}", label), label


def test_every_sentence_of_the_pages_has_its_chinese() -> None:
    lacking = [
        said for said, where in collect().items() if where.startswith("web/") and not words("zh-Hans").knows(said)
    ]
    assert lacking == []


def test_pages_keep_their_budget(client: FlaskClient) -> None:
    for number in NUMBERS:
        page = client.get(f"/t/{number}").text
        drawn = "".join(re.findall(r"<svg viewBox.*?</svg>", page, flags=re.DOTALL))
        assert len(gzip.compress(page.replace(drawn, "").encode())) <= 8_000
        assert len(gzip.compress(drawn.encode())) <= 8_000
    static = Path(web.__file__).parent / "static"
    sheet = (static / "lastscan.css").read_bytes()
    assert len(sheet) <= 15 * 1024
    assert len(gzip.compress(sheet)) <= 5_000
    assert len(gzip.compress((static / "live.js").read_bytes())) <= 3_000


def test_answers_are_zipped_for_who_can_unzip(client: FlaskClient) -> None:
    answer = client.get(f"/t/{MOVING}", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert b"On its way" in gzip.decompress(answer.data)
    assert "Content-Encoding" not in client.get(f"/t/{MOVING}").headers


def test_an_error_on_our_side_shows_nothing_of_its_cause(house: House, client: FlaskClient) -> None:
    def broken(number: str) -> list[object]:
        raise RuntimeError("secret detail")

    house.candidates = broken  # type: ignore[method-assign, assignment]
    page = client.get(f"/t/{MOVING}")
    assert page.status_code == 500
    assert "secret detail" not in page.text
    assert client.get(f"/api/v1/shipments/{MOVING}").content_type == "application/problem+json"


def test_the_colours_can_be_read() -> None:
    """WCAG 2.2 AA: 4.5 to 1 for every text colour on the page's ground and on cards, light and dark."""
    sheet = (Path(web.__file__).parent / "static" / "lastscan.css").read_text()
    light, dark = (dict(re.findall(r"--(\w+): (#[0-9a-f]{3,6})\b", part)) for part in sheet.split("@media", 2)[:2])
    for tokens in (light, dark):
        for colour in ("text", "brand", "good", "warn", "bad", "quiet"):
            for ground in ("ground", "card"):
                assert _contrast(tokens[colour], tokens[ground]) >= 4.5, (colour, ground)


def _contrast(a: str, b: str) -> float:
    high, low = sorted((_luminance(a), _luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(letter * 2 for letter in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_importing_the_web_starts_nothing() -> None:
    assert LiveUpdates(House(), most=1)._thread is None
