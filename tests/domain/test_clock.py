"""The business clock of a demo: one sets it, every process of the machine reads the same."""

import subprocess
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

from tests.world import at
from tracker.clock import SharedClock, StoppedClock, WallClock, clock_of

READ = "import sys, pathlib, tracker.clock as c; print(c.SharedClock(pathlib.Path(sys.argv[1])).now().isoformat())"


def test_a_clock_that_stands_shows_what_it_was_set_to(tmp_path: Path) -> None:
    clock = SharedClock(tmp_path / "clock")
    clock.set(at("10:50"), speed=0)
    assert clock.now() == clock.now() == at("10:50")
    assert clock.speed == 0


def test_a_clock_runs_as_much_faster_as_it_was_told(tmp_path: Path) -> None:
    clock = SharedClock(tmp_path / "clock")
    clock.set(at("10:50"), speed=3600)
    began = time.monotonic()
    time.sleep(0.02)
    shown, real = clock.now() - at("10:50"), time.monotonic() - began
    assert timedelta(seconds=0.02 * 3600) <= shown <= timedelta(seconds=(real + 0.05) * 3600)


def test_setting_it_again_replaces_instant_and_speed(tmp_path: Path) -> None:
    clock = SharedClock(tmp_path / "clock")
    clock.set(at("10:50"), speed=60)
    clock.set(at("09:00"), speed=0)
    assert (clock.now(), clock.speed) == (at("09:00"), 0)


def test_another_process_reads_the_same_time(tmp_path: Path) -> None:
    clock = SharedClock(tmp_path / "clock")
    clock.set(at("10:50"), speed=60)
    before = clock.now()
    read = subprocess.run(
        [sys.executable, "-c", READ, str(tmp_path / "clock")], capture_output=True, text=True, check=True, timeout=30
    )
    assert before <= datetime.fromisoformat(read.stdout.strip()) <= clock.now()


def test_a_home_without_a_business_clock_goes_by_the_wall(tmp_path: Path) -> None:
    assert isinstance(clock_of(None), WallClock)
    assert isinstance(clock_of(tmp_path), WallClock)
    (tmp_path / "run").mkdir()
    SharedClock(tmp_path / "run" / "clock").set(at("10:50"), speed=0)
    assert clock_of(tmp_path).now() == at("10:50")


def test_a_stopped_clock_is_moved_by_hand() -> None:
    clock = StoppedClock(at("10:50"))
    clock.instant = at("10:51")
    assert clock.now() == at("10:51")
