"""The history that `lastscan learn-eta` reads, as `docs/eta.md` has it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from lastscan.replay.files import UnreadableFileError, rows
from tracker.domain.transit.tables import Ridden, Ride

COLUMNS = ("origin", "dest", "departed_at", "planned_min", "took_min")
OPTIONAL = ("mode", "origin_kind", "dest_kind", "km", "run")


def rides(path: Path, *, called: Mapping[str, "Source"], only: Mapping[str, str]) -> list[Ridden]:
    """The legs of the file, of those rows whose columns have the values of `only`.

    `called`: where a column of ours stands, if not under our name. Raises UnreadableFileError.
    """
    sources = {column: called.get(column) or Source(column) for column in (*COLUMNS, *OPTIONAL)}
    needed = tuple(sources[column].name for column in (*COLUMNS, *called)) + tuple(only)
    found = []
    for number, row in rows(path, needed):
        if any(row[column] != value for column, value in only.items()):
            continue
        try:
            value = {column: source.of(row) for column, source in sources.items()}
            departs_at = datetime.fromisoformat(value["departed_at"])
            planned, took = float(value["planned_min"]), float(value["took_min"])
            km = float(value["km"]) if value["km"] else None
        except ValueError as wrong:
            raise UnreadableFileError(f"{path}, line {number}: {wrong}") from wrong
        if not (0 < planned < float("inf") and 0 < took < float("inf")):
            raise UnreadableFileError(f"{path}, line {number}: minutes are over 0")
        if km is not None and not 0 < km < float("inf"):
            raise UnreadableFileError(f"{path}, line {number}: kilometres are over 0, or left out")
        ride = Ride(
            value["origin"],
            value["dest"],
            departs_at,
            planned,
            mode=value["mode"],
            kinds=f"{value['origin_kind']}>{value['dest_kind']}",
            km=km,
            run=value["run"],
        )
        found.append(Ridden(ride, took))
    return found


@dataclass(frozen=True, slots=True)
class Source:
    """Where in their row a value of ours stands."""

    name: str  # of their column
    pattern: re.Pattern[str] | None = None  # the value is what its first group finds there; "" if it finds nothing

    @classmethod
    def parse(cls, given: str) -> "Source":
        """`NAME` or `NAME~PATTERN`. Raises ValueError for a pattern that is none, or has no group."""
        name, tilde, written = given.partition("~")
        if not tilde:
            return cls(name)
        try:
            pattern = re.compile(written)
        except re.error as wrong:
            raise ValueError(f"{written}: {wrong}") from wrong
        if not pattern.groups:
            raise ValueError(f"{written}: put what is to be taken in brackets")
        return cls(name, pattern)

    def of(self, row: Mapping[str, str]) -> str:
        value = row.get(self.name) or ""
        if self.pattern is None:
            return value
        match = self.pattern.search(value)
        return (match[1] or "") if match is not None else ""


def before_and_from(legs: list[Ridden], day: date) -> tuple[list[Ridden], list[Ridden]]:
    """The legs that began before this day, and those that began on it or later."""
    known = [each for each in legs if each.ride.departs_at.date() < day]
    return known, [each for each in legs if each.ride.departs_at.date() >= day]
