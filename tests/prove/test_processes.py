"""Evidence: what is said of a process is what the kernel says of it, and nothing is said where nothing happened."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lastscan.prove.processes import Process, state

WAITS = "import sys, time\nprint('up', flush=True)\ntime.sleep(60)"
GROWS = """
import time
with open("grown", "ab", buffering=0) as file:
    while True:
        try:
            file.write(b"x" * 10)
        except OSError as wrong:
            print("refused", wrong.errno, flush=True)
            break
        time.sleep(0.001)
time.sleep(60)
"""


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[[str], Process]]:
    started: list[Process] = []

    def new(program: str) -> Process:
        moved = f"import os\nos.chdir({str(tmp_path)!r})\n{program}"
        process = Process("one", lambda _: [sys.executable, "-c", moved], os.environ, tmp_path / "log")
        process.start()
        started.append(process)
        return process

    yield new
    for process in started:
        process.end(signal.SIGKILL)


def says(tmp_path: Path, word: str) -> bool:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        if word in (tmp_path / "log").read_text():
            return True
        time.sleep(0.005)
    return False


def test_a_killed_process_is_gone_and_one_that_does_not_run_gives_no_evidence(
    run: Callable[[str], Process], tmp_path: Path
) -> None:
    process = run(WAITS)
    assert says(tmp_path, "up")
    pid = process.pid
    assert process.end(signal.SIGKILL) == f"pid {pid} gone (-9)"
    assert state(pid) == ""
    assert process.end(signal.SIGKILL) == ""
    assert process.pause() == ""
    assert process.limit_files(10) == ""


def test_a_paused_process_is_stopped_until_it_goes_on(run: Callable[[str], Process], tmp_path: Path) -> None:
    process = run(WAITS)
    assert says(tmp_path, "up")
    assert process.pause() == f"pid {process.pid} stopped"
    process.go_on()
    until = time.monotonic() + 10
    while state(process.pid) == "T" and time.monotonic() < until:
        time.sleep(0.001)
    assert state(process.pid) != "T"


def test_files_cannot_grow_past_their_limit(run: Callable[[str], Process], tmp_path: Path) -> None:
    process = run(GROWS)
    assert process.limit_files(5_005) != ""
    assert says(tmp_path, "refused 27")
    assert (tmp_path / "grown").stat().st_size == 5_005  # the last write was torn in its middle


def test_whoever_dies_by_itself_is_noticed_with_its_last_words(run: Callable[[str], Process], tmp_path: Path) -> None:
    process = run("print('out of paper', flush=True)\nraise SystemExit(3)")
    until = time.monotonic() + 20
    while not process.notice_death() and time.monotonic() < until:
        time.sleep(0.005)
    assert process.died_by_itself == ["one ended with 3: out of paper"]
    assert not process.notice_death()  # once
    process.start()
    assert process.starts == 2
