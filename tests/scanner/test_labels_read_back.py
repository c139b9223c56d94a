"""What does not survive its own reader is not shipped."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.decode import Reader, read_picture
from scanner.label import Label, UnprintableLabelError, draw, strip
from scanner.label.bars import QUIET_ZONE, modules
from scanner.symbology import Symbology
from tracker.domain.ids import S10Number

PARCEL = "LS123456785NL"
BAG = "0220456789"
DEPARTURE = "AA1234/2026-11-21"

parcels = st.builds(
    lambda service, serial, country: str(S10Number(service, serial, country)),
    st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=2, max_size=2),
    st.text("0123456789", min_size=8, max_size=8),
    st.sampled_from(["NL", "GB", "DE", "US", "NO"]),
)
plates = st.text("0123456789", min_size=10, max_size=10).filter(lambda digits: digits.strip("0"))


def texts(picture, **settings):
    return [(read.symbology, read.text) for read in read_picture(picture, **settings)]


@settings(max_examples=15, deadline=None)
@given(parcels)
def test_any_parcel_label_is_read_back_exactly(number):
    assert texts(draw(Label.for_number(number))) == [(Symbology.CODE128, number)]


@settings(max_examples=15, deadline=None)
@given(plates)
def test_any_bag_tag_is_read_back_exactly(plate):
    assert texts(draw(Label.for_number(plate)), lengths={"itf": [10]}) == [(Symbology.ITF, plate)]


@settings(max_examples=30, deadline=None)
@given(st.one_of(parcels, plates), st.sampled_from([2, 3, 4]))
def test_a_strip_is_read_back_at_two_three_and_four_pixels_a_module(text, module):
    symbology = Label.for_number(text).symbology
    assert texts(strip(text, symbology, module=module)) == [(symbology, text)]


def test_a_departure_card_is_read_back():
    assert texts(draw(Label.for_number(DEPARTURE))) == [(Symbology.CODE128, DEPARTURE)]


def test_an_sscc_comes_back_as_gs1_128_with_its_separator():
    text = "42094105\xf19400111206206406260787"
    [read] = read_picture(strip(text, Symbology.GS1_128))
    assert (read.symbology, read.text) == ("gs1-128", "42094105\x1d9400111206206406260787")


@pytest.mark.parametrize("dpi", [203, 300, 406, 600])
def test_a_label_reads_at_every_resolution_printers_have(dpi):
    assert texts(draw(Label.for_number(PARCEL), dpi)) == [(Symbology.CODE128, PARCEL)]


def test_the_box_lies_on_the_bars():
    [read] = read_picture(draw(Label.for_number(PARCEL)))
    across, down = [x for x, _ in read.box], [y for _, y in read.box]
    assert (min(across), max(across)) == (pytest.approx(88, abs=4), pytest.approx(712, abs=4))
    assert (min(down), max(down)) == (pytest.approx(868, abs=5), pytest.approx(1092, abs=5))


def test_several_codes_in_one_picture_are_all_read():
    label = draw(Label.for_number(PARCEL))
    label.paste(strip(BAG, Symbology.ITF), (100, 500))
    reader = Reader(lengths={"itf": [10]}, wanted=["code128", "itf"])
    assert sorted(read.text for read in reader.look(label)) == [BAG, PARCEL]


def test_quiet_zones_are_ten_modules_and_bearer_bars_close_a_bag_tag():
    picture = strip(BAG, Symbology.ITF, module=3)
    middle = picture.crop((0, picture.height // 2, picture.width, picture.height // 2 + 1)).tobytes()
    assert middle[: 3 * QUIET_ZONE] == middle[-3 * QUIET_ZONE :] == b"\xff" * 30
    assert middle[30] == 0
    bearer = picture.crop((30, 12, picture.width - 30, 18))
    assert bearer.getextrema() == (0, 0)


@given(st.text(max_size=60), st.sampled_from([Symbology.CODE128, Symbology.GS1_128, Symbology.ITF]))
def test_any_text_becomes_bars_or_is_refused(text, symbology):
    with contextlib.suppress(UnprintableLabelError):
        assert set(modules(text, symbology)) == {"0", "1"}


@pytest.mark.parametrize("digits", ["123", "12a4", "", "１２", "12\n"])
def test_itf_takes_an_even_number_of_plain_digits_only(digits):
    with pytest.raises(UnprintableLabelError, match="even number of digits"):
        modules(digits, Symbology.ITF)
