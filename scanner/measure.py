"""How well our own labels read on a bad belt: `python -m scanner.measure --seed 1 --labels 2000`.

Draws S10 parcel labels and bag tags in turn, shows each to a damaged camera until it reads or five frames are gone,
and prints one JSON object: reads on the first frame and within three, wrong reads (there must be none), and the
CPU milliseconds that drawing, damaging and reading took. Exit status 1 when anything was read wrongly.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from scanner.camera import LabelCamera
from scanner.damage import BUSY_BELT
from scanner.decode import Reader, Readers, installed_readers
from scanner.label import strip
from scanner.symbology import Symbology
from tracker.domain.ids import LicencePlate, S10Number

LENGTHS = {"itf": (10,)}
FRAMES = 5


@dataclass(slots=True)
class Tally:
    """What happened to the labels of one symbology."""

    labels: int = 0
    read_on: Counter[int] = field(default_factory=Counter)  # number of the frame that read -> labels
    frames: int = 0
    wrong: list[tuple[str, str]] = field(default_factory=list)  # what it said, what was read

    def as_json(self) -> dict[str, Any]:
        return {
            "labels": self.labels,
            "first_frame": round(self.read_on[1] / self.labels, 4),
            "within_three": round(sum(self.read_on[frame] for frame in (1, 2, 3)) / self.labels, 4),
            "within_five": round(self.read_on.total() / self.labels, 4),
            "wrong": len(self.wrong),
            "wrong_reads": self.wrong,
            "frames": self.frames,
        }


def number(rng: random.Random, symbology: Symbology) -> str:
    """A parcel's S10 number or a bag's licence plate, from the die."""
    if symbology is Symbology.ITF:
        return str(LicencePlate.parse(f"0{rng.choice(('125', '220', '512'))}{rng.randrange(1, 10**6):06d}"))
    return str(S10Number("LS", f"{rng.randrange(10**8):08d}", "NL"))


def measure(*, seed: int, labels: int, severity: float = BUSY_BELT, readers: Readers | None = None) -> dict[str, Any]:
    """The report the command prints; `labels` in all, half of them bag tags."""
    rng = random.Random(seed)
    reader = Reader(("code128", "itf"), LENGTHS, readers=readers or installed_readers())
    tallies = {Symbology.CODE128: Tally(), Symbology.ITF: Tally()}
    spent: Counter[str] = Counter()
    for turn in range(labels):
        symbology = (Symbology.CODE128, Symbology.ITF)[turn % 2]
        tally, text = tallies[symbology], number(rng, symbology)
        tally.labels += 1
        started = time.process_time()
        camera = LabelCamera(strip(text, symbology), rng, severity)
        spent["draw"] += _microseconds(started)
        reader.next_label()
        for attempt in range(1, FRAMES + 1):
            started = time.process_time()
            frame = camera.frame()
            spent["damage"] += _microseconds(started)
            started = time.process_time()
            reads = reader.look(frame)
            spent["decode"] += _microseconds(started)
            tally.frames += 1
            tally.wrong += [(text, read.text) for read in reads if read.text != text]
            if reads:
                tally.read_on[attempt] += 1
                break
    ms = {step: round(spent[step] / 1000 / labels, 2) for step in ("draw", "damage", "decode")}
    return {
        "seed": seed,
        "severity": severity,
        "second_voter": reader.has_second_voter,
        "parcels": tallies[Symbology.CODE128].as_json(),
        "bags": tallies[Symbology.ITF].as_json(),
        "cpu_ms_a_scan": ms | {"together": round(sum(ms.values()), 2)},
    }


def _microseconds(started: float) -> int:
    return round((time.process_time() - started) * 1e6)


def main() -> int:
    options = argparse.ArgumentParser(description="How well our own labels read on a bad belt.")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--labels", type=int, default=2000)
    options.add_argument("--severity", type=float, default=BUSY_BELT, help="0 (a desk) to 1")
    chosen = options.parse_args()
    report = measure(seed=chosen.seed, labels=chosen.labels, severity=chosen.severity)
    sys.stdout.write(json.dumps(report, indent=2) + "\n")
    return 1 if report["parcels"]["wrong"] or report["bags"]["wrong"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
