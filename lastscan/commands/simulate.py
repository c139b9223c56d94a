"""`lastscan simulate`: the deterministic simulation, seed by seed."""

import os
import subprocess
import sys
import time
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import click

from lastscan.options import json_option, print_json
from lastscan.simulate import NAMES, Orders, Report, Violation, shrink, simulate_on, swarm
from lastscan.simulate.events import VirtualTime


class _Seeds(click.ParamType[range]):
    name = "A:B"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> range:
        first, _, end = str(value).partition(":")
        if not (first.isdecimal() and end.isdecimal() and int(first) < int(end)):
            self.fail(f"{value!r}: two numbers with a colon, such as 1:201, the second not counted", param, ctx)
        return range(int(first), int(end))


@click.command()
@click.option("--seeds", type=_Seeds(), required=True, help="From the first up to, not including, the second.")
@click.option("--only", help=f"Of the faults a seed draws, only these, with commas: {', '.join(NAMES)}.")
@click.option("--pieces", type=click.IntRange(0), help="Carry only so many.")
@click.option("--shrink", "shrinks", is_flag=True, help="Make the first failure as small as it gets.")
@click.option("--processes", type=click.IntRange(1), default=min(2, os.cpu_count() or 1), show_default=True)
@json_option
def simulate(seeds: range, only: str | None, pieces: int | None, shrinks: bool, processes: int, as_json: bool) -> None:
    """Run the shipped code of device, tracker and notifier in a simulated world, one a seed.

    Wires drop, brokers forget, flash tears, databases fail and are restored, processes die, clocks jump, people err:
    each seed draws some of it. Exits 1 when anything that was promised does not hold, with the line that replays it.
    """
    orders = [_orders(seed, only, pieces) for seed in seeds]
    began, cpu = time.monotonic(), time.process_time() + sum(os.times()[2:4])
    told_at = began

    def progress(report: Report) -> None:
        nonlocal told_at
        if time.monotonic() - told_at >= 10:
            told_at = time.monotonic()
            click.echo(f"{report.seeds} of {len(seeds)} seeds, {len(report.violations)} violations", err=True)

    report = simulate_on(processes, orders, progress)
    figures = {
        "seeds": report.seeds,
        "virtual_hours": round(report.virtual_hours, 2),
        "scans": report.scans,
        "crashes": report.counts["crashes"],
        "dropped": report.counts["dropped"],
        "duplicated": report.counts["duplicated"],
        "violations": [asdict(each) | {"replay": _replay(each, only, pieces)} for each in report.violations],
        "faults": dict(sorted(report.counts.items())),
        "seconds": round(time.monotonic() - began, 1),
        "cpu_seconds": round(time.process_time() + sum(os.times()[2:4]) - cpu, 1),
        "commit": _commit(),
    }
    if as_json:
        print_json(figures)
    else:
        click.echo(
            f"{report.seeds} seeds, {report.scans} scans, {report.virtual_hours:.1f} virtual hours,"
            f" {report.counts['crashes']} crashes: {len(report.violations)} violations"
        )
    for each in report.violations:
        click.echo(f"{each.why}\n    {_replay(each, only, pieces)}    # at {_commit()}", err=True)
    if report.violations and shrinks:
        least = shrink(next(one for one in orders if one.seed == report.violations[0].seed))
        assert least.faults is not None
        kept = ",".join(least.faults.on) or "none"
        click.echo(
            f"smallest: lastscan simulate --seeds {least.seed}:{least.seed + 1} --only {kept} --pieces {least.pieces}",
            err=True,
        )
    sys.exit(1 if report.violations else 0)


def _orders(seed: int, only: str | None, pieces: int | None) -> Orders:
    faults = None
    if only is not None:
        kept = set(only.split(",")) - {"none"}
        if unknown := kept - set(NAMES):
            raise click.UsageError(f"no such fault: {', '.join(sorted(unknown))}")
        faults = swarm(VirtualTime(seed).chance("swarm")).only(kept)
    return Orders(seed, faults) if pieces is None else Orders(seed, faults, pieces)


def _replay(violation: Violation, only: str | None, pieces: int | None) -> str:
    line = f"lastscan simulate --seeds {violation.seed}:{violation.seed + 1}"
    line += f" --only {only}" if only is not None else ""
    return line + (f" --pieces {pieces}" if pieces is not None else "")


def _commit() -> str:
    """What was run: the commit of a checkout, else the version."""
    home = Path(__file__).parent
    asked = subprocess.run(
        ["git", "-C", str(home), "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    return asked.stdout.strip() or version("lastscan")
