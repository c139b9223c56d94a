"""`lastscan learn-eta`, `lastscan eta-check`: what legs gone by teach about windows, and whether windows hold."""

from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import click

from lastscan.home import Home
from lastscan.options import home_option, json_option, print_json
from lastscan.replay.files import UnreadableFileError
from lastscan.replay.rides import COLUMNS, OPTIONAL, Source, before_and_from, rides
from tracker import transit
from tracker.domain.transit.check import Checked, check
from tracker.domain.transit.fit import fit
from tracker.project.windows import held

CSV = click.Path(path_type=Path, exists=True, dir_okay=False)
OUT = click.Path(path_type=Path, dir_okay=False)


def _pairs(_ctx: click.Context, _param: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    for each in given:
        if "=" not in each:
            raise click.BadParameter(f"{each}: write NAME=VALUE")
    return {name: value for name, _, value in (each.partition("=") for each in given)}


def _columns(ctx: click.Context, param: click.Parameter, given: tuple[str, ...]) -> dict[str, Source]:
    named = _pairs(ctx, param, given)
    if unknown := named.keys() - {*COLUMNS, *OPTIONAL}:
        raise click.BadParameter(f"none of ours is called {', '.join(sorted(unknown))}")
    try:
        return {ours: Source.parse(theirs) for ours, theirs in named.items()}
    except ValueError as wrong:
        raise click.BadParameter(str(wrong)) from wrong


@click.command("learn-eta")
@click.argument("history", type=CSV)
@click.option("--origin", default="", help="Where these legs come from, and their licence: kept in the file.")
@click.option("-o", "--out", required=True, type=OUT, help="The tables.")
@click.option(
    "--column",
    "called",
    multiple=True,
    callback=_columns,
    help="OURS=THEIRS or OURS=THEIRS~REGEX: where a column of ours stands.",
)
@click.option(
    "--area-letters", "areas", multiple=True, type=click.IntRange(1), help="Codes that begin so alike lie near."
)
@click.option(
    "--until", type=click.DateTime(["%Y-%m-%d"]), help="Learn from the days before, judge by those from it on."
)
@click.option("--judge", type=CSV, help="Judge by the legs of this file instead.")
@click.option("--judge-only", "only", multiple=True, callback=_pairs, help="COLUMN=VALUE: judge by these rows only.")
@click.option("--use", is_flag=True, help="Put the tables in force in this installation.")
@json_option
@home_option
def learn_eta(
    history: Path,
    origin: str,
    out: Path,
    called: dict[str, Source],
    areas: tuple[int, ...],
    until: datetime | None,
    judge: Path | None,
    only: dict[str, str],
    use: bool,
    as_json: bool,
    home: Home,
) -> None:
    """Learn how long legs take from the rows of HISTORY; the same rows give the same tables."""
    if only and judge is None and until is None:
        raise click.UsageError("--judge-only needs --until or --judge")
    legs = rides(history, called=called, only={})
    if until is not None:
        legs, _ = before_and_from(legs, until.date())
    tables = fit(legs, origin=origin, areas=sorted(set(areas)))
    out.write_text(transit.dump(tables), encoding="utf-8")
    click.echo(f"learned {len(tables.cases)} cases from {len(legs)} legs; kept in {out}", err=True)
    if judge is not None or until is not None:
        judged_by = rides(judge or history, called=called, only=only)
        if until is not None:
            _, judged_by = before_and_from(judged_by, until.date())
        if not judged_by:
            raise UnreadableFileError(f"{judge or history}: no legs to judge by")
        _report(check(tables, judged_by), as_json=as_json)
    if use:
        with home.store().writing() as tx:
            transit.put_in_force(tx, tables)
        click.echo("in force for every piece judged from now on", err=True)


def _report(found: list[Checked], *, as_json: bool) -> None:
    if as_json:
        print_json([asdict(each) for each in found])
        return
    click.echo(f"{'lanes':>18}  {'legs':>6}  {'off by':>7}  {'the plan':>8}  within 50 %  80 %   95 %")
    for each in found:
        shares = "  ".join(f"{share:5.1%}" for share in each.covered.values())
        errors = f"{each.mean_absolute_error:>7.1f}  {each.planned_error:>8.1f}"
        click.echo(f"{each.lanes:>18}  {each.legs:>6}  {errors}      {shares}")


@click.command("eta-check")
@json_option
@home_option
def eta_check(as_json: bool, home: Home) -> None:
    """Hold the windows of this installation against its deliveries: by the facts of each moment, judged as today."""
    found = held(home.store())
    if as_json:
        print_json([{**asdict(each), "covered": round(each.covered, 4)} for each in found])
        return
    for each in found:
        stated = f"{each.stated:.0%} stated" if each.stated is not None else "none stated"
        click.echo(
            f"after {each.after:>16}, {stated}: {each.within} of {each.windows} came within ({each.covered:.1%}), "
            f"{each.before} before, {each.late} late, {each.on_another_day} on another day"
        )
    click.echo(f"{sum(each.windows for each in found)} windows of delivered pieces", err=True)
