"""A whole installation in one file, made while it runs, and back again.

FILE is a ZIP: `manifest.json`, `tables/<name>.jsonl` with one array a row, `home/…` for settings. Its comment is the
SHA-256 of all bytes before it, in hex, so that no byte of it can be another. Keys and credentials lie apart in
FILE.keys, without which FILE cannot be restored: destroy the one and the other tells nothing that they protect.
"""

import hashlib
import os
import secrets
import shutil
import sqlite3
import tempfile
import zipfile
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any

import msgspec

from lastscan.home import Home, replace_file
from tracker.domain.errors import LastscanError
from tracker.store.backup import Moment, Refilled, Table, moment, refilled, step_ahead
from tracker.store.engine import sqlite_url

FORM = 1
SETTINGS = ("demo/state.json",)
KEYS = ("keys", "demo/devices.json")
"""What is secret, in files or whole folders. Handhelds' journals are in no backup: one set back would number its next
scans like those it has sent."""

_MANIFEST = "manifest.json"
_SEAL = 64
_AT_ONCE = 1 << 20


class BackupError(LastscanError):
    """The backup cannot be written, or is not what was written; the message says why. Nothing was changed."""


class Columns(msgspec.Struct, frozen=True):
    """What each row of a table holds, in this order, and how many rows there are."""

    columns: tuple[str, ...]
    rows: int


class Manifest(msgspec.Struct, frozen=True):
    form: int
    lastscan: str
    schema: str
    generation: int
    made_at: datetime
    keys_sha256: str
    tables: dict[str, Columns]


class Keys(msgspec.Struct, frozen=True):
    """FILE.keys: the content of each secret file by its place in the home."""

    made_at: datetime
    files: dict[str, bytes]


@dataclass(frozen=True, slots=True)
class Restored:
    """`before`: under which name all lies that stood there, if anything did: a folder in the home, and a schema on
    PostgreSQL. `knows_what_was_sent`: notices sent after the backup are known, and not sent again."""

    manifest: Manifest
    generation: int
    before: str | None
    knows_what_was_sent: bool


def keys_file(file: Path) -> Path:
    return file.with_name(file.name + ".keys")


# Out


def write_backup(home: Home, file: Path, *, now: datetime) -> Manifest:
    """All of it as it is at one instant, into FILE and FILE.keys, which only their owner can read.

    Both are flushed to disk when this returns. On any error neither is there.
    """
    for each in (file, keys_file(file)):
        if each.exists():
            raise BackupError(f"{each} is there already: name another file, a backup is never overwritten")
    try:
        with _whole(file) as sealed, _whole(keys_file(file)) as keys:
            secret = msgspec.json.encode(Keys(now, dict(_files(home.path, KEYS))))
            keys.write(secret)
            with zipfile.ZipFile(sealed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
                archive.comment = b"0" * _SEAL
                with home.database() as engine, moment(engine) as everything:
                    tables = {table.name: _write_table(archive, everything, table) for table in everything.tables}
                    manifest = Manifest(
                        form=FORM,
                        lastscan=version("lastscan"),
                        schema=everything.schema,
                        generation=everything.generation,
                        made_at=now,
                        keys_sha256=hashlib.sha256(secret).hexdigest(),
                        tables=tables,
                    )
                for place, content in _files(home.path, SETTINGS):
                    archive.writestr(f"home/{place}", content)
                archive.writestr(_MANIFEST, msgspec.json.encode(manifest))
            sealed.seek(0)
            digest = _digest_but_seal(sealed)
            sealed.seek(-_SEAL, os.SEEK_END)
            sealed.write(digest)
    except OSError as wrong:
        keys_file(file).unlink(missing_ok=True)
        raise BackupError(f"{file} cannot be written ({wrong.strerror}); nothing is left of it") from wrong
    home.note_kept("backup", now)
    return manifest


def _write_table(archive: zipfile.ZipFile, everything: Moment, table: Table) -> Columns:
    counted = 0
    with archive.open(f"tables/{table.name}.jsonl", "w", force_zip64=True) as member:
        for rows in everything.rows(table):
            counted += len(rows)
            member.write(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))
    return Columns(table.columns, counted)


def _files(home: Path, places: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    for place in places:
        found = [home / place] if (home / place).is_file() else sorted((home / place).rglob("*"))
        for path in found:
            if path.is_file() and not path.name.startswith("."):
                yield str(path.relative_to(home)), path.read_bytes()


@contextmanager
def _whole(path: Path) -> Iterator[IO[bytes]]:
    """A file that is there with all that was written, flushed, or not at all; for its owner only."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.link(fresh, path)  # which fails where somebody else was quicker
        folder = os.open(path.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
    finally:
        fresh.unlink(missing_ok=True)


def _digest_but_seal(file: IO[bytes]) -> bytes:
    """SHA-256, in hex, of all but the last bytes, which are to say the same."""
    digest, left = hashlib.sha256(), os.fstat(file.fileno()).st_size - _SEAL
    while left > 0 and (some := file.read(min(_AT_ONCE, left))):
        digest.update(some)
        left -= len(some)
    return digest.hexdigest().encode()


# In


@contextmanager
def opened(file: Path) -> Iterator[tuple[zipfile.ZipFile, Manifest, Keys]]:
    """A backup whose every byte was found to be what was written; BackupError says what is not."""
    try:
        with file.open("rb") as sealed:
            digest = _digest_but_seal(sealed)
            if sealed.read() != digest:
                raise BackupError(f"{file} is not what was written: it is damaged, or no backup; use another one")
        secret = keys_file(file).read_bytes()
        with zipfile.ZipFile(file) as archive:
            manifest = msgspec.json.decode(archive.read(_MANIFEST), type=Manifest)
            if manifest.form != FORM:
                raise BackupError(f"{file} has form {manifest.form}, of another version of Lastscan; install that one")
            if hashlib.sha256(secret).hexdigest() != manifest.keys_sha256:
                raise BackupError(f"{keys_file(file)} is damaged, or belongs to another backup")
            yield archive, manifest, msgspec.json.decode(secret, type=Keys)
    except FileNotFoundError as missing:
        raise BackupError(f"{missing.filename} is not there: FILE and FILE.keys belong together") from missing
    except (zipfile.BadZipFile, msgspec.MsgspecError) as wrong:
        raise BackupError(f"{file} is no backup: {wrong}") from wrong


def restore(home: Home, file: Path, *, now: datetime) -> Restored:
    """Puts a backup in the place of what is there, which is put aside whole.

    The caller sees to it that nothing runs in this home. Everything is checked before anything is touched.
    """
    aside = f"before_restore_{now:%Y%m%dT%H%M%S}_{secrets.token_hex(2)}"
    with opened(file) as (archive, manifest, keys), ExitStack() as unless_done:
        settings = {place: archive.read(f"home/{place}") for place in SETTINGS if _has(archive, place)}
        try:
            with refilled(home.database_url, schema=manifest.schema, aside=aside) as fresh:
                _fill(fresh, archive, manifest, file)
                generation, knows = _step_ahead(fresh, manifest, now)
                replaced = fresh.replaces
                unless_done.callback(_put_back, home.path, aside)
                replaced = _put_aside(home.path, aside, [*keys.files, *settings]) or replaced
                _put_in_place(home.path, keys.files | settings)
        except OSError as wrong:
            raise BackupError(f"{file} cannot be restored ({wrong.strerror}); all is as it was") from wrong
        unless_done.pop_all()
    home.note_kept("restore", now)
    return Restored(manifest, generation, aside if replaced else None, knows)


def rehearse(file: Path, home: Home, *, now: datetime) -> Manifest:
    """Restores into a scratch database, checks it, and throws it away: whether a backup is one. Touches nothing else.

    It needs about three times the size of the database in the temporary directory.
    """
    with tempfile.TemporaryDirectory(prefix="lastscan-rehearsal-") as scratch, opened(file) as (archive, manifest, _):
        database = Path(scratch, "lastscan.db")
        with refilled(sqlite_url(database), schema=manifest.schema, aside="nothing") as fresh:
            _fill(fresh, archive, manifest, file)
        with closing(sqlite3.connect(database)) as found:
            said = [*found.execute("PRAGMA integrity_check"), *found.execute("PRAGMA foreign_key_check")]
        if said != [("ok",)]:
            raise BackupError(f"{file} restores to a database that does not hold together: {said[0]}")
    home.note_kept("rehearsal", now)
    return manifest


def _fill(fresh: Refilled, archive: zipfile.ZipFile, manifest: Manifest, file: Path) -> None:
    for name, written in manifest.tables.items():
        table = Table(name, written.columns)
        with archive.open(f"tables/{name}.jsonl") as member:
            counted = fresh.fill(table, _rows(member, fresh.binary(table)))
        if counted != written.rows:
            raise BackupError(f"{file} says {written.rows} rows of {name} and has {counted}")


def _rows(member: IO[bytes], binary: Sequence[int]) -> Iterator[list[Any]]:
    row: list[Any]
    for line in member:
        row = msgspec.json.decode(line)
        for at in binary:
            row[at] = None if row[at] is None else b64decode(row[at])
        yield row


def _step_ahead(fresh: Refilled, manifest: Manifest, now: datetime) -> tuple[int, bool]:
    from notify.store.backup import doubt, take_over

    since = step_ahead(fresh, now)
    knows = since.known and fresh.before is not None and take_over(fresh.before, fresh.connection)
    if not knows:
        doubt(fresh.connection, manifest.made_at)
    return since.generation, knows


def _has(archive: zipfile.ZipFile, place: str) -> bool:
    return f"home/{place}" in archive.namelist()


def _put_aside(home: Path, aside: str, places: Sequence[str]) -> bool:
    """Copies what is about to be replaced; whether there was anything."""
    there = [place for place in places if (home / place).exists()]
    for place in there:
        kept = home / aside / place
        kept.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        shutil.copy2(home / place, kept)
    return bool(there)


def _put_in_place(home: Path, files: Mapping[str, bytes]) -> None:
    for place, content in files.items():
        (home / place).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        replace_file(home / place, content)


def _put_back(home: Path, aside: str) -> None:
    for kept in (home / aside).rglob("*"):
        if kept.is_file():
            os.replace(kept, home / kept.relative_to(home / aside))
    shutil.rmtree(home / aside, ignore_errors=True)
