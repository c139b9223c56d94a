"""How long a leg takes: windows that grow with their confidence, and hold as often as they say."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.laws import trade
from tracker.domain.transit.check import check
from tracker.domain.transit.fit import TooFewDaysError, drawn, fit
from tracker.domain.transit.tables import Ridden, Ride, Transit

HUBS = tuple(f"H{at}" for at in range(9))
shares = st.floats(0.01, 0.99)


def days(seed: int, first: int, last: int) -> list[Ridden]:
    """A lane has its own pace, the evening is slow, a day may be bad, and now and then a leg takes very long."""
    rng, lanes = random.Random(seed), random.Random(7)
    pace = {(a, b): lanes.uniform(0.9, 2.5) for a in HUBS for b in HUBS if a != b}
    legs = []
    for day in range(first, last):
        mood = rng.gauss(1, 0.05)
        for _ in range(120):
            lane = rng.choice(list(pace))
            departs = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(days=day, minutes=rng.randrange(1440))
            slow = 1.3 if departs.hour >= 18 else 1.0
            odd = 2.0 if rng.random() < 0.03 else 1.0
            ride = Ride(*lane, departs, rng.uniform(30, 400), rng.choice(["road", "air"]))
            legs.append(Ridden(ride, ride.planned * pace[lane] * mood * slow * odd * rng.lognormvariate(0, 0.15)))
    return legs


@pytest.fixture(scope="module")
def learned() -> Transit:
    return fit(days(1, 0, 14), origin="made up")


rides = st.builds(
    Ride,
    st.sampled_from((*HUBS, "NEW")),
    st.sampled_from((*HUBS, "NEW")),
    st.integers(0, 8760).map(lambda hours: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=hours)),
    st.floats(1, 3000),
    st.sampled_from(["road", "air", "sea"]),
    km=st.none() | st.floats(0.1, 20_000),
)


@given(rides, shares, shares)
@trade
def test_a_greater_share_of_legs_is_never_over_sooner(learned, ride, one, other):
    less, more = sorted((one, other))
    assert 0 < learned.minutes(ride, less) <= learned.minutes(ride, more)


@given(rides, st.sampled_from([(0.5, 0.8), (0.8, 0.95), (0.5, 0.5)]))
@trade
def test_a_surer_window_is_around_one_less_sure(learned, ride, confidences):
    inner, outer = (learned.window(ride, confidence) for confidence in confidences)
    assert outer[0] <= inner[0] <= inner[1] <= outer[1]


@given(st.floats(-3, 3), st.integers(1, 500), st.integers(0, 40))
def test_a_level_adds_no_more_than_it_has_seen_and_the_more_the_oftener(value, seen, prior):
    assert 0 <= drawn(value, seen, prior) * (1 if value >= 0 else -1) <= abs(value)
    assert abs(drawn(value, seen, prior)) <= abs(drawn(value, seen + 1, prior))


def test_windows_hold_on_days_they_do_not_know(learned):
    found = check(learned, days(2, 14, 21))[0]
    assert found.mean_absolute_error < found.planned_error / 2
    for confidence, slack in ((0.5, 0.05), (0.8, 0.04), (0.95, 0.025)):
        assert abs(found.covered[confidence] - confidence) < slack


def test_a_lane_often_seen_is_told_from_the_others(learned):
    legs = days(2, 14, 16)
    strange = [replace(each, ride=replace(each.ride, origin="NEW", destination="NEWER")) for each in legs]
    known, unknown = check(learned, legs)[0], check(learned, strange)[0]
    assert [each.lanes for each in check(learned, strange)] == ["all", "never seen"]
    assert known.mean_absolute_error < unknown.mean_absolute_error


def test_a_place_never_seen_speaks_with_the_voice_of_those_near_it():
    slow_in_the_north = [
        replace(
            each, ride=replace(each.ride, origin=area + each.ride.origin), took=each.took * (2 if area == "NO" else 1)
        )
        for area in ("NO", "SE")
        for each in days(1, 0, 8)
    ]
    near = fit(slow_in_the_north, origin="made up", areas=(2,))
    ride = replace(days(2, 9, 10)[0].ride, destination="NEW")
    north, south = (near.minutes(replace(ride, origin=origin), 0.5) for origin in ("NOX", "SEX"))
    assert 1.5 < north / south < 2.2


@pytest.mark.parametrize("told", [{"run": "NIGHT"}, {"km": 9000.0}, {"kinds": "hub>station"}])
def test_what_tells_slow_legs_from_quick_ones_is_learned(told):
    legs = [
        *days(1, 0, 6),
        *(replace(each, ride=replace(each.ride, **told), took=each.took * 2) for each in days(2, 0, 6)),
    ]
    tables, ride = fit(legs, origin="made up"), replace(days(3, 7, 8)[0].ride, planned=90.0)
    assert 1.4 < tables.minutes(replace(ride, **told), 0.5) / tables.minutes(ride, 0.5) < 2.2


def test_the_order_of_the_history_does_not_matter(learned):
    shuffled = days(1, 0, 14)
    random.Random(5).shuffle(shuffled)
    assert fit(shuffled, origin="made up") == learned


def test_without_a_history_nothing_is_said():
    assert Transit().window(days(1, 0, 1)[0].ride, 0.8) is None
    with pytest.raises(TooFewDaysError):
        fit(days(1, 0, 1), origin="one day")
