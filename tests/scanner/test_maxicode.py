"""A MaxiCode in the middle of a label, as UPS prints it."""

from __future__ import annotations

import numpy as np
import pytest
import zxingcpp
from PIL import Image, ImageDraw

from scanner.decode import Mode, Reader, read_picture
from scanner.label import strip
from scanner.symbology import COURIER, Symbology

pytest.importorskip("cv2")

from scanner.decode import maxicode

NUMBER = "1Z680RA4DL08720000"
TEXT = "[)>\x1e01\x1d96123450000\x1d222\x1d111\x1d1Z08720000\x1dUPSN"


def label():
    """Lines, words and bars crowd the symbol, so that no reader finds it alone."""
    code = zxingcpp.create_barcode(TEXT, zxingcpp.BarcodeFormat.MaxiCode)
    symbol = Image.fromarray(np.asarray(code.to_image(scale=2))).convert("L")
    sheet = Image.new("L", (1000, 1100), 255)
    sheet.paste(symbol, (60, 300))
    draw = ImageDraw.Draw(sheet)
    draw.line([(0, 270), (1000, 270)], 0, 6)
    draw.line([(60 + symbol.width + 25, 270), (60 + symbol.width + 25, 700)], 0, 5)
    for line in range(8):
        draw.text((450, 40 + 24 * line), "SHIP TO: TEST STREET 2, IDAHO FALLS", 0)
    bars = strip(NUMBER, Symbology.CODE128, module=2)
    sheet.paste(bars, (200, 800))
    return sheet


@pytest.mark.parametrize("turned", [0, 180, 90])
def test_it_is_read_beside_the_number_it_belongs_to(turned):
    picture = label().rotate(turned, expand=True)
    assert {read.symbology: read.text for read in read_picture(picture)} == {
        Symbology.CODE128: NUMBER, Symbology.MAXICODE: TEXT,
    }  # fmt: skip


def test_its_box_lies_where_it_was_printed():
    [read] = [read for read in read_picture(label()) if read.symbology is Symbology.MAXICODE]
    assert 40 < min(x for x, _ in read.box) < max(x for x, _ in read.box) < 420
    assert 280 < min(y for _, y in read.box) < max(y for _, y in read.box) < 700


def test_a_camera_does_not_wait_for_it_unless_it_is_wanted():
    assert [read.symbology for read in Reader().look(label())] == [Symbology.CODE128]
    wanting = Reader(wanted=["maxicode"])
    assert {read.symbology for read in wanting.look(label())} == {Symbology.CODE128, Symbology.MAXICODE}


def test_a_target_without_a_symbol_around_it_is_no_read():
    picture = Image.new("L", (500, 500), 255)
    draw = ImageDraw.Draw(picture)
    for radius, level in zip(range(60, 0, -10), (0, 255) * 3, strict=True):
        draw.ellipse([250 - radius, 250 - radius, 250 + radius, 250 + radius], level)
    assert len(list(maxicode.symbols(np.asarray(picture)))) == 4
    assert Reader(COURIER, mode=Mode.STILL).look(picture) == []
