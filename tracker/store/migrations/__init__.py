"""One history of the one database, tables of notify included."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from tracker.domain.errors import StoreError

_HERE = Path(__file__).parent
_MIGRATION_LOCK = 0x4C534D31


def migrate(engine: sa.Engine, *, lock: Path | None = None) -> None:
    """Brings the database to the newest schema; does nothing when it is there.

    A schema of a later version of Lastscan raises StoreError: it is never guessed at. `lock` is a file that keeps
    several processes of one home from migrating at once.
    """
    known = known_schemas()
    with _alone(lock):
        with engine.connect().execution_options(reading=True) as connection:
            current = schema_of(connection)
        if current is not None and current not in known:
            raise StoreError(f"the database has schema {current} of a later version of Lastscan; install that one")
        if current != known[-1]:
            with engine.begin() as connection:
                upgrade(connection)


def known_schemas() -> list[str]:
    """Every version of the schema, oldest first."""
    return sorted(file.stem.partition("_")[0] for file in (_HERE / "versions").glob("[0-9]*.py"))


def schema_of(connection: sa.Connection) -> str | None:
    """Which schema the database has; None where nothing of ours is in it."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    version: str | None = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
    return version


def upgrade(connection: sa.Connection, to: str = "head") -> None:
    """Brings the schema up to a version, in the transaction of the caller."""
    # Imported here: every role looks at the schema when it starts, and hardly ever has anything to do.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_HERE).replace("%", "%%"))
    if connection.dialect.name == "postgresql":  # which several machines may migrate, without a file between them
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
    config.attributes["connection"] = connection
    command.upgrade(config, to)


@contextmanager
def _alone(lock: Path | None) -> Iterator[None]:
    if lock is None:
        yield
        return
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
