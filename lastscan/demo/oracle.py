"""What was beeped and what was drawn, in files of their own: they share no code with journal, link or tracker."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

BEEPED = "beeped.jsonl"
SIGHTS = "sights.jsonl"
BOOKED = "booked.jsonl"


class Ledger:
    """One JSON object a line, written out before `note` returns."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="utf-8")

    def note(self, **what: object) -> None:
        self._file.write(json.dumps(what) + "\n")
        self._file.flush()

    def close(self) -> None:
        self._file.close()


def noted(path: Path) -> Iterator[dict[str, Any]]:
    """All that was noted; nothing where nothing ever was. A last line cut short by a kill was never beeped."""
    if not path.exists():
        return
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.endswith("\n"):
                yield json.loads(line)
