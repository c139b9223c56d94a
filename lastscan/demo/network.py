"""The demo's network: three hubs, six gateways, a station for each, real flights of one day and trucks between."""

import csv
import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from pathlib import Path

from firmware_sim.journey import Run
from tracker.domain.network import Departure, Facility, FacilityKind, Mode

LINEHAULS = Path(__file__).parent / "data" / "linehauls_2015-01-02.csv"
RECORDED_ON = date(2015, 1, 2)

_EAST, _CENTRAL, _MOUNTAIN, _WEST = "New_York", "Chicago", "Denver", "Los_Angeles"  # zones, all in America
_CITIES = {
    "ATL": ("Atlanta", "亚特兰大", _EAST),
    "BOS": ("Boston", "波士顿", _EAST),
    "DEN": ("Denver", "丹佛", _MOUNTAIN),
    "DFW": ("Dallas", "达拉斯", _CENTRAL),
    "LAX": ("Los Angeles", "洛杉矶", _WEST),
    "MIA": ("Miami", "迈阿密", _EAST),
    "ORD": ("Chicago", "芝加哥", _CENTRAL),
    "SEA": ("Seattle", "西雅图", _WEST),
    "SFO": ("San Francisco", "旧金山", _WEST),
}
_NAMED = {"hub": ("hub", "转运中心"), "gateway": ("airport", "机场"), "station": ("station", "派送站")}
_PLACES = (
    ("DEN", "hub", 39.8617, -104.6732),
    ("DFW", "hub", 32.8972, -97.0377),
    ("ORD", "hub", 41.9769, -87.9082),
    ("ATL", "gateway", 33.6367, -84.4279),
    ("BOS", "gateway", 42.3629, -71.0064),
    ("LAX", "gateway", 33.9425, -118.4084),
    ("MIA", "gateway", 25.7954, -80.2901),
    ("SEA", "gateway", 47.4499, -122.3118),
    ("SFO", "gateway", 37.6188, -122.3754),
    ("ATL-ST", "station", 33.7490, -84.3880),
    ("BOS-ST", "station", 42.3954, -71.1425),
    ("LAX-ST", "station", 34.0522, -118.2437),
    ("MIA-ST", "station", 25.8576, -80.2781),
    ("SEA-ST", "station", 47.6205, -122.3493),
    ("SFO-ST", "station", 37.7749, -122.4194),
)

HUBS = tuple(code for code, kind, *_ in _PLACES if kind == "hub")
GATEWAYS = tuple(code for code, kind, *_ in _PLACES if kind == "gateway")

_CONNECTION = {"hub": timedelta(minutes=50), "gateway": timedelta(minutes=45), "station": timedelta(minutes=30)}
_AIR_CUTOFF, _ROAD_CUTOFF = timedelta(minutes=30), timedelta(minutes=25)
_TRUCKS = "LS"
_TRUCK_EVERY_H = 2
_FREE_ROOM = 60  # pieces a flight usually still takes
_SMALL_ROOM = 2
_SMALL_ONES = 0.12


def station_of(gateway: str) -> str:
    return f"{gateway}-ST"


@cache
def facilities() -> dict[str, Facility]:
    """Every place of the network, by code."""
    return {code: _facility(code, kind, lat, lon) for code, kind, lat, lon in _PLACES}


def _facility(code: str, kind: str, lat: float, lon: float) -> Facility:
    city, chinese_city, zone = _CITIES[code[:3]]
    what, chinese_what = _NAMED[kind]
    return Facility(
        code=code,
        kind=FacilityKind(kind),
        zone=f"America/{zone}",
        country="US",
        lat=lat,
        lon=lon,
        names={"en": f"{city} {what}", "zh-Hans": f"{chinese_city}{chinese_what}"},
        cities={"en": city, "zh-Hans": chinese_city},
        minimum_connection=_CONNECTION[kind],
    )


def runs_of(day: date) -> list[Run]:
    """Every departure whose service begins on this day, as it happens in the demo's world."""
    return sorted([*_flights(day), *_trucks(day)], key=lambda run: (run.departs_at, run.name))


def departure(run: Run) -> Departure:
    """What the timetable may say about a run: nothing of how late it will be."""
    return Departure(
        name=run.name,
        origin=run.origin,
        destination=run.destination,
        departs_at=run.departs_at,
        arrives_at=run.arrives_at,
        mode=Mode.ROAD if run.by_road else Mode.AIR,
        capacity=_room(run),
        cutoff=_ROAD_CUTOFF if run.by_road else _AIR_CUTOFF,
    )


def carrier_of(run: Run) -> str:
    return run.name[:2]


def _flights(day: date) -> Iterator[Run]:
    shift = day - RECORDED_ON
    for flight, origin, destination, *times in _recorded():
        departs_at, left_at, arrives_at, landed_at = (at + shift for at in times)
        name = f"{flight}/{departs_at.date().isoformat()}"
        yield Run(name, origin, destination, departs_at, arrives_at, left_at, landed_at)


@cache
def _recorded() -> tuple[tuple[str, str, str, datetime, datetime, datetime, datetime], ...]:
    with LINEHAULS.open(newline="") as file:
        return tuple(
            (
                row["flight"],
                row["origin"],
                row["dest"],
                _instant(row["sched_dep_utc"]),
                _instant(row["actual_dep_utc"]),
                _instant(row["sched_arr_utc"]),
                _instant(row["actual_arr_utc"]),
            )
            for row in csv.DictReader(file)
        )


def _trucks(day: date) -> Iterator[Run]:
    """Each way every two hours; an hour to an hour and a half on the road, and a few minutes late."""
    for at, gateway in enumerate(GATEWAYS):
        chance = random.Random(f"{day}/{gateway}")
        takes = timedelta(minutes=60 + 5 * at)
        for hour in range(0, 24, _TRUCK_EVERY_H):
            for way, (origin, destination) in enumerate(
                ((station_of(gateway), gateway), (gateway, station_of(gateway)))
            ):
                departs_at = datetime.combine(day, time(hour, 10 * (at % 3) + 30 * way), UTC)
                left_at = departs_at + timedelta(minutes=chance.uniform(0, 4))
                landed_at = departs_at + takes + timedelta(minutes=chance.uniform(-5, 9))
                name = f"{_TRUCKS}{at + 1}{way}{hour:02d}/{day.isoformat()}"
                yield Run(name, origin, destination, departs_at, departs_at + takes, left_at, landed_at, by_road=True)


def _room(run: Run) -> int:
    if run.by_road:
        return 200
    return _SMALL_ROOM if random.Random(run.name.split("/")[0]).random() < _SMALL_ONES else _FREE_ROOM


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
