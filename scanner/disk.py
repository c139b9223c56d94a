"""The few things a journal asks of flash, and a directory of files that does them."""

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from tracker.domain.errors import LastscanError

_HALF_WRITTEN = ".tmp"
_LOCK = "lock"


class JournalInUseError(LastscanError):
    """Another program holds this journal; two would give out the same numbers. Wait for it or stop it."""


class Disk(Protocol):
    """Named files. Everything but `names` and `read` may raise OSError at any moment, and then nothing is known
    about what reached the disk, except for `replace`: the old content or the new, never a mixture.
    """

    def names(self) -> list[str]: ...

    def read(self, name: str) -> bytes: ...

    def append(self, name: str, content: bytes) -> None:
        """Write at the end, making the file if need be. Not durable until `flush` returns."""

    def flush(self, name: str) -> None:
        """Content, length and name of this file are durable when this returns."""

    def replace(self, name: str, content: bytes) -> None:
        """The whole content at once, durable when this returns."""

    def remove(self, name: str) -> None: ...


class FileDisk:
    """A directory of files, held by one process at a time; JournalInUseError while another has it."""

    def __init__(self, directory: Path | str) -> None:
        self._directory = Path(directory)
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = os.open(self._directory / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as taken:
            os.close(self._lock)
            raise JournalInUseError(
                f"another program is using the journal in {self._directory}; stop it or wait until it is done"
            ) from taken
        self._appending: tuple[str, int] | None = None
        self._named: set[str] = set()  # files whose directory entry we have flushed
        for left in self._directory.glob("*" + _HALF_WRITTEN):
            with suppress(OSError):
                left.unlink()

    def names(self) -> list[str]:
        return [name for name in os.listdir(self._directory) if name != _LOCK and not name.endswith(_HALF_WRITTEN)]

    def read(self, name: str) -> bytes:
        return (self._directory / name).read_bytes()

    def append(self, name: str, content: bytes) -> None:
        _write_all(self._open(name), content)

    def flush(self, name: str) -> None:
        _flush(self._open(name))
        if name not in self._named:
            self._flush_directory()
            self._named.add(name)

    def replace(self, name: str, content: bytes) -> None:
        self._forget(name)
        half = self._directory / (name + _HALF_WRITTEN)
        fd = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            _write_all(fd, content)
            _flush(fd)
        finally:
            os.close(fd)
        os.replace(half, self._directory / name)
        self._flush_directory()
        self._named.add(name)

    def remove(self, name: str) -> None:
        self._forget(name)
        with suppress(FileNotFoundError):
            (self._directory / name).unlink()
        self._flush_directory()

    def close(self) -> None:
        """Let another program have the journal."""
        if self._appending:
            self._forget(self._appending[0])
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _open(self, name: str) -> int:
        if self._appending and self._appending[0] == name:
            return self._appending[1]
        if self._appending:
            self._forget(self._appending[0])
        fd = os.open(self._directory / name, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._appending = (name, fd)
        return fd

    def _forget(self, name: str) -> None:
        self._named.discard(name)
        if self._appending and self._appending[0] == name:
            fd = self._appending[1]
            self._appending = None
            os.close(fd)

    def _flush_directory(self) -> None:
        fd = os.open(self._directory, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def _write_all(fd: int, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[os.write(fd, left) :]


def _flush(fd: int) -> None:
    # A Mac's fsync stops at the drive's own cache; F_FULLFSYNC goes through it.
    full = getattr(fcntl, "F_FULLFSYNC", None)
    if full is not None:
        fcntl.fcntl(fd, full)
    else:
        os.fdatasync(fd)
