"""One history of the one database, tables of notify included."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from tracker.domain.errors import StoreError


def migrate(engine: sa.Engine, *, lock: Path | None = None) -> None:
    """Brings the database to the newest schema; does nothing when it is there.

    A schema of a later version of Lastscan raises StoreError: it is never guessed at. `lock` is a file that keeps
    several processes of one home from migrating at once.
    """
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    with _alone(lock):
        with engine.connect() as connection:
            current = MigrationContext.configure(connection).get_current_revision()
        if current is not None and current not in known:
            raise StoreError(
                f"the database has schema {current}, made by a later version of Lastscan; install that one"
            )
        if current == ScriptDirectory.from_config(config).get_current_head():
            return
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")


@contextmanager
def _alone(lock: Path | None) -> Iterator[None]:
    if lock is None:
        yield
        return
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
