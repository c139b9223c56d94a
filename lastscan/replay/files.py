"""The files of `lastscan replay` and `lastscan learn`, as `docs/connections.md` has them."""

import csv
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tracker.domain.errors import LastscanError
from tracker.domain.forecast.board import Flown, Run, instant, minutes

TIMES = ("sched_dep_utc", "actual_dep_utc", "sched_arr_utc", "actual_arr_utc")
FLIGHT_COLUMNS = ("flight", "origin", "dest", *TIMES)
BAG_COLUMNS = ("bag", "leg", "flight", "service_date", "origin", "dest")


class UnreadableFileError(LastscanError):
    """A file lacks a column, or a row of it cannot be understood; says which."""


@dataclass(frozen=True, slots=True)
class BagPlan:
    """A bag and the departures it is booked on, in order; whose it is, where the file says so."""

    bag: str
    legs: tuple[str, ...]  # names of departures, as `flights` names them
    customer: str = ""
    email: str = ""
    value: int = 50  # 0 to 100: what its owner means to us

    @property
    def recipient(self) -> str:
        """Who hears of it: the owner by whatever the file names first, else the bag stands for its owner."""
        return self.customer or self.email or self.bag


def name(flight: str, origin: str, date: str) -> str:
    """`AA1234/2015-01-02/DFW`: a flight number is flown over several legs a day, so its origin belongs to the name."""
    return f"{flight}/{date}/{origin}"


def flights(path: Path) -> list[Flown]:
    """Every departure of the file. One with `cancelled` set, or with no actual departure, was never flown."""
    found: list[Flown] = []
    for number, row in rows(path, FLIGHT_COLUMNS):
        try:
            departs, left, arrives, landed = (_instant(row[column]) for column in TIMES)
        except ValueError as wrong:
            raise UnreadableFileError(f"{path}, line {number}: {wrong}") from wrong
        if departs is None or arrives is None:
            raise UnreadableFileError(f"{path}, line {number}: a scheduled time is missing")
        if (row.get("cancelled") or "").lower() in ("1", "true", "yes"):
            left = landed = None
        flight, origin = row["flight"], row["origin"]
        called = name(flight, origin, instant(departs).date().isoformat())
        carrier = row.get("carrier") or flight[:2]
        run = Run(called, carrier, origin, row["dest"], departs, arrives, row.get("tail") or "")
        found.append(Flown(run, left, landed))
    return found


def bags(path: Path) -> list[BagPlan]:
    """The bags in the order they are first named, each with its legs in order."""
    legs_of: dict[str, list[dict[str, str]]] = {}
    for number, row in rows(path, BAG_COLUMNS):
        if not row["leg"].isdigit():
            raise UnreadableFileError(f"{path}, line {number}: leg is not a number")
        legs_of.setdefault(row["bag"], []).append(row)
    found = []
    for bag, legs in legs_of.items():
        legs.sort(key=lambda row: int(row["leg"]))
        first, value = legs[0], legs[0].get("value") or "50"
        if not value.isdigit() or int(value) > 100:
            raise UnreadableFileError(f"{path}, bag {bag}: value is 0 to 100, not {value}")
        named = tuple(name(leg["flight"], leg["origin"], leg["service_date"]) for leg in legs)
        found.append(BagPlan(bag, named, first.get("customer") or "", first.get("email") or "", int(value)))
    return found


def fitting(plans: Iterable[BagPlan], flown: Iterable[Flown]) -> tuple[list[BagPlan], list[str]]:
    """The bags whose legs are all among the departures and join, and a line for each of the others."""
    runs = {each.run.name: each.run for each in flown}
    fit, aside = [], []
    for plan in plans:
        unknown = [leg for leg in plan.legs if leg not in runs]
        apart = [b for a, b in itertools.pairwise(plan.legs) if not unknown and runs[a].destination != runs[b].origin]
        if unknown:
            aside.append(f"bag {plan.bag}: there is no departure {unknown[0]}")
        elif apart:
            aside.append(f"bag {plan.bag}: {apart[0]} does not begin where the leg before it ends")
        else:
            fit.append(plan)
    return fit, aside


def rows(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """Each row with the number of its line. Raises UnreadableFileError where a column is missing."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        missing = [column for column in columns if column not in (reader.fieldnames or ())]
        if missing:
            raise UnreadableFileError(f"{path}: no column {', '.join(missing)}")
        yield from enumerate(reader, start=2)


def _instant(text: str) -> int | None:
    """The columns are UTC by name, so an instant without a zone is in UTC."""
    if not text:
        return None
    instant = datetime.fromisoformat(text)
    return minutes(instant if instant.tzinfo else instant.replace(tzinfo=UTC))
