"""What strangers' messages do to the tracker: `python -m tracker.hostile --count 1000000 --seed 1`.

Good messages of a device are spoiled in one of the ways below, sent under its own topic, a foreign one or none of ours,
and taken by the shipped ingest in batches, each with one honest scan of another device among them. Every message has a
number; the same seed makes the same message of it.

Exit status 1 when anything but a StoreError came out of the ingest, a scan is in the log that no device made, or an
honest one is not.
"""

import argparse
import json
import random
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog

from tracker import wire
from tracker.clock import StoppedClock
from tracker.devices import Credentials, Devices, Roll
from tracker.ingest import Heard, Ingest
from tracker.store import Store
from tracker.store.engine import open_engine, sqlite_url
from tracker.store.migrations import migrate

EPOCH = "9f3c" * 8
AT_ONCE = 50
NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SCRAPS = (
    b"1e999",
    b"NaN",
    b"null",
    b"{}",
    b"[[[[[[[[[",
    b'"',
    b"\0",
    b"-",
    b"9" * 30,
    b"\xff",
    b"\\ud800",
    b"\xed\xa0\x80",
)
TOPICS = (
    "lastscan/v1/+/+/up",
    "lastscan/v1/#",
    "#",
    "$SYS/broker",
    "$share/x/lastscan/v1/sea/h-1/up",
    "lastscan/v1/sea/h-1/up/",
    "lastscan/v1/../h-1/up",
    "lastscan/v1/sea/h-1/down",
    "lastscan/v1/bos/h-1/up",
    "lastscan/v1/sea/tracker/up",
    "lastscan/v1/sea/h-9/up",
    "\0",
    "x" * 60_000,
)


def record(q: int, code: str = "LS123456785NL") -> wire.ScanRecord:
    extra = {"note": "corner crushed"}
    return wire.ScanRecord(q=q, code=code, sym="code128", k="sort", wall=1, mono=q, boot=7, op="c17", x=extra)


def batch(records: Sequence[wire.ScanRecord], key: bytes | None) -> bytes:
    raw = [wire.encode_record(each) for each in records]
    return wire.signed_batch(key, raw, ep=EPOCH, sent=1, mono=60_000, boot=7)


def stems(key: bytes) -> tuple[bytes, ...]:
    """What the device under attack really said."""
    hello = wire.Hello(v=1, ep=EPOCH, first=1, last=2, boot=7, mono=1, wall=1, sent=1, fw="1.4.2")
    status = wire.Status(v=1, ep=EPOCH, last=2, acked=2, depth=0, battery=0.7, mono=1, boot=7, sent=1)
    return batch([record(1), record(2)], key), wire.encode(hello), wire.encode(status)


def _bits(rng: random.Random, content: bytes) -> bytes:
    spoilt = bytearray(content)
    for _ in range(rng.randint(1, 8)):
        spoilt[rng.randrange(len(spoilt))] ^= 1 << rng.randrange(8)
    return bytes(spoilt)


def _cut(rng: random.Random, content: bytes) -> bytes:
    at = rng.randrange(len(content))
    return content[:at] if rng.random() < 0.5 else content[:at] + content[at + rng.randint(1, 40) :]


def _stuffed(rng: random.Random, content: bytes) -> bytes:
    at = rng.randrange(len(content) + 1)
    return content[:at] + rng.choice(SCRAPS) * rng.choice((1, 1, 1, 50, 5000)) + content[at:]


def _another_value(rng: random.Random, content: bytes) -> bytes:
    """Well-formed, with one field of another type or beyond all bounds."""
    said: dict[str, Any] = json.loads(content)
    value: Any = rng.choice((None, -1, 2**63, 1e308, True, "", "\0", "x" * 40_000, [], {}, [[]], 0.5))
    said[rng.choice(list(said))] = value
    return json.dumps(said).encode()


def _forged(rng: random.Random, _content: bytes) -> bytes:
    """Scans that the device never made, without its key."""
    key = rng.choice((None, b"", rng.randbytes(32)))
    return batch([record(rng.choice((1, 3, 2**53 - 1)), "FORGED") for _ in range(rng.randint(1, 64))], key)


def _noise(rng: random.Random, _content: bytes) -> bytes:
    return rng.randbytes(rng.choice((0, 1, 20, 500, 40_000)))


MUTATIONS: dict[str, Callable[[random.Random, bytes], bytes]] = {
    "bits flipped": _bits,
    "cut": _cut,
    "stuffed": _stuffed,
    "another value": _another_value,
    "forged": _forged,
    "noise": _noise,
    "as it was": lambda _rng, content: content,
}


def hostile_message(seed: int, number: int, credentials: Credentials) -> tuple[str, str, bytes]:
    """Kind, topic and payload of one message."""
    rng = random.Random(f"{seed}/{number}")
    kind = rng.choice(list(MUTATIONS))
    content = MUTATIONS[kind](rng, rng.choice(stems(bytes.fromhex(credentials.key))))
    own = wire.Address(credentials.site, credentials.dev).up
    return kind, own if rng.random() < 0.8 else rng.choice(TOPICS), content


@dataclass(slots=True)
class Toll:
    """What became of it all."""

    seed: int
    tried: Counter[str] = field(default_factory=Counter)  # by kind
    put_aside: Counter[str] = field(default_factory=Counter)  # by reason
    crashes: list[tuple[int, str]] = field(default_factory=list)
    foreign_scans: int = 0
    honest_scans: int = 0
    honest_lost: int = 0
    slowest_batch_ms: float = 0.0
    p99_batch_ms: float = 0.0
    peak_mb: float = 0.0

    @property
    def held(self) -> bool:
        return not (self.crashes or self.foreign_scans or self.honest_lost)

    def as_json(self) -> dict[str, Any]:
        return {
            "seed": self.seed,
            "messages": self.tried.total(),
            "crashes": self.crashes[:20],
            "foreign_scans": self.foreign_scans,
            "honest_scans": self.honest_scans,
            "honest_lost": self.honest_lost,
            "p99_batch_ms": round(self.p99_batch_ms, 1),
            "slowest_batch_ms": round(self.slowest_batch_ms, 1),
            "peak_mb": round(self.peak_mb, 1),
            "tried": dict(sorted(self.tried.items())),
            "put_aside": dict(self.put_aside.most_common()),
        }


def run(folder: Path, *, count: int, seed: int) -> Toll:
    """So many hostile messages against a tracker on a new database in this folder."""
    engine = open_engine(sqlite_url(folder / "hostile.db"))
    migrate(engine)
    store, clock = Store(engine), StoppedClock(NOON)
    registry = Devices(store, clock)
    victim, honest = registry.add("h-1", site="sea"), registry.add("h-2", site="sea")
    ingest = Ingest(store, Roll(store), clock, time.monotonic)
    toll, took = Toll(seed), []
    ingest.take([Heard(wire.Address("sea", "h-1").up, stems(bytes.fromhex(victim.key))[0], NOON)])
    for start in range(0, count, AT_ONCE):
        heard = []
        for number in range(start, min(start + AT_ONCE, count)):
            kind, topic, payload = hostile_message(seed, number, victim)
            toll.tried[kind] += 1
            heard.append(Heard(topic, payload, NOON))
        toll.honest_scans += 1
        scan = batch([record(toll.honest_scans, f"honest {toll.honest_scans}")], bytes.fromhex(honest.key))
        heard.insert(len(heard) // 2, Heard(wire.Address("sea", "h-2").up, scan, NOON))
        began = time.perf_counter()
        try:
            ingest.take(heard)
            ingest.overdue()
        except Exception as fall:  # noqa: BLE001 - whatever it is, it is what we look for
            toll.crashes.append((start, repr(fall)))
        took.append((time.perf_counter() - began) * 1000)
    _look_at(store, toll)
    took.sort()
    toll.slowest_batch_ms, toll.p99_batch_ms = took[-1], took[len(took) * 99 // 100]
    toll.peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    store.close()
    return toll


def _look_at(store: Store, toll: Toll) -> None:
    found: Counter[str] = Counter()
    pos = 0
    with store.reading() as tx:
        while facts := tx.log.after(pos, 5000):
            found.update(fact.event.code for fact in facts)
            pos = facts[-1].pos
        toll.put_aside = Counter(thing.why for thing in tx.log.aside(10_000_000))
    expected = Counter({f"honest {n}": 1 for n in range(1, toll.honest_scans + 1)}) + Counter({record(1).code: 2})
    toll.foreign_scans = (found - expected).total()
    toll.honest_lost = (expected - found).total()


def main(arguments: Sequence[str] | None = None) -> int:
    options = argparse.ArgumentParser(description="What strangers' messages do to the tracker.")
    options.add_argument("--count", type=int, default=2000, metavar="N")
    options.add_argument("--seed", type=int, default=1)
    chosen = options.parse_args(arguments)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))  # a line each would be a million
    with tempfile.TemporaryDirectory(prefix="lastscan-hostile-") as folder:
        toll = run(Path(folder), count=chosen.count, seed=chosen.seed)
    sys.stdout.write(json.dumps(toll.as_json(), indent=2) + "\n")
    return 0 if toll.held else 1


if __name__ == "__main__":
    raise SystemExit(main())
