"""A hundred days under faults; each is what its seed makes it; and a failure can be made small."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from lastscan.commands.simulate import simulate as command
from lastscan.simulate import NAMES, Faults, Orders, mistakes_heard, play, shrink, simulate, swarm
from lastscan.simulate.events import VirtualTime
from tests.mutants import MUTANTS

SEEDS = range(1, 201)
SHARES = [SEEDS[at : at + 10] for at in range(0, len(SEEDS), 10)]

ONCE_FAILED: dict[int, str] = {
    4: "a restored database was never heard of by a device that had nothing to send",
    12: "the same, over six restores",
    84: "the same, beside a clone",
    85: "the same, with a queue that was full",
    248: "an old epoch spoke up once after a restore, and that greeting was lost",
    325: "the same, with a full disk",
    318: "a lost answer to a greeting kept a device from hearing of a restore for a minute",
    135: "the one answer that told an idle device of a restore was lost, and no status was answered after it",
    433: "a scan that waited was forgotten when its piece was booked in the middle of a rebuild",
    452: "what was folded while our clock ran ahead stood until the true hour reached it",
}
"""Seeds by which the simulation found something in shipped code, and what."""


@pytest.mark.parametrize("seeds", SHARES, ids=str)
def test_nothing_promised_is_broken(seeds: range) -> None:
    assert simulate([Orders(seed) for seed in seeds]).violations == []


def test_what_once_failed_is_played_for_ever() -> None:
    assert simulate([Orders(seed) for seed in ONCE_FAILED if seed not in SEEDS]).violations == []


def test_the_same_seed_is_the_same_day() -> None:
    with mistakes_heard():
        first, again = (play(Orders(13)) for _ in range(2))
    assert (first.scans, first.hours, first.counts) == (again.scans, again.hours, again.counts)
    assert first.counts["crashes"] > 0


def test_a_day_without_faults_is_calm() -> None:
    with mistakes_heard():
        calm = play(Orders(1, Faults()))
    assert calm.broken is None
    assert (calm.counts["crashes"], calm.counts["dropped"]) == (0, 0)
    assert calm.scans == 43


def test_shrinking_keeps_only_what_the_failure_needs() -> None:
    with MUTANTS["macs_are_not_checked"].planted():
        least = shrink(Orders(1))
    assert least.faults is not None
    assert (least.faults.on, least.pieces) == (["forge"], 0)


def test_the_command_prints_what_others_rely_on() -> None:
    ran = CliRunner().invoke(command, ["--seeds", "1:3", "--processes", "1", "--json"])
    assert ran.exit_code == 0
    figures = json.loads(ran.stdout)
    assert figures["seeds"] == 2
    assert {"virtual_hours", "scans", "crashes", "dropped", "duplicated"} <= figures.keys()
    assert figures["violations"] == []


def test_a_violation_ends_with_one_and_the_line_that_replays_it() -> None:
    with MUTANTS["the_tracker_is_not_told"].planted():
        ran = CliRunner().invoke(command, ["--seeds", "1:2", "--processes", "1", "--only", "none", "--json"])
    assert ran.exit_code == 1
    assert json.loads(ran.stdout)["violations"][0]["invariant"] == "I8"
    assert "lastscan simulate --seeds 1:2 --only none" in ran.stderr


def test_every_fault_is_drawn_and_explained() -> None:
    drawn = {name for seed in SEEDS for name in swarm(VirtualTime(seed).chance("swarm")).on}
    assert drawn == set(NAMES)
    page = Path("docs/proving.md").read_text()
    assert [name for name in NAMES if f"`{name}`" not in page] == []
