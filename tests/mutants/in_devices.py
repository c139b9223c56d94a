"""Faults in the journal and the handheld's state machine."""

from array import array
from dataclasses import replace
from typing import Any

import msgspec

import scanner.handheld
import scanner.journal
from scanner.epoch import Epoch, Recovered
from scanner.handheld import Handheld
from scanner.journal import Journal
from tests.mutants.planting import Ground, mutant
from tracker import wire


class _Unflushed:
    """A disk whose flush waits for better times."""

    def __init__(self, disk: Any) -> None:
        self._disk = disk

    def __getattr__(self, name: str) -> Any:
        return getattr(self._disk, name)

    def flush(self, name: str) -> None:
        pass


@mutant
def beep_before_the_flush(ground: Ground) -> None:
    """The flush takes milliseconds; the system will write it out soon enough."""

    def make(append: Any) -> Any:
        def unflushed(self: Journal, record: Any) -> Any:
            disk, self._disk = self._disk, _Unflushed(self._disk)
            try:
                return append(self, record)
            finally:
                self._disk = disk

        return unflushed

    ground.swap(Journal, "append", make)


@mutant
def numbers_start_again_after_a_boot(ground: Ground) -> None:
    """A start is a new life: count from one."""

    def make(opened: Any) -> Any:
        def again(self: Journal) -> None:
            opened(self)
            old = self._current
            if old is not None and old.given:
                old.closed = True
                self._current = Epoch(old.ep, old.no + 1)
                self._epochs.append(self._current)
                self._live.clear()

        return again

    ground.swap(Journal, "_open", make)


@mutant
def an_epoch_is_named_after_its_number(ground: Ground) -> None:
    """Sixteen random bytes are a waste; the first epoch is number one."""

    def make(settle: Any) -> Any:
        def named(self: Journal) -> bool:
            self._new_epoch = lambda: f"{len(self._epochs) + 1:032x}"
            return bool(settle(self))

        return named

    ground.swap(Journal, "settle", make)


@mutant
def freed_on_puback(ground: Ground) -> None:
    """The broker acknowledged it, so it is safe."""

    def make(tick: Any) -> Any:
        def freeing(self: Handheld, now: float) -> Any:
            out = tick(self, now)
            for epoch in self.journal.epochs:
                if self._sent.get(epoch.ep, 0) > epoch.acked:
                    self.journal.receipted(epoch, upto=self._sent[epoch.ep], gen=epoch.gen, at=self.clock.stamp())
            self._flight.clear()
            return out

        return freeing

    ground.swap(Handheld, "tick", make)


@mutant
def a_torn_record_is_left_lying(ground: Ground) -> None:
    """What does not parse at the end is skipped; there is no need to rewrite the file."""
    ground.swap(Journal, "_cut", lambda cut: lambda self, epoch, segment: None)


@mutant
def any_bad_tail_is_torn(ground: Ground) -> None:
    """A bad record at the end was half written: cut it off and go on with its number."""

    def make(recover: Any) -> Any:
        def lenient(content: bytes, first: int) -> Recovered:
            got = recover(content, first)
            if got.damaged and len(got.offsets) and got.offsets[-1] != scanner.journal.MISSING:
                return replace(got, damaged=False, torn=True, top=first + len(got.offsets) - 1)
            return got if not got.damaged else Recovered(array("I"), 0, True, False, first - 1, got.boot)

        return lenient

    ground.swap(scanner.journal, "recover", make)


@mutant
def a_failed_flush_is_tried_again(ground: Ground) -> None:
    """The write failed; the next scan simply takes the same number in the same epoch."""
    ground.swap(Journal, "_end_current", lambda end: lambda self: None)


@mutant
def a_refusal_is_not_written_down(ground: Ground) -> None:
    """The person heard that it was not recorded; where an epoch ended shows from where the next begins."""

    def make(notes: Any) -> Any:
        def endless(self: Journal) -> Any:
            said = notes(self)
            epochs = [msgspec.structs.replace(epoch, ended=None) for epoch in said.epochs]
            return msgspec.structs.replace(said, epochs=epochs)

        return endless

    ground.swap(Journal, "_notes", make)


@mutant
def a_receipted_record_is_removed_at_once(ground: Ground) -> None:
    """It is committed: why keep it for another three days?"""
    ground.swap(scanner.journal, "KEPT_MS", lambda _: 0)

    def make(receipted: Any) -> Any:
        def tidy(self: Journal, epoch: Any, **said: Any) -> None:
            receipted(self, epoch, **said)
            self.keep_house(said["at"])

        return tidy

    ground.swap(Journal, "receipted", make)


@mutant
def house_is_kept_without_looking_at_receipts(ground: Ground) -> None:
    """Old segments go first when there are many."""

    def make(may_go: Any) -> Any:
        def early(self: Journal, epoch: Any, segment: Any, at: Any) -> bool:
            live = epoch is self._current and segment is epoch.segments[-1]
            return not live and len(epoch.segments) > 1

        return early

    ground.swap(Journal, "_may_go", make)


@mutant
def the_generation_is_ignored(ground: Ground) -> None:
    """An answer is an answer, whichever database it came from."""

    def make(answered: Any) -> Any:
        def blind(self: Handheld, answer: Any, now: float) -> Any:
            if self._key and not wire.same_mac(wire.answer_mac(self._key, answer), answer.mac):
                return []
            same = msgspec.structs.replace(answer, gen=max(1, self.journal.gen))
            return answered(self, wire.signed(self._key, same), now)

        return blind

    ground.swap(Handheld, "_answered", make)


@mutant
def what_was_receipted_once_is_not_sent_again(ground: Ground) -> None:
    """A receipt below the last one was delayed, and who asks for what it has had is mistaken."""
    ground.swap(Handheld, "_go_back", lambda back: lambda self, epoch, upto, gen: None)

    def make(within: Any) -> Any:
        return lambda ranges, epoch: [each for each in within(ranges, epoch) if each[0] > epoch.acked]

    ground.swap(scanner.handheld, "_within", make)


@mutant
def a_receipt_counts_for_the_current_epoch(ground: Ground) -> None:
    """The tracker means what we are scanning into."""

    def make(take: Any) -> Any:
        def mistaken(self: Handheld, answer: Any, epoch: Any, now: float) -> None:
            take(self, answer, self.journal.current or epoch, now)

        return mistaken

    ground.swap(Handheld, "_take", make)


@mutant
def answers_are_believed_unsigned(ground: Ground) -> None:
    """Who else would publish on our topic?"""

    def make(answered: Any) -> Any:
        def trusting(self: Handheld, answer: Any, now: float) -> Any:
            return answered(self, wire.signed(self._key, answer), now)

        return trusting

    ground.swap(Handheld, "_answered", make)


@mutant
def nothing_is_sent_again(ground: Ground) -> None:
    """QoS 1 sees to that, and a connection that stands is a good one."""
    ground.swap(Handheld, "_resend", lambda resend: lambda self, now: iter(()))
    ground.swap(scanner.handheld, "NEW_CONNECTION_AFTER", lambda after: 1e9)


@mutant
def what_was_in_flight_counts_as_sent_on_the_next_connection(ground: Ground) -> None:
    """The old connection's packets are still under way."""

    def make(gone: Any) -> Any:
        def hopeful(self: Handheld, now: float) -> Any:
            sent = dict(self._sent)
            out = gone(self, now)
            self._sent.update(sent)
            return out

        return hopeful

    ground.swap(Handheld, "disconnected", make)


@mutant
def scans_behind_a_lost_one_wait_for_it(ground: Ground) -> None:
    """Order is everything: nothing goes before what is missing."""
    ground.swap(Handheld, "_send_stranded", lambda send: lambda self, now: iter(()))
    ground.swap(Handheld, "_send_asked", lambda send: lambda self, now: iter(()))


@mutant
def only_the_current_epoch_is_sent(ground: Ground) -> None:
    """What was before the last reset is history."""

    def make(epochs: Any) -> Any:
        return property(lambda self: tuple(epoch for epoch in epochs.fget(self) if epoch is self._current))

    ground.swap(Journal, "epochs", make)
