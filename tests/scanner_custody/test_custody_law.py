"""The promise itself: whatever is lost, repeated, reordered, torn or killed, what beeped reaches the tracker once."""

import random

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from scanner.handheld import Handheld, Reconnect
from scanner.journal import Journal, NotRecordedError
from tests.scanner_custody.world import KEY, Clock, Epochs, Flash, PowerCutError, Tracker, need
from tracker import wire


class Custody(RuleBasedStateMachine):
    """One device, a radio that does as it likes, one tracker."""

    def __init__(self) -> None:
        super().__init__()
        self.flash, self.epochs, self.clock, self.tracker = Flash(), Epochs(), Clock(), Tracker()
        self.beeped: dict[tuple[str, int], str] = {}
        self.refused: set[str] = set()  # told "not recorded", and written down as such
        self.undone: set[tuple[str, int]] = set()  # committed once, then lost by a restore
        self.up: list[bytes] = []
        self.down: list[bytes] = []
        self.now = 0.0
        self.codes = 0
        self.connected = False
        self.start()

    def start(self) -> None:
        journal = Journal(self.flash, new_epoch=self.epochs, segment_bytes=400)
        self.clock.boot, self.clock.mono = journal.boot, 0
        self.handheld = Handheld(journal, self.clock, random.Random(7), key=KEY)
        self.connected = False

    def publish(self, effects: list) -> None:
        for effect in effects:
            if isinstance(effect, Reconnect):
                self.connected = False
                self.handheld.disconnected(self.now)
                return
            self.up.append(effect)

    def talk(self) -> None:
        """Everything on the way arrives."""
        while self.up or self.down:
            if self.up:
                self.down += self.tracker.hear(self.up.pop(0))
            if self.down:
                self.publish(self.handheld.heard(self.down.pop(0), self.now))

    def scan(self) -> None:
        self.codes += 1
        code = f"C{self.codes}"
        try:
            got = self.handheld.record(code, "code128", "sort", now=self.now)
        except NotRecordedError:
            if self.handheld.journal.settle():
                self.refused.add(code)
            return
        assert (got.ep, got.q) not in self.beeped, "a number was given out twice"
        self.beeped[got.ep, got.q] = code

    # --- the person ---

    @rule(times=st.integers(1, 5))
    def scans(self, times: int) -> None:
        for _ in range(times):
            self.scan()

    @rule()
    def scans_a_long_backlog(self) -> None:
        for _ in range(70):
            self.scan()

    # --- flash and power ---

    @rule(call=st.sampled_from(["append", "flush", "replace"]), notes_too=st.booleans())
    def scans_on_failing_flash(self, call: str, notes_too: bool) -> None:
        self.flash.fails = {call, "replace"} if notes_too else {call}
        self.scan()
        self.flash.fails = set()

    @rule(arrived=st.integers(0, 120))
    def scans_on_a_full_disk(self, arrived: int) -> None:
        self.flash.short_write = arrived
        self.scan()
        self.flash.short_write = None

    @rule(arrived=st.integers(0, 120))
    def power_goes_while_writing(self, arrived: int) -> None:
        self.flash.cut_after = arrived
        try:
            self.scan()
        except PowerCutError:
            self.flash.lose_power()
        self.start()

    @rule(kept=st.integers(0, 120), killed_only=st.booleans())
    def power_goes_before_the_flush(self, kept: int, killed_only: bool) -> None:
        self.flash.cut_before_flush = True
        try:
            self.scan()
        except PowerCutError:
            if not killed_only:
                self.flash.lose_power(kept)
        self.start()

    @rule()
    def starts_again(self) -> None:
        self.flash.lose_power()
        self.start()

    @rule()
    def starts_while_nothing_can_be_written(self) -> None:
        self.flash.lose_power()
        self.flash.fails = {"flush", "replace", "remove"}
        self.start()
        self.flash.fails = set()

    # The promise covers a restore that is heard of within 72 hours.
    @precondition(lambda self: self.undone <= self.tracker.log.keys())
    @rule(hours=st.integers(1, 100))
    def hours_pass(self, hours: int) -> None:
        self.clock.passes(hours * 3_600_000)
        self.handheld.journal.keep_house(self.clock.stamp())

    # --- the radio ---

    @rule()
    def connects(self) -> None:
        self.connected = True
        self.publish(self.handheld.connected(self.now))

    @rule()
    def a_calm_moment(self) -> None:
        if not self.connected:
            self.connects()
        self.talk()

    @rule()
    def disconnects(self) -> None:
        self.connected = False
        self.handheld.disconnected(self.now)

    @rule(seconds=st.floats(0.01, 70))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.publish(self.handheld.tick(self.now))

    @precondition(lambda self: self.up)
    @rule(data=st.data(), again=st.booleans())
    def tracker_hears(self, data: st.DataObject, again: bool) -> None:
        place = data.draw(st.integers(0, len(self.up) - 1))
        payload = self.up[place] if again else self.up.pop(place)
        self.down += self.tracker.hear(payload)

    @precondition(lambda self: self.down)
    @rule(data=st.data(), again=st.booleans())
    def handheld_hears(self, data: st.DataObject, again: bool) -> None:
        place = data.draw(st.integers(0, len(self.down) - 1))
        payload = self.down[place] if again else self.down.pop(place)
        self.publish(self.handheld.heard(payload, self.now))

    @rule(up=st.booleans(), down=st.booleans())
    def the_broker_forgets(self, up: bool, down: bool) -> None:
        if up:
            self.up.clear()
        if down:
            self.down.clear()

    @rule()
    def the_tracker_asks_again(self) -> None:
        for ep in {ep for ep, _ in self.beeped}:
            self.down.append(need(ep, (1, 30), gen=self.tracker.gen))

    @rule(lost=st.integers(1, 20))
    def a_backup_is_restored(self, lost: int) -> None:
        # Never older than what the journal still keeps: 72 hours.
        kept = {
            (epoch.ep, q)
            for epoch in self.handheld.journal.epochs
            for q in range(epoch.first, epoch.given + 1)
            if self.handheld.journal.record(epoch, q)
        }
        for scan_id in [scan_id for scan_id in reversed(self.tracker.log) if scan_id in kept][:lost]:
            del self.tracker.log[scan_id]
            self.undone.add(scan_id)
        self.tracker.gen += 1

    # --- the promise ---

    @invariant()
    def everything_beeped_is_somewhere_safe(self) -> None:
        journal = self.handheld.journal
        kept = {
            (epoch.ep, q) for epoch in journal.epochs for q in range(max(1, epoch.first), epoch.given + 1)
        } | self.tracker.log.keys()
        assert self.beeped.keys() <= kept

    @invariant()
    def nothing_is_freed_that_is_not_committed(self) -> None:
        # Right after a restore the device does not know yet.
        for epoch in self.handheld.journal.epochs:
            if epoch.gen == self.tracker.gen:
                assert epoch.acked <= self.tracker.watermark(epoch.ep)

    @invariant()
    def numbers_have_no_gaps(self) -> None:
        assert all(not epoch.gaps for epoch in self.handheld.journal.epochs)

    @invariant()
    def refused_scans_are_never_sent(self) -> None:
        assert not self.refused & set(self.tracker.codes)

    def teardown(self) -> None:
        """The faults stop: within a minute of connection everything is there."""
        self.up.clear()
        self.down.clear()
        self.handheld.disconnected(self.now)
        self.publish(self.handheld.connected(self.now))
        until = self.now + 60
        while self.now < until and (self.up or self.down or self.handheld.waiting.count):
            self.talk()
            self.now = (self.handheld.next_tick(self.now) or self.now) + 0.001
            self.publish(self.handheld.tick(self.now))
        assert (self.handheld.waiting.count, self.handheld.stranded) == (0, 0)
        for scan_id, code in self.beeped.items():
            assert wire.hear_record(self.tracker.log[scan_id]).code == code
        assert not self.refused & set(self.tracker.codes)


TestCustody = Custody.TestCase
TestCustody.settings = settings(
    max_examples=80, stateful_step_count=40, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate]
)
