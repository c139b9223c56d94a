"""Reading picture files and folders of them, as `lastscan decode` does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scanner.decode.isolation import ReadingChild
from scanner.decode.picture import MAX_BYTES, PictureRefusedError
from scanner.decode.readings import Read

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp"})


@dataclass(frozen=True, slots=True)
class PictureReport:
    """What came of one file: its accepted reads, or in `error` why it was refused and what to do next."""

    path: str
    reads: tuple[Read, ...]
    ms: float  # opening and reading, by the wall
    error: str | None
    advice: str | None = None  # what would help where bars were found and none read, e.g. "closer"

    def as_json(self) -> dict[str, Any]:
        """The line `lastscan decode --jsonl` prints; its keys are stable."""
        return {
            "path": self.path,
            "reads": [
                {
                    "symbology": str(read.symbology),
                    "text": read.text,
                    "confidence": read.confidence,
                    "box": [list(corner) for corner in read.box],
                }
                for read in self.reads
            ],
            "ms": self.ms,
            "error": self.error,
            "advice": self.advice,
        }


def decode_paths(paths: Iterable[str | Path], child: ReadingChild | None = None) -> Iterator[PictureReport]:
    """A report for each picture: files as named, folders by their picture files in order, sub-folders too.

    A file that cannot be read is a report with an error, never an exception. With a `child` of your own its
    symbologies and lengths hold, and it stays open.
    """
    if child is not None:
        yield from (_report(path, child) for path in _pictures(paths))
        return
    with ReadingChild() as own:
        yield from (_report(path, own) for path in _pictures(paths))


def _pictures(paths: Iterable[str | Path]) -> Iterator[Path]:
    for path in map(Path, paths):
        if path.is_dir():
            yield from sorted(
                found for found in path.rglob("*") if found.suffix.lower() in SUFFIXES and found.is_file()
            )
        else:
            yield path


def _report(path: Path, child: ReadingChild) -> PictureReport:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        answer = child.answer(content)
    except OSError as failure:
        return PictureReport(str(path), (), 0.0, f"cannot be opened: {failure.strerror}; check the path")
    except PictureRefusedError as refusal:
        return PictureReport(str(path), (), 0.0, str(refusal))
    return PictureReport(str(path), tuple(answer.reads), answer.ms, None, answer.advice)
