"""Faults in ingest, log and fold."""

from dataclasses import replace
from typing import Any

import sqlalchemy as sa

import tracker.ingest.hearing
import tracker.ingest.take
import tracker.project.settle
import tracker.store.owed
from lastscan.simulate.house import TrackerProcess
from tests.mutants.planting import Ground, mutant
from tracker.domain.errors import StoreError
from tracker.domain.handling import Kind
from tracker.domain.timeline import Entry, State, Timeline
from tracker.ingest import Ingest, Reply
from tracker.ingest.take import _Batch
from tracker.project import Projector
from tracker.store.fact_log import FactLog
from tracker.store.owed import OwedNotices
from tracker.store.settings import Meta
from tracker.store.timelines import Timelines
from tracker.wire import Ack, Scans, UnfitMessageError, signed


@mutant
def receipt_before_the_commit(ground: Ground) -> None:
    """Answer as soon as it is understood: the commit will go through."""

    def make(take: Any) -> Any:
        def early(self: Ingest, heard: Any) -> Any:
            try:
                return take(self, heard)
            except StoreError:
                replies = []
                for message in heard:
                    said = tracker.ingest.hearing.understand(message, self._roll)
                    if isinstance(said, tracker.ingest.hearing.Understood) and isinstance(said.said, Scans):
                        upto = max(record.scan.q for record in said.records)
                        ack = signed(said.device.mac_key, Ack(ep=said.said.ep, upto=upto, gen=1))
                        replies.append(Reply(said.address, ack))
                return replies

        return early

    ground.swap(Ingest, "take", make)


@mutant
def the_highest_is_receipted(ground: Ground) -> None:
    """We have number nine, so we have all up to nine."""

    def make(moved: Any) -> Any:
        def highest(self: FactLog, stream: Any, added: Any) -> Any:
            after = moved(self, stream, added)
            return replace(after, upto=after.highest)

        return highest

    ground.swap(FactLog, "_moved", make)


@mutant
def watermark_per_device(ground: Ground) -> None:
    """A device counts up; which journal it was is its own affair."""

    def make(replies: Any) -> Any:
        def merged(self: _Batch) -> Any:
            for name, stream in self.streams.items():
                same = self._tx.log.streams_of(stream.origin)
                self.streams[name] = replace(stream, upto=max([s.upto for s in same], default=0))
            return replies(self)

        return merged

    ground.swap(_Batch, "replies", make)


@mutant
def one_scan_of_a_parcel_is_enough(ground: Ground) -> None:
    """The same barcode twice at one place is a repeat."""

    def make(keep: Any) -> Any:
        def once(self: _Batch, message: Any) -> None:
            seen = self._tx.connection.execute(sa.text("SELECT code, kind FROM facts WHERE q IS NOT NULL")).all()
            known = {(row.code, row.kind) for row in seen}
            for record in message.records:
                key = (self.streams[message.stream].id, record.scan.q)
                if (record.scan.code, record.scan.k) in known and key not in self._committed:
                    self._committed[key] = record.digest
                    self._added.setdefault(self.streams[message.stream], []).append(record.scan.q)
            keep(self, message)

        return once

    ground.swap(_Batch, "_keep", make)


@mutant
def a_misfit_spoils_its_batch(ground: Ground) -> None:
    """One bad record: refuse the whole message, the device will mend it."""

    def make(sift: Any) -> Any:
        def strict(raws: Any) -> Any:
            records, misfits = sift(raws)
            if misfits:
                raise UnfitMessageError(misfits[0].why)
            return records, misfits

        return strict

    ground.swap(tracker.ingest.hearing, "_sift", make)


@mutant
def a_misfit_is_not_counted(ground: Ground) -> None:
    """What is no record has no number."""

    def make(sift: Any) -> Any:
        def numberless(raws: Any) -> Any:
            records, misfits = sift(raws)
            return records, [replace(misfit, q=None) for misfit in misfits]

        return numberless

    ground.swap(tracker.ingest.hearing, "_sift", make)


@mutant
def a_misfit_is_thrown_away(ground: Ground) -> None:
    """Nobody can read it anyway."""
    ground.swap(FactLog, "put_aside", lambda put: lambda self, things: [])


@mutant
def a_misfit_ends_the_connection(ground: Ground) -> None:
    """A message that cannot be taken is a reason to stop and look."""

    def make(take: Any) -> Any:
        def nervous(self: Ingest, heard: Any) -> Any:
            for message in heard:
                said = tracker.ingest.hearing.understand(message, self._roll)
                if isinstance(said, tracker.ingest.hearing.Understood) and said.misfits:
                    raise StoreError("what is this?")
            return take(self, heard)

        return nervous

    ground.swap(Ingest, "take", make)


@mutant
def macs_are_not_checked(ground: Ground) -> None:
    """The broker checks passwords."""
    ground.swap(tracker.ingest.hearing, "same_mac", lambda same: lambda one, other: True)


@mutant
def a_device_may_speak_from_anywhere(ground: Ground) -> None:
    """Its key is right, so whatever site the topic names will do."""

    def make(speaker: Any) -> Any:
        def anywhere(topic: str, roll: Any) -> Any:
            address = tracker.ingest.hearing.address_of(topic)
            device = roll.find(address.dev)
            if device is None:
                raise UnfitMessageError("unknown_device")
            return address, device

        return anywhere

    ground.swap(tracker.ingest.hearing, "_speaker", make)


@mutant
def a_restore_keeps_its_generation(ground: Ground) -> None:
    """The backup knows its generation; leave it as it is."""
    ground.swap(Meta, "raise_generation", lambda up: lambda self, now, above=0: self.generation)


@mutant
def a_repeat_is_not_answered(ground: Ground) -> None:
    """It was receipted the first time."""

    def make(take: Any) -> Any:
        def silent(self: Ingest, heard: Any) -> Any:
            before = self.counts["scans"]
            replies = take(self, heard)
            new = self.counts["scans"] > before
            return [r for r in replies if new or not isinstance(r.message, Ack)]

        return silent

    ground.swap(Ingest, "take", make)


@mutant
def the_refused_commit_is_acknowledged(ground: Ground) -> None:
    """Errors are logged; the next message will do better. Half of it stays behind."""

    def make(take: Any) -> Any:
        def careless(self: Ingest, heard: Any) -> Any:
            try:
                return take(self, heard)
            except StoreError:
                for message in heard:
                    said = tracker.ingest.hearing.understand(message, self._roll)
                    if isinstance(said, tracker.ingest.hearing.Understood):
                        self._store.engine.raw_connection().driver_connection.execute(
                            "UPDATE streams SET upto = upto + 1 WHERE epoch = ?", (said.said.ep,)
                        )
                raise

        return careless

    ground.swap(Ingest, "take", make)


@mutant
def a_broker_that_restarts_remembers_us(ground: Ground) -> None:
    """We subscribed when we started."""
    ground.swap(TrackerProcess, "_come_back", lambda back: lambda self: None)


# the fold


@mutant
def voids_are_ignored(ground: Ground) -> None:
    """Scans are facts; nobody takes a fact back."""

    def make(timeline: Any) -> Any:
        def stubborn(events: Any) -> Timeline:
            return Timeline(tuple(Entry(entry.event) for entry in timeline(events).entries))

        return stubborn

    ground.swap(tracker.project.settle, "timeline", make)


@mutant
def facts_are_folded_as_they_come(ground: Ground) -> None:
    """The log is in order already."""
    ground.swap(tracker.project.settle, "comes_after", lambda after: lambda progress, event: event.kind != Kind.VOID)


@mutant
def a_delivered_piece_moves_again(ground: Ground) -> None:
    """The last scan says where it is."""

    def make(advance: Any) -> Any:
        def reopened(progress: Any, event: Any) -> Any:
            if progress.state is State.DELIVERED:
                progress = replace(progress, state=State.MOVING)
            return advance(progress, event)

        return reopened

    import tracker.domain.timeline as module

    ground.swap(module, "advance", make)
    ground.swap(tracker.project.settle, "advance", make)


@mutant
def scans_before_the_booking_are_forgotten(ground: Ground) -> None:
    """Nobody knew the number then."""
    ground.swap(Timelines, "waiting", lambda waiting: lambda self, numbers: [])


@mutant
def the_reader_moves_first(ground: Ground) -> None:
    """Mark the batch as read, then work on it."""

    def make(step: Any) -> Any:
        def eager(self: Projector, limit: int = 500) -> int:
            with self._store.writing() as tx:
                position = tx.log.claim("project")
                facts = tx.log.after(position, limit)
                if facts:
                    tx.log.move("project", facts[-1].pos)
            with self._store.writing() as tx:
                if facts:
                    tx.log.move("project", position)
            return int(step(self, limit))

        return eager

    ground.swap(Projector, "step", make)


@mutant
def the_reader_jumps_to_the_head(ground: Ground) -> None:
    """Whatever was there is done now."""

    def make(move: Any) -> Any:
        def far(self: FactLog, reader: str, position: int) -> None:
            move(self, reader, max(position, self.head()))

        return far

    ground.swap(FactLog, "move", make)


@mutant
def one_fact_of_a_batch_is_enough(ground: Ground) -> None:
    """Of several that came together only the newest says where a piece is."""

    def make(go_on: Any) -> Any:
        def newest(known: Any, news: Any) -> Any:
            news.events = sorted(news.events, key=lambda event: event.order)[-1:]
            return go_on(known, news)

        return newest

    ground.swap(tracker.project.settle, "_go_on", make)


# what is owed


@mutant
def notices_are_written_after_the_commit(ground: Ground) -> None:
    """First the facts, then the messages."""

    def make(step: Any) -> Any:
        def later(self: Projector, limit: int = 500) -> int:
            owed: list[tuple[Any, dict[str, Any]]] = []
            original = OwedNotices.owe
            OwedNotices.owe = lambda _, debts, **more: owed.append((debts, more))  # type: ignore
            try:
                done = int(step(self, limit))
            finally:
                OwedNotices.owe = original  # type: ignore[method-assign]
            for debts, more in owed:
                with self._store.writing() as tx:
                    tx.owed.owe(debts, **more)
            return done

        return later

    ground.swap(Projector, "step", make)


@mutant
def a_cause_names_its_scan(ground: Ground) -> None:
    """Each scan that shows a hand-over is a reason to tell of it."""

    def make(owed: Any) -> Any:
        def by_scan(before: Any, after: Any, piece: Any, **known: Any) -> Any:
            return tuple(
                replace(notice, cause=f"{notice.cause}:{after.progress.scans}")
                for notice in owed(before, after, piece, **known)
            )

        return by_scan

    ground.swap(tracker.project.settle, "notices_owed", make)


@mutant
def a_notice_gets_a_fresh_id(ground: Ground) -> None:
    """A random id is always unique."""
    ground.swap(tracker.store.owed.uuid, "uuid5", lambda uuid5: lambda space, name: tracker.store.owed.uuid.uuid4())
