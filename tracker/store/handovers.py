"""Pictures and signatures, by their digest."""

from datetime import datetime

import sqlalchemy as sa

from tracker.store.bulk import upsert
from tracker.store.schema import handover_files


class HandoverFiles:
    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def add(self, sha256: str, content: bytes, *, media_type: str, dev: str, now: datetime) -> bool:
        row = {"sha256": sha256, "content": content, "media_type": media_type, "dev": dev, "received_at": now}
        new = upsert(self._connection.dialect.name)(handover_files).values(**row).on_conflict_do_nothing()
        return self._connection.execute(new.returning(handover_files.c.sha256)).first() is not None

    def find(self, sha256: str) -> tuple[str, bytes] | None:
        query = sa.select(handover_files.c.media_type, handover_files.c.content)
        row = self._connection.execute(query.where(handover_files.c.sha256 == sha256)).one_or_none()
        return None if row is None else (row.media_type, row.content)
