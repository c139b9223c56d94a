"""`lastscan proofs`: the ledger of notices, out of the database and checked anywhere."""

from pathlib import Path

import click

from lastscan.home import Home
from lastscan.options import home_option
from tracker.domain.chain import Broken, Head, canonical, verify_lines

BROKEN = 1


class _Noted(click.ParamType[Head]):
    """A head that was noted elsewhere, `N:HASH`."""

    name = "N:HASH"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> Head:
        number, _, digest = value.partition(":")
        if not (number.isdecimal() and len(digest) == 64):
            self.fail(f"{value!r}: expected the number and hash that export or verify printed", param, ctx)
        return Head(int(number), digest)


@click.group()
def proofs() -> None:
    """What was sent, and what was decided not to be sent, as rows that hold each other."""


@proofs.command("export")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@home_option
def export(file: Path, home: Home) -> None:
    """Write every row of the ledger to FILE, one line of JSON each. It names nobody: addresses are keyed digests."""
    from notify.store.ledger import Ledger

    with home.database() as engine, file.open("wb") as out:
        for row in Ledger(engine).rows():
            out.write(canonical(row) + b"\n")
    with file.open("rb") as written:
        _tell(verify_lines(written), file)


@proofs.command("verify")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--head", "heads", type=_Noted(), multiple=True, help="Printed before; may be repeated.")
def verify(file: Path, heads: tuple[Head, ...]) -> None:
    """Check a FILE that `export` wrote, without a database. Exits 1 at the first row that is not what was written.

    That the newest rows were cut off, or all written anew, only a --head can show.
    """
    with file.open("rb") as written:
        _tell(verify_lines(written, heads), file)


def _tell(found: Head | Broken, file: Path) -> None:
    if isinstance(found, Broken):
        click.echo(f"{file}: row {found.n} is broken: {found.why}", err=True)
        raise SystemExit(BROKEN)
    click.echo(f"{file}: {found.n} rows hold, head {found.n}:{found.hash}")
