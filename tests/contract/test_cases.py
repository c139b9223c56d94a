"""What people add to cases, and who is calling, on both databases: where their statements differ."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.tracker.test_cases import missed_at_denver
from tests.tracker.world import World
from tracker.audit import Audit
from tracker.callers import Callers
from tracker.cases import Cases, CaseTakenError
from tracker.domain.cases import UNTOUCHED
from tracker.domain.staff import Role, Staff
from tracker.store.engine import open_engine, sqlite_url
from tracker.store.migrations import migrate

DATABASES = [pytest.param("sqlite"), pytest.param("postgres", marks=pytest.mark.needs_postgres)]


@pytest.fixture(params=DATABASES)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    if request.param == "sqlite":
        url = sqlite_url(tmp_path / "lastscan.db")
    else:
        new: Callable[[], str] = request.getfixturevalue("new_postgres_url")
        url = new()
    engine = open_engine(url)
    migrate(engine)
    made = World(engine)
    yield made
    made.close()


def test_of_many_who_take_a_case_at_once_one_gets_it(world: World) -> None:
    name = missed_at_denver(world)
    cases = Cases(world.store, world.clock, world.clock)

    def takes(n: int) -> bool:
        try:
            cases.take(name, by=Staff(f"agent-{n}", Role.SUPPORT), seen=UNTOUCHED)
        except CaseTakenError:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(takes, range(12))) == 1
    ann = Staff("ann", Role.SUPPORT)
    for _ in range(2):
        cases.note(name, "called", by=ann, key="k")
        assert cases.still_looking(name, ann) == set()
    found = cases.file(name, ann)
    assert found is not None
    assert [note.text for note in found.notes] == ["called"]


def test_a_caller_is_found_by_every_word_of_a_name(world: World) -> None:
    number, *_ = missed_at_denver(world)
    callers = Callers(world.store, Audit(world.store, world.clock))
    (found,) = callers.find("lovelace ada")
    assert found.piece.number == number
    assert len(found.piece.open) == 1
    assert callers.find("ada byron") == ()
