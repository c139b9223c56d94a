"""A database of one's own for a benchmark, gone afterwards."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tracker.store import Store
from tracker.store.engine import open_engine, sqlite_url
from tracker.store.migrations import migrate


@contextmanager
def scratch_database(url: str | None = None) -> Iterator[Store]:
    """SQLite in a temporary file, or the empty PostgreSQL database of this URL, which is left full."""
    with tempfile.TemporaryDirectory(prefix="lastscan-bench-") as folder:
        engine = open_engine(url or sqlite_url(Path(folder) / "bench.db"))
        try:
            migrate(engine)
            yield Store(engine)
        finally:
            engine.dispose()
