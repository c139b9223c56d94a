"""Labels as files: each format bears bars that read, and no text of a stranger gets out of its field."""

from __future__ import annotations

import io
import re
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from scanner.decode import open_picture, read_picture
from scanner.label import FORMATS, Label, UnprintableLabelError, as_bytes, write
from scanner.label.bars import strip
from scanner.label.layout import HEIGHT, WIDTH, grouped, layout
from scanner.symbology import Symbology

NUMBERS = ["LS123456785NL", "0220456789", "AA1234/2026-11-21"]
HOSTILE = '^XZ~JR^FS</text><script>alert(1)</script>"&\x00\x1b[2J) Tj (\\'


def texts(picture):
    return [read.text for read in read_picture(picture, lengths={"itf": [10]})]


def paper():
    return Image.new("L", (WIDTH, HEIGHT), 255)


def render_svg(document):
    """The path of an SVG label, as dots."""
    picture = paper()
    [path] = ElementTree.fromstring(document).iter("{http://www.w3.org/2000/svg}path")
    for x, y, width, height in re.findall(r"M(\d+) (\d+)h(\d+)v(\d+)h-\d+z", path.attrib["d"]):
        picture.paste(0, (int(x), int(y), int(x) + int(width), int(y) + int(height)))
    return picture


def render_pdf(document):
    """The filled rectangles of a one-page PDF label, as dots."""
    dot = 72 / 25.4 / 8
    picture = paper()
    for found in re.findall(rb"n ([\d.]+) ([\d.]+) ([\d.]+) ([\d.]+) re f", document):
        x, y, width, height = (round(float(number) / dot) for number in found)
        picture.paste(0, (x, HEIGHT - y - height, x + width, HEIGHT - y))
    return picture


FIELD = re.compile(r"\^FO(\d+),(\d+)(?:\^BY(\d+),3\.0,(\d+))?\^(A0N|BCN|B2N|GB)([^^]*)(?:\^FH_\^FD([^^]*))?\^FS")


def render_zpl(commands):
    """Our subset of ZPL, as a printer would draw it: (picture, lines of text)."""
    picture, lines = paper(), []
    for x, y, module, _, command, parameters, field in FIELD.findall(commands):
        place = (int(x), int(y))
        if command == "GB":
            width, height, _ = map(int, parameters.split(","))
            picture.paste(0, (*place, place[0] + width, place[1] + height))
            continue
        text = re.sub(rb"_([0-9A-F]{2})", lambda code: bytes([int(code[1], 16)]), field.encode()).decode()
        if command == "A0N":
            lines.append(text)
            continue
        symbology = Symbology.ITF if command == "B2N" else Symbology.CODE128
        bars = strip(text, symbology, module=int(module), height=int(parameters.split(",")[1]))
        margin = (bars.height - int(parameters.split(",")[1])) // 2
        inside = (10 * int(module), margin, bars.width - 10 * int(module), bars.height - margin)
        picture.paste(bars.crop(inside), place)
    return picture, lines


@pytest.mark.parametrize("number", NUMBERS)
def test_every_format_bears_bars_that_read(number):
    label = [Label.for_number(number)]
    assert texts(open_picture(as_bytes(label, "png"))) == [number]
    assert texts(render_svg(as_bytes(label, "svg"))) == [number]
    assert texts(render_pdf(as_bytes(label, "pdf"))) == [number]
    picture, lines = render_zpl(as_bytes(label, "zpl").decode("ascii"))
    assert texts(picture) == [number]
    assert grouped(number) in lines


def test_all_formats_draw_the_same_bars():
    label = [Label.for_number("0220456789")]
    drawn = render_svg(as_bytes(label, "svg")).tobytes()
    assert drawn == render_pdf(as_bytes(label, "pdf")).tobytes()
    assert drawn == render_zpl(as_bytes(label, "zpl").decode())[0].tobytes()


def test_numbers_are_grouped_as_people_read_them():
    assert grouped("LS123456785NL") == "LS 1234 5678 5 NL"
    assert grouped("0220456789") == "0220 456789"


def hostile_label(text):
    return Label("LS123456785NL", title=text, service=text, origin=text, destination=text)


@settings(max_examples=25, deadline=None)
@given(st.one_of(st.just(HOSTILE), st.text(max_size=80)))
def test_no_text_breaks_out_of_its_field(text):
    label = hostile_label(text)
    svg = ElementTree.fromstring(as_bytes([label], "svg"))
    assert {element.tag.split("}")[1] for element in svg.iter()} <= {"svg", "rect", "path", "text"}
    zpl = as_bytes([label], "zpl").decode("ascii")
    assert zpl.count("^XA") == zpl.count("^XZ") == 1
    assert "~" not in zpl
    commands = set(re.findall(r"\^[A-Z0-9]{2}", zpl))
    assert commands <= {"^XA", "^XZ", "^CI", "^PW", "^LL", "^FO", "^A0", "^FH", "^FD", "^FS", "^BY", "^BC", "^GB"}
    assert texts(render_pdf(as_bytes([label], "pdf"))) == ["LS123456785NL"]
    assert open_picture(as_bytes([label], "png")).size == (WIDTH, HEIGHT)


def test_lines_in_zpl_come_back_as_written():
    label = Label("LS123456785NL", title="Åse & Søn_5E", service="^XZ ~JR", origin="AMS", destination="北京")
    _, lines = render_zpl(as_bytes([label], "zpl").decode("ascii"))
    assert lines == ["Åse & Søn_5E", "^XZ ~JR", "AMS → 北京", "LS 1234 5678 5 NL"]


def test_the_same_label_is_the_same_file():
    label = [Label.for_number("LS123456785NL")]
    assert all(as_bytes(label, form) == as_bytes(label, form) for form in FORMATS)


def test_a_sheet_has_a_page_for_each_label():
    labels = [Label.for_number(number) for number in NUMBERS]
    assert as_bytes(labels, "pdf").count(b"/Type /Page\n") == 3
    assert as_bytes(labels, "zpl").count(b"^XA") == 3
    with pytest.raises(ValueError, match="do not go into one png"):
        as_bytes(labels, "png")


def test_a_png_knows_its_size_on_paper(tmp_path):
    write(Label.for_number("LS123456785NL"), "png", tmp_path / "label.png")
    with Image.open(io.BytesIO((tmp_path / "label.png").read_bytes())) as picture:
        assert round(picture.width / picture.info["dpi"][0] * 25.4) == 100


def test_what_does_not_fit_is_refused_with_a_word():
    with pytest.raises(UnprintableLabelError, match="too long for a label"):
        layout(Label("abcdefghijklmnopqrstuvwxyz0a1b2c3d4e5f"))
    with pytest.raises(UnprintableLabelError, match="print it from the PDF"):
        as_bytes([Label("a>b")], "zpl")
    with pytest.raises(ValueError, match="no format of ours"):
        as_bytes([Label("a")], "bmp")
