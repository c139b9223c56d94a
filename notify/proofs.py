"""The record of each attempt and of each decision not to send: chained, so that none can be changed unseen."""

import hashlib
import hmac
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime

FIRST = "0" * 64
"""What the first proof names as its predecessor."""


@dataclass(frozen=True, slots=True)
class Proof:
    """One attempt, told without contact data: the address is a keyed digest, the person a pseudonym."""

    at: datetime
    notice: str
    cause: str
    delivery: str
    attempt: int
    kind: str
    person: str
    channel: str
    address: str
    language: str
    body_sha256: str  # empty: nothing was sent
    outcome: str
    why: str
    answer: str


@dataclass(frozen=True, slots=True)
class Link:
    """A proof in its place in the chain."""

    pos: int
    proof: Proof
    prev: str
    hash: str


def seal(proof: Proof, *, pos: int, prev: str) -> Link:
    """SHA-256 of the predecessor's hash and the row as JSON: keys in order, no blanks, instants in RFC 3339."""
    row = asdict(proof) | {"at": proof.at.isoformat(), "pos": pos}
    body = json.dumps(row, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return Link(pos, proof, prev, hashlib.sha256(bytes.fromhex(prev) + body.encode()).hexdigest())


def first_broken(chain: Iterable[Link]) -> int | None:
    """The position of the first proof that is not what was written, or None if all are."""
    prev = FIRST
    for pos, link in enumerate(chain, start=1):
        if link.pos != pos or link.prev != prev or seal(link.proof, pos=pos, prev=prev).hash != link.hash:
            return pos
        prev = link.hash
    return None


def address_digest(address: str | None, key: bytes) -> str:
    """Tells whether two proofs went to one address, to nobody without the key. Empty for no address."""
    return hmac.new(key, address.strip().casefold().encode(), hashlib.sha256).hexdigest() if address else ""
