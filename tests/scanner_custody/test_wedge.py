"""A scanner types faster than a person: 30 ms apart and ENTER or TAB, and it is a scan."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.keyed import Look, verdict
from scanner.wedge import SCANNER_GAP, SHORTEST_SCAN, Entered, Keys, Scanned, Wedge, symbology_of

LETTERS = st.characters(codec="utf-8", exclude_categories=("C", "Z"))
CODES = st.text(LETTERS, min_size=SHORTEST_SCAN, max_size=40)
FAST = st.floats(0.0, SCANNER_GAP * 0.99)
SLOW = st.floats(SCANNER_GAP * 1.01, 5.0)
ENDS = st.sampled_from(["ENTER", "TAB"])


def press(wedge: Wedge, keys: list[tuple[str, float]], at: float = 0.0) -> tuple[list[Scanned | Entered], float]:
    """Keys, each so long after the one before."""
    happened = []
    for key, gap in keys:
        at += gap
        if (found := wedge.key(key, at)) is not None:
            happened.append(found)
    return happened, at


@given(CODES, ENDS, st.data())
def test_keys_close_together_that_end_so_are_a_scan(code, end, data):
    gaps = [data.draw(SLOW), *(data.draw(FAST) for _ in code[1:])]
    wedge = Wedge()
    assert press(wedge, [*zip(code, gaps, strict=True), (end, data.draw(FAST))])[0] == [Scanned(code)]
    assert wedge.typed == ""


@given(CODES, ENDS, st.data())
def test_one_slow_key_among_the_last_makes_it_a_persons(code, end, data):
    slow = data.draw(st.integers(max(1, len(code) - SHORTEST_SCAN + 1), len(code)))
    gaps = [data.draw(SLOW if at in (0, slow) else FAST) for at in range(len(code) + 1)]
    wedge = Wedge()
    assert press(wedge, list(zip([*code, end], gaps, strict=True)))[0] == [Entered(code)]


@given(st.text(LETTERS, min_size=1, max_size=15), CODES, ENDS, st.data())
def test_what_was_typed_before_a_scan_stays_in_the_field(typed, code, end, data):
    wedge = Wedge()
    _, at = press(wedge, [(letter, data.draw(SLOW)) for letter in typed])
    gaps = [data.draw(SLOW), *(data.draw(FAST) for _ in code[1:])]
    happened, at = press(wedge, [*zip(code, gaps, strict=True), (end, data.draw(FAST))], at)
    assert (happened, wedge.typed) == ([Scanned(code)], typed)
    assert press(wedge, [("ENTER", data.draw(SLOW))], at)[0] == [Entered(typed)]


@given(st.lists(CODES, min_size=1, max_size=5), st.sampled_from([["ENTER"], ["TAB"], ["ENTER", "ENTER"]]))
def test_scans_that_come_all_at_once_are_as_many_scans(some, end):
    keys = [(key, 0.0) for code in some for key in (*code, *end)]
    assert press(Wedge(), keys)[0] == [Scanned(code) for code in some]


def test_two_fingers_rolling_over_keys_are_no_scanner():
    assert press(Wedge(), [("4", 1.0), ("5", 0.01), ("ENTER", 0.01)])[0] == [Entered("45")]


def test_a_field_is_mended_and_emptied():
    wedge = Wedge()
    assert press(wedge, [(key, 0.2) for key in ("A", "B", "BACKSPACE", "C", "ENTER")])[0] == [Entered("AC")]
    assert press(wedge, [(key, 0.2) for key in ("A", "CLEAR", "ENTER", "B", "ESC", "TAB")])[0] == []


# --- bytes to keys ---

PIECES = st.sampled_from(
    [b"A", b"7", b"\r", b"\t", b"\x7f", b"\x1bOP", b"\x1b[15~", b"\x1b[21~", b"\x1b[A", b"\x1b[1;5C", "ß".encode(),
     "面".encode(), b"\x1d", b"\x03", b"\x00", b"\x1b[[A"]
)  # fmt: skip


@given(st.lists(PIECES, max_size=12), st.randoms(use_true_random=False))
def test_it_does_not_matter_where_a_line_cuts_the_bytes(pieces, rng):
    raw = b"".join(pieces)
    whole, cut = Keys(), Keys()
    expected = [*whole.feed(raw), *whole.flush()]
    found, at = [], 0
    while at < len(raw):
        step = rng.randint(1, 4)
        found += cut.feed(raw[at : at + step])
        at += step
    assert [*found, *cut.flush()] == expected


@given(st.binary(max_size=64))
def test_no_bytes_trip_it(raw):
    keys = Keys()
    assert all(isinstance(key, str) and key for key in [*keys.feed(raw), *keys.flush()])


def test_esc_alone_is_a_key_once_nothing_follows():
    keys = Keys()
    assert (keys.feed(b"\x1b"), keys.unfinished, keys.flush(), keys.unfinished) == ([], True, ["ESC"], False)
    assert keys.feed(b"\x1bOQ") == ["F2"]


@pytest.mark.parametrize(
    ("scanned", "code", "sym"),
    [
        ("]C0LS123456785NL", "LS123456785NL", "code128"),
        ("]C100340123451234567895", "00340123451234567895", "gs1-128"),
        ("]I10220456789", "0220456789", "itf"),
        ("]d2ABC", "ABC", "datamatrix"),
        ("]Q1ABC", "ABC", "qr"),
        ("]X0ABC", "]X0ABC", "keyed"),
        ("]C0", "]C0", "keyed"),
        ("LS123456785NL", "LS123456785NL", "keyed"),
    ],
)
def test_the_symbology_is_what_the_scanner_says_and_nothing_else(scanned, code, sym):
    assert symbology_of(scanned) == (code, sym)


# --- typed numbers ---


@pytest.mark.parametrize(
    ("typed", "look"),
    [
        ("", Look.EMPTY),
        ("  ", Look.EMPTY),
        ("L", Look.UNFINISHED),
        ("LS1234", Look.UNFINISHED),
        ("LS123456785N", Look.UNFINISHED),
        ("LS123456785NL", Look.GOOD),
        ("ls 1234 5678 5 nl", Look.GOOD),
        ("LS123456784NL", Look.WRONG),
        ("022045678", Look.UNFINISHED),
        ("0220456789", Look.GOOD),
        ("LH716/2026-11-12", Look.GOOD),
        ("1Z5R89390357567127", Look.GOOD),
        ("1Z5R89390357567128", Look.UNKNOWN),
        ("hello", Look.UNKNOWN),
    ],
)
def test_each_key_is_judged(typed, look):
    assert verdict(typed).look is look


@given(st.from_regex(r"[A-Z]{2}[0-9]{8}", fullmatch=True))
def test_of_ten_check_digits_one_is_right(start):
    looks = [verdict(f"{start}{digit}NL").look for digit in range(10)]
    assert (looks.count(Look.GOOD), looks.count(Look.WRONG)) == (1, 9)
