"""`lastscan audit`: the chain of what staff did and saw."""

from pathlib import Path
from typing import BinaryIO

import click

from lastscan.heads import Heads
from lastscan.home import Home
from lastscan.options import home_option, json_option, print_json
from tracker.audit import Audit
from tracker.domain.chain import Broken, verify_lines


@click.group()
def audit() -> None:
    """What staff did, and whose personal data they opened."""


@audit.command()
@click.argument("file", required=False, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@json_option
@home_option
def verify(file: Path | None, as_json: bool, home: Home) -> None:
    """Check every row, of the database or of an export, against its hash and the heads noted elsewhere.

    Exit code 1 at the first row that is not what was written. An export made before a head was noted is checked
    against the heads before its end.
    """
    heads = Heads.of(home).read()
    if file is None:
        found = Audit(home.store()).verify(heads)
    else:
        with file.open("rb") as lines:
            rows = sum(1 for _ in lines)
            lines.seek(0)
            found = verify_lines(lines, [head for head in heads if head.n <= rows])
    if as_json:
        broken = {"row": found.n, "why": found.why} if isinstance(found, Broken) else None
        rows_found = None if isinstance(found, Broken) else found.n
        print_json({"rows": rows_found, "heads": len(heads), "broken": broken})
    elif isinstance(found, Broken):
        click.echo(f"broken at row {found.n}: {found.why}")
    else:
        click.echo(f"whole: {found.n} rows, {len(heads)} heads, {found.hash}")
    if isinstance(found, Broken):
        raise SystemExit(1)


@audit.command()
@click.argument("file", type=click.File("wb"), default="-")
@home_option
def export(file: BinaryIO, home: Home) -> None:
    """Write every row as a line of JSON, which `lastscan audit verify FILE` checks."""
    for line in Audit(home.store()).export(by=None):
        file.write(line)
