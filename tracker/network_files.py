"""Files that describe a network: departures as CSV, facilities as CSV or JSON. `docs/network.md` says their forms."""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, TextIO
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from tracker.domain.errors import BadNameError, BadNetworkError
from tracker.domain.ids import DepartureName, facility_code
from tracker.domain.movements import Said
from tracker.domain.network import ConnectionTime, Departure, Facility, FacilityKind, Mode

NEEDED = ("flight", "origin", "dest", "sched_dep_utc", "actual_dep_utc", "sched_arr_utc", "actual_arr_utc")
"""The columns a file of departures must have; the two actual times may be blank."""

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_YEARS_AHEAD = 3


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a file, and where it stands."""

    file: str
    number: int
    text: str


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """A departure as a file has it; its name is its run and day, before anybody knows whether that is taken."""

    line: Line
    departure: Departure
    also_as: tuple[str, ...]  # the names other carriers sell it by
    said: Said  # estimates, actual times, cancelled, diverted: what is known beside the timetable


@dataclass(frozen=True, slots=True)
class Misfit:
    """A line that cannot be taken: one word for what is wrong, and a sentence."""

    line: Line
    why: str
    detail: str


class _Wrong(BadNetworkError):
    def __init__(self, why: str, detail: str) -> None:
        super().__init__(detail)
        self.why = why


def read_departures(file: TextIO, name: str) -> Iterator[PlannedRun | Misfit]:
    """Every line as a departure, or what is wrong with it. BadNetworkError where a column is missing."""
    lines = csv.reader(file)
    header = next(lines, [])
    missing = [column for column in NEEDED if column not in header]
    if missing:
        raise BadNetworkError(f"{name}: no column {', '.join(missing)}")
    for cells in lines:
        if not cells:
            continue
        line = Line(name, lines.line_num, ",".join(cells))
        row = dict(zip(header, (cell.strip() for cell in cells), strict=False))
        try:
            yield _planned_run(line, row)
        except _Wrong as wrong:
            yield Misfit(line, wrong.why, str(wrong))


def _planned_run(line: Line, row: Mapping[str, str]) -> PlannedRun:
    for column in NEEDED:
        if column not in row:
            raise _Wrong("short_line", f"nothing in column {column}")
    departs_at, arrives_at = _instant(row, "sched_dep_utc"), _instant(row, "sched_arr_utc")
    if departs_at is None or arrives_at is None:
        raise _Wrong("bad_time", "a departure needs its two scheduled times")
    if arrives_at <= departs_at:
        raise _Wrong("arrives_before_it_leaves", f"it leaves at {departs_at:%H:%MZ} and arrives at {arrives_at:%H:%MZ}")
    names = [_named(flight, departs_at.date()) for flight in (row["flight"], *row.get("also_as", "").split())]
    try:
        departure = Departure(
            name=names[0],
            origin=facility_code(row["origin"]),
            destination=facility_code(row["dest"]),
            departs_at=departs_at,
            arrives_at=arrives_at,
            mode=Mode(row.get("mode") or "air"),
            capacity=_count(row, "capacity", 1000),
            cutoff=timedelta(minutes=_count(row, "cutoff_min", -1)),
            origin_terminal=row.get("origin_terminal") or None,
            destination_terminal=row.get("dest_terminal") or None,
            services=tuple(row.get("services", "").split()),
            tail=row.get("tail") or None,
        )
    except BadNameError as wrong:
        raise _Wrong("bad_name", str(wrong)) from wrong
    except ValueError as wrong:
        raise _Wrong("bad_value", str(wrong)) from wrong
    except BadNetworkError as wrong:
        raise _Wrong("goes_nowhere", str(wrong)) from wrong
    return PlannedRun(line, departure, tuple(names[1:]), _said(row))


def _said(row: Mapping[str, str]) -> Said:
    said: dict[str, datetime | str | bool | None] = {
        "estimated_departure": _instant(row, "est_dep_utc"),
        "estimated_arrival": _instant(row, "est_arr_utc"),
        "left_at": _instant(row, "actual_dep_utc"),
        "landed_at": _instant(row, "actual_arr_utc"),
        "cancelled": row.get("cancelled") == "1" or None,
        "diverted_to": row.get("diverted_to") or None,
    }
    return {field: value for field, value in said.items() if value is not None}


def _named(flight: str, day: date) -> str:
    try:
        return str(DepartureName.parse(f"{flight}/{day.isoformat()}"))
    except BadNameError as wrong:
        raise _Wrong("bad_name", f"{flight[:20]!r}: a flight or run is named like LH716") from wrong


def _instant(row: Mapping[str, str], column: str) -> datetime | None:
    text = row.get(column)
    if not text:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as wrong:
        raise _Wrong("bad_time", f"{column}: {text[:40]!r} is no time like 2026-11-22T16:00Z") from wrong
    offset = instant.utcoffset()
    if offset is None:
        raise _Wrong("bad_time", f"{column}: {text[:40]!r} needs Z or an offset")
    return instant - offset if offset else instant


def _count(row: Mapping[str, str], column: str, default: int) -> int:
    text = row.get(column)
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise _Wrong("bad_value", f"{column}: {text[:20]!r} is no whole number")
    return int(text)


# facilities


class _ConnectionForm(msgspec.Struct):
    minimum_min: int
    inbound_carrier: str | None = None
    outbound_carrier: str | None = None
    inbound_terminal: str | None = None
    outbound_terminal: str | None = None


class _FacilityForm(msgspec.Struct):
    code: str
    kind: str | None = None
    zone: str | None = None
    country: str | None = None
    lat: float | None = None
    lon: float | None = None
    names: dict[str, str] = {}
    cities: dict[str, str] = {}
    minimum_connection_min: int = 30
    cutoff_min: int = 20
    connections: list[_ConnectionForm] = []
    sort_points: list[str] = []
    calendar: str | None = None
    rest_days: list[str] = []
    holidays: list[date] = []


def read_facilities(path: Path, *, this_year: int) -> Iterator[Facility | Misfit]:
    """Every facility of a CSV or JSON file, or what is wrong with it.

    A `calendar` is written out for the year before `this_year` and three years ahead, so that what it says of a day
    never changes by itself.
    """
    is_json = path.suffix.lower() == ".json"
    for line, form in _json_forms(path) if is_json else _csv_forms(path):
        try:
            yield _facility(form, this_year)
        except (BadNameError, BadNetworkError, msgspec.ValidationError, ValueError) as wrong:
            yield Misfit(line, "bad_facility", str(wrong))


def _json_forms(path: Path) -> Iterator[tuple[Line, Mapping[str, Any]]]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except ValueError as wrong:
        raise BadNetworkError(f"{path.name}: {wrong}") from wrong
    if not isinstance(found, list):
        raise BadNetworkError(f"{path.name}: a list of facilities is expected")
    for number, each in enumerate(found, 1):
        yield Line(path.name, number, json.dumps(each)), each


def _csv_forms(path: Path) -> Iterator[tuple[Line, Mapping[str, Any]]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        lines = csv.DictReader(file)
        if "code" not in (lines.fieldnames or ()):
            raise BadNetworkError(f"{path.name}: no column code")
        for row in lines:
            cells = {name: (cell or "").strip() for name, cell in row.items() if name}
            form: dict[str, Any] = {name: cell for name, cell in cells.items() if cell and ":" not in name}
            for word, field in (("name", "names"), ("city", "cities")):
                spelled = [(name.partition(":"), cell) for name, cell in cells.items() if cell]
                form[field] = {language or "en": cell for (what, _, language), cell in spelled if what == word}
            for several in ("sort_points", "rest_days", "holidays"):
                form[several] = cells.get(several, "").split()
            yield Line(path.name, lines.line_num, ",".join(cells.values())), form


def _facility(form: Mapping[str, Any], this_year: int) -> Facility:
    told = msgspec.convert(form, _FacilityForm, strict=False)
    code = facility_code(told.code)
    known = airport(code) or Facility(code, zone="")
    zone = told.zone or known.zone
    if not _is_zone(zone):
        raise BadNetworkError(f"{code}: {zone!r} is no time zone like Europe/Berlin")
    if not (abs(told.lat or 0) <= 90 and abs(told.lon or 0) <= 180):
        raise BadNetworkError(f"{code}: no such position")
    unknown = [day for day in told.rest_days if day.lower()[:3] not in _DAYS]
    if unknown:
        raise BadNetworkError(f"{code}: {unknown[0]!r} is no day of the week")
    weekend, holidays = _calendar(told.calendar, this_year) if told.calendar else ((), ())
    return replace(
        known,
        kind=FacilityKind(told.kind) if told.kind else known.kind,
        zone=zone,
        country=(told.country or known.country).upper(),
        lat=known.lat if told.lat is None else told.lat,
        lon=known.lon if told.lon is None else told.lon,
        names={**known.names, **told.names},
        cities={**known.cities, **told.cities},
        minimum_connection=timedelta(minutes=told.minimum_connection_min),
        cutoff=timedelta(minutes=told.cutoff_min),
        connections=tuple(
            ConnectionTime(
                timedelta(minutes=rule.minimum_min),
                rule.inbound_carrier,
                rule.outbound_carrier,
                rule.inbound_terminal,
                rule.outbound_terminal,
            )
            for rule in told.connections
        ),
        sort_points=tuple(told.sort_points),
        rest_days=tuple(sorted({*weekend, *(_DAYS.index(day.lower()[:3]) for day in told.rest_days)})),
        holidays=tuple(sorted({*holidays, *told.holidays})),
    )


@cache
def _calendar(country: str, this_year: int) -> tuple[tuple[int, ...], tuple[date, ...]]:
    """The weekend and the public holidays of a country, or of a part of one: `DE`, `DE-BY`."""
    import holidays

    code, _, part = country.partition("-")
    years = range(this_year - 1, this_year + _YEARS_AHEAD + 1)
    try:
        found = holidays.country_holidays(code, subdiv=part or None, years=years)
    except NotImplementedError as wrong:
        raise BadNetworkError(f"no calendar {country!r} is known: name rest_days and holidays yourself") from wrong
    return tuple(sorted(found.weekend)), tuple(sorted(found))


@cache
def _is_zone(name: str) -> bool:
    try:
        return bool(ZoneInfo(name).key)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False


def airport(code: str) -> Facility | None:
    """What is known to everybody of the airport with this IATA code: name, city, country, zone, position."""
    row = _airports().get(code)
    if row is None:
        return None
    return Facility(
        code,
        kind=FacilityKind.GATEWAY,
        zone=row["tz"],
        country=row["country"],
        lat=row["lat"],
        lon=row["lon"],
        names={"en": row["name"]},
        cities={"en": row["city"]},
    )


@cache
def _airports() -> Mapping[str, Any]:
    import airportsdata

    return airportsdata.load("IATA")


def overlaps(runs: Iterable[PlannedRun]) -> Iterator[Misfit]:
    """Departures for which one tail would have to be in two places at once: the later of two is named."""
    by_tail: dict[str, list[PlannedRun]] = {}
    for run in runs:
        if run.departure.tail and not run.said.get("cancelled"):
            by_tail.setdefault(run.departure.tail, []).append(run)
    for tail, flown in by_tail.items():
        flown.sort(key=lambda run: run.departure.departs_at)
        before = flown[0]
        for run in flown[1:]:
            if run.departure.departs_at < before.departure.arrives_at:
                other = before.departure
                detail = f"{tail} is on {other.name} until {other.arrives_at:%H:%MZ}; taken without its tail"
                yield Misfit(run.line, "tail_in_two_places", detail)
            else:
                before = run
