"""Holding a departure: never dearer than not to, and only for somebody."""

from hypothesis import given
from hypothesis import strategies as st

from tracker.domain.hold import WAITS, Aboard, LateComer, advice, choices, held, weight

instants = st.lists(st.integers(0, 200), min_size=1, max_size=12).map(lambda found: tuple(sorted(found)))
weights = st.integers(0, 100).map(weight)
late_comers = st.lists(st.builds(LateComer, instants, weights, st.integers(0, 900)), max_size=4)
groups = st.lists(
    st.builds(Aboard, weights, st.integers(0, 80), st.none() | st.integers(-20, 60), st.integers(0, 900)), max_size=4
)


@given(instants, late_comers, groups)
def test_the_advice_is_the_cheapest_choice_and_a_longer_wait_catches_no_fewer(leaves, late, aboard):
    found = choices(leaves, late, aboard)
    assert [choice.wait for choice in found] == list(WAITS)
    assert advice(leaves, late, aboard).cost == min(choice.cost for choice in found)
    caught = [choice.caught for choice in found]
    assert caught == sorted(caught)


@given(instants, groups)
def test_nobody_late_nobody_waits(leaves, aboard):
    assert advice(leaves, [], [*aboard, Aboard(1.0)]).wait == 0


@given(st.integers(0, 200), st.integers(0, 200), st.sampled_from(WAITS))
def test_to_hold_never_makes_a_departure_leave_earlier(left, planned, wait):
    assert held(left, planned=planned, wait=wait) >= left


def test_the_value_of_who_is_late_and_of_who_waits_decides():
    late = LateComer((110,), weight(100), 300)
    few, many = [Aboard(weight(50), pieces=20)], [Aboard(weight(50), pieces=200)]
    assert advice((100,), [late], few).wait == 10
    assert advice((100,), [late], many).wait == 0
    assert advice((100,), [LateComer((110,), weight(0), 300)], few).wait == 0


def test_connections_of_those_aboard_count():
    late, rider = LateComer((110,), 1.0, 100), Aboard(1.0, spare=5, left_behind=600)
    assert advice((100,), [late], []).wait == 10
    assert advice((100,), [late], [rider]).wait == 0
