"""The oracle's file against the log: each way to break a promise is told from each other, and from what is allowed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lastscan.prove.history import History, Kept, Tail, judge
from lastscan.prove.oracle import LAST_LINE, pipe, say

EP = "9f" * 16


def heard(*lines: str) -> History:
    history = History()
    for line in lines:
        history.hear("\t".join(line.split()))
    return history


def kept(*scans: tuple[int, str]) -> list[Kept]:
    return [Kept(pos, "h1", EP, q, code) for pos, (q, code) in enumerate(scans, 1)]


PULL, BEEP = "pull h1 1.0 a", f"beep h1 1.1 a {EP} 1"


def test_what_beeped_and_is_in_the_log_breaks_nothing() -> None:
    verdict = judge(heard(PULL, BEEP, f"receipt h1 1.2 {EP} 1 0"), kept((1, "a")))
    assert not any((verdict.lost, verdict.doubled, verdict.invented, verdict.receipted_too_far, verdict.unheard))


def test_a_beep_without_its_scan_in_the_log_is_lost() -> None:
    assert judge(heard(PULL, BEEP), []).lost == [("h1", EP, 1)]


def test_another_scan_under_its_number_does_not_save_it() -> None:
    verdict = judge(heard(PULL, BEEP, "pull h1 1.3 b"), kept((1, "b")))
    assert verdict.lost == [("h1", EP, 1)]


def test_one_pull_of_the_trigger_twice_in_the_log_is_doubled_though_the_numbers_differ() -> None:
    log = kept((1, "a"), (2, "a"))
    assert judge(heard(PULL, BEEP), log).doubled == [log[1]]


def test_a_scan_nobody_made_is_invented() -> None:
    log = kept((1, "a"), (2, "z"))
    assert judge(heard(PULL, BEEP), log).invented == [log[1]]


def test_a_scan_of_another_device_is_invented() -> None:
    log = [Kept(1, "h2", EP, 1, "a")]
    assert judge(heard(PULL), log).invented == log


def test_what_was_said_to_be_not_recorded_must_not_turn_up() -> None:
    log = kept((1, "a"))
    assert judge(heard(PULL, "refused h1 1.1 a"), log).invented == log
    assert judge(heard(PULL, "refused h1 1.1 a"), []).lost == []


def test_killed_before_the_beep_and_committed_is_allowed_and_counted_apart() -> None:
    verdict = judge(heard(PULL), kept((1, "a")))
    assert (verdict.unheard, verdict.lost, verdict.invented) == (1, [], [])


def test_killed_before_the_beep_and_not_committed_is_nothing() -> None:
    verdict = judge(heard(PULL), [])
    assert (verdict.unheard, verdict.lost) == (0, [])


def test_a_receipt_past_a_hole_in_the_log_is_found() -> None:
    history = heard("pull h1 1 a", "pull h1 1 b", "pull h1 1 c", f"receipt h1 2 {EP} 3 0")
    assert judge(history, kept((1, "a"), (3, "c"))).receipted_too_far == [("h1", EP)]
    assert judge(history, kept((1, "a"), (2, "b"), (3, "c"))).receipted_too_far == []


def test_each_beep_waits_for_the_receipt_that_reaches_it() -> None:
    history = heard(BEEP, f"beep h1 2.0 b {EP} 2", f"receipt h1 2.5 {EP} 1 7", f"receipt h1 5.0 {EP} 2 0")
    assert history.waits == pytest.approx([1.4, 3.0])
    assert history.deepest == 7


def test_the_oracle_writes_down_whole_lines_and_ends_when_told(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "heard")
    oracle = subprocess.Popen(
        [sys.executable, "-m", "lastscan.prove.oracle", str(tmp_path / "heard"), str(tmp_path / "heard.tsv")]
    )
    try:
        into = pipe(tmp_path / "heard")
        for n in range(1, 301):
            say(into, "pull", "h1", f"h1/1/{n}")
            say(into, "beep", "h1", f"h1/1/{n}", EP, n)
        os.write(into, LAST_LINE)
        assert oracle.wait(20) == 0
    finally:
        oracle.kill()
        oracle.wait()
    history = Tail(tmp_path / "heard.tsv").follow()
    assert list(history.beeped.values()) == [f"h1/1/{n}" for n in range(1, 301)]
    assert history.beeps == 300


def test_a_line_that_is_still_being_written_waits_for_its_end(tmp_path: Path) -> None:
    path = tmp_path / "heard.tsv"
    path.write_bytes(b"pull\th1\t1.0\ta\npull\th1\t1.")
    tail = Tail(path)
    assert tail.follow().pulled == {"a": "h1"}
    with path.open("ab") as file:
        file.write(b"5\tb\nend\n")
    assert tail.follow().pulled == {"a": "h1", "b": "h1"}


def test_the_oracle_shares_no_code_with_what_it_watches() -> None:
    loaded = subprocess.run(
        [sys.executable, "-c", "import lastscan.prove.oracle, sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert not {name.partition(".")[0] for name in loaded} & {"tracker", "scanner", "firmware_sim", "notify", "web"}
    assert [name for name in loaded if name.startswith("lastscan")] == [
        "lastscan",
        "lastscan.prove",
        "lastscan.prove.oracle",
    ]
