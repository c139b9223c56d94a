"""The history that `lastscan learn-eta` reads, as `docs/eta.md` has it."""

from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path

from lastscan.replay.files import UnreadableFileError, rows
from tracker.domain.transit.tables import Ridden, Ride

COLUMNS = ("origin", "dest", "departed_at", "planned_min", "took_min")
OPTIONAL = ("mode", "kinds")


def rides(path: Path, *, called: Mapping[str, str], only: Mapping[str, str]) -> list[Ridden]:
    """The legs of the file, of those rows whose columns have the values of `only`.

    `called`: how the file names a column, where otherwise than we do. Raises UnreadableFileError.
    """
    named = {column: called.get(column, column) for column in (*COLUMNS, *OPTIONAL)}
    needed = tuple(named[column] for column in COLUMNS) + tuple(only)
    found = []
    for number, row in rows(path, needed):
        if any(row[column] != value for column, value in only.items()):
            continue
        try:
            departs_at = datetime.fromisoformat(row[named["departed_at"]])
            planned, took = float(row[named["planned_min"]]), float(row[named["took_min"]])
        except ValueError as wrong:
            raise UnreadableFileError(f"{path}, line {number}: {wrong}") from wrong
        if not (0 < planned < float("inf") and 0 < took < float("inf")):
            raise UnreadableFileError(f"{path}, line {number}: minutes are over 0")
        mode, kinds = (row.get(named[column]) or "" for column in OPTIONAL)
        ride = Ride(row[named["origin"]], row[named["dest"]], departs_at, planned, mode, kinds)
        found.append(Ridden(ride, took))
    return found


def before_and_from(legs: list[Ridden], day: date) -> tuple[list[Ridden], list[Ridden]]:
    """The legs that began before this day, and those that began on it or later."""
    known = [each for each in legs if each.ride.departs_at.date() < day]
    return known, [each for each in legs if each.ride.departs_at.date() >= day]
