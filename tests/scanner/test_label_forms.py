"""What stands on a label, how large, and in which words."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.label import LANGUAGES, Kind, Label, UnprintableLabelError, tracking_link
from scanner.label.fonts import subset
from scanner.label.forms import page_of
from scanner.label.ink import ink
from scanner.label.label import grouped
from scanner.label.page import DOTS_PER_MM, Bars, Line, Rectangle, Square
from scanner.label.sscc import sscc_of
from scanner.label.typeface import OUR_FACE, OURS, reach
from scanner.label.words import WORDS, letters
from scanner.symbology import Symbology

NUMBERS = ["LS123456785NL", "0220456789", "340123451234567895", "AA1234/2026-11-21"]
READ_FROM_TWO_METRES = 5  # mm, letters; an eye chart asks for 3 in good light


def line(page, text):
    return next(item for item in page.items if isinstance(item, Line) and item.text == text)


def tall(page, text):
    up, down, _ = reach(text)
    return line(page, text).size * (up + down) / page.dots_per_mm


@pytest.mark.parametrize("number", NUMBERS)
def test_a_courier_in_the_rain_reads_place_day_and_service_from_two_metres(number):
    said = {"service": "Express", "destination": "OSL", "on": date(2026, 9, 30), "recipient": ("Ada",), "origin": "AMS"}
    for language, link in [("en", ""), ("zh-Hans", "https://track.example.org/t/1")]:
        label = replace(Label.for_number(number), **said, language=language, link=link)
        page = page_of(label)
        assert tall(page, "OSL") > 3 * READ_FROM_TWO_METRES
        assert tall(page, label.day) > READ_FROM_TWO_METRES
        assert tall(page, "Express") > READ_FROM_TWO_METRES


def test_a_long_place_is_smaller_and_an_endless_one_is_cut():
    page = page_of(replace(Label("LS123456785NL"), destination="Bad Neuenahr-Ahrweiler"))
    assert 3 < tall(page, "Bad Neuenahr-Ahrweiler") < 12
    page = page_of(replace(Label("LS123456785NL"), origin="Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch"))
    [cut] = [item for item in page.items if isinstance(item, Line) and item.text.endswith("…")]
    assert cut.text.startswith("Llanfair")


@pytest.mark.parametrize("place", ["OSL", "LEJ", "Århus", "Jyväskylä", "Bad Neuenahr-Ahrweiler", "Ấp Q"])
@pytest.mark.parametrize("number", NUMBERS)
def test_no_letters_run_into_others_whatever_their_accents_and_tails(number, place):
    label = replace(
        Label.for_number(number),
        service=place,
        origin=place,
        destination=place,
        on=date(2026, 8, 31),
        recipient=(place,) * 5,
        sender=(place,) * 3,
        link="https://track.example.org/t/1",
    )
    boxes = []
    for item in page_of(label).items:
        if isinstance(item, Line):
            letters = ink(item)
            boxes.append((item, letters.x, letters.y, letters.picture.width, letters.picture.height))
        else:
            boxes.append((item, item.x, item.y, item.width, item.height))
    for (one, *first), (other, *second) in combinations(boxes, 2):
        x, y, wide, high = first
        left, top, width, height = second
        apart = left >= x + wide or left + width <= x or top >= y + high or top + height <= y
        framed = isinstance(one, Rectangle) and isinstance(other, Line) and other.white
        within = x <= left and y <= top and left + width <= x + wide and top + height <= y + high
        assert (framed and within) or apart, (one, other)


lines_of_text = st.text(st.characters(codec="utf-8"), max_size=70)


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(NUMBERS), st.lists(lines_of_text, min_size=8, max_size=8), st.sampled_from(sorted(DOTS_PER_MM)))
def test_nothing_runs_off_the_label_whatever_stands_on_it(number, said, dpi):
    title, service, origin, destination, *names = said
    label = replace(
        Label.for_number(number),
        title=title,
        service=service,
        origin=origin,
        destination=destination,
        recipient=tuple(names),
        sender=tuple(names),
        link="https://track.example.org/t/1",
    )
    try:
        page = page_of(label, dpi)
    except UnprintableLabelError:  # too much for a QR code
        with pytest.raises(UnprintableLabelError, match="shorten it"):
            page_of(label, dpi)
        return
    for item in page.items:
        assert item.x >= 0
        assert item.x + item.width <= page.width
        assert item.y >= 0
        assert item.y + item.height <= page.height


@pytest.mark.parametrize("dpi", sorted(DOTS_PER_MM))
@pytest.mark.parametrize("number", NUMBERS)
def test_modules_are_whole_dots_and_quiet_zones_stay_white(number, dpi):
    page = page_of(replace(Label.for_number(number), link="https://track.example.org/t/1"), dpi)
    codes = [item for item in page.items if isinstance(item, Bars | Square)]
    assert len(codes) == (5 if len(number) == 10 else 2)
    for code in codes:
        assert 0.25 <= code.module / page.dots_per_mm <= 0.75
        quiet = (4 if isinstance(code, Square) else 10) * code.module
        below = quiet if isinstance(code, Square) else 0
        zone = (code.x - quiet, code.y - below, code.x + code.width + quiet, code.y + code.height + below)
        assert zone[0] >= 0
        assert zone[2] <= page.width
        for other in page.items:
            apart = other.x >= zone[2] or other.x + other.width <= zone[0]
            apart = apart or other.y >= zone[3] or other.y + other.height <= zone[1]
            assert other is code or apart


def test_a_container_has_bars_as_large_as_gs1_asks():
    [bars] = [item for item in page_of(Label.for_number("340123451234567895")).items if isinstance(item, Bars)]
    assert bars.module / 8 >= 0.495
    assert bars.height / 8 >= 31.75


def test_a_bag_tag_reads_upright_on_both_sides_of_the_handle():
    page = page_of(replace(Label.for_number("0220456789"), destination="OSL"))
    upper, lower, _ = (item for item in page.items if isinstance(item, Line) and item.text == "OSL")
    assert (upper.upside_down, lower.upside_down) == (True, False)
    fold = upper.y + upper.height + lower.y
    assert fold // 2 - (upper.y + upper.height) == pytest.approx(lower.y - fold // 2, abs=1)


def test_a_number_says_what_its_label_is():
    assert [Label.for_number(number).kind for number in NUMBERS] == [
        Kind.PARCEL,
        Kind.BAG,
        Kind.CONTAINER,
        Kind.DEPARTURE,
    ]
    assert Label.for_number("00340123451234567895").text == "00340123451234567895"
    assert Label.for_number("(00) 340123451234567895").symbology is Symbology.GS1_128
    assert Label.for_number("0220456789", Kind.PARCEL).symbology is Symbology.CODE128
    assert Label.for_number("AA1234/2026-11-21").on == date(2026, 11, 21)
    with pytest.raises(UnprintableLabelError, match="no SSCC"):
        Label.for_number("340123451234567894", Kind.CONTAINER)
    with pytest.raises(UnprintableLabelError, match="ten digits"):
        Label.for_number("LS123456785NL", Kind.BAG)


def test_the_check_digit_of_a_container_is_gs1s():
    assert sscc_of("(00) 340123451234567895") == "340123451234567895"
    assert sscc_of("106141411234567897") == "106141411234567897"
    assert sscc_of("106141411234567896") is None
    assert sscc_of("１06141411234567897") is None


def test_numbers_are_grouped_as_people_read_them():
    assert grouped("LS123456785NL") == "LS 1234 5678 5 NL"
    assert grouped("0220456789") == "0220 456789"


def test_a_link_is_the_page_of_the_number():
    assert tracking_link("https://track.example.org", "A/1") == "https://track.example.org/t/A%2F1"
    assert tracking_link("https://example.org/parcels/", "1") == "https://example.org/parcels/1"


@pytest.mark.parametrize(
    "base",
    [
        *("", "track.example.org", "javascript:alert(1)", "ftp://a.example", "https://", "https://["),
        *("https://a b.example", "https://a.example/\n", "https://例.example", "https://user@a.example"),
        *("https://a.example/?q=1", "https://a.example/#x"),
    ],
)
def test_a_link_that_is_no_web_address_is_refused(base):
    with pytest.raises(UnprintableLabelError):
        tracking_link(base, "1")


def test_a_machine_without_a_network_reads_place_day_and_service_behind_the_link():
    label = Label("1", service="Next day", destination="北京", on=date(2026, 11, 21), link="https://a.example/t/1")
    assert label.coded_link == "https://a.example/t/1#to=%E5%8C%97%E4%BA%AC&on=2026-11-21&service=Next%20day"
    assert Label("1", link="https://a.example/t/1").coded_link == "https://a.example/t/1"


@pytest.mark.parametrize("language", LANGUAGES)
def test_our_typeface_has_every_word_and_day_of_every_language(language):
    assert OUR_FACE.has(letters(language))
    assert all(getattr(WORDS[language], name) for name in WORDS[language].__slots__)


def test_our_typeface_has_europes_letters_is_small_and_is_licensed():
    assert OUR_FACE.has("Łódź Århus Çeşme Đà Nẵng Αθήνα София Київ €")
    assert not OUR_FACE.has("王")
    assert OURS.stat().st_size < 300_000
    assert "SIL OPEN FONT LICENSE Version 1.1" in OURS.with_name("OFL.txt").read_text()
    assert {*map(ord, "Łé")} <= {*subset.EUROPE}


@pytest.mark.parametrize(
    ("language", "day", "words"),
    [
        ("en", "Wed 4 Feb", ["From", "Day", "To", "Parcel"]),
        ("zh-Hans", "2月4日 周三", ["始发", "日期", "目的地", "包裹"]),
    ],
)
def test_a_label_speaks_the_language_it_is_asked_for(language, day, words):
    page = page_of(Label("LS123456785NL", on=date(2026, 2, 4), language=language))
    for text in [day, *words]:
        line(page, text)
