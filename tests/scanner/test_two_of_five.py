"""Standard and IATA 2 of 5, read by a reader of our own."""

from __future__ import annotations

import random

import pytest
from PIL import Image, ImageFilter

from scanner.camera import LabelCamera
from scanner.decode import Reader, read_picture
from scanner.symbology import COURIER, Symbology

pytest.importorskip("cv2")

from scanner.decode.two_of_five import DIGITS, GUARDS

BARS = {digit: bars for bars, digit in DIGITS.items()}
INDUSTRIAL, IATA = GUARDS
TAG = "0463381455"


def drawn(text, guards=INDUSTRIAL, *, module=3, wide=3, height=150, quiet=15):
    start, stop = guards
    bars = [*start, *(bar for digit in text for bar in BARS[digit]), *stop]
    widths = [module * (wide if bar else 1) for bar in bars]
    picture = Image.new("L", (sum(widths) + module * (len(bars) - 1 + 2 * quiet), height + 60), 240)
    x = module * quiet
    for width in widths:
        picture.paste(10, (x, 30, x + width, 30 + height))
        x += width + module
    return picture


def read(picture, **settings):
    return [(found.symbology, found.text) for found in read_picture(picture, **settings)]


@pytest.mark.parametrize("guards", GUARDS, ids=["industrial", "iata"])
@pytest.mark.parametrize("turned", [0, 90, 180, 37])
def test_ten_digits_are_read_whichever_way_they_lie(guards, turned):
    picture = drawn(TAG, guards).rotate(turned, Image.Resampling.BICUBIC, expand=True, fillcolor=240)
    assert read(picture) == [(Symbology.TWO_OF_FIVE, TAG)]


def test_its_box_lies_around_the_bars():
    table = Image.new("L", (1600, 900), 240)
    table.paste(drawn(TAG), (300, 400))
    [found] = read_picture(table)
    across, down = zip(*found.box, strict=True)
    assert (min(across), max(across)) == (pytest.approx(345, abs=6), pytest.approx(300 + drawn(TAG).width - 45, abs=6))
    assert 380 < min(down) < max(down) < 640


def test_another_length_than_the_sites_is_never_accepted():
    assert read(drawn("04633814")) == []
    assert read(drawn("04633814"), lengths={"2of5": [8]}) == [(Symbology.TWO_OF_FIVE, "04633814")]
    assert read(drawn(TAG), lengths={"2of5": [8]}) == []


def test_noughts_are_nothing_read():
    assert read(drawn("0000000000")) == []


def test_a_site_without_it_does_not_read_it():
    assert Symbology.TWO_OF_FIVE in COURIER
    assert Reader(["itf", "code128"]).look(drawn(TAG)) == []


def test_a_code_cut_at_its_end_or_melted_together_is_no_read():
    picture = drawn(TAG)
    for left in range(30, picture.width, 40):
        assert read(picture.crop((left, 0, picture.width, picture.height))) in ([], [(Symbology.TWO_OF_FIVE, TAG)])
    assert read(picture.filter(ImageFilter.GaussianBlur(6))) == []


def test_on_a_bad_belt_it_reads_or_does_not_and_is_never_wrong():
    rng = random.Random(25)
    reader = Reader(["2of5"])
    hits = 0
    for turn in range(30):
        text = f"{rng.randrange(1, 10**10):010d}"
        reader.next_label()
        found = reader.look(LabelCamera(drawn(text, GUARDS[turn % 2], height=100), rng, 0.5).frame())
        assert [seen.text for seen in found] in ([], [text])
        hits += bool(found)
    assert hits > 15
