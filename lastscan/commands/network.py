"""`lastscan network`: places, and the linehauls between them."""

import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import Any, cast

import click

from lastscan.home import Home
from lastscan.options import home_option, json_option, print_json
from tracker.desk import Desk, Taken
from tracker.domain.decisions import CloseFacility, ReopenFacility
from tracker.domain.staff import Role, Staff
from tracker.network import Loaded, Network

MOST_SHOWN = 20
"""How many bad lines are printed; all of them are in `--json` and in quarantine."""


def _deciding(command: Callable[..., Taken]) -> Callable[..., None]:
    """A command that takes a decision of staff, and prints the key of the fact it wrote."""

    @wraps(command)
    def run(by: str, role: str, key: str | None, as_json: bool, **said: Any) -> None:
        taken = command(by=Staff(by, Role(role)), key=key or str(uuid.uuid4()), **said)
        if as_json:
            print_json({"event_key": str(taken.event_key), "again": taken.again})
        else:
            click.echo(f"{taken.event_key}{' was decided already' if taken.again else ''}")

    decided: Any = run
    for option in (
        home_option,
        json_option,
        click.option("--key", help="The same key again decides nothing new."),
        click.option("--role", type=click.Choice([role.value for role in Role]), default=Role.NETWORK_MANAGER.value),
        click.option("--by", required=True, metavar="USER", help="Who decides."),
    ):
        decided = option(decided)
    return cast(Callable[..., None], decided)


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


@network.command()
@click.argument("facility")
@click.option("--from", "since", required=True, metavar="INSTANT", help="As 2026-11-22T18:00:00Z.")
@click.option("--until", required=True, metavar="INSTANT")
@click.option("--reason", required=True, help="Kept with the decision; nothing personal belongs in it.")
@_deciding
def close(facility: str, since: str, until: str, reason: str, by: Staff, key: str, home: Home) -> Taken:
    """Nothing is handled at FACILITY for a while: what is planned through it gets another way."""
    closing = CloseFacility(facility=facility, since=_instant(since), until=_instant(until), reason=reason)
    return Desk(home.store(), home.clock).decide(closing, by=by, key=key)


@network.command()
@click.argument("facility")
@click.option("--reason", required=True, help="Kept with the decision; nothing personal belongs in it.")
@_deciding
def reopen(facility: str, reason: str, by: Staff, key: str, home: Home) -> Taken:
    """FACILITY works again from now on; what was to be closed later is called off."""
    return Desk(home.store(), home.clock).decide(ReopenFacility(facility=facility, reason=reason), by=by, key=key)


def _instant(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise click.UsageError(f"{text!r} is no instant with a zone; write it as 2026-11-22T18:00:00Z")
    return found.astimezone(UTC)


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
