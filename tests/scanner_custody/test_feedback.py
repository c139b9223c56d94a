"""One sound means it is kept, and nothing else sounds like it."""

from pathlib import Path

import pytest

from scanner import feedback
from scanner.feedback import Outcome, Sound
from scanner.handheld import Recorded
from scanner.journal import NotRecordedError


def test_a_beep_a_double_beep_and_a_growl():
    ep = "0" * 32
    assert feedback.recorded("A", Recorded(ep, 1, None)).sound is Sound.RECORDED
    assert feedback.recorded("A", Recorded(ep, 2, 3600.0)).sound is Sound.RECORDED
    again = feedback.recorded("A", Recorded(ep, 3, 4.2))
    assert (again.sound, "already scanned 4 s ago" in again.words) == (Sound.RECORDED_AGAIN, True)
    refused = feedback.not_recorded("A", NotRecordedError("not recorded: the journal is full"))
    assert (refused.sound, "not recorded" in refused.words) == (Sound.NOT_RECORDED, True)
    assert "no barcode read" in feedback.unreadable("a.png").words


def test_no_two_sounds_are_alike():
    kept = {Sound.RECORDED, Sound.RECORDED_AGAIN, Sound.DAMAGED}
    assert min(hertz for each in kept for hertz, _ in each.tones if hertz) > 2 * max(
        hertz for each in set(Sound) - kept for hertz, _ in each.tones
    )
    assert [each.rings for each in Sound] == [1, 2, 3, 1, 2, 2]
    rhythms = [each.rhythm for each in Sound]
    assert len(set(rhythms)) == len(rhythms)
    assert len(Sound.RECORDED.rhythm) == 1
    assert all(len(each.rhythm) > 2 for each in set(Sound) - kept)


def test_what_stops_a_piece_is_told_before_what_only_interests():
    scan = Recorded("0" * 32, 1, 4.0)
    assert feedback.outcome_of(scan, is_damage=True, expected=False) is Outcome.NOT_EXPECTED
    assert feedback.outcome_of(scan, is_damage=True, expected=None) is Outcome.DAMAGED
    assert feedback.outcome_of(scan, is_damage=False, expected=True) is Outcome.AGAIN
    assert feedback.outcome_of(scan._replace(again=None), is_damage=False, expected=None) is Outcome.RECORDED
    assert feedback.outcome_of(scan._replace(again=3600.0), is_damage=False, expected=None) is Outcome.RECORDED


def test_waiting_says_that_it_is_safe():
    words = feedback.waiting(2, next_time="the next `lastscan scan`", trouble="off line").words
    assert words == (
        "2 scans wait for the tracker's receipt (off line); safe in the journal, and sent by the next `lastscan scan`"
    )


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_is_explained(outcome):
    rows = [row for row in Path("docs/handheld.md").read_text().splitlines() if row.startswith("| ")]
    assert sum(row.strip("| ").replace("*", "").startswith(f"{outcome.word} |") for row in rows) == 1
