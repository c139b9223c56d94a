"""The simulator's flash is as bad as a real one, and the shipped journal keeps its promise on it."""

import random

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from firmware_sim.chip import PAGE, PAGES_A_BLOCK, Chip
from firmware_sim.flash import Flash, PowerCutError
from scanner.journal import Entry, Journal, NotRecordedError
from scanner.stamp import Stamp
from tracker import wire


def a_flash(seed: int = 1, **traits: float) -> Flash:
    chance = random.Random(seed)
    return Flash(chance, chip=Chip(chance, **{"blocks": 8, "bad_share": 0.0, **traits}))  # type: ignore[arg-type]


def a_record(code: str, wall: int = 1_790_000_000_000) -> wire.ScanRecord:
    return wire.ScanRecord(q=1, code=code, sym="code128", k="sort", wall=wall, mono=0, boot=1)


def replaced(flash: Flash, times: int) -> None:
    for n in range(times):
        flash.replace("notes", b"%04d" % n * 100)


def filled(flash: Flash) -> None:
    while True:
        flash.append("a", bytes(PAGE))
        flash.flush("a")


def test_a_power_cut_may_tear_a_write_at_any_byte() -> None:
    lengths = set()
    for cut in range(40):
        flash = a_flash()
        flash.append("a", b"flushed ")
        flash.flush("a")
        flash.append("a", bytes(32))
        flash.cut_power_after(cut)
        with pytest.raises(PowerCutError):
            flash.flush("a")
        flash.power_on()
        assert flash.read("a").startswith(b"flushed ")
        lengths.add(len(flash.read("a")))
    assert lengths == set(range(8, 40))


def test_what_was_not_flushed_is_lost_in_whole_or_in_part() -> None:
    left = set()
    for seed in range(60):
        flash = a_flash(seed)
        flash.append("a", b"f")
        flash.flush("a")
        flash.append("a", bytes(3 * PAGE))
        flash.power_cut()
        flash.power_on()
        left.add(len(flash.read("a")))
    assert 1 in left
    assert len(left) > 10


def test_a_flush_that_failed_lies_about_the_rest_afterwards() -> None:
    lied = 0
    for seed in range(20):
        flash = a_flash(seed)
        flash.append("a", b"unlucky")
        flash.fails.add("flush")
        with pytest.raises(OSError, match="Input/output error"):
            flash.flush("a")
        flash.flush("a")  # "done", says the kernel
        assert flash.read("a") == b"unlucky"
        flash.power_cut()
        flash.power_on()
        lied += "a" not in flash.names() or flash.read("a") != b"unlucky"
    assert 0 < lied < 20


def test_a_device_that_is_off_reads_and_writes_nothing() -> None:
    flash = a_flash()
    flash.power_cut()
    for call in (flash.names, lambda: flash.read("a"), lambda: flash.append("a", b"x"), lambda: flash.flush("a")):
        with pytest.raises(OSError, match="off"):
            call()


def test_blocks_wear_evenly_under_notes_written_again_and_again() -> None:
    flash = a_flash()
    replaced(flash, 2000)
    least, most = flash.wear
    assert most > 5
    assert most - least <= 2
    assert flash.read("notes") == b"1999" * 100


def test_a_worn_out_chip_fills_up_and_what_it_holds_can_still_be_read() -> None:
    flash = a_flash(endurance=10)
    flash.replace("kept", b"scan")
    with pytest.raises(OSError, match="No space"):
        replaced(flash, 10_000)
    assert len(flash.chip.bad) >= 5
    flash.power_cut()
    flash.power_on()
    assert flash.read("kept") == b"scan"
    assert len(flash.read("notes")) == 400


def test_a_full_chip_refuses_and_has_room_again_once_something_is_removed() -> None:
    flash = a_flash()
    flash.replace("old", bytes(2 * PAGES_A_BLOCK * PAGE))
    with pytest.raises(OSError, match="No space"):
        filled(flash)
    assert flash.fullness > 0.8
    flash.remove("old")
    flash.append("a", bytes(PAGE))
    flash.flush("a")


def test_blocks_bad_from_the_factory_or_under_a_write_cost_room_and_no_bytes() -> None:
    chance = random.Random(5)
    flash = Flash(chance, chip=Chip(chance, blocks=64, bad_share=0.2, program_fails=0.002))
    content = b""
    for n in range(800):
        flash.append("a", b"%08d" % n)
        flash.flush("a")
        content += b"%08d" % n
        if n % 90 == 0:
            flash.power_cut()
            flash.power_on()
    assert flash.chip.bad
    assert flash.read("a") == content


class HardLife(RuleBasedStateMachine):
    """A journal on flash that is cut, starved and struck: no beeped record is lost, and no number has two bodies."""

    def __init__(self) -> None:
        super().__init__()
        self.flash = a_flash(7, blocks=24)
        self.epochs = self.scans = 0
        self.beeped: dict[Entry, str] = {}
        self.tried = 0
        self.journal: Journal | None = None
        self.start()

    def start(self) -> None:
        self.flash.power_on()
        self.journal = Journal(self.flash, new_epoch=self.new_epoch, segment_bytes=700)
        self.notice_the_dark()

    def notice_the_dark(self) -> None:
        if not self.flash.is_on:
            self.journal = None

    def new_epoch(self) -> str:
        self.epochs += 1
        return f"{self.epochs:032x}"

    @rule(count=st.integers(1, 4))
    def scan(self, count: int) -> None:
        for _ in range(count if self.journal else 0):
            self.scans += 1
            code = f"S{self.scans}"
            try:
                assert self.journal
                entry = self.journal.append(a_record(code))
            except NotRecordedError:
                self.notice_the_dark()
                return
            assert entry not in self.beeped, "one id, two bodies"
            self.beeped[entry] = code

    @rule(bytes_more=st.integers(0, 1500), killed=st.booleans())
    def power_goes_soon(self, bytes_more: int, killed: bool) -> None:
        self.flash.cut_power_after(bytes_more)
        if killed:
            self.killed()
        self.scan(3)

    @rule(calls=st.sets(st.sampled_from(["read", "append", "flush", "replace", "remove"])), killed=st.booleans())
    def flash_strikes(self, calls: set[str], killed: bool) -> None:
        self.flash.fails |= calls
        if killed:
            self.killed()
        self.scan(3)

    @rule()
    def power_cut(self) -> None:
        self.flash.power_cut()
        self.start()

    @rule()
    def killed(self) -> None:
        """The program dies and the device stays on: what the kernel has stays."""
        if self.flash.is_on:
            self.start()

    @precondition(lambda self: self.journal is None)
    @rule()
    def switched_on_again(self) -> None:
        self.start()

    @rule(seed=st.randoms(use_true_random=False))
    def receipts_come(self, seed: random.Random) -> None:
        for epoch in self.journal.epochs if self.journal else ():
            if epoch.reach > epoch.acked:
                upto = seed.randint(epoch.acked, epoch.reach)
                assert self.journal
                self.journal.receipted(epoch, upto=upto, gen=1, at=Stamp(0, 0, 1))

    @rule()
    def house_is_kept(self) -> None:
        if self.journal:
            self.journal.keep_house(Stamp(0, 0, 1))
            self.notice_the_dark()

    @invariant()
    def all_that_beeped_is_there(self) -> None:
        self.flash.fails.clear()
        self.flash.chip.cut_after = None
        if self.journal is None:
            return
        self.journal.settle()  # a last record whose flush failed at the start is held back until then
        for (ep, q), code in self.beeped.items():
            epoch = self.journal.epoch(ep)
            assert epoch is not None, f"epoch of {code} is gone"
            raw = self.journal.record(epoch, q)
            assert raw is not None, f"{code} is lost"
            assert (wire.hear_record(raw).code, wire.hear_record(raw).q) == (code, q)


HardLife.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
test_a_journal_on_flash_loses_nothing_that_beeped = HardLife.TestCase


def no_flush(self: Flash, name: str) -> None:
    """Says "done" and has done nothing."""


def no_end(self: Journal) -> None:
    """A failed flush does not end the epoch."""


def no_cut(self: Journal, *torn: object) -> None:
    """A torn tail stays where it is."""


@pytest.mark.parametrize(
    ("owner", "name", "planted"),
    [(Flash, "flush", no_flush), (Journal, "_end_current", no_end), (Journal, "_cut", no_cut)],
    ids=["beep before the flush", "epoch goes on after a failed flush", "torn tail kept"],
)
def test_a_fault_planted_in_the_journal_is_found(
    monkeypatch: pytest.MonkeyPatch, owner: type, name: str, planted: object
) -> None:
    monkeypatch.setattr(owner, name, planted)
    hunt = settings(max_examples=300, stateful_step_count=20, deadline=None, phases=[Phase.generate], database=None)
    with pytest.raises((AssertionError, ExceptionGroup)):
        run_state_machine_as_test(HardLife, settings=hunt)
