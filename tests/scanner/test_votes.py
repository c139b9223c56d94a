"""When a read counts: no read is an answer, a wrong read is an incident."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from scanner.decode.readings import Sighting
from scanner.decode.votes import View, Votes
from scanner.symbology import Symbology

BOX = ((0.0, 0.0), (9.0, 0.0), (9.0, 3.0), (0.0, 3.0))
ZXING, ZBAR = "zxing-cpp", "zbar"


class Label:
    """Collects the votes of one label as a story: `.seen(...)`, then `.accepted`."""

    def __init__(self, lengths=None, expected=()):
        self.votes = Votes(lengths, expected)

    def seen(self, symbology, text, *, by=ZXING, frame=1, crop="whole"):
        self.votes.cast(Sighting(symbology, text, BOX), view=View(frame, crop), reader=by, box=BOX)
        return self

    @property
    def accepted(self):
        return [read.text for read in self.votes.accepted()]

    @property
    def glimpsed(self):
        return [read.text for read in self.votes.glimpsed()]


def bag_belt():
    return Label({Symbology.ITF: [10]})


def test_a_bag_tag_seen_once_is_shown_but_not_accepted():
    label = bag_belt().seen(Symbology.ITF, "0220456789")
    assert (label.accepted, label.glimpsed) == ([], ["0220456789"])


def test_the_other_decoder_another_crop_or_another_frame_is_the_second_vote():
    for second in ({"by": ZBAR}, {"crop": "bars 0"}, {"frame": 2}):
        label = bag_belt().seen(Symbology.ITF, "0220456789").seen(Symbology.ITF, "0220456789", **second)
        assert label.accepted == ["0220456789"]


def test_the_same_reader_on_the_same_pixels_is_no_second_vote():
    label = bag_belt().seen(Symbology.ITF, "0220456789").seen(Symbology.ITF, "0220456789")
    assert label.accepted == []


@given(st.integers(1, 15).filter(lambda pairs: pairs != 5), st.integers(2, 6))
def test_itf_of_another_length_is_never_accepted_at_a_bag_belt(pairs, frames):
    label = bag_belt()
    for frame in range(frames):
        label.seen(Symbology.ITF, "12" * pairs, frame=frame).seen(Symbology.ITF, "12" * pairs, frame=frame, by=ZBAR)
    assert label.accepted == []


def test_without_a_list_four_digits_are_too_short():
    label = Label().seen(Symbology.ITF, "0428").seen(Symbology.ITF, "0428", by=ZBAR)
    assert label.accepted == []


def test_ten_digits_cut_from_a_carton_are_not_a_bag():
    label = bag_belt()
    label.seen(Symbology.ITF, "00012345678905").seen(Symbology.ITF, "0123456789", by=ZBAR)
    label.seen(Symbology.ITF, "0123456789", frame=2)
    assert label.accepted == []


def test_one_phantom_with_two_digits_more_does_not_block_a_bag_for_ever():
    label = bag_belt().seen(Symbology.ITF, "022041938952", by=ZBAR)
    for frame in (1, 2):
        label.seen(Symbology.ITF, "0220419389", frame=frame).seen(Symbology.ITF, "0220419389", frame=frame, by=ZBAR)
    assert label.accepted == []
    assert label.seen(Symbology.ITF, "0220419389", frame=3).accepted == ["0220419389"]


def test_ten_noughts_mean_nothing_was_read():
    label = bag_belt().seen(Symbology.ITF, "0000000000").seen(Symbology.ITF, "0000000000", by=ZBAR)
    assert label.accepted == []


def test_a_bag_on_the_expected_list_needs_one_read():
    label = Label({Symbology.ITF: [10]}, expected=["0220456789"]).seen(Symbology.ITF, "0220456789", by=ZBAR)
    assert label.accepted == ["0220456789"]


def test_a_parcel_number_with_its_own_check_digit_needs_one_read():
    assert Label().seen(Symbology.CODE128, "LS123456785NL", by=ZBAR).accepted == ["LS123456785NL"]


def test_a_blurred_parcel_number_that_passed_only_the_bars_checksum_is_not_accepted():
    label = Label().seen(Symbology.CODE128, "%S735245776NL")
    assert (label.accepted, label.glimpsed) == ([], ["%S735245776NL"])


def test_a_departure_card_needs_two_reads_and_one_by_the_first_reader():
    card = "AA1234/2026-11-21"
    assert Label().seen(Symbology.CODE128, card, by=ZBAR).seen(Symbology.CODE128, card, by=ZBAR, frame=2).accepted == []
    assert Label().seen(Symbology.CODE128, card, by=ZBAR).seen(Symbology.CODE128, card, frame=2).accepted == [card]


def test_zbar_hides_the_leading_fnc1_and_still_agrees_on_a_gs1_label():
    label = Label().seen(Symbology.CODE128, "00340123451234567895", by=ZBAR)
    label.seen(Symbology.GS1_128, "00340123451234567895")
    assert [read.symbology for read in label.votes.accepted()] == [Symbology.GS1_128]


def test_codabar_readers_may_differ_on_guards():
    label = Label().seen(Symbology.CODABAR, "A1234B").seen(Symbology.CODABAR, "1234", by=ZBAR)
    assert len(label.accepted) == 1


def test_a_retail_code_needs_two_different_pictures_and_never_counts_on_zbar_alone():
    def milk():
        return Label().seen(Symbology.EAN, "5901234123457", by=ZBAR)

    assert milk().seen(Symbology.EAN, "5901234123457").accepted == []
    assert milk().seen(Symbology.EAN, "5901234123457", by=ZBAR, frame=2).accepted == []
    assert milk().seen(Symbology.EAN, "5901234123457", frame=2).accepted == ["5901234123457"]


def test_a_matrix_code_corrects_its_own_errors_and_needs_one_read():
    assert Label().seen(Symbology.QR, "anything").accepted == ["anything"]


reads = st.tuples(
    st.sampled_from(["0220456789", "042899", "00012345678905", "0123456789"]),
    st.sampled_from([ZXING, ZBAR]),
    st.integers(1, 3),
)


@given(st.lists(reads, max_size=8), st.randoms(use_true_random=False))
def test_the_order_of_the_votes_does_not_matter(seen, rng):
    shuffled = list(seen)
    rng.shuffle(shuffled)
    verdicts = []
    for order in (seen, shuffled):
        label = bag_belt()
        for text, reader, frame in order:
            label.seen(Symbology.ITF, text, by=reader, frame=frame)
        verdicts.append(set(label.accepted))
    assert verdicts[0] == verdicts[1]
