"""What the screen shows, for any size of terminal and any text somebody puts on a label."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from scanner import screen
from scanner.feedback import Outcome
from scanner.load_list import Checklist
from scanner.screen import Page, Sending, View, draw, sending_words, span
from scanner.workplace import Taken
from tests.scanner_custody.test_load_list import RUN, load_list

NOON = datetime(2026, 11, 12, 12, tzinfo=UTC)
EMPTY = View("h-1", "ams", "sort", None, None, NOON, Sending())
TEXTS = st.text(max_size=60)
TAKEN = st.builds(Taken, TEXTS, st.sampled_from(Outcome), TEXTS, st.integers(0, 2**42), st.just("sort"))
GLYPHS = st.sampled_from([screen.UNICODE, screen.ASCII])


@st.composite
def views(draw_from) -> View:
    checklist = None
    if draw_from(st.booleans()):
        listed = load_list(draw_from(st.lists(TEXTS, max_size=30))) if draw_from(st.booleans()) else None
        checklist = Checklist(RUN, listed)
        for code in draw_from(st.lists(TEXTS, max_size=30)):
            checklist.check(code)
    recent = draw_from(st.lists(TAKEN, max_size=30))
    page = Page(draw_from(TEXTS), draw_from(st.lists(TEXTS, max_size=30)), draw_from(st.booleans()), 3)
    return replace(
        EMPTY,
        at=draw_from(st.none() | TEXTS),
        into=draw_from(st.none() | TEXTS),
        sending=Sending(draw_from(st.integers(0, 10**6)), draw_from(st.floats(0, 1e7)), draw_from(st.booleans()), 2),
        latest=recent[0] if recent else None,
        recent=recent,
        typed=draw_from(TEXTS),
        hint=draw_from(TEXTS.map(screen.visible)),
        checklist=checklist,
        list_age=draw_from(st.none() | st.floats(0, 1e7)),
        battery=draw_from(st.none() | st.floats(0, 1)),
        troubles=draw_from(st.lists(TEXTS, max_size=2)),
        page=draw_from(st.none() | st.just(page)),
    )


@given(views(), st.integers(1, 130), st.integers(1, 50), GLYPHS)
def test_it_fills_any_screen_exactly(view, width, height, glyphs):
    rows = draw(view, width, height, glyphs)
    assert len(rows) == height
    assert {cell_len(row.plain) for row in rows} == {width}
    row, column = screen.field_at(view, width, height)
    assert 0 <= row < height
    assert 0 <= column < width


def shown(view: View, width: int = 80, height: int = 24) -> str:
    return "\n".join(row.plain for row in draw(view, width, height))


@pytest.mark.parametrize("outcome", Outcome)
@pytest.mark.parametrize(("width", "height"), [(80, 24), (40, 12), (200, 60)])
def test_every_outcome_is_told_by_a_word_of_its_own_and_the_number(outcome, width, height):
    taken = Taken("LS123456785NL", outcome, "", 0, "sort")
    text = shown(replace(EMPTY, latest=taken), width, height)
    assert outcome.word in text
    assert "LS 1234 5678 5 NL" in text
    assert len({each.word for each in Outcome}) == len(Outcome)


@pytest.mark.parametrize(("width", "height"), [(80, 24), (40, 12), (30, 9)])
def test_what_is_chosen_and_what_waits_is_never_hidden(width, height):
    view = replace(EMPTY, kind="load", into=RUN, at="BELT-7", sending=Sending(12, 380.0))
    for page in (None, Page("Kind", ["1 accept"], asks=True)):
        text = shown(replace(view, page=page), width, height)
        assert f"LOAD → {RUN}" in text
        assert "12 waiting, oldest 6 min" in text


@pytest.mark.parametrize(
    ("seconds", "style"),
    [(0, ""), (29.9, ""), (30, "bold yellow"), (899, "bold yellow"), (900, "bold bright_white on red")],
)
def test_what_waits_turns_amber_and_then_red(seconds, style):
    assert Sending(1, seconds).style == style
    assert Sending(0, seconds).style == ""


def test_a_good_scan_grows_calm_and_what_needs_a_hand_does_not():
    def colour(outcome: Outcome, age: float) -> str:
        taken = Taken("LS123456785NL", outcome, "", 0, "sort")
        return str(draw(replace(EMPTY, latest=taken, latest_age=age), 80, 24)[4].style)

    assert colour(Outcome.RECORDED, 1.0) == "bold black on green"
    assert colour(Outcome.RECORDED, 11.0) == "green"
    for outcome in (Outcome.NOT_EXPECTED, Outcome.NOT_RECORDED, Outcome.DAMAGED, Outcome.UNREADABLE):
        assert colour(outcome, 1.0) == colour(outcome, 1000.0)


def test_how_long_is_said_in_a_word():
    assert [span(s) for s in (0, 89, 90, 3600, 5400, 86400, 200000)] == [
        "0 s", "89 s", "1 min", "60 min", "1 h", "24 h", "2 days",
    ]  # fmt: skip
    assert sending_words(Sending(2, 95.0, online=True), screen.ASCII) == "2 waiting, oldest 1 min | on line"


def test_a_label_cannot_paint_on_our_screen():
    taken = Taken("\x1b[2J\a\r\nA", Outcome.RECORDED, "\x1b[0m", 0, "sort")
    for row in draw(replace(EMPTY, latest=taken, recent=[taken], typed="\x1b"), 80, 24):
        assert all(letter.isprintable() for letter in row.plain)
