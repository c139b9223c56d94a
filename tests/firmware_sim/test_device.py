"""A virtual handheld keeps what it beeped, whatever happens to it; and its parts replay from their seed."""

import json
import random
import signal
import subprocess
import sys
import textwrap
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.clock import RealTimeClock, VirtualClock
from firmware_sim.device import Directory, Habits, Registration, VirtualHandheld, linked_to
from firmware_sim.fleet import habits_of
from firmware_sim.journey import Handling
from firmware_sim.radio import Radio
from firmware_sim.sight import Eyes, Sight
from scanner.journal import FileDisk, Journal
from tracker.domain.handling import Kind
from tracker.wire import hear_record

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
H1 = Registration("sea-h1", "sea", key="11" * 32, password="secret")
NOBODY = "mqtt://127.0.0.1:9"  # the discard port: no broker answers there
TAG = "0027123456"


def handheld(directory: Path, beeps: list[tuple[str, str, int, str]]) -> VirtualHandheld:
    return VirtualHandheld(
        H1,
        Directory(directory),
        Habits(Radio(1, H1.dev), wall_offset=timedelta(hours=-1), drift_ppm=50),
        new_rim=linked_to(NOBODY),
        business=lambda: NOON,
        on_beep=lambda *beep: beeps.append(beep),
        chance=random.Random(1),
    )


def kept(directory: Path) -> list[tuple[str, int, str]]:
    disk = FileDisk(directory)
    journal = Journal(disk, new_epoch=lambda: "ab" * 16)
    records = [(e.ep, journal.record(e, q)) for e in journal.epochs for q in range(1, e.given + 1)]
    disk.close()
    return [(ep, scan.q, scan.code) for ep, raw in records if raw for scan in [hear_record(raw)]]


def test_a_scan_is_stamped_with_the_moment_it_was_made_and_beeps_once_it_is_kept(tmp_path: Path) -> None:
    beeps: list[tuple[str, str, int, str]] = []
    device = handheld(tmp_path, beeps)
    device.start()
    device.scan(Handling(NOON, "SEA", Kind.SORT, TAG, "itf"), Sight(TAG, TAG, "itf", 1))
    device.stop()
    assert [(ep, q, code) for _, ep, q, code in beeps] == kept(tmp_path)
    assert device.waiting == 1


def test_a_battery_changed_goes_on_in_the_same_journal(tmp_path: Path) -> None:
    beeps: list[tuple[str, str, int, str]] = []
    device = handheld(tmp_path, beeps)
    for _ in range(2):
        device.start()
        device.scan(Handling(NOON, "SEA", Kind.SORT, TAG, "itf"), Sight(TAG, TAG, "itf", 1))
        device.stop()
    assert [q for _, _, q, _ in beeps] == [1, 2]
    assert [(ep, q, code) for _, ep, q, code in beeps] == kept(tmp_path)


def test_a_handheld_killed_has_everything_it_beeped(tmp_path: Path) -> None:
    program = textwrap.dedent(f"""
        import json, os, random, signal
        from datetime import UTC, datetime
        from pathlib import Path
        from firmware_sim.device import Directory, Habits, Registration, VirtualHandheld, linked_to
        from firmware_sim.journey import Handling
        from firmware_sim.radio import Radio
        from firmware_sim.sight import Sight
        from tracker.domain.handling import Kind

        noon = datetime(2026, 11, 22, 12, tzinfo=UTC)
        def beep(dev, ep, q, code):
            print(json.dumps([ep, q, code]), flush=True)
            if q == 7:
                os.kill(os.getpid(), signal.SIGKILL)
        device = VirtualHandheld(
            Registration("sea-h1", "sea", "11" * 32, "secret"), Directory(Path({str(tmp_path / "journal")!r})),
            Habits(Radio(1, "sea-h1")), new_rim=linked_to({NOBODY!r}), business=lambda: noon, on_beep=beep,
            chance=random.Random(1),
        )
        device.start()
        while True:
            device.scan(Handling(noon, "SEA", Kind.SORT, {TAG!r}, "itf"), Sight({TAG!r}, {TAG!r}, "itf", 1))
    """)
    died = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert died.returncode == -signal.SIGKILL, died.stderr
    beeped = [tuple(json.loads(line)) for line in died.stdout.splitlines()]
    assert len(beeped) == 7
    assert kept(tmp_path / "journal") == beeped


@given(st.integers(0, 99), st.sampled_from(["sea-h1", "ord-h2"]), st.integers(0, 48 * 60))
def test_a_radio_is_the_same_for_the_same_seed_and_off_within_its_outages(seed: int, dev: str, minute: int) -> None:
    at = NOON + timedelta(minutes=minute)
    radio = Radio(seed, dev, most=3)
    assert radio.is_on(at) == Radio(seed, dev, most=3).is_on(at)
    begun = [outage for day in (-1, 0) for outage in radio.outages(at.date() + timedelta(days=day))]
    assert radio.is_on(at) != any(off <= at < on for off, on in begun)


def test_a_radio_without_outages_is_never_off() -> None:
    assert Radio(1, "sea-h1").outages(date(2026, 11, 22)) == ()


@given(st.integers(0, 10**6), st.floats(-200, 200), st.integers(-500, 500))
def test_the_running_time_never_steps_whatever_the_wall_clock_says(minutes: int, ppm: float, hours: int) -> None:
    now = [NOON]
    real = RealTimeClock(lambda: now[0], offset=timedelta(hours=hours), drift_ppm=ppm)
    clock = VirtualClock(real, booted_at=NOON, boot=3)
    before = clock.stamp()
    now[0] += timedelta(minutes=minutes)
    after = clock.stamp()
    with clock.at(NOON):
        assert clock.stamp() == before
    assert after.mono >= before.mono
    assert abs(after.mono - minutes * 60_000) <= minutes * 60 * abs(ppm) / 1000 + 1
    assert after.boot == 3


def test_the_same_seed_sees_the_same_frames_and_reads_the_label() -> None:
    one, other = (Eyes(0.4).look(TAG, "itf", "seed") for _ in range(2))
    assert one == other
    assert one.read == TAG
    assert not one.is_wrong


def test_flights_are_told_at_once_because_their_devices_stay_on_line() -> None:
    assert habits_of(7, "ord-h2", carries_flights=True).radio.most == 0
    assert habits_of(7, "ord-h2", carries_flights=True) == habits_of(7, "ord-h2", carries_flights=True)
