"""`lastscan prove`: faults on real processes, on this machine, in a scratch home."""

import tempfile
import threading
import time
from pathlib import Path

import click

from lastscan import roles
from lastscan.options import json_option, print_json
from lastscan.prove.plan import NAMES, asked, run_all
from lastscan.prove.report import document, lines
from lastscan.prove.sides import Load

BROKEN, UNAVAILABLE, INTERRUPTED = 1, 69, 130


@click.group(invoke_without_command=True)
@click.option("--minutes", type=click.FloatRange(0.05), default=4.0, show_default=True, help="Of faults, in all.")
@click.option("--combination", "names", type=click.Choice(NAMES), multiple=True, help="Only this one; may be repeated.")
@click.option("--seed", type=int, help="Of the faults: the same seed, the same order. Printed where not given.")
@click.option("--devices", type=click.IntRange(1, 100), default=6, show_default=True, help="Each is a process.")
@click.option("--rate", type=click.FloatRange(0.1), default=60.0, show_default=True, help="Scans a second of them all.")
@click.option("--database-url", help="A PostgreSQL to use: two databases are made on it, and dropped at the end.")
@click.option("--keep", is_flag=True, help="Keep the raw histories also when nothing failed.")
@json_option
@click.pass_context
def prove(
    context: click.Context,
    minutes: float,
    names: tuple[str, ...],
    seed: int | None,
    devices: int,
    rate: float,
    database_url: str | None,
    keep: bool,
    as_json: bool,
) -> None:
    """Kill, cut and fill up real processes while handhelds scan, and count what is lost, doubled or invented.

    Runs the roles, brokers and databases that are sold on scratch data; a home that is in use is never touched. Beside
    them runs a control, scanning as it is mostly written, that must lose under the same faults. Exits 1 when a promise
    was broken, or when the control lost nothing and so nothing is proven.
    """
    if context.invoked_subcommand is not None:
        return
    load = Load(devices, rate, roles.seeded(seed))
    pairings = asked(names, database_url)
    left_out = [f"{each.name}: {each.missing}" for each in pairings if each.missing]
    for missing in left_out:
        _say(f"not run: {missing}")
    there = [each for each in pairings if not each.missing]
    if not there:
        raise SystemExit(UNAVAILABLE)
    _say(f"seed {load.seed}: {', '.join(each.name for each in there)}")
    began = time.monotonic()
    stop: threading.Event = roles.stopped_by_signals()
    runs, kept = run_all(there, load, seconds=minutes * 60, database_url=database_url, keep=keep, stop=stop, say=_say)
    if stop.is_set():
        raise SystemExit(INTERRUPTED)
    found = document(runs, seed=load.seed, seconds=time.monotonic() - began, left_out=left_out)
    if as_json:
        print_json(found)
    else:
        for line in lines(found):
            click.echo(line)
    for sentence in found["broken"]:
        _say(f"broken: {sentence}")
    if kept is not None:
        _say(f"raw histories: {kept}")
    if found["broken"]:
        raise SystemExit(BROKEN)


@prove.command()
@click.option("--due", type=click.IntRange(1), default=1000, show_default=True, help="Notices that must be told.")
@click.option("--processes", type=click.IntRange(1, 16), default=3, show_default=True, help="Notifiers.")
@click.option("--kill-every", type=click.FloatRange(0.1), default=2.0, show_default=True, help="Seconds.")
@click.option("--smtp", is_flag=True, help="A mail server, which has no keys, instead of HTTP with keys.")
@click.option("--seed", type=int, help="Of what is done to whom. Printed where not given.")
@click.option("--database-url", help="An empty PostgreSQL database, left full; else SQLite in a scratch file.")
@json_option
def notices(
    due: int, processes: int, kill_every: float, smtp: bool, seed: int | None, database_url: str | None, as_json: bool
) -> None:
    """Kill notifiers while they send, and count who was not told, told twice, or told what was no longer true.

    The provider is a process on this machine that drops connections at any byte, answers too late or "not now", and
    takes messages whose sender never hears of it. Exits 1 when a promise was broken.
    """
    from lastscan.prove.notices.run import Plan, broken, run
    from tracker.store.engine import sqlite_url

    plan = Plan(due, processes, kill_every, roles.seeded(seed), smtp)
    with tempfile.TemporaryDirectory(prefix="lastscan-prove-") as scratch:
        place = Path(scratch)
        found = run(plan, database_url or sqlite_url(place / "notices.db"), place, _say)
    if as_json:
        print_json(found)
    else:
        for name, value in found.items():
            click.echo(f"{name:16} {value}")
    for promise in broken(found):
        _say(f"broken: {promise}")
    if broken(found):
        raise SystemExit(BROKEN)


def _say(line: str) -> None:
    click.echo(line, err=True)
