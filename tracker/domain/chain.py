"""Rows that hold each other: whoever changes, drops or swaps one breaks every row after it.

Each row has its number `n`, from 1 without gaps, the hash of the row before as `prev` (64 zeros for the first), and

    hash = SHA-256(prev ‖ canonical JSON of all but prev and hash)

with `prev` as its 64 hex digits, so that `printf %s%s "$prev" "$json" | sha256sum` says the same. The JSON is that of
RFC 8785 for what rows may hold: text, whole numbers, true, false and null.

What a chain cannot show by itself is that its newest rows were cut off, or that all of it was written anew: for that
its head is noted elsewhere from time to time, and `verify` is given what was noted.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

Value = str | int | bool | None

GENESIS = "0" * 64
_LINKS = ("prev", "hash")


@dataclass(frozen=True, slots=True)
class Head:
    """The newest row of a chain: its number and hash. As it is made, that of an empty chain."""

    n: int = 0
    hash: str = GENESIS


@dataclass(frozen=True, slots=True)
class Broken:
    """The first row that is not what was written, or is not there."""

    n: int
    why: str


def canonical(row: Mapping[str, Value]) -> bytes:
    """One form for one content, without a line end. Raises TypeError for what a row cannot hold, a fraction say."""
    for name, value in row.items():
        if not (value is None or isinstance(value, str | int)):
            raise TypeError(f"{name}: {value!r} is spelled in several ways; rows hold text, whole numbers, booleans")
    return json.dumps(row, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def linked(head: Head, said: Mapping[str, Value]) -> dict[str, Value]:
    """The row that says this after `head`: with `n`, `prev` and `hash`, which `said` must not have."""
    if taken := {"n", *_LINKS} & said.keys():
        raise ValueError(f"{sorted(taken)} are the chain's own")
    numbered = {**said, "n": head.n + 1}
    return {**numbered, "prev": head.hash, "hash": _hash(head.hash, numbered)}


def verify(rows: Iterable[Mapping[str, Value]], heads: Iterable[Head] = ()) -> Head | Broken:
    """The head of a whole chain, or its first row that is not what was written.

    `rows` in order from the first. `heads`: those that were noted elsewhere; the chain must have every one of them.
    """
    noted = {each.n: each.hash for each in heads if each.n}
    head = Head()
    for row in rows:
        found = _next(head, row)
        if isinstance(found, Broken):
            return found
        if noted.pop(found.n, found.hash) != found.hash:
            return Broken(found.n, "its hash is not the one that was noted elsewhere: it was written anew")
        head = found
    if noted:
        return Broken(head.n + 1, f"it is not there: row {max(noted)} was noted elsewhere, so the end was cut off")
    return head


def verify_lines(lines: Iterable[bytes], heads: Iterable[Head] = ()) -> Head | Broken:
    """`verify` for an export: one canonical row a line, each with its line end. Any other byte breaks it."""
    return verify(map(_parsed, lines), heads)


def _next(head: Head, row: Mapping[str, Value]) -> Head | Broken:
    expected = head.n + 1
    if row.get("n") != expected:
        return Broken(expected, f"row {row.get('n')!r} stands in its place")
    if row.get("prev") != head.hash:
        return Broken(expected, "it does not follow the row before")
    try:
        computed = _hash(head.hash, {name: value for name, value in row.items() if name not in _LINKS})
    except (TypeError, ValueError):
        return Broken(expected, "it holds what no row can hold")
    if row.get("hash") != computed:
        return Broken(expected, "its content does not fit its hash")
    return Head(expected, computed)


def _hash(prev: str, numbered: Mapping[str, Value]) -> str:
    return hashlib.sha256(prev.encode() + canonical(numbered)).hexdigest()


def _parsed(line: bytes) -> Mapping[str, Value]:
    """The row of this line; a row that fits no chain, where the line is not what an export writes."""
    try:
        row = json.loads(line)
        if isinstance(row, dict) and canonical(row) + b"\n" == line:
            return row
    except (TypeError, ValueError, RecursionError):
        pass
    return {"n": "an unreadable line"}
