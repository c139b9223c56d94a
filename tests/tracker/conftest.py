"""Each test gets a world of its own; laws get one for each example, copied from one that is migrated already."""

import shutil
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.tracker.world import World, new_database
from tracker.store.engine import open_engine, sqlite_url


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("migrated") / "lastscan.db"
    new_database(path).dispose()
    return path


@pytest.fixture
def new_world(empty_database: Path, tmp_path: Path) -> Iterator[Callable[[], World]]:
    """Call it for a world on an empty database in a file."""
    made: list[World] = []
    number = count()

    def new() -> World:
        path = tmp_path / f"{next(number)}.db"
        shutil.copy(empty_database, path)
        engine = open_engine(sqlite_url(path))
        sa.event.listen(engine, "connect", _unflushed)
        made.append(World(engine))
        return made[-1]

    yield new
    for world in made:
        world.close()


def _unflushed(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA synchronous=OFF")  # no power is cut here; the store's contract looks at the flushing


@pytest.fixture
def world(new_world: Callable[[], World]) -> World:
    return new_world()
