"""A label that did not read: what the courier can do about it."""

from __future__ import annotations

import random

import pytest
from click.testing import CliRunner
from PIL import Image, ImageFilter

from lastscan.commands.capture import decode
from scanner.decode import PictureReport, Reader
from scanner.label import strip
from scanner.symbology import Symbology

PARCEL = strip("LS123456785NL", Symbology.CODE128)


def lying(picture, paper=235):
    """On a table, some way from the camera."""
    table = Image.new("L", (picture.width + 300, picture.height + 300), paper)
    table.paste(picture, (150, 150))
    return table


def dimmed(picture):
    noise = random.Random(7)
    dim = picture.point(lambda level: level // 11)
    dim.putdata([max(0, level + noise.randrange(-9, 10)) for level in dim.get_flattened_data()])
    return dim


def glare(picture):
    picture.paste(255, (picture.width // 2 - 40, 0, picture.width // 2 + 40, picture.height))
    return picture


def tiny(picture):
    return picture.resize((picture.width * 4 // 13, picture.height * 4 // 13), Image.Resampling.BOX)


def taped(picture):
    """Turned, and the end of the code torn off: straightening alone does not save it."""
    picture.paste(255, (picture.width - 260, 0, picture.width, picture.height))
    return picture.rotate(33, Image.Resampling.BICUBIC, expand=True, fillcolor=235)


@pytest.mark.parametrize(
    ("befalls", "advice"),
    [
        (dimmed, "too dark"),
        (tiny, "closer"),
        (lambda picture: picture.filter(ImageFilter.GaussianBlur(4)), "hold it still"),
        (taped, "turn it"),
        (glare, "another angle"),
    ],
)
def test_what_went_wrong_is_said_in_two_words(befalls, advice):
    pytest.importorskip("cv2")
    reader = Reader(["code39"])  # not the symbology shown, so that nothing can read: only the words are tried here
    assert reader.look(befalls(lying(PARCEL))) == []
    assert reader.advice() == advice


def test_a_label_that_read_and_a_table_without_one_ask_for_nothing():
    reader = Reader()
    assert reader.advice() is None
    assert reader.look(lying(PARCEL))
    assert reader.advice() is None
    assert reader.look(Image.effect_noise((400, 300), 60)) == []
    assert reader.advice() is None


def test_decode_says_what_would_help(tmp_path):
    pytest.importorskip("cv2")
    file = tmp_path / "glare.png"
    glare(lying(PARCEL)).save(file)
    assert CliRunner().invoke(decode, [str(file)]).stdout == f"{file}: no read; another angle\n"


def test_a_report_carries_the_advice_for_machines():
    report = PictureReport("glare.png", (), 12.5, None, "another angle").as_json()
    assert (report["reads"], report["error"], report["advice"]) == ([], None, "another angle")
