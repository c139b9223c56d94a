"""One epoch of a journal: its segments, what it still holds, and how far the tracker has receipted it."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec

from scanner.frames import Fault, Frame, frame_at, frame_end
from scanner.stamp import Stamp

MISSING = 2**32 - 1  # in place of an offset: this record cannot be read


class _Numbered(msgspec.Struct):
    """The two fields of a record that recovery needs."""

    q: int
    boot: int


_numbered = msgspec.json.Decoder(_Numbered)


@dataclass(slots=True)
class Segment:
    """One file of consecutive records. A whole segment is removed at a time."""

    name: str
    first: int
    offsets: array[int]  # of record first, first + 1, …
    size: int
    freed: Stamp | None = None  # when its last record was receipted

    @property
    def last(self) -> int:
        return self.first + len(self.offsets) - 1


@dataclass(slots=True)
class Epoch:
    """The scans of one journal's life, numbered 1, 2, 3 … without gaps as they were given out.

    `given` is the highest number given out. `acked` is the tracker's word that everything up to it is committed,
    spoken in generation `gen`. Nothing above `sure` may be sent, because it may not be durable yet. `gaps` are the
    numbers given out whose records can no longer be read.
    """

    ep: str
    no: int
    segments: list[Segment] = field(default_factory=list)
    given: int = 0
    sure: int = 0
    closed: bool = False
    acked: int = 0
    gen: int = 0
    gaps: list[int] = field(default_factory=list)

    @property
    def first(self) -> int:
        """The lowest number still kept, receipted ones included; `given` + 1 when nothing is."""
        return self.segments[0].first if self.segments else self.given + 1

    @property
    def reach(self) -> int:
        """How far receipts can come: the last number before one that we cannot send."""
        if self.acked + 1 < self.first:
            return self.acked
        missing = bisect_right(self.gaps, self.acked)
        end = self.gaps[missing] - 1 if missing < len(self.gaps) else self.given
        return max(self.acked, min(end, self.sure))

    @property
    def waiting(self) -> int:
        """Records that wait for a receipt that can come."""
        return self.reach - self.acked

    def stranded(self) -> list[tuple[int, int]]:
        """Ranges kept behind a number that nobody can send any more: no receipt will reach them."""
        start = max(self.reach + 1, self.first)
        holes = self.gaps[bisect_left(self.gaps, start) :]
        ranges = []
        for hole in [*holes, self.sure + 1]:
            if start < hole:
                ranges.append((start, min(hole - 1, self.sure)))
            start = hole + 1
        return [(first, last) for first, last in ranges if first <= last]

    def segment_of(self, q: int) -> Segment | None:
        at = bisect_right(self.segments, q, key=lambda segment: segment.first) - 1
        if at < 0 or q > self.segments[at].last or q > self.sure:
            return None
        return self.segments[at]

    def lose(self, q: int) -> None:
        """This record cannot be read any more."""
        if (at := bisect_left(self.gaps, q)) == len(self.gaps) or self.gaps[at] != q:
            insort(self.gaps, q)


@dataclass(frozen=True, slots=True)
class Recovered:
    """What one file held: `end` is where its good records stop, `top` the highest number it shows was given out."""

    offsets: array[int]
    end: int
    torn: bool
    damaged: bool
    top: int
    boot: int


def recover(content: bytes, first: int) -> Recovered:
    """Read a segment that should begin with record `first`; never raises, whatever the bytes.

    A last record shorter than its length is torn. Every other bad record is damage; intact records behind it are
    found again and keep their numbers.
    """
    offsets: array[int] = array("I")
    at, q, boot, damaged = 0, first, 0, False
    while at < len(content):
        got = frame_at(content, at)
        if got is Fault.TORN:
            return Recovered(offsets, at, torn=True, damaged=damaged, top=q - 1, boot=boot)
        numbered = _number(got)
        if isinstance(got, Frame) and numbered and numbered.q == q:
            offsets.append(at)
            at, q, boot = got.end, q + 1, max(boot, numbered.boot)
            continue
        damaged = True
        found = next(_intact_after(content, at, q), None)
        if found is None:
            return Recovered(offsets, at, torn=False, damaged=True, top=q, boot=boot)
        at, next_q = found
        offsets.extend([MISSING] * (next_q - q))
        q = next_q
    return Recovered(offsets, at, torn=False, damaged=damaged, top=q - 1, boot=boot)


def _number(got: Frame | Fault) -> _Numbered | None:
    if not isinstance(got, Frame):
        return None
    try:
        return _numbered.decode(got.record)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _intact_after(content: bytes, at: int, q: int) -> Iterator[tuple[int, int]]:
    """Where records numbered above `q` begin behind a bad one, with their numbers."""
    start = frame_end(content, at) if frame_at(content, at) is Fault.BAD_RECORD else at + 1
    # Every number in between needed some bytes: a wild number from a foreign record cannot be believed.
    for offset in range(start, len(content)):
        numbered = _number(frame_at(content, offset))
        if numbered and q < numbered.q <= q + len(content):
            yield offset, numbered.q
