"""One label after another before the camera."""

from __future__ import annotations

import subprocess
import sys

import pytest
from PIL import Image

import scanner.decode
from scanner.decode import Mode, Reader, Readers
from scanner.decode.cascade import NO_NEW_STAGE_AFTER, read_frame
from scanner.decode.readers import Zbar, Zxing
from scanner.decode.readings import Sighting
from scanner.decode.votes import Votes
from scanner.label import strip
from scanner.symbology import COURIER, Symbology, readable

BAG = strip("0220456789", Symbology.ITF)
BOX = ((0.0, 0.0), (9.0, 0.0), (9.0, 3.0), (0.0, 3.0))


class Parrot:
    """A reader that says what it was taught, one lesson a look, and then nothing."""

    name = "parrot"

    def __init__(self, *lessons):
        self.lessons = list(lessons)
        self.looks = 0

    def read(self, pixels, symbologies, *, rough=False):
        self.looks += 1
        return [Sighting(*lesson, BOX) for lesson in (self.lessons.pop(0) if self.lessons else [])]


@pytest.fixture
def no_opencv(monkeypatch):
    """A machine without the `scan` extra: stages 1 and 2 only."""
    monkeypatch.setitem(sys.modules, "cv2", None)
    for subject in ("locate", "retouch"):
        monkeypatch.setitem(sys.modules, f"scanner.decode.{subject}", None)
        monkeypatch.delattr(scanner.decode, subject, raising=False)


def test_two_frames_are_the_two_votes_of_a_bag_tag(no_opencv):
    reader = Reader(["itf"], {"itf": [10]}, readers=Readers(Zxing(), None))
    assert reader.look(BAG) == []
    assert [read.text for read in reader.glimpsed()] == ["0220456789"]
    assert [(read.text, read.confidence) for read in reader.look(BAG)] == [("0220456789", 1.0)]


def test_the_next_label_starts_without_votes(no_opencv):
    reader = Reader(["itf"], {"itf": [10]}, readers=Readers(Zxing(), None))
    reader.look(BAG)
    reader.next_label()
    assert reader.look(BAG) == []


@pytest.mark.needs_zbar
def test_with_zbar_one_frame_is_enough_for_a_bag_tag(no_opencv):
    reader = Reader(["itf"], {"itf": [10]}, readers=Readers(Zxing(), Zbar()))
    assert [read.text for read in reader.look(BAG)] == ["0220456789"]


def test_only_what_is_in_this_frame_is_returned():
    parcel = strip("LS123456785NL", Symbology.CODE128)
    reader = Reader(["code128"])
    assert reader.look(parcel)
    assert reader.look(Image.new("L", parcel.size, 255)) == []


def test_a_misread_of_one_reader_never_counts(no_opencv):
    wrong = Parrot([(Symbology.ITF, "0428991024")])
    reader = Reader(["itf"], {"itf": [10]}, readers=Readers(wrong, Parrot([(Symbology.ITF, "0428991025")])))
    assert reader.look(BAG) == []


def test_only_symbologies_in_use_are_looked_for():
    assert Reader(["qr"]).look(strip("LS123456785NL", Symbology.CODE128)) == []


def test_words_without_a_reader_are_left_out():
    assert readable(["itf", "keyed", "hologram"]) == {Symbology.ITF}
    assert Symbology.EAN not in COURIER


def test_a_colour_frame_will_do():
    frame = strip("LS123456785NL", Symbology.CODE128).convert("RGB")
    assert [read.text for read in Reader().look(frame)] == ["LS123456785NL"]


def test_a_large_frame_is_read_from_a_reduced_copy_and_its_box_lies_in_the_original():
    frame = Image.new("L", (4000, 2000), 255)
    frame.paste(strip("LS123456785NL", Symbology.CODE128, module=6, height=200), (1500, 800))
    [read] = Reader(["code128"]).look(frame)
    assert min(x for x, _ in read.box) == pytest.approx(1560, abs=12)


def test_no_new_stage_is_begun_when_the_time_is_up():
    ticks = iter([0.0, 0.1, NO_NEW_STAGE_AFTER + 1])
    first = Parrot()
    read_frame(
        BAG, Votes(), frame=1, mode=Mode.STILL, readers=Readers(first, first),
        symbologies=frozenset({Symbology.ITF}), now=lambda: next(ticks),
    )  # fmt: skip
    assert first.looks == 1


def test_reading_works_without_numpy_opencv_and_pyzbar():
    story = """
import sys
for missing in ("numpy", "cv2", "pyzbar"):
    sys.modules[missing] = None
from scanner.decode import Reader
from scanner.label import strip
reader = Reader(["code128", "itf"], {"itf": [10]})
assert not reader.has_second_voter
assert [read.text for read in reader.look(strip("LS123456785NL", "code128"))] == ["LS123456785NL"]
reader.next_label()
tag = strip("0220456789", "itf")
assert [read.text for read in reader.look(tag) + reader.look(tag)] == ["0220456789"]
"""
    done = subprocess.run([sys.executable, "-c", story], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("apt-get install libzbar0") == 1
