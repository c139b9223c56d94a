"""Device clocks: whatever a message queued and an oscillator strays, a scan's time is within the error we claim."""

import random
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.laws import trade
from tests.world import SATURDAY
from tracker.domain.drift import BootClock, first_heard

MS = timedelta(milliseconds=1)
MOST_UPTIME = 2**40


def hear(clock: BootClock | None, *, mono: int, heard_at: timedelta) -> BootClock:
    moment = SATURDAY + heard_at
    return clock.hearing(mono=mono, heard_at=moment) if clock else first_heard(mono=mono, heard_at=moment)


@given(
    st.floats(-200, 200),
    st.integers(0, 10**9),
    st.integers(1, 400),
    st.sampled_from([0.3, 2.0, 60.0]),
    st.randoms(use_true_random=False),
)
@trade
def test_a_scan_is_within_the_error_claimed_for_it(
    ppm: float, started: int, minutes: int, queues: float, rng: random.Random
) -> None:
    """A message every few minutes, two of three of them queued somewhere; scans of any earlier moment of that start."""
    clock: BootClock | None = None
    real, prompt = timedelta(milliseconds=started), False
    for n in range(minutes // 4 + 3):
        mono = int(real / MS / (1 + ppm * 1e-6))
        until_next = rng.uniform(1, 300)
        late = timedelta(seconds=rng.uniform(0, min(queues, until_next)) if (n + minutes) % 3 else 0)
        clock = hear(clock, mono=mono, heard_at=real + late)
        prompt = prompt or not late
        if prompt:
            scanned = max(0, mono - rng.choice([0, 1, 1000, 10**6, 10**7, 3 * 10**8]))
            true = SATURDAY + scanned * (1 + ppm * 1e-6) * MS
            at, error_ms = clock.at(scanned)
            assert abs(at - true) <= (error_ms + 1) * MS
        real += timedelta(seconds=until_next)


@given(st.lists(st.integers(0, 59_000), min_size=1, max_size=40))
@trade
def test_within_a_window_the_least_queued_message_counts(queued: list[int]) -> None:
    clock: BootClock | None = None
    for minute, late in enumerate(queued):
        mono = minute * 60_000
        clock = hear(clock, mono=mono, heard_at=(mono + late) * MS)
    assert clock is not None
    assert clock.at(0)[0] == SATURDAY + min(queued) * MS


def test_the_least_queued_message_tells_when_the_device_started() -> None:
    clock = hear(None, mono=1000, heard_at=timedelta(seconds=6))
    clock = hear(clock, mono=11_000, heard_at=timedelta(seconds=11))
    clock = hear(clock, mono=21_000, heard_at=timedelta(seconds=29))
    assert clock.at(5_000)[0] == SATURDAY + timedelta(seconds=5)


def test_a_first_message_that_queued_a_second_does_not_pass_for_drift() -> None:
    clock = hear(None, mono=0, heard_at=timedelta(0))
    clock = hear(clock, mono=4_000_000, heard_at=timedelta(milliseconds=4_001_000))
    assert clock.drift is None
    assert clock.at(4_000_000)[0] == SATURDAY + timedelta(milliseconds=4_000_000)


def test_two_windows_apart_give_the_drift() -> None:
    clock: BootClock | None = None
    for minute in range(0, 170, 2):
        real = timedelta(minutes=minute)
        clock = hear(clock, mono=int(real / MS / (1 + 100e-6)), heard_at=real)
    assert clock is not None
    assert clock.drift == pytest.approx(100e-6, rel=0.05)
    assert abs(clock.at(0)[0] - SATURDAY) < timedelta(milliseconds=100)


def test_when_our_own_clock_goes_back_all_is_forgotten() -> None:
    clock = hear(None, mono=0, heard_at=timedelta(hours=5))
    clock = hear(clock, mono=4_000_000, heard_at=timedelta(hours=6, minutes=30))
    back = hear(clock, mono=4_010_000, heard_at=timedelta(hours=2))
    assert back.before is None
    assert back.at(4_010_000) == (SATURDAY + timedelta(hours=2), 20)


def test_a_second_of_jitter_is_no_step() -> None:
    clock = hear(None, mono=0, heard_at=timedelta(hours=5))
    back = hear(clock, mono=10_000, heard_at=timedelta(hours=5) - timedelta(seconds=1))
    assert back.now.since == clock.now.since


@given(
    st.lists(st.tuples(st.integers(0, MOST_UPTIME), st.integers(0, 10**9)), min_size=1, max_size=8),
    st.integers(0, MOST_UPTIME),
)
@trade
def test_no_numbers_a_device_may_send_break_anything(said: list[tuple[int, int]], scanned: int) -> None:
    clock: BootClock | None = None
    for mono, heard in said:
        clock = hear(clock, mono=mono, heard_at=heard * MS)
        at, error_ms = clock.at(scanned)
        assert abs(at - SATURDAY) < timedelta(days=366 * 72)
        assert 0 < error_ms < MOST_UPTIME
