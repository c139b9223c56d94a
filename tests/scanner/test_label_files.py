"""Labels as files: each format bears codes that read, and no text of a stranger gets out of its field."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from datetime import date
from xml.etree import ElementTree

import pypdfium2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops

from scanner.decode import Reader, open_picture
from scanner.label import FORMATS, Kind, Label, UnprintableLabelError, as_bytes, write
from scanner.label.forms import FORMS, page_of
from scanner.label.page import Line
from scanner.label.png import picture_of
from scanner.label.typeface import OUR_FACE
from tests.scanner.zpl_printer import Printer, UnknownCommandError, printed

HOSTILE = '^XZ~JR^FS</text><script>alert(1)</script>"&\x00\x1b[2J) Tj (\\'
SVG = "{http://www.w3.org/2000/svg}"
LINK = "https://track.example.org/t/LS123456785NL"
CODED = f"{LINK}#to=OSL&on=2026-11-21&service=Express"

PARCEL = Label(
    "LS123456785NL",
    service="Express",
    origin="AMS",
    destination="OSL",
    on=date(2026, 11, 21),
    recipient=("Ada Lovelace", "Karl Johans gate 22", "0026 Oslo"),
    sender=("Søren & Zoë", "Łódź"),
    link=LINK,
)


def full(number, **said):
    plain = Label.for_number(number)
    return replace(PARCEL, text=plain.text, symbology=plain.symbology, kind=plain.kind, **said)


EACH_KIND = {
    Kind.PARCEL: (full("LS123456785NL"), "LS123456785NL"),
    Kind.BAG: (full("0220456789"), "0220456789"),
    Kind.CONTAINER: (full("340123451234567895"), "00340123451234567895"),
    Kind.DEPARTURE: (full("AA1234/2026-11-21"), "AA1234/2026-11-21"),
}


def texts(picture):
    """What a camera at the belt takes from one frame."""
    return {read.text for read in Reader(lengths={"itf": [10]}).look(picture)}


def render_svg(document, width, height):
    """The paths of an SVG, as dots; its letters are the viewer's."""
    picture = Image.new("L", (width, height), 255)
    for path in ElementTree.fromstring(document).iter(f"{SVG}path"):
        for numbers in re.findall(r"M(\d+) (\d+)h(\d+)v(\d+)h-\d+z", path.attrib["d"]):
            x, y, wide, high = map(int, numbers)
            picture.paste(0, (x, y, x + wide, y + high))
    return picture


def render_pdf(document, dpi=203.2, page=0):
    """A page of a PDF as a printer driver would have it."""
    return pypdfium2.PdfDocument(document)[page].render(scale=dpi / 72, grayscale=True).to_pil().convert("L")


@pytest.mark.parametrize("kind", EACH_KIND)
def test_every_form_bears_codes_that_read_in_every_format(kind):
    label, number = EACH_KIND[kind]
    drawn = open_picture(as_bytes([label], "png"))
    assert texts(drawn) == {number, CODED}
    assert texts(render_svg(as_bytes([label], "svg"), *drawn.size)) == {number, CODED}
    assert texts(render_pdf(as_bytes([label], "pdf"))) == {number, CODED}
    [from_zpl] = printed(as_bytes([label], "zpl").decode("ascii"))
    assert texts(from_zpl) == {number, CODED}


def test_every_kind_has_its_form():
    assert FORMS.keys() == set(Kind) == EACH_KIND.keys()


@pytest.mark.parametrize("dpi", [203, 300])
@pytest.mark.parametrize("kind", EACH_KIND)
def test_the_thermal_printer_puts_on_paper_what_the_screen_shows(kind, dpi):
    page = page_of(EACH_KIND[kind][0], dpi)
    [on_paper] = printed(as_bytes([EACH_KIND[kind][0]], "zpl", dpi=dpi).decode("ascii"))
    on_screen = picture_of(page).point(lambda grey: 255 * (grey > 127))
    assert ImageChops.difference(on_paper, on_screen).getbbox() is None


def test_bars_of_a_pdf_stand_where_those_of_the_picture_do():
    label = EACH_KIND[Kind.BAG][0]
    rendered = render_pdf(as_bytes([label], "pdf")).point(lambda grey: 255 * (grey > 127))
    page = page_of(label)
    for bar in (black for item in page.items if hasattr(item, "rectangles") for black in item.rectangles()):
        inside = (bar.x + 1, bar.y + 1, bar.x + bar.width - 1, bar.y + bar.height - 1)
        assert rendered.crop(inside).getextrema()[1] in (0, 255 * (bar.width < 3))


@pytest.mark.parametrize("dpi", [300, 600])
def test_a_pdf_reads_on_an_office_printer_too(dpi):
    label, number = EACH_KIND[Kind.PARCEL]
    assert texts(render_pdf(as_bytes([label], "pdf"), dpi)) == {number, CODED}


def strange(text):
    return replace(
        PARCEL, title=text, service=text, origin=text, destination=text, recipient=(text,), sender=(text,) * 3
    )


@settings(max_examples=15, deadline=None)
@given(st.one_of(st.just(HOSTILE), st.text(max_size=80)))
def test_no_text_breaks_out_of_its_field(text):
    label = strange(text)
    svg = ElementTree.fromstring(as_bytes([label], "svg"))
    assert {element.tag.removeprefix(SVG) for element in svg.iter()} <= {"svg", "rect", "path", "text"}
    try:
        zpl = as_bytes([label], "zpl").decode("ascii")
    except UnprintableLabelError:  # a letter that no font here has
        with pytest.raises(UnprintableLabelError, match="cannot be drawn"):
            as_bytes([label], "pdf")
        return
    assert len(printed(zpl)) == 1
    assert "LS123456785NL" in texts(render_pdf(as_bytes([label], "pdf")))


@pytest.mark.parametrize("text", ["a>b~c^d", "^XZ~JR", ">:>;>8", "~{|}", "x12345678>"])
def test_what_zpl_would_take_for_commands_can_stand_in_bars(text):
    [label] = printed(as_bytes([Label(text)], "zpl").decode("ascii"))
    assert texts(label) == {text}


def test_the_test_printer_refuses_what_we_never_say():
    with pytest.raises(UnknownCommandError):
        Printer().print("^XA^PW8^LL8^ISR:LABEL^FS^XZ")


def lines(label):
    return [item.text for item in page_of(label).items if isinstance(item, Line)]


def test_people_read_service_day_place_and_names():
    said = lines(PARCEL)
    assert {"Express", "Sat 21 Nov", "AMS", "OSL", "Ada Lovelace", "LS 1234 5678 5 NL", "Follow it"} <= {*said}
    assert "(00) 340123451234567895" in lines(EACH_KIND[Kind.CONTAINER][0])
    assert lines(EACH_KIND[Kind.BAG][0]).count("0220 456789") == 3
    assert {"AA1234", "AA1234/2026-11-21"} <= {*lines(EACH_KIND[Kind.DEPARTURE][0])}


def test_a_pdf_holds_its_letters_to_be_found_and_copied():
    page = pypdfium2.PdfDocument(as_bytes([PARCEL], "pdf"))[0].get_textpage().get_text_bounded()
    assert {"Express", "Łódź"} <= {*page.split()}


def test_an_svg_says_its_lines_as_written():
    svg = ElementTree.fromstring(as_bytes([replace(PARCEL, recipient=("A <b> & 王小明",))], "svg"))
    assert "A <b> & 王小明" in [text.text for text in svg.iter(f"{SVG}text")]


def test_the_same_label_is_the_same_file():
    assert all(as_bytes([PARCEL], form) == as_bytes([PARCEL], form) for form in FORMATS)


def test_several_labels_follow_each_other_in_pdf_and_zpl():
    labels = [label for label, _ in EACH_KIND.values()]
    assert len(pypdfium2.PdfDocument(as_bytes(labels, "pdf"))) == 4
    assert len(printed(as_bytes(labels, "zpl").decode())) == 4
    with pytest.raises(ValueError, match="do not go into one png"):
        as_bytes(labels, "png")


def test_a_sheet_takes_four_labels_or_three_bag_tags_and_loses_nothing():
    numbers = [f"AA{run}/2026-11-21" for run in range(10, 15)]
    document = as_bytes(
        [replace(PARCEL, text=number, kind=Kind.DEPARTURE, link="") for number in numbers], "pdf", sheet=True
    )
    assert len(pypdfium2.PdfDocument(document)) == 2
    assert [round(edge / 72 * 25.4) for edge in pypdfium2.PdfDocument(document)[0].get_size()] == [210, 297]
    assert texts(render_pdf(document)) == {*numbers[:4]}
    assert texts(render_pdf(document, page=1)) == {numbers[4]}
    bags = [full(f"022045678{last}", link="") for last in range(3)]
    assert texts(open_picture(as_bytes(bags, "png", sheet=True))) == {bag.text for bag in bags}


def test_what_stands_on_a_sheet_keeps_off_its_edges():
    page = page_of(PARCEL)
    margins = [
        min(item.y for item in page.items),
        page.height - max(item.y + item.height for item in page.items),
    ]
    assert min(margins) >= 4 * page.dots_per_mm


@pytest.mark.parametrize("dpi", [203, 300, 406, 600])
def test_a_png_knows_its_size_on_paper(dpi):
    with Image.open(io.BytesIO(as_bytes([Label("a")], "png", dpi=dpi))) as picture:
        assert round(picture.width / picture.info["dpi"][0] * 25.4) == 100


def test_a_label_is_written_to_a_file(tmp_path):
    write(PARCEL, "pdf", tmp_path / "label.pdf")
    assert (tmp_path / "label.pdf").read_bytes().startswith(b"%PDF")


def test_what_does_not_fit_is_refused_with_a_word():
    with pytest.raises(UnprintableLabelError, match="too long for a label"):
        page_of(Label("abcdefghijklmnopqrstuvwxyz0a1b2c3d4e5f"))
    with pytest.raises(UnprintableLabelError, match="shorten it"):
        page_of(replace(PARCEL, link="https://track.example.org/" + "x" * 900))
    with pytest.raises(ValueError, match="no format of ours"):
        as_bytes([Label("a")], "bmp")
    with pytest.raises(ValueError, match="no printer's; choose one of 203, 300"):
        as_bytes([Label("a")], "png", dpi=250)


@pytest.mark.parametrize("form", ["png", "pdf", "zpl"])
def test_a_letter_nobody_here_can_draw_is_refused_and_never_a_box(form, monkeypatch):
    monkeypatch.setattr("scanner.label.typeface._machine_faces", lambda: ())
    with pytest.raises(UnprintableLabelError, match="apt-get install fonts-noto-cjk"):
        as_bytes([replace(PARCEL, recipient=("王小明",))], form)
    assert as_bytes([replace(PARCEL, language="zh-Hans", recipient=("Wang Xiaoming",))], form)


def test_a_font_given_that_lacks_the_letter_does_not_help():
    with pytest.raises(UnprintableLabelError, match="does not have it either"):
        as_bytes([replace(PARCEL, recipient=("王小明",))], "pdf", font=OUR_FACE.path)


def test_letters_of_a_font_that_was_found_are_drawn_in_every_format(monkeypatch, tmp_path):
    """Stands for a Chinese font, which not every machine has: our own, told to have what it lacks."""
    monkeypatch.setattr(
        "scanner.label.typeface._has", lambda path, index, letter: path != OUR_FACE.path or letter != "Z"
    )
    other = tmp_path / "other.ttf"
    other.write_bytes(OUR_FACE.path.read_bytes())
    label = replace(PARCEL, destination="ZZZ", link="", sender=(), recipient=())
    pages = [
        open_picture(as_bytes([label], "png", font=other)),
        render_pdf(as_bytes([label], "pdf", font=other)),
        *printed(as_bytes([label], "zpl", font=other).decode()),
    ]
    for page in pages:
        place = page.crop((32, 380, 768, 800)).point(lambda grey: 255 * (grey < 128)).getbbox()
        assert place is not None
        assert place[2] - place[0] > 300  # dots: three letters
