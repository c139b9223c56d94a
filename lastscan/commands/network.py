"""`lastscan network`: places, and the linehauls between them."""

import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import click

from lastscan.home import Home
from lastscan.options import home_option, json_option, print_json
from tracker.network import Loaded, Network

MOST_SHOWN = 20
"""How many bad lines are printed; all of them are in `--json` and in quarantine."""

_file = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.group()
def network() -> None:
    """Facilities, timetables, and what is known of departures."""


@network.command()
@click.argument("files", nargs=-1, type=_file)
@click.option("--facilities", multiple=True, type=_file, help="Facilities, as CSV or JSON; taken in first.")
@json_option
@home_option
def load(files: tuple[Path, ...], facilities: tuple[Path, ...], as_json: bool, home: Home) -> None:
    """Take in timetables: FILES of departures by air and road, as CSV."""
    if not files and not facilities:
        raise click.UsageError("name a file of departures, or --facilities")
    started = time.monotonic()
    loaded = Network(home.store(), home.clock).load(files, facilities=facilities, told=_tell)
    if as_json:
        print_json(_report(loaded, time.monotonic() - started))
        return
    for misfit in loaded.misfits[:MOST_SHOWN]:
        click.echo(f"{misfit.line.file}:{misfit.line.number}: {misfit.detail} ({misfit.why})", err=True)
    if len(loaded.misfits) > MOST_SHOWN:
        click.echo(f"… and {len(loaded.misfits) - MOST_SHOWN} more: lastscan quarantine", err=True)
    click.echo(
        f"{loaded.lines} lines: {loaded.added} departures added, {loaded.changed} changed, {loaded.facilities}"
        f" facilities described, {len(loaded.misfits)} lines put aside"
    )


def _tell(done: int) -> None:
    click.echo(f"{done} departures", err=True)


def _report(loaded: Loaded, seconds: float) -> dict[str, object]:
    return {
        "lines": loaded.lines,
        "added": loaded.added,
        "changed": loaded.changed,
        "facilities": loaded.facilities,
        "told": loaded.told,
        "aside": len(loaded.misfits),
        "why": Counter(misfit.why for misfit in loaded.misfits),
        "misfits": [{**asdict(misfit.line), "why": misfit.why, "detail": misfit.detail} for misfit in loaded.misfits],
        "seconds": round(seconds, 3),
    }
