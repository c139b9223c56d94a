"""How far places are from each other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.domain.network import Facility

HALFWAY_ROUND = 20_016
places = st.builds(Facility, st.just("XXX"), lat=st.floats(-90, 90), lon=st.floats(-180, 180))


@given(places, places)
def test_it_is_as_far_there_as_back_and_never_more_than_halfway_round(one: Facility, other: Facility) -> None:
    far = one.km_to(other)
    assert far == pytest.approx(other.km_to(one), abs=1e-3)
    assert far is not None
    assert 0 <= far <= HALFWAY_ROUND
    assert one.km_to(one) == 0


def test_frankfurt_is_1141_kilometres_from_oslo() -> None:
    frankfurt, oslo = Facility("FRA", lat=50.0333, lon=8.5706), Facility("OSL", lat=60.1939, lon=11.1004)
    assert frankfurt.km_to(oslo) == pytest.approx(1141, abs=1)
    assert frankfurt.km_to(Facility("NEW")) is None
