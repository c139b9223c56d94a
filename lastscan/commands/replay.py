"""`lastscan replay` and `lastscan learn`: a day played again, and what days gone by teach."""

import json
import time
from collections import defaultdict
from datetime import timedelta
from pathlib import Path
from typing import Any, TextIO

import click

from lastscan.options import json_option, print_json
from lastscan.replay.day import Day, Decided, Kind
from lastscan.replay.drawing import drawing
from lastscan.replay.files import UnreadableFileError, fitting
from lastscan.replay.files import bags as read_bags
from lastscan.replay.files import flights as read_flights
from lastscan.replay.holding import regret
from lastscan.replay.judged import judged
from tracker import forecasting
from tracker.domain.forecast.alert import CAUTIOUS, DESK, Threshold
from tracker.domain.forecast.board import instant
from tracker.domain.forecast.fit import fit

CSV = click.Path(path_type=Path, exists=True, dir_okay=False)
RFC_3339 = "%Y-%m-%dT%H:%M:%SZ"
OUT = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("flights", nargs=-1, required=True, type=CSV)
@click.option("--origin", required=True, help="Where these days come from, and their licence: kept in the file.")
@click.option("-o", "--out", required=True, type=OUT, help="The tables, for `replay --tables`.")
def learn(flights: tuple[Path, ...], origin: str, out: Path) -> None:
    """Learn when departures leave and land from days that are over. The same FLIGHTS give the same tables."""
    days = [flown for path in flights for flown in read_flights(path)]
    if not days:
        raise UnreadableFileError(f"{flights[0]}: no departures to learn from")
    tables = fit(days, origin=origin)
    out.write_text(forecasting.dump(tables), encoding="utf-8")
    cases = len(tables.leaving) + len(tables.landing) + len(tables.flying)
    click.echo(f"learned {cases} cases; kept in {out}", err=True)


@click.command()
@click.option("--flights", required=True, type=CSV, help="The day's departures.")
@click.option("--bags", required=True, type=CSV, help="The bags and their legs.")
@click.option("--out", required=True, type=OUT, help="What was decided, one JSON object a line.")
@click.option("--speed", type=click.FloatRange(min=0, min_open=True), help="Times as fast as real time; else at once.")
@click.option("--tables", type=CSV, help="What `lastscan learn` wrote; else the tables that come with Lastscan.")
@click.option(
    "--minimum", type=click.IntRange(0, 600), default=20, show_default=True, help="Minutes from gate to gate."
)
@click.option("--cautious", is_flag=True, help="Alert earlier: hardly a miss is overlooked, more alerts are in vain.")
@click.option("--threshold", type=click.FloatRange(0.01, 1), help="Alert from this chance on, instead.")
@click.option("--others", type=click.IntRange(0), default=60, show_default=True, help="Aboard each, beside the bags.")
@click.option("--draw", type=OUT, help="The forecast held against what happened, as SVG.")
@json_option
def replay(
    flights: Path,
    bags: Path,
    out: Path,
    speed: float | None,
    tables: Path | None,
    minimum: int,
    cautious: bool,
    threshold: float | None,
    others: int,
    draw: Path | None,
    as_json: bool,
) -> None:
    """Play a day of departures and bags again under a virtual clock; write what is decided of each bag and when."""
    began = time.monotonic()
    alerts = CAUTIOUS if cautious else DESK
    if threshold is not None:
        alerts = Threshold(opens=threshold, closes=threshold * DESK.closes / DESK.opens)
    flown = read_flights(flights)
    booked, aside = fitting(read_bags(bags), flown)
    for line in aside:
        click.echo(f"left aside: {line}", err=True)
    learned = forecasting.load(tables) if tables else forecasting.shipped()
    day = Day(flown, booked, learned, threshold=alerts, minimum=minimum)
    count = dict.fromkeys(Kind, 0)
    notices: set[tuple[str, str]] = set()
    messages: defaultdict[tuple[str, str, str], set[int]] = defaultdict(set)
    with out.open("w", encoding="utf-8") as file:
        pace = _Pace(speed)
        for decided in day.run():
            pace.wait_for(decided.at, file)
            file.write(_line(decided) + "\n")
            count[decided.kind] += 1
            if decided.kind is Kind.NOTICE:
                notices.add((decided.cause, decided.recipient))
                # As notify joins what one person is told of one departure (docs/notices.md, Storms).
                messages[decided.recipient, decided.cause.partition(":")[0], decided.flight].add(decided.at)
    found = judged(flown, booked, day.looks, minimum=minimum)
    if draw is not None:
        draw.write_text(drawing(found, f"{flights.stem}: {len(booked)} bags, {minimum} min from gate to gate"), "utf-8")
    report: dict[str, Any] = {
        "flights": len(flown),
        "bags": len(booked),
        "alerts": sum(count[kind] for kind in (Kind.CONNECTION_AT_RISK, Kind.MISSED_CONNECTION, Kind.LEG_CANCELLED)),
        "withdrawn": count[Kind.WITHDRAWN],
        "replanned": count[Kind.REPLANNED],
        "notices": count[Kind.NOTICE],
        "notices_doubled": count[Kind.NOTICE] - len(notices),
        "messages": sum(len(at) for at in messages.values()),
        "messages_of_one_cause_max": max((len(at) for at in messages.values()), default=0),
        "seconds": round(time.monotonic() - began, 1),
        "bags_left_aside": len(aside),
        "cpu_seconds": round(time.process_time(), 1),
        "by_kind": {kind.value: number for kind, number in count.items()},
        "threshold": alerts.opens,
        "judged": {each.moment: each.report(alerts.opens) for each in found},
        "holding": regret(day.holds, flown, minimum=minimum, others=others),
    }
    if as_json:
        print_json(report)
    else:
        for key in ("flights", "bags", "alerts", "withdrawn", "replanned", "notices", "notices_doubled", "seconds"):
            click.echo(f"{key.replace('_', ' '):>16}  {report[key]}")


class _Pace:
    """Holds the virtual clock back to `speed` times real time; without one, not at all."""

    def __init__(self, speed: float | None) -> None:
        self._speed = speed
        self._began: tuple[int, float] | None = None

    def wait_for(self, at: int, file: TextIO) -> None:
        if self._speed is None:
            return
        if self._began is None:
            self._began = (at, time.monotonic())
        first, since = self._began
        wait = timedelta(minutes=at - first).total_seconds() / self._speed - (time.monotonic() - since)
        if wait > 0:
            file.flush()
            time.sleep(wait)


def _line(decided: Decided) -> str:
    row: dict[str, Any] = {
        "at": _spelled(decided.at),
        "bag": decided.bag,
        "kind": decided.kind,
        "leg": decided.leg,
        "flight": decided.flight.split("/")[0],
        "probability": round(decided.probability, 4),
        "standing": decided.standing,
        "because": decided.because,
        "new_legs": [
            {
                "flight": leg.departure.split("/")[0],
                "service_date": leg.departs_at.date().isoformat(),
                "origin": leg.origin,
                "dest": leg.destination,
                "departs_at": leg.departs_at.strftime(RFC_3339),
                "arrives_at": leg.arrives_at.strftime(RFC_3339),
            }
            for leg in decided.new_legs
        ],
        "eta": _spelled(decided.eta) if decided.eta is not None else None,
    }
    if decided.kind is Kind.NOTICE:
        row |= {"recipient": decided.recipient, "channel": "email", "cause": decided.cause}
    return json.dumps(row, ensure_ascii=False)


def _spelled(minutes: int) -> str:
    return instant(minutes).strftime(RFC_3339)
