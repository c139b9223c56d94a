"""The tables of the forecast as a file, and the ones that come with Lastscan."""

import json
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from tracker.domain.errors import LastscanError
from tracker.domain.forecast.tables import POINTS, Key, Points, Tables

FORM = "lastscan-forecast/1"


class UnreadableTablesError(LastscanError):
    """Not a file that `lastscan learn` wrote: learn again."""


def shipped() -> Tables:
    """Learned on one day of US domestic flights; good enough until `lastscan learn` has seen days of one's own."""
    return _read(resources.files("tracker").joinpath("forecast.json").read_text(encoding="utf-8"), "forecast.json")


def load(path: Path) -> Tables:
    """Raises UnreadableTablesError; OSError where there is no such file."""
    return _read(path.read_text(encoding="utf-8"), str(path))


def dump(tables: Tables) -> str:
    """The file's text, one case a line; the same tables give the same text."""
    parts = [
        f'"form": {json.dumps(FORM)}',
        f'"origin": {json.dumps(tables.origin, ensure_ascii=False)}',
        f'"turn": {json.dumps(dict(sorted(tables.turn.items())))}',
        f'"leaving": {_lines(tables.leaving)}',
        f'"landing": {_lines(tables.landing)}',
        f'"flying": {_lines(tables.flying)}',
    ]
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _lines(table: Mapping[Key, Points]) -> str:
    return (
        "{\n" + ",\n".join(f'"{_spelled(key)}": {json.dumps(points)}' for key, points in sorted(table.items())) + "\n}"
    )


def _read(text: str, called: str) -> Tables:
    try:
        found = json.loads(text)
        if found["form"] != FORM:
            raise ValueError(f"the form is {found['form']}")
        turn = {str(carrier): int(minutes) for carrier, minutes in found["turn"].items()}
        return Tables(str(found["origin"]), turn, *(_cases(found[name]) for name in ("leaving", "landing", "flying")))
    except (ValueError, KeyError, TypeError, AttributeError) as wrong:
        raise UnreadableTablesError(f"{called} was not written by lastscan learn ({wrong})") from wrong


def _cases(table: dict[str, Any]) -> dict[Key, Points]:
    cases = {tuple(map(int, key.split("."))): tuple(map(int, points)) for key, points in table.items()}
    if any(len(points) != POINTS for points in cases.values()):
        raise ValueError(f"a case has not {POINTS} points")
    return cases


def _spelled(key: Key) -> str:
    return ".".join(map(str, key))
