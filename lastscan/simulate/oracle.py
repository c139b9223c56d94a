"""What really happened: every scan a person made and every message a person got, kept apart from all shipped code."""

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any


class BrokenError(Exception):
    """An invariant does not hold."""

    def __init__(self, invariant: str, why: str) -> None:
        super().__init__(f"{invariant}: {why}")
        self.invariant = invariant


@dataclass(slots=True)
class Attempt:
    """One pull of the trigger. Its `name` travels with the scan as the operator's, so it is known again anywhere."""

    name: str
    dev: str
    unit: int
    code: str
    kind: str
    stamp: tuple[int, int, int]  # wall, mono, boot
    id: tuple[str, int] | None = None  # epoch and number, once it beeped
    refused: bool = False  # the person heard "not recorded", and it was written down as such
    excuse: str = ""  # why it may be missing: the one thing no protocol can bring back


@dataclass
class Oracle:
    attempts: dict[str, Attempt] = field(default_factory=dict)
    given: dict[tuple[str, str, int], list[Attempt]] = field(default_factory=dict)
    shown: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How often each person saw a message of one cause."""
    restores: int = 0
    refused: set[tuple[str, str]] = field(default_factory=set)  # cause and address the provider will never take

    def tries(self, dev: str, unit: int, code: str, kind: str, stamp: tuple[int, int, int]) -> Attempt:
        made = Attempt(f"a{len(self.attempts) + 1}", dev, unit, code, kind, stamp)
        self.attempts[made.name] = made
        return made

    def beeps(self, attempt: Attempt, ep: str, q: int) -> None:
        attempt.id = (ep, q)
        same = self.given.setdefault((attempt.dev, ep, q), [])
        same.append(attempt)
        if len({one.unit for one in same}) > 1:
            for one in same:
                one.excuse = "a clone gave out the same number"
        elif len(same) > 1:
            raise BrokenError("I2", f"{attempt.dev} gave out {ep[:6]}:{q} twice")

    def lost(self, unit: int, why: str, *, only: tuple[str, int] | None = None) -> None:
        """What this unit has beeped, or one scan of it, is physically gone."""
        for attempt in self.attempts.values():
            if attempt.unit == unit and attempt.id is not None and only in (None, attempt.id):
                attempt.excuse = attempt.excuse or why

    @property
    def beeped(self) -> list[Attempt]:
        return [attempt for attempt in self.attempts.values() if attempt.id is not None]


@dataclass
class Reader:
    """Somebody who looks at the log after every commit, in SQL of its own, and remembers all it has seen."""

    oracle: Oracle
    seen: dict[str, int] = field(default_factory=dict)  # attempt: position
    at: int = 0
    numbers: dict[tuple[str, str], set[int]] = field(default_factory=dict)
    prefix: dict[tuple[str, str, int], int] = field(default_factory=dict)  # dev, epoch, generation
    gen: int = 1
    facts: int = 0
    foreign: set[tuple[str, int]] = field(default_factory=set)
    accepted: set[str] = field(default_factory=set)  # deliveries

    def restored(self, gen: int) -> None:
        self.seen.clear()
        self.numbers.clear()
        self.accepted.clear()
        self.at, self.facts, self.gen = 0, 0, gen

    def look(self, ask: Any) -> None:
        """I3, I9 and half of I1: what is new is true, and what was seen is still there."""
        count = ask("SELECT count(*) FROM facts WHERE pos <= ?", self.at)[0][0]
        if count != self.facts:
            raise BrokenError("I9", f"{self.facts} facts were seen up to {self.at}, now there are {count}")
        rows = ask(
            "SELECT f.pos, s.origin, s.epoch, f.q, f.code, f.kind, f.operator, f.wall, f.mono, f.boot"
            " FROM facts f JOIN streams s ON s.id = f.stream WHERE f.pos > ? ORDER BY f.pos",
            self.at,
        )
        for pos, origin, epoch, q, code, kind, operator, wall, mono, boot in rows:
            self.at, self.facts = pos, self.facts + 1
            if q is None:
                continue
            dev = origin.removeprefix("dev:")
            known = self.numbers.setdefault((dev, epoch), set())
            if q in known:
                raise BrokenError("I2", f"{dev} {epoch[:6]}:{q} is in the log twice")
            known.add(q)
            if operator is None and (epoch, q) in self.foreign:
                continue
            attempt = self.oracle.attempts.get(operator)
            if attempt is None:
                raise BrokenError("I3", f"the log holds {code!r} by {operator}, whom nobody knows")
            if attempt.name in self.seen:
                raise BrokenError("I2", f"{attempt.name} is in the log twice")
            told = (attempt.dev, attempt.kind, attempt.code.replace("\\", "\\\\").replace("\0", "\\0"), attempt.stamp)
            if (dev, kind, code, (wall, mono, boot)) != told:
                raise BrokenError("I3", f"the log holds {(dev, kind, code, wall, mono, boot)}, scanned was {attempt}")
            if attempt.id is not None and attempt.id != (epoch, q):
                raise BrokenError("I3", f"{attempt.name} beeped as {attempt.id} and is in the log as {(epoch, q)}")
            if attempt.refused:
                raise BrokenError("I3", f"{attempt.name} was refused and is in the log")
            self.seen[attempt.name] = pos
        if rows:
            self._count_prefixes(ask)
        accepted = {key for (key,) in ask("SELECT id FROM deliveries WHERE state = 'accepted'")}
        if self.accepted - accepted:
            raise BrokenError("I9", "a message that was accepted is not any more")
        self.accepted = accepted

    def _count_prefixes(self, ask: Any) -> None:
        for origin, epoch, q in ask("SELECT origin, epoch, q FROM refused JOIN streams ON id = stream"):
            self.numbers.setdefault((origin.removeprefix("dev:"), epoch), set()).add(q)
        for (dev, epoch), known in self.numbers.items():
            upto = self.prefix.get((dev, epoch, self.gen), 0)
            while upto + 1 in known:
                upto += 1
            self.prefix[(dev, epoch, self.gen)] = upto
        for origin, epoch, upto in ask("SELECT origin, epoch, upto FROM streams WHERE epoch <> ''"):
            if upto != self.prefix.get((origin.removeprefix("dev:"), epoch, self.gen), 0):
                raise BrokenError("I4", f"the watermark of {origin} {epoch[:6]} says {upto}, the log another")

    def hears_answer(self, topic: str, payload: bytes) -> None:
        """I4: nothing above what is committed without a gap is ever acknowledged."""
        said = json.loads(payload)
        if said["t"] == "ack":
            committed = self.prefix.get((topic.split("/")[3], said["ep"], said["gen"]), 0)
            if said["upto"] > committed:
                raise BrokenError("I4", f"ack {said['upto']} in generation {said['gen']}, committed are {committed}")

    def may_free(self, dev: str, ep: str, gen: int, upto: int) -> bool:
        """I6: whether a record up to here may count as receipted."""
        return upto <= self.prefix.get((dev, ep, gen), 0)
