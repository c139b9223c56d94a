"""Planted faults are found, beginning with the seed that caught each first. The hunt: `python -m tests.mutants`."""

import pytest

from lastscan.simulate import Orders, simulate
from tests.mutants import MUTANTS
from tests.mutants.caught import CAUGHT, NOT_YET

AND_THE_NEXT = 12  # a seed is another day once the shipped code writes more or less often


def test_every_mutant_has_been_caught_or_is_named() -> None:
    assert CAUGHT.keys() | NOT_YET == MUTANTS.keys()
    assert len(CAUGHT) >= 40
    assert max(CAUGHT.values()) <= 500


@pytest.mark.parametrize("name", CAUGHT)
def test_the_simulation_catches(name: str) -> None:
    first = CAUGHT[name]
    with MUTANTS[name].planted():
        assert any(simulate([Orders(seed)]).violations for seed in range(first, first + 1 + AND_THE_NEXT))
