"""Planted faults: what a careless programmer would have done, put into the shipped classes for as long as a run."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

_GONE = object()


class Ground:
    """Where faults are planted. `swap` puts what `make` makes of the original in its place."""

    def __init__(self) -> None:
        self._before: list[tuple[Any, str, Any]] = []

    def swap(self, owner: Any, name: str, make: Callable[[Any], Any]) -> None:
        original = vars(owner)[name]
        self._before.append((owner, name, original))
        setattr(owner, name, make(original))

    def clear(self) -> None:
        for owner, name, original in reversed(self._before):
            setattr(owner, name, original)
        self._before.clear()


@dataclass(frozen=True)
class Mutant:
    name: str
    careless: str
    plant: Callable[[Ground], None]

    @contextmanager
    def planted(self) -> Iterator[None]:
        ground = Ground()
        try:
            self.plant(ground)
            yield
        finally:
            ground.clear()


MUTANTS: dict[str, Mutant] = {}


def mutant(plant: Callable[[Ground], None]) -> Callable[[Ground], None]:
    """Registers it under its name; its docstring says what was thought."""
    assert plant.__doc__
    MUTANTS[plant.__name__] = Mutant(plant.__name__, " ".join(plant.__doc__.split()), plant)
    return plant
