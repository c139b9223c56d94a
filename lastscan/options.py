"""Options that several commands share."""

import json
from pathlib import Path
from typing import Any

import click

from lastscan.home import Home


def _home(_ctx: click.Context, _param: click.Parameter, value: Path | None) -> Home:
    return Home.at(value)


home_option = click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    callback=_home,
    envvar="LASTSCAN_HOME",
    help="The directory that holds everything; else LASTSCAN_HOME, else the user's data directory.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


def print_json(document: Any) -> None:
    """One JSON document on standard output; instants as RFC 3339."""
    click.echo(json.dumps(document, indent=2, ensure_ascii=False, default=_spelled))


def print_line(document: Any) -> None:
    """One JSON object on one line."""
    click.echo(json.dumps(document, ensure_ascii=False, default=_spelled))


def _spelled(value: Any) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
