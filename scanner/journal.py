"""The journal: every scan is on flash here before the beep, and stays until the tracker has it and 72 hours more.

What may go wrong, and what becomes of it:

- *Torn write.* A last record shorter than its length was never beeped. It is cut off and its number given out again:
  nothing is ever sent before it is flushed, so nobody has heard that number.
- *Any other bad record.* The epoch takes no more scans; new ones get a new epoch. What stands before the bad record
  is sent, and what stands intact behind it as well. `given` counts the lost ones: the tracker can name them.
- *Failed write or flush.* Whether the record reached the flash is unknown: a second flush may say "done" about a
  page that was dropped. So the record is refused, its epoch ends at the record before it, and new scans get a new
  epoch. The end is written down, durably, before any further scan is taken: an id (epoch, number) never has two
  bodies, and a refused scan that did reach the flash is not sent after the next start.
- *Killed between write and flush.* The record is there at the next start, whole but perhaps in memory only. It is
  flushed before anything is sent; if that fails, its epoch ends there and it is held back until this is written down.
- *The note file is lost or unreadable.* Then we do not know where epochs ended: each is only drained, new scans get a
  new epoch.
"""

import re
from array import array
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import NamedTuple

import msgspec

from scanner.disk import Disk, FileDisk, JournalInUseError
from scanner.epoch import MISSING, Epoch, Recovered, Segment, recover
from scanner.frames import Frame, frame_at, framed
from scanner.stamp import Stamp
from tracker import wire
from tracker.domain.errors import LastscanError

__all__ = ["Disk", "Entry", "Epoch", "FileDisk", "Journal", "JournalInUseError", "NotRecordedError"]

SEGMENT_BYTES = 1 << 20
FULL_AT_BYTES = 64 << 20
KEPT_MS = 72 * 3600 * 1000  # how long a restored server can ask again

_NOTES = "journal.notes"
_SEGMENT = re.compile(r"(\d{6})-([0-9a-f]{32})-(\d{12})\.scans")


class NotRecordedError(LastscanError):
    """The scan is not in the journal and will never be sent: no beep. The message says what to do."""


class Entry(NamedTuple):
    """Where a scan stands: with the device's name, its id for ever."""

    ep: str
    q: int


class _EpochNote(msgspec.Struct, frozen=True):
    ep: str
    no: int
    ended: int | None  # the last number that counts, once the epoch takes no more
    acked: int
    gen: int
    freed: list[tuple[int, int, int, int]]  # first record of a segment; wall, mono, boot when it was freed


class _Notes(msgspec.Struct, frozen=True):
    boot: int
    gen: int
    epochs: list[_EpochNote]


class Journal:
    """Append-only, over a `Disk`. Opening it reads everything, cuts a torn tail, and counts a start of the device.

    Opening raises only what reading the directory raises; a disk that cannot be written is found out by `append`,
    so that a device with dying flash can still send what it holds.
    """

    def __init__(
        self,
        disk: Disk,
        *,
        new_epoch: Callable[[], str],
        segment_bytes: int = SEGMENT_BYTES,
        full_at_bytes: int = FULL_AT_BYTES,
    ) -> None:
        self._disk = disk
        self._new_epoch = new_epoch
        self._segment_bytes = segment_bytes
        self._full_at_bytes = full_at_bytes
        self._epochs: list[Epoch] = []
        self._current: Epoch | None = None
        self._live = bytearray()  # content of the current epoch's last segment
        self._last_read: tuple[str, bytes] = ("", b"")
        self._unsettled = True  # the notes on disk do not say yet what must not be forgotten
        self._changed = False  # nor what may be
        self.gen = 0
        self.boot = 1
        self._open()

    # --- what it holds ---

    @property
    def epochs(self) -> tuple[Epoch, ...]:
        """Oldest first: those that still hold records, and the current one."""
        return tuple(epoch for epoch in self._epochs if epoch.segments or epoch is self._current)

    @property
    def current(self) -> Epoch | None:
        """The epoch new scans go into; None until the next `append` or `settle` makes one."""
        return self._current

    @property
    def size(self) -> int:
        """Bytes of records kept."""
        return sum(segment.size for epoch in self._epochs for segment in epoch.segments)

    def epoch(self, ep: str) -> Epoch | None:
        return next((epoch for epoch in self.epochs if epoch.ep == ep), None)

    def record(self, epoch: Epoch, q: int) -> bytes | None:
        """The exact bytes of a record; None when it is not kept or not sendable. Rot found here is remembered."""
        segment = epoch.segment_of(q)
        if segment is None or (offset := segment.offsets[q - segment.first]) == MISSING:
            return None
        got = frame_at(self._content(epoch, segment), offset)
        if isinstance(got, Frame):
            return got.record
        segment.offsets[q - segment.first] = MISSING
        epoch.lose(q)
        if epoch is self._current:
            self._end_current()
        return None

    # --- recording ---

    def append(self, record: wire.ScanRecord) -> Entry:
        """Give the record the next number and flush it to disk; only then return.

        Raises NotRecordedError, after which this scan will never be sent and the next number is still without gap.
        """
        self._settle_or_refuse()
        epoch = self._current
        assert epoch is not None
        q = epoch.given + 1
        frame = framed(wire.encode_record(msgspec.structs.replace(record, q=q)))
        if self.size + len(frame) > self._full_at_bytes:
            raise NotRecordedError("not recorded: the journal is full; bring the device on line so that it can send")
        segment = epoch.segments[-1] if epoch.segments else None
        if segment is None or segment.size >= self._segment_bytes:
            segment = Segment(_segment_name(epoch, q), first=q, offsets=array("I"), size=0)
        try:
            self._disk.append(segment.name, frame)
            self._disk.flush(segment.name)
        except BaseException as failure:
            self._end_current()
            if isinstance(failure, OSError):
                self.settle()  # as soon as can be: a kill before it would let a refused scan be sent
                raise NotRecordedError(f"not recorded: {_trouble(failure)}") from failure
            raise  # interrupted half-way: as unknown as a failed flush
        if not epoch.segments or epoch.segments[-1] is not segment:
            epoch.segments.append(segment)
            self._live.clear()
        segment.offsets.append(segment.size)
        segment.size += len(frame)
        segment.freed = None  # it may have been, before this record
        self._live += frame
        epoch.given = epoch.sure = q
        return Entry(epoch.ep, q)

    def begin_epoch(self) -> None:
        """From now on scans get a new epoch, because the current one's numbers cannot be trusted or receipted."""
        if self._current is not None:
            self._end_current()

    def settle(self) -> bool:
        """Write down what must not be forgotten; True when it is. `append` does it by itself."""
        if self._current is None:
            no = max((epoch.no for epoch in self._epochs), default=0) + 1
            self._current = Epoch(self._new_epoch(), no)
            self._epochs.append(self._current)
            self._live.clear()
            self._unsettled = True
        return self._write_notes() if self._unsettled else True

    # --- receipts ---

    def receipted(self, epoch: Epoch, *, upto: int, gen: int, at: Stamp) -> None:
        """The tracker has committed everything up to `upto`, as of `gen`. Lower than before after a restore."""
        epoch.acked, epoch.gen = max(0, min(upto, epoch.given)), gen
        self.gen = max(self.gen, gen)
        self._changed = True
        for segment in epoch.segments:
            if segment.last > epoch.acked:
                segment.freed = None
            elif segment.freed is None:
                segment.freed = at

    def keep_house(self, at: Stamp) -> None:
        """Remove segments freed 72 hours ago and note receipts; to be called now and then. Never raises OSError."""
        for epoch in self._epochs:
            while epoch.segments and self._may_go(epoch, epoch.segments[0], at):
                try:
                    self._disk.remove(epoch.segments[0].name)
                except OSError:
                    break
                del epoch.segments[0]
                epoch.gaps = [q for q in epoch.gaps if q >= epoch.first]
                self._changed = True
        if self._changed:
            self._write_notes()

    # --- inside ---

    def _may_go(self, epoch: Epoch, segment: Segment, at: Stamp) -> bool:
        live = epoch is self._current and segment is epoch.segments[-1]
        if live or segment.freed is None or segment.last > epoch.acked:
            return False
        # Within one start the monotonic clock says how long ago; a wall clock may have been set in between.
        same_boot = segment.freed.boot == at.boot
        age = at.mono - segment.freed.mono if same_boot else at.wall - segment.freed.wall
        return age >= KEPT_MS

    def _write_notes(self) -> bool:
        try:
            self._disk.replace(_NOTES, framed(msgspec.json.encode(self._notes())))
        except OSError:
            return False
        self._unsettled = self._changed = False
        for epoch in self._epochs:
            epoch.sure = epoch.given
        self._drop_empty()
        return True

    def _settle_or_refuse(self) -> None:
        if not self.settle() or self._current is None:
            raise NotRecordedError(
                "not recorded: the journal cannot be written; free some space or take another device"
            )

    def _end_current(self) -> None:
        if self._current is not None:
            self._current.closed = True
        self._current = None
        self._unsettled = True
        self._live.clear()

    def _drop_empty(self) -> None:
        """Epochs that hold no scan, or no more, leave at most a file with a refused record."""
        for epoch in [epoch for epoch in self._epochs if epoch.closed and not epoch.segments]:
            with suppress(OSError):
                self._disk.remove(_segment_name(epoch, epoch.given + 1))
                self._epochs.remove(epoch)

    def _content(self, epoch: Epoch, segment: Segment) -> bytes | bytearray:
        if epoch is self._current and segment is epoch.segments[-1]:
            return self._live
        if self._last_read[0] != segment.name:
            try:
                self._last_read = (segment.name, self._disk.read(segment.name))
            except OSError:
                return b""
        return self._last_read[1]

    def _notes(self) -> _Notes:
        return _Notes(
            boot=self.boot,
            gen=self.gen,
            epochs=[
                _EpochNote(
                    ep=epoch.ep,
                    no=epoch.no,
                    ended=epoch.given if epoch.closed else None,
                    acked=epoch.acked,
                    gen=epoch.gen,
                    freed=[(each.first, *each.freed) for each in epoch.segments if each.freed],
                )
                for epoch in self._epochs
            ],
        )

    # --- opening ---

    def _open(self) -> None:
        names = self._disk.names()
        notes = self._read_notes(names)
        noted = {note.ep: note for note in notes.epochs} if notes else {}
        files: dict[tuple[int, str], list[tuple[int, str]]] = {}
        for name in names:
            if found := _SEGMENT.fullmatch(name):
                files.setdefault((int(found[1]), found[2]), []).append((int(found[3]), name))
        for note in noted.values():
            if note.ended is None:
                files.setdefault((note.no, note.ep), [])
        boots = [notes.boot if notes else 0]
        for no, ep in sorted(files):
            epoch, boot = self._load(no, ep, sorted(files[no, ep]), noted.get(ep))
            boots.append(boot)
            self._epochs.append(epoch)
        self.boot = max(boots) + 1
        self.gen = notes.gen if notes else 0
        for epoch in self._epochs[:-1]:
            epoch.closed = True
        if self._epochs and not self._epochs[-1].closed:
            self._go_on_with(self._epochs[-1])
        self.settle()

    def _read_notes(self, names: list[str]) -> _Notes | None:
        if _NOTES not in names:
            return None
        try:
            got = frame_at(self._disk.read(_NOTES), 0)
            return msgspec.json.decode(got.record, type=_Notes) if isinstance(got, Frame) else None
        except (OSError, msgspec.DecodeError):
            return None

    def _load(self, no: int, ep: str, files: list[tuple[int, str]], note: _EpochNote | None) -> tuple[Epoch, int]:
        """An epoch as its files and its note tell it; closed if any of it is not as it should be."""
        ended = note.ended if note else None
        epoch = Epoch(ep, no, closed=note is None or ended is not None)
        freed = {first: Stamp(*stamp) for first, *stamp in note.freed} if note else {}
        boot = 0
        for at, (first, name) in enumerate(files):
            if ended is not None and first > ended:
                with suppress(OSError):
                    self._disk.remove(name)  # holds nothing but a refused record
                continue
            got = self._recover(name, first)
            boot = max(boot, got.boot)
            if ended is not None:
                del got.offsets[max(0, ended + 1 - first) :]
            is_last = at == len(files) - 1
            if got.damaged or (got.torn and not is_last) or (epoch.segments and first != epoch.given + 1):
                epoch.closed = True
            segment = Segment(name, first, got.offsets, size=got.end, freed=freed.get(first))
            epoch.segments.append(segment)
            epoch.given = max(epoch.given, got.top)
            if is_last and not epoch.closed and got.torn:
                self._cut(epoch, segment)
        acked = note.acked if note else 0
        if acked > epoch.given:
            epoch.closed = True  # the disk lost what it had flushed: the next number is not known any more
        epoch.given = max(epoch.given, acked) if ended is None else ended
        epoch.gaps = list(_unreadable(epoch))
        # The last record of an epoch found ended is held back until the end is written down: it may not be durable,
        # and a number that was sent must never be given out again.
        epoch.sure = epoch.given - (1 if epoch.closed and ended is None and epoch.given else 0)
        # Segments are removed only once receipted: what is gone from the front, the tracker has had.
        epoch.acked, epoch.gen = min(max(acked, epoch.first - 1), epoch.given), note.gen if note else 0
        for segment in epoch.segments:
            if segment.last > epoch.acked:
                segment.freed = None  # it grew after the note was written
        return epoch, boot

    def _recover(self, name: str, first: int) -> Recovered:
        try:
            return recover(self._disk.read(name), first)
        except OSError:
            return Recovered(array("I"), 0, torn=False, damaged=True, top=first, boot=0)

    def _cut(self, epoch: Epoch, segment: Segment) -> None:
        """Take a torn tail off for good, or end the epoch before it."""
        try:
            self._disk.replace(segment.name, self._disk.read(segment.name)[: segment.size])
        except OSError:
            epoch.closed = True

    def _go_on_with(self, epoch: Epoch) -> None:
        if epoch.segments:
            segment = epoch.segments[-1]
            try:
                self._disk.flush(segment.name)
                self._live[:] = self._disk.read(segment.name)
            except OSError:
                epoch.closed = True
                epoch.sure = max(0, epoch.given - 1)
                return
        self._current = epoch


def _unreadable(epoch: Epoch) -> Iterator[int]:
    """Numbers that were given out and have no readable record, from the first kept segment on."""
    due = epoch.first
    for segment in epoch.segments:
        yield from range(due, segment.first)
        yield from (q for q, offset in enumerate(segment.offsets, segment.first) if offset == MISSING)
        due = segment.last + 1
    yield from range(due, epoch.given + 1)


def _segment_name(epoch: Epoch, first: int) -> str:
    return f"{epoch.no:06d}-{epoch.ep}-{first:012d}.scans"


def _trouble(failure: OSError) -> str:
    return f"the journal cannot be written ({failure.strerror or failure}); free some space or take another device"
