"""The parts of a handheld: each is as bad as the real one, and the same for the same seed."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.battery import Battery
from firmware_sim.clock import RealTimeClock, VirtualClock
from firmware_sim.device import DeviceOffError, Habits, VirtualHandheld, linked_to
from firmware_sim.engine import PatternEngine, ScanEngine
from firmware_sim.flash import Flash
from firmware_sim.keypad import Keypad
from firmware_sim.radio import Radio
from firmware_sim.sight import Sight
from firmware_sim.storage import Soldered
from scanner.feedback import Sound
from tests.firmware_sim.world import BAG, PARCEL, registered
from tracker.domain.ids import S10Number

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
NOBODY = "mqtt://127.0.0.1:9"


class Blind:
    def trigger(self, code: str, sym: str) -> Sight | None:
        return None


def a_handheld(now: list[datetime], radio: Radio | None = None) -> VirtualHandheld:
    chance = random.Random(1)
    return VirtualHandheld(
        registered("sea-h1"),
        Soldered(Flash(chance)),
        Habits(radio or Radio(1, "sea-h1")),
        new_rim=linked_to(NOBODY),
        business=lambda: now[0],
        chance=chance,
        engine=Blind(),
    )


def test_a_shift_and_a_half_empties_a_battery_and_three_hours_fill_it() -> None:
    battery = Battery()
    battery.passes(timedelta(hours=8), on=True, radio=True)
    for _ in range(2000):
        battery.scanned()
    assert 0.1 < battery.level < 0.4
    battery.passes(timedelta(hours=8), on=True, radio=True)
    assert battery.is_flat
    battery.in_cradle = True
    battery.passes(timedelta(hours=3), on=False, radio=False)
    assert battery.level == pytest.approx(1.0)


def test_a_battery_in_a_device_switched_off_keeps() -> None:
    battery = Battery()
    battery.passes(timedelta(days=3), on=False, radio=False)
    assert battery.level == 1.0


def test_a_device_dies_with_its_battery_and_goes_on_in_the_same_journal_with_another() -> None:
    now = [NOON]
    device = a_handheld(now)
    device.start()
    device.key_in(BAG, "sort")
    now[0] += timedelta(hours=20)
    device.passes(now[0])
    assert not device.is_on
    with pytest.raises(DeviceOffError, match="flat"):
        device.start()
    device.battery.swap()
    device.start()
    assert device.waiting == 1
    assert device.key_in(BAG, "sort").q == 2
    device.stop()


def test_a_cradle_keeps_a_device_alive() -> None:
    now = [NOON]
    device = a_handheld(now)
    device.start()
    device.cradle(into=True)
    now[0] += timedelta(hours=20)
    device.passes(now[0])
    assert device.is_on
    device.stop()


def test_what_does_not_read_is_not_recorded_and_sounds_otherwise() -> None:
    device = a_handheld([NOON])
    device.start()
    assert device.pull_trigger(PARCEL, "code128", "sort") is None
    assert device.beeper.counts == {Sound.UNREADABLE: 1}
    assert device.waiting == 0
    device.stop()


def test_a_clock_set_and_a_crystal_warmed_change_the_wall_and_never_step_the_running_time() -> None:
    now = [NOON]
    real = RealTimeClock(lambda: now[0], offset=timedelta(minutes=1))
    clock = VirtualClock(real, booted_at=NOON, boot=1)
    now[0] += timedelta(hours=1)
    before = clock.stamp()
    real.jump(timedelta(days=-400))
    assert clock.stamp().mono == before.mono
    assert before.wall - clock.stamp().wall == 400 * 86_400_000
    real.drift(200)
    assert clock.stamp().mono == before.mono
    now[0] += timedelta(hours=10)
    assert clock.stamp().mono - before.mono == 36_000_000 + 7200
    assert real.off_by(now[0]) == timedelta(minutes=1, days=-400, seconds=7.2)


@given(st.integers(0, 50), st.integers(0, 100_000))
def test_a_shadow_takes_its_share_of_each_stay_and_the_walk_is_the_same_for_the_same_seed(seed: int, at: int) -> None:
    def walks() -> Radio:
        return Radio(seed, "h1", access_points=("a", "b", "c"), stay=timedelta(seconds=100), shadows=0.2)

    stay = NOON + timedelta(seconds=100 * (at // 100))
    met = [walks().access_point(stay + timedelta(seconds=s)) for s in range(100)]
    assert 18 <= met.count(None) <= 22
    assert len(set(met) - {None}) == 1
    assert met == [walks().access_point(stay + timedelta(seconds=s)) for s in range(100)]


def test_a_device_that_walks_on_hangs_up_at_one_access_point_and_calls_from_the_next() -> None:
    now = [NOON]
    device = a_handheld(now, Radio(3, "sea-h1", access_points=("a", "b"), stay=timedelta(minutes=1), shadows=0.3))
    device.start()
    met = set()
    for _ in range(40):
        now[0] += timedelta(seconds=20)
        device.heed_radio(now[0])
        met.add(device.access_point)
    assert met == {"a", "b", None}
    device.come_back()
    assert not device.is_off_line
    device.stop()


@given(st.integers(0, 10**6))
def test_a_slip_on_a_number_with_a_check_digit_is_noticed(seed: int) -> None:
    keyed = Keypad(random.Random(seed), slips=0.2).type(PARCEL)
    assert str(S10Number.parse(keyed.typed)) == keyed.typed


def test_a_slip_on_a_bag_tag_is_not() -> None:
    keyed = [Keypad(random.Random(seed), slips=0.2).type(BAG) for seed in range(20)]
    assert any(each.is_wrong for each in keyed)


def test_an_engine_reads_pixels_the_same_for_the_same_seed_and_makes_nothing_up() -> None:
    pulls = [[ScanEngine("s", severity=0.9).trigger(BAG, "itf")] for _ in range(2)]
    assert pulls[0] == pulls[1]
    engine = ScanEngine("s", severity=0.95)
    assert {sight.read for _ in range(6) if (sight := engine.trigger(PARCEL, "code128"))} <= {PARCEL}


def test_a_pattern_is_drawn_once() -> None:
    engine = PatternEngine(ScanEngine("s"), random.Random(1), misses=0.0)
    first = engine.trigger(BAG, "itf")
    assert first is not None
    assert all(engine.trigger(BAG, "itf") is first for _ in range(3))
