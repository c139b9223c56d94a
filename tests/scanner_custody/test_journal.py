"""A scan is in the journal before the beep, and stays until the tracker has it and 72 hours more."""

import contextlib
import os

import pytest

from scanner.disk import FileDisk, JournalInUseError
from scanner.journal import Journal, NotRecordedError
from tests.scanner_custody.world import HOUR, Clock, Epochs, Flash, PowerCutError, a_scan, codes, open_journal


def filled(flash: Flash, *some: str, epochs: Epochs | None = None, **limits: int) -> Journal:
    journal = open_journal(flash, epochs, **limits)
    for code in some:
        journal.append(a_scan(code))
    return journal


def test_numbers_go_up_by_one_and_go_on_after_a_start():
    flash, epochs = Flash(), Epochs()
    first = filled(flash, "A", "B", epochs=epochs)
    flash.lose_power()
    again = open_journal(flash, epochs)
    assert again.append(a_scan("C")) == (first.current.ep, 3)
    assert codes(again) == ["A", "B", "C"]
    assert (first.boot, again.boot) == (1, 2)


def test_a_write_torn_at_any_byte_was_never_beeped_and_its_number_is_given_out_again():
    whole = len(filled(Flash(), "A")._live)
    for arrived in range(whole):
        flash, epochs = Flash(), Epochs()
        journal = filled(flash, "A", "B", epochs=epochs)
        flash.cut_after = arrived
        with pytest.raises(PowerCutError):
            journal.append(a_scan("X"))
        flash.lose_power()
        again = open_journal(flash, epochs)
        assert codes(again) == ["A", "B"]
        assert again.append(a_scan("C")) == (journal.current.ep if journal.current else again.current.ep, 3)
        assert epochs.made == 1
        flash.lose_power()
        assert codes(open_journal(flash, epochs)) == ["A", "B", "C"]


def test_a_record_written_but_not_flushed_is_flushed_before_it_can_be_sent():
    flash, epochs = Flash(), Epochs()
    journal = filled(flash, "A", epochs=epochs)
    flash.cut_before_flush = True
    with pytest.raises(PowerCutError):
        journal.append(a_scan("B"))  # killed; the page cache still has it
    assert codes(open_journal(flash, epochs)) == ["A", "B"]
    flash.lose_power()
    assert codes(open_journal(flash, epochs)) == ["A", "B"]


def test_where_that_flush_fails_the_record_is_held_back_and_the_epoch_takes_no_more():
    flash, epochs = Flash(), Epochs()
    journal = filled(flash, "A", "B", epochs=epochs)
    flash.fails = {"flush", "replace"}
    again = open_journal(flash, epochs)
    old = again.epochs[0]
    assert (old.given, old.sure, again.record(old, 2)) == (2, 1, None)
    flash.fails = set()
    assert again.append(a_scan("C")).q == 1
    assert codes(again) == ["A", "B", "C"]
    assert journal.boot == 1


@pytest.mark.parametrize("call", ["append", "flush"])
def test_a_refused_scan_never_appears_and_the_next_begins_a_new_epoch(call):
    flash, epochs = Flash(), Epochs()
    journal = filled(flash, "A", "B", epochs=epochs)
    flash.fails = {call}
    with pytest.raises(NotRecordedError, match="not recorded"):
        journal.append(a_scan("X"))
    flash.fails = set()
    assert journal.append(a_scan("C")).q == 1
    for lose in (lambda: None, flash.lose_power):
        lose()
        again = open_journal(flash, epochs)
        assert codes(again) == ["A", "B", "C"]
        assert [(epoch.first, epoch.given) for epoch in again.epochs] == [(1, 2), (1, 1)]


def test_a_short_write_on_a_full_disk_refuses_and_leaves_the_rest_whole():
    for arrived in (0, 5, 12, 60):
        flash, epochs = Flash(), Epochs()
        journal = filled(flash, "A", epochs=epochs)
        flash.short_write = arrived
        with pytest.raises(NotRecordedError):
            journal.append(a_scan("X"))
        journal.append(a_scan("B"))
        assert codes(journal) == codes(open_journal(flash, epochs)) == ["A", "B"]


def test_while_nothing_can_be_written_every_scan_is_refused_and_none_is_lost():
    flash, epochs = Flash(), Epochs()
    journal = filled(flash, "A", epochs=epochs)
    flash.fails = {"append", "flush", "replace"}
    for _ in range(5):
        with pytest.raises(NotRecordedError):
            journal.append(a_scan("X"))
    flash.fails = set()
    journal.append(a_scan("B"))
    assert codes(journal) == ["A", "B"]
    assert len(journal.epochs) == 2


def test_until_the_end_of_an_epoch_is_written_down_no_further_scan_is_taken():
    flash, epochs = Flash(), Epochs()
    journal = filled(flash, "A", epochs=epochs)
    flash.fails = {"flush", "replace"}
    with pytest.raises(NotRecordedError):
        journal.append(a_scan("X"))
    flash.fails = {"replace"}
    with pytest.raises(NotRecordedError):
        journal.append(a_scan("Y"))
    flash.fails = set()
    journal.append(a_scan("B"))
    assert codes(open_journal(flash, epochs)) == ["A", "B"]


def test_an_epoch_refused_from_its_first_scan_leaves_no_trace():
    flash, epochs = Flash(), Epochs()
    journal = open_journal(flash, epochs)
    for _ in range(3):
        flash.fails = {"flush"}
        with pytest.raises(NotRecordedError):
            journal.append(a_scan("X"))
    flash.fails = set()
    journal.append(a_scan("A"))
    assert len(flash.segments) == 1
    assert codes(open_journal(flash, epochs)) == ["A"]


def test_a_bit_flipped_anywhere_loses_at_most_its_own_record_and_never_a_number():
    clean, epochs = Flash(), Epochs()
    filled(clean, "A", "B", "C", epochs=epochs)
    [name] = clean.segments
    for bit in range(len(clean.durable[name]) * 8):
        flash = Flash()
        flash.durable, flash.cached = dict(clean.durable), dict(clean.cached)
        flash.flip(name, bit)
        journal = open_journal(flash, Epochs())
        old = journal.epochs[0]
        assert len(codes(journal)) == 2
        assert old.closed
        assert (old.given, len(old.gaps)) == (3, 1)
        new = journal.append(a_scan("D"))
        assert (new.ep != old.ep or old is not journal.current, new.q) == (True, 1)


def test_a_flipped_bit_in_the_notes_drains_every_epoch_and_begins_a_new_one():
    clean, epochs = Flash(), Epochs()
    filled(clean, "A", "B", epochs=epochs)
    for bit in range(0, len(clean.durable["journal.notes"]) * 8, 7):
        flash = Flash()
        flash.durable, flash.cached = dict(clean.durable), dict(clean.cached)
        flash.flip("journal.notes", bit)
        journal = open_journal(flash, epochs)
        assert codes(journal) == ["A", "B"]
        assert journal.boot == 2  # the records remember the start they were made in
        assert journal.append(a_scan("C")).q == 1


def test_rot_before_the_last_receipt_harms_nothing():
    flash, epochs, clock = Flash(), Epochs(), Clock()
    journal = filled(flash, "A", "B", "C", epochs=epochs)
    journal.receipted(journal.current, upto=2, gen=1, at=clock.stamp())
    journal.keep_house(clock.stamp())
    flash.flip(flash.segments[0], 200)
    again = open_journal(flash, epochs)
    assert again.epochs[0].waiting == 1
    assert again.epochs[0].stranded() == []


def test_what_stands_behind_a_lost_record_is_kept_apart():
    flash, epochs = Flash(), Epochs()
    filled(flash, *"ABCDE", epochs=epochs)
    size = len(flash.durable[flash.segments[0]]) // 5
    flash.flip(flash.segments[0], (2 * size + 20) * 8)
    old = open_journal(flash, epochs).epochs[0]
    assert (old.waiting, old.stranded(), old.gaps) == (2, [(4, 5)], [3])


def test_a_full_journal_refuses():
    flash = Flash()
    journal = open_journal(flash, full_at_bytes=1000)
    while journal.size < 850:
        journal.append(a_scan("A"))
    with pytest.raises(NotRecordedError, match="full"):
        journal.append(a_scan("x" * 150))
    kept = codes(journal)
    assert len(kept) > 3
    assert codes(open_journal(flash)) == kept


def test_freed_records_stay_72_hours_and_go_by_segments():
    flash, epochs, clock = Flash(), Epochs(), Clock()
    journal = filled(flash, *"ABCDEFGH", epochs=epochs, segment_bytes=200)
    assert len(flash.segments) > 2
    journal.receipted(journal.current, upto=8, gen=1, at=clock.stamp())
    clock.passes(72 * HOUR - 1)
    journal.keep_house(clock.stamp())
    assert len(codes(journal)) == 8
    clock.passes(1)
    journal.keep_house(clock.stamp())
    assert len(flash.segments) == 1  # the live one stays, so that the next number is known
    assert journal.append(a_scan("I")).q == 9
    again = open_journal(flash, epochs)
    assert codes(again) == codes(journal)
    assert again.epochs[0].waiting == 1


def test_the_72_hours_go_on_over_a_start_and_a_stepped_clock_does_not_shorten_them():
    flash, epochs, clock = Flash(), Epochs(), Clock()
    journal = filled(flash, *"ABCDEFGH", epochs=epochs, segment_bytes=200)
    many = len(flash.segments)
    journal.receipted(journal.current, upto=8, gen=1, at=clock.stamp())
    clock.wall += 1000 * HOUR
    journal.keep_house(clock.stamp())
    assert len(flash.segments) == many
    again = open_journal(flash, epochs)
    clock.boot = again.boot
    again.keep_house(clock.stamp())
    assert len(flash.segments) == 1


def test_only_receipted_segments_go():
    flash, clock = Flash(), Clock()
    journal = filled(flash, *"ABCDEFGH", segment_bytes=200)
    journal.receipted(journal.current, upto=2, gen=1, at=clock.stamp())
    clock.passes(100 * HOUR)
    journal.keep_house(clock.stamp())
    assert set("CDEFGH") <= set(codes(journal))


def test_a_segment_that_grew_after_its_receipt_stays():
    flash, epochs, clock = Flash(), Epochs(), Clock()
    journal = filled(flash, "A", epochs=epochs)
    journal.receipted(journal.current, upto=1, gen=1, at=clock.stamp())
    journal.keep_house(clock.stamp())
    journal.append(a_scan("B"))
    for each in (journal, open_journal(flash, epochs)):
        each.begin_epoch()
        each.append(a_scan("C"))
        clock.passes(100 * HOUR)
        each.keep_house(clock.stamp())
        assert codes(each)[:2] == ["A", "B"]
        each.receipted(each.epochs[0], upto=2, gen=1, at=clock.stamp())
        clock.passes(71 * HOUR)
        each.keep_house(clock.stamp())
        assert codes(each)[:2] == ["A", "B"]


def test_the_last_receipt_is_remembered_and_may_be_forgotten():
    flash, epochs, clock = Flash(), Epochs(), Clock()
    journal = filled(flash, "A", "B", epochs=epochs)
    journal.receipted(journal.current, upto=1, gen=5, at=clock.stamp())
    assert open_journal(flash, epochs).current.acked == 0
    journal.keep_house(clock.stamp())
    again = open_journal(flash, epochs)
    assert (again.current.acked, again.gen) == (1, 5)


def test_flash_that_lost_a_receipted_tail_gives_out_no_number_twice():
    flash, epochs, clock = Flash(), Epochs(), Clock()
    journal = filled(flash, "A", "B", "C", epochs=epochs)
    journal.receipted(journal.current, upto=3, gen=1, at=clock.stamp())
    journal.keep_house(clock.stamp())
    [name] = flash.segments
    flash.cached[name] = flash.durable[name] = flash.durable[name][:100]
    again = open_journal(flash, epochs)
    assert again.append(a_scan("D")).q == 1
    assert epochs.made == 2


def test_a_segment_that_cannot_be_read_is_a_bad_record_and_no_crash():
    flash, epochs = Flash(), Epochs()
    filled(flash, *"ABCDEFGH", epochs=epochs, segment_bytes=200)
    flash.fails = {"read"}
    journal = open_journal(flash, epochs)
    flash.fails = set()
    assert journal.append(a_scan("I")).q == 1


# --- on real files ---


def test_a_directory_keeps_it_over_starts(tmp_path):
    epochs = Epochs()
    disk = FileDisk(tmp_path / "h-1")
    journal = Journal(disk, new_epoch=epochs, segment_bytes=200)
    for code in "ABCDEF":
        journal.append(a_scan(code))
    disk.close()
    with contextlib.closing(FileDisk(tmp_path / "h-1")) as again:
        assert codes(Journal(again, new_epoch=epochs)) == list("ABCDEF")
        assert all(os.stat(tmp_path / "h-1" / name).st_mode & 0o077 == 0 for name in again.names())


def test_two_programs_cannot_have_one_journal(tmp_path):
    with contextlib.closing(FileDisk(tmp_path)), pytest.raises(JournalInUseError, match="another program"):
        FileDisk(tmp_path)
    FileDisk(tmp_path).close()


def test_a_half_written_replacement_is_swept_away(tmp_path):
    (tmp_path / "journal.notes.tmp").write_bytes(b"half")
    with contextlib.closing(FileDisk(tmp_path)) as disk:
        assert disk.names() == []
