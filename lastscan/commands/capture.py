"""`lastscan decode` and `lastscan label`: pictures to texts, and texts to pictures."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import IO

import click

from scanner.decode import PictureReport, decode_paths
from scanner.label import FORMATS, Label, UnprintableLabelError, as_bytes
from tracker.domain.ids import readings


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--jsonl", is_flag=True, help="One JSON object for each picture.")
def decode(paths: tuple[Path, ...], jsonl: bool) -> None:
    """Read the barcodes in pictures, or in folders of pictures.

    No read is an answer and exits 0; a file that is no picture we can open exits 1.
    """
    refused = False
    for report in decode_paths(paths):
        refused = refused or report.error is not None
        if jsonl:
            click.echo(json.dumps(report.as_json()))
        else:
            for line in _for_people(report):
                click.echo(line)
    if refused:
        raise SystemExit(1)


def _for_people(report: PictureReport) -> list[str]:
    path = _visible(report.path)
    if report.error is not None:
        return [f"{path}: {_visible(report.error)}"]
    if not report.reads:
        return [f"{path}: no read" + (f"; {report.advice}" if report.advice else "")]
    return [f"{path}: {read.symbology} {_visible(read.text)}" for read in report.reads]


def _visible(text: str) -> str:
    """A stranger's text for a terminal: control characters, which could move its cursor, are spelled out."""
    return "".join(letter if letter.isprintable() else f"\\u{ord(letter):04x}" for letter in text)


@click.command()
@click.argument("numbers", nargs=-1, required=True, metavar="NUMBER")
@click.option(
    "--format", "form", type=click.Choice(FORMATS), required=True, help="pdf and zpl can hold several labels."
)
@click.option("-o", "--output", type=click.File("wb", lazy=True), required=True, help="The file; - is standard output.")
@click.option("--sheet", is_flag=True, help="Many labels in one file, one a page.")
@click.option("--title", default="", help="The first line, instead of Parcel, Bag or Departure.")
@click.option("--service", default="", help="The line below it, e.g. Express.")
@click.option("--from", "origin", default="", metavar="CODE", help="Where it starts.")
@click.option("--to", "destination", default="", metavar="CODE", help="Where it goes.")
@click.option("--on", type=click.DateTime(["%Y-%m-%d"]), help="The day, e.g. 2026-11-21.")
def label(
    numbers: tuple[str, ...],
    form: str,
    output: IO[bytes],
    sheet: bool,
    title: str,
    service: str,
    origin: str,
    destination: str,
    on: datetime | None,
) -> None:
    """Draw the label of a parcel (S10), a bag tag (ten digits) or a departure card (run/date)."""
    if len(numbers) > 1 and not sheet:
        raise click.UsageError("several numbers make a sheet: add --sheet, with --format pdf or zpl")
    labels = []
    for number in map(_checked, numbers):
        plain = Label.for_number(number)
        day = on.date() if on else None
        labels.append(Label(number, plain.symbology, title or plain.title, service, origin, destination, day))
    try:
        content = as_bytes(labels, form)
    except (UnprintableLabelError, ValueError) as refusal:
        raise click.UsageError(str(refusal)) from refusal
    output.write(content)


def _checked(number: str) -> str:
    """The number as it is printed; a usage error when it could never be scanned back."""
    candidates = readings(number)
    if not candidates:
        raise click.UsageError(
            f"{_visible(number)}: not an S10 number with the right check digit, not ten digits of a bag, "
            "and not a departure such as AA1234/2026-11-21"
        )
    return candidates[0].number
