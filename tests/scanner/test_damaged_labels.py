"""A label on a bad belt: it reads, or it does not, but it never reads as another."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.camera import LabelCamera
from scanner.damage import Damage, damaged, misfortune
from scanner.decode import Reader, Readers
from scanner.decode.readers import Zxing
from scanner.label import strip
from scanner.measure import measure, number
from scanner.symbology import Symbology

PARCEL = strip("LS123456785NL", Symbology.CODE128)


@settings(max_examples=120, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([Symbology.CODE128, Symbology.ITF]), st.floats(0.3, 1.0))
def test_damaged_frames_never_give_another_text(seed, symbology, severity):
    rng = random.Random(seed)
    text = number(rng, symbology)
    camera = LabelCamera(strip(text, symbology), rng, severity)
    reader = Reader(("code128", "itf"), {"itf": [10]})
    for _ in range(2):
        assert {read.text for read in reader.look(camera.frame())} <= {text}


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.floats(0.02, 0.6))
def test_a_bag_tag_cut_by_the_frame_is_never_accepted_short(seed, covered):
    rng = random.Random(seed)
    tag = strip(number(rng, Symbology.ITF), Symbology.ITF)
    reader = Reader(["itf"], {"itf": [10]})
    accepted = [reader.look(damaged(tag, Damage(covered=covered, turn=rng.gauss(0, 10)), rng)) for _ in range(2)]
    assert all(len(read.text) == 10 for reads in accepted for read in reads)


def test_on_a_busy_belt_most_labels_read_on_the_first_frame_and_nearly_all_within_three():
    report = measure(seed=7, labels=120)
    for kind in ("parcels", "bags"):
        assert report[kind]["wrong_reads"] == []
        assert 0.78 <= report[kind]["first_frame"] <= 0.98
        assert report[kind]["within_three"] >= 0.95


def test_without_zbar_a_bag_tag_still_reads_by_another_crop_or_frame():
    report = measure(seed=8, labels=60, readers=Readers(first=Zxing(), second=None))
    assert report["second_voter"] is False
    assert report["bags"]["wrong_reads"] == []
    assert report["bags"]["within_three"] >= 0.9


def test_the_same_seed_gives_the_same_frames():
    one, other = (LabelCamera(PARCEL, random.Random(4711)) for _ in range(2))
    assert [one.frame().tobytes() for _ in range(3)] == [other.frame().tobytes() for _ in range(3)]


def test_a_frame_is_never_shown_twice_and_the_label_stays_as_it_is():
    before = PARCEL.tobytes()
    camera = LabelCamera(PARCEL, random.Random(1))
    assert len({camera.frame().tobytes() for _ in range(5)}) == 5
    assert PARCEL.tobytes() == before


def test_no_damage_leaves_the_label_whole():
    [read] = Reader(["code128"]).look(damaged(PARCEL, Damage(), random.Random(0)))
    assert read.text == "LS123456785NL"


@pytest.mark.parametrize(
    "damage",
    [Damage(turn=6), Damage(tilt=0.1), Damage(defocus=1.2), Damage(smear=3), Damage(light=0.3, noise=4),
     Damage(shade=0.6), Damage(noise=16), Damage(jpeg=30)],
    ids=lambda damage: str([name for name in damage.__slots__ if getattr(damage, name) != getattr(Damage(), name)]),
)  # fmt: skip
def test_each_damage_alone_is_survived(damage):
    [read] = Reader(["code128"]).look(damaged(PARCEL, damage, random.Random(2)))
    assert read.text == "LS123456785NL"


def test_severity_is_a_share():
    with pytest.raises(ValueError, match="outside 0 to 1"):
        misfortune(random.Random(1), 1.5)
