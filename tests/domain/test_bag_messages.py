"""Baggage messages: what they say, that nothing of them is lost, and that nothing strange passes for one."""

from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.domain.laws import trade
from tracker.domain.bags import BadBagMessageError, BagNews, PartialMessages, meaning, parse, split, written
from tracker.domain.bags.dates import dated, sent_at
from tracker.domain.bags.write import day, flight_line, read_line, tag_lines
from tracker.domain.ids.plate import LicencePlate

RECEIVED = datetime(2026, 11, 12, 21, 30, tzinfo=UTC)
ZONES = {"MUC": "Europe/Berlin", "FRA": "Europe/Berlin"}

BOOKED = """\
QU FRABSLH
.MUCBMLH 122041
BSM
.V/1LMUC
.F/LH0105/12NOV/FRA/Y
.O/LH0716/12NOV/HND/Y
.N/0220456789001
.S/Y/31K/C/017
.P/1DOE/JANE
.Z/of our own
ENDBSM
"""
LOADED = """\
BPM
.V/1TFRA
.J/S//CI07/12NOV/2110L/HB4
.F/LH0716/12NOV/HND/Y
.I/LH0105/12NOV/MUC/Y
.N/0220456789001
.U/AKE12345LH
ENDBPM
"""
UNSEEN = """\
BPM
.V/1TFRA
.J/R///12NOV/221500L
.F/LH0716/12NOV/HND/Y
.B/UNS/0220456789001
.I/LH0105/12NOV/MUC/Y
ENDBPM
"""


def said(text):
    return meaning(parse(text), received_at=RECEIVED, zone=ZONES.__getitem__)


def message(kind="BSM", *elements, change=""):
    return written(kind, source="L", airport="MUC", elements=elements, change=change)[0]


# --- what they say ---


def test_a_source_message_books_the_bag_on_each_of_its_flights():
    [fact] = said(BOOKED)
    assert (fact.plate.digits, fact.news, fact.facility) == ("0220456789", BagNews.BOOKED, "MUC")
    assert [(leg.flight, leg.origin, leg.destination) for leg in fact.legs] == [
        ("LH0105", "MUC", "FRA"),
        ("LH0716", "FRA", "HND"),
    ]
    assert {leg.local_on for leg in fact.legs} == {date(2026, 11, 12)}
    assert (fact.happened_at, fact.estimated) == (datetime(2026, 11, 12, 20, 41, tzinfo=UTC), False)


def test_a_processed_message_with_a_container_is_a_loading_at_its_local_time():
    [fact] = said(LOADED)
    assert (fact.news, fact.into, fact.facility) == (BagNews.LOADED, "AKE12345LH", "FRA")
    assert fact.happened_at == datetime(2026, 11, 12, 20, 10, tzinfo=UTC)
    assert [leg.flight for leg in fact.legs] == ["LH0105", "LH0716"]
    assert fact.flight is not None
    assert fact.flight.flight == "LH0716"


def test_unseen_is_a_missed_bag_by_that_message_alone():
    [fact] = said(UNSEEN)
    assert (fact.news, fact.plate.digits) == (BagNews.UNSEEN, "0220456789")
    assert fact.happened_at == datetime(2026, 11, 12, 21, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "change", "elements", "news"),
    [
        ("BSM", "DEL", (), BagNews.WITHDRAWN),
        ("BSM", "CHG", (), BagNews.BOOKED),
        ("BTM", "", (), BagNews.BOOKED),
        ("BUM", "", (".U/AKE1LH",), BagNews.OFFLOADED),
        ("BNS", "", (), BagNews.UNSEEN),
        ("BPM", "", (), BagNews.SORTED),
        ("BPM", "", (".J/R//CI07/12NOV/2110L",), BagNews.LOADED),
        ("BPM", "", (".B/OFF/0220456789001",), BagNews.OFFLOADED),
        ("BPM", "", (".B/NAL/0220456789001",), BagNews.UNAUTHORISED),
        ("BPM", "", (".B/ONA/0220456789001",), BagNews.ON_HAND),
    ],
)
def test_each_kind_means_one_thing(kind, change, elements, news):
    [fact] = said(message(kind, ".F/LH0105/12NOV/FRA/Y", ".N/0220456789001", *elements, change=change))
    assert fact.news is news


def test_a_manifest_says_nothing_of_a_single_bag():
    assert said(message("BMM", ".F/LH0105/12NOV/FRA/Y")) == ()


def test_no_authority_to_load_and_rush_go_with_each_bag():
    facts = said(message("BPM", ".N/0220456789002", ".U/AKE1LH", ".S/N", ".E/RUSH"))
    assert [(f.may_be_loaded, f.rush, f.estimated) for f in facts] == [(False, True, True)] * 2
    assert facts[0].happened_at == RECEIVED


# --- what is refused, by name ---


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("MVT\nBA117/03OCT.GABCD.LHR\n", "not a baggage message"),
        ("", "not a baggage message"),
        ("Hello,\nBSM\n.V/1LMUC\n.N/0220456789001\nENDBSM\n", "not a baggage message"),
        ("BSM\n.V/1LMUC\nENDBSM\n", "no tag"),
        ("BSM\n.N/0220456789001\nENDBSM\n", "no .V"),
        ("BSM\n.V/1LMUC\n.N/0220456789001\n", "cut off: ENDBSM is missing"),
        ("BSM\n.V/1LMUC\n.N/0220456789001\nENDBPM\n", "ends with ENDBPM"),
        ("BSM\n.V/1LMUC\n.N/0220456789000\nENDBSM\n", "count of 000"),
        ("BSM\n.V/1LMUC\n.N/0220999999002\nENDBSM\n", "past serial 999999"),
        ("BSM\n.V/1LMUC\n.N/0000000000001\nENDBSM\n", "ten zeros"),
        ("BSM\n.V/1LMUC\n.N/02204567890\nENDBSM\n", "ten digits and a count"),
        ("BSM\n.V/1LMUC/PART1\n.N/0220456789001\nENDPART1\n", "only PART1"),
        ("BSM\n.V/1LMUC\n.F/LH0105/12MON/FRA\n.N/0220456789001\nENDBSM\n", "LH0105: '12MON': expected a date"),
        ("BPM\n.V/1LMUC\n.J/S///12NOV/2560L\n.N/0220456789001\nENDBPM\n", "no time like"),
    ],
)
def test_what_is_wrong_is_named(text, why):
    with pytest.raises(BadBagMessageError, match=why):
        said(text)


# --- laws ---

words = st.text("ABCXYZ019/. -", max_size=12)
odd_lines = st.one_of(
    words,
    st.sampled_from(["BSM", "BPM", "ENDBSM", "ENDPART1", "", ".N/0220456789001", ".V/1LMUC", "\x01QU FRABSLH", "DEL"]),
)


@trade
@given(st.lists(st.tuples(odd_lines, st.sampled_from(["\n", "\r\n", "\r"])), max_size=20))
def test_nothing_of_a_stream_is_lost_and_nothing_strange_trips(lines):
    stream = "".join(line + end for line, end in lines)
    assert "".join(split(stream)) == stream
    for text in split(stream):
        try:
            read = parse(text)
        except BadBagMessageError:
            continue
        assert read.text == text


@trade
@given(st.text(max_size=200))
def test_no_text_at_all_trips_it(text):
    with suppress(BadBagMessageError):
        said(text)


plates = st.integers(1, 9_999_999_999).map(lambda n: LicencePlate(f"{n:010}"))

lone_plates = st.integers(1, 1_000_000_000).map(lambda n: LicencePlate(f"{7 * n:010}"))  # no two in a row


@trade
@given(st.sets(plates, min_size=1, max_size=30) | st.integers(220_000_001, 220_900_000).map(
    lambda n: {LicencePlate(f"{n + i:010}") for i in range(1200)}
))  # fmt: skip
def test_tags_written_are_the_tags_read(bags):
    assert set(parse(message("BSM", *tag_lines(bags))).tags) == bags


@trade
@given(st.sets(lone_plates, min_size=40, max_size=200), st.integers(120, 700), st.randoms())
def test_parts_in_any_order_make_the_message_again(bags, most, chance):
    flight = ".F/LH0105/12NOV/FRA/Y"
    parts = list(written("BSM", source="L", airport="MUC", elements=[flight, *tag_lines(bags)], most=most))
    assert all(len(part) <= most for part in parts)
    assert len(parts) > 1
    chance.shuffle(parts)
    partial = PartialMessages()
    *waiting, whole = [partial.take(part) for part in parts]
    assert all(isinstance(number, int) for number in waiting)
    assert set(whole.tags) == bags
    assert (whole.outbound.flight, partial.unfinished()) == ("LH0105", [])


def test_a_part_that_never_comes_is_named():
    partial = PartialMessages()
    parts = written("BSM", source="L", airport="MUC", elements=[f".N/{n:010}001" for n in range(1, 99)], most=600)
    for number in (0, 2):
        partial.take(parts[number])
    assert [why for _, why in partial.unfinished()] == ["cut off: part 2 is missing"]


@trade
@given(st.dates(date(1990, 1, 1), date(2090, 1, 1)), st.integers(-182, 182))
def test_a_date_without_a_year_is_the_nearest_one(on, away):
    assume((on.month, on.day) != (2, 29))
    assert dated(day(on), on + timedelta(days=away)) == on


def test_the_29th_of_february_looks_for_a_leap_year():
    assert dated("29FEB", date(2026, 3, 1)) == date(2028, 2, 29)
    assert dated("29FEB", date(2025, 1, 1)) == date(2024, 2, 29)


def test_the_turn_of_the_year_and_of_the_month_change_nothing():
    assert dated("31DEC", date(2027, 1, 2)) == date(2026, 12, 31)
    assert dated("01JAN", date(2026, 12, 30)) == date(2027, 1, 1)
    assert sent_at("312359", datetime(2026, 11, 1, 0, 5, tzinfo=UTC)) == datetime(2026, 10, 31, 23, 59, tzinfo=UTC)


@trade
@given(st.integers(0, 20 * 365 * 86_400), st.booleans())
def test_a_reading_written_is_the_reading_read(seconds, local):
    instant = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    there = instant.astimezone(ZoneInfo("Europe/Berlin"))
    assume(there.fold == 0)  # in the hour that comes twice nobody can tell from the message which it was
    read = read_line("S", "CI07", there if local else instant, local)
    text = message("BPM", flight_line("F", "LH0105", there.date(), "FRA"), ".N/0220456789001", read)
    [fact] = meaning(parse(text), received_at=instant + timedelta(minutes=7), zone=ZONES.__getitem__)
    assert (fact.happened_at, fact.estimated) == (instant, False)
