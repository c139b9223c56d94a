"""The hunt: each mutant against seeds until one catches it. `python -m tests.mutants [NAME…] [--seeds A:B] [--all]`.

With `--all` every seed is played, and the report says how many of them catch it.
"""

import argparse
import sys
import time

from lastscan.simulate import Orders, simulate, swarm
from lastscan.simulate.events import VirtualTime
from tests.mutants import MUTANTS


def faults_of(seed: int) -> set[str]:
    return set(swarm(VirtualTime(seed).chance("swarm")).on)


def main() -> int:
    asked = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    asked.add_argument("names", nargs="*", metavar="NAME", help="all, where none is named")
    asked.add_argument("--seeds", default="1:501", help="A:B, the second not counted")
    asked.add_argument("--all", action="store_true", help="play every seed and count those that catch it")
    asked.add_argument("--drawing", default="", metavar="FAULTS", help="only seeds that draw all of these, with commas")
    options = asked.parse_args()
    wanted = {name for name in options.drawing.split(",") if name}
    drawn = [seed for seed in range(*map(int, options.seeds.split(":"))) if wanted <= faults_of(seed)]
    escaped = 0
    for name in options.names or MUTANTS:
        began = time.process_time()
        caught: list[tuple[int, str]] = []
        with MUTANTS[name].planted():
            for seed in drawn:
                found = simulate([Orders(seed)]).violations
                caught += [(seed, found[0].invariant)] if found else []
                if found and not options.all:
                    break
        escaped += not caught
        seed, invariant = caught[0] if caught else (0, "-")
        tried = len(drawn) if options.all or not caught else drawn.index(seed) + 1
        cost = time.process_time() - began
        print(  # noqa: T201
            f"{name:58} tried {tried:4} caught by {len(caught):4} first {seed:4} {invariant:8} {cost:6.1f} s",
            flush=True,
        )
    return 1 if escaped else 0


if __name__ == "__main__":
    sys.exit(main())
