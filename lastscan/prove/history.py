"""What the oracle wrote against what the database holds: lost, doubled, invented, or unknown and allowed."""

from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

Id = tuple[str, str, int]
"""Device, epoch, number."""


class Kept(NamedTuple):
    """A scan in the log, and where it stands there."""

    pos: int
    dev: str
    ep: str
    q: int
    code: str

    @property
    def id(self) -> Id:
        return self.dev, self.ep, self.q


@dataclass
class History:
    """What was heard so far. Every pull of a trigger has a code of its own, so `code` names it."""

    pulled: dict[str, str] = field(default_factory=dict)  # code: device
    beeped: dict[Id, str] = field(default_factory=dict)  # what: code
    refused: set[str] = field(default_factory=set)
    receipted: dict[tuple[str, str], int] = field(default_factory=dict)  # device and epoch: every q up to here
    acknowledged: set[str] = field(default_factory=set)  # by the control's broker
    beeps: int = 0
    waits: list[float] = field(default_factory=list)  # seconds from beep to receipt
    deepest: int = 0
    _waiting: defaultdict[tuple[str, str], deque[tuple[int, float]]] = field(
        default_factory=lambda: defaultdict(deque), repr=False
    )

    def hear(self, line: str) -> None:
        what, dev, at, *more = line.split("\t")
        match what, more:
            case "pull", [code]:
                self.pulled[code] = dev
            case "beep", [code, ep, q]:
                self._beep(dev, ep, int(q), code, float(at))
            case "refused", [code]:
                self.refused.add(code)
            case "receipt", [ep, upto, depth]:
                self._receipt((dev, ep), int(upto), float(at))
                self.deepest = max(self.deepest, int(depth))
            case "acknowledged", [code]:
                self.acknowledged.add(code)
            case _:
                raise ValueError(f"the oracle's file has a line nobody says: {line!r}")

    def _beep(self, dev: str, ep: str, q: int, code: str, at: float) -> None:
        self.beeps += 1
        self.beeped[dev, ep, q] = code
        if q <= self.receipted.get((dev, ep), 0):
            self.waits.append(0.0)  # the receipt was quicker than the sound
        else:
            self._waiting[dev, ep].append((q, at))

    def _receipt(self, stream: tuple[str, str], upto: int, at: float) -> None:
        self.receipted[stream] = max(upto, self.receipted.get(stream, 0))
        waiting = self._waiting[stream]
        while waiting and waiting[0][0] <= upto:
            self.waits.append(max(0.0, at - waiting.popleft()[1]))


class Tail:
    """Reads a history's file as it grows."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 0
        self._half = b""
        self.history = History()

    def follow(self) -> History:
        """All that is written by now."""
        if not self._path.exists():
            return self.history
        with self._path.open("rb") as file:
            file.seek(self._read)
            new = file.read()
        self._read += len(new)
        *lines, self._half = (self._half + new).split(b"\n")
        for line in lines:
            if line and line != b"end":
                self.history.hear(line.decode())
        return self.history


@dataclass(frozen=True, slots=True)
class Verdict:
    """The counts that must be 0, and the one that may be anything: `unheard`."""

    lost: list[Id]  # beeped, and not in the log as it beeped
    doubled: list[Kept]  # one pull of the trigger, two scans in the log
    invented: list[Kept]  # nobody pulled a trigger for it, or the device had said that it is not recorded
    receipted_too_far: list[tuple[str, str]]  # a device was told of more than the log holds without a gap
    unheard: int  # recorded, killed before the beep, committed: allowed


def judge(history: History, log: Iterable[Kept]) -> Verdict:
    """Holds what people heard against the whole log."""
    by_id: dict[Id, str] = {}
    seen: Counter[str] = Counter()
    doubled, invented = [], []
    unheard = 0
    for scan in log:
        seen[scan.code] += 1
        if seen[scan.code] > 1 or scan.id in by_id:
            doubled.append(scan)
        by_id.setdefault(scan.id, scan.code)
        if history.pulled.get(scan.code) != scan.dev or scan.code in history.refused:
            invented.append(scan)
        elif scan.id not in history.beeped:
            unheard += 1
    lost = [scan for scan, code in history.beeped.items() if by_id.get(scan) != code]
    prefixes = _gapless(by_id)
    too_far = [stream for stream, upto in history.receipted.items() if upto > prefixes.get(stream, 0)]
    return Verdict(lost, doubled, invented, too_far, unheard)


def _gapless(ids: Mapping[Id, object]) -> dict[tuple[str, str], int]:
    """Of each stream, the highest number with none missing below."""
    numbers: defaultdict[tuple[str, str], set[int]] = defaultdict(set)
    for dev, ep, q in ids:
        numbers[dev, ep].add(q)
    prefixes = {}
    for stream, given in numbers.items():
        upto = 0
        while upto + 1 in given:
            upto += 1
        prefixes[stream] = upto
    return prefixes
