"""The proofs in the database, and out of it: rows of a chain, one line of canonical JSON each."""

from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any

import sqlalchemy as sa

from notify.proofs import Proof
from notify.store.schema import proofs
from tracker.domain.chain import Broken, Head, Value, linked, verify

_CHAIN_LOCK = 0x6E6F7469  # any number, the same for all who append to the ledger
_NAMES = tuple(field.name for field in fields(Proof))


def append(tx: sa.Connection, said: Sequence[Proof]) -> None:
    """As the newest rows of the chain. On PostgreSQL whoever appends waits for who began before, until the commit."""
    if not said:
        return
    if tx.dialect.name == "postgresql":
        tx.execute(sa.select(sa.func.pg_advisory_xact_lock(_CHAIN_LOCK)))
    last = tx.execute(sa.select(proofs.c.n, proofs.c.hash).order_by(proofs.c.n.desc()).limit(1)).one_or_none()
    head = Head() if last is None else Head(last.n, last.hash)
    rows: list[dict[str, Any]] = []
    for proof in said:
        row = linked(head, proof.said())
        head = Head(head.n + 1, str(row["hash"]))
        rows.append(row | {"at": proof.at})
    tx.execute(sa.insert(proofs), rows)


class Ledger:
    """Every attempt and every decision not to send, oldest first. Only read here; `DeliveryStore` writes it."""

    def __init__(self, engine: sa.Engine) -> None:
        self._reading = engine.execution_options(reading=True)

    def rows(self) -> Iterator[dict[str, Value]]:
        """As chained: what an export writes and `chain.verify` reads."""
        query = sa.select(proofs).order_by(proofs.c.n).execution_options(yield_per=1000)
        with self._reading.connect() as tx:
            for row in tx.execute(query).mappings():
                links: dict[str, Value] = {"n": row["n"], "prev": row["prev"], "hash": row["hash"]}
                yield _proof(row).said() | links

    def proofs(self, *, deliveries: Sequence[str] | None = None) -> list[Proof]:
        """All of them, or those of these deliveries."""
        query = sa.select(proofs).order_by(proofs.c.n)
        if deliveries is not None:
            query = query.where(proofs.c.delivery.in_(deliveries))
        with self._reading.connect() as tx:
            return [_proof(row) for row in tx.execute(query).mappings()]

    def verified(self) -> Head | Broken:
        """The newest row, or the first that is not what was written."""
        return verify(self.rows())


def _proof(row: Any) -> Proof:
    return Proof(**{name: row[name] for name in _NAMES})
