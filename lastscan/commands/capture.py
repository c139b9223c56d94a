"""`lastscan decode` and `lastscan label`: pictures to texts, and texts to pictures."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import IO

import click

from scanner.decode import PictureReport, decode_paths
from scanner.label import (
    FORMATS,
    LANGUAGES,
    RESOLUTIONS,
    Kind,
    Label,
    UnprintableLabelError,
    as_bytes,
    tracking_link,
)
from scanner.label.sscc import sscc_of
from tracker.domain.ids import identify
from tracker.domain.ids.checks import gs1_mod10


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
@click.argument("numbers", nargs=-1, required=True, metavar="NUMBER...")
@click.option(
    "--format", "form", type=click.Choice(FORMATS), required=True, help="pdf and zpl can hold several labels."
)
@click.option("-o", "--output", type=click.File("wb", lazy=True), required=True, help="The file; - is standard output.")
@click.option("--sheet", is_flag=True, help="As many as fit to an A4 page: four labels, or three bag tags.")
@click.option(
    "--kind", type=click.Choice([kind.value for kind in Kind]), help="What it is stuck to; else the number says it."
)
@click.option("--language", type=click.Choice(LANGUAGES), default="en", show_default=True, help="Of the label's words.")
@click.option("--link", metavar="BASE", default="", help="Add a QR code to follow it, e.g. https://track.example.org.")
@click.option("--title", default="", help="Instead of Parcel, Bag, Container or Departure.")
@click.option("--service", default="", help="In large letters on top, e.g. Express.")
@click.option("--from", "origin", default="", metavar="PLACE", help="Where it starts.")
@click.option("--to", "destination", default="", metavar="PLACE", help="Where it goes, in the largest letters.")
@click.option("--on", type=click.DateTime(["%Y-%m-%d"]), help="The day, e.g. 2026-11-21.")
@click.option("--recipient", multiple=True, metavar="LINE", help="Who gets it; once for each line.")
@click.option("--sender", multiple=True, metavar="LINE", help="Who sent it; once for each line.")
@click.option(
    "--dpi",
    type=click.Choice([str(dpi) for dpi in RESOLUTIONS]),
    default="203",
    show_default=True,
    help="Of the printer; ZPL and PNG come out at the right size only on one of this resolution.",
)
@click.option(
    "--font",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A font file for letters ours lacks, such as Chinese names.",
)
def label(
    numbers: tuple[str, ...],
    form: str,
    output: IO[bytes],
    sheet: bool,
    kind: str | None,
    language: str,
    link: str,
    title: str,
    service: str,
    origin: str,
    destination: str,
    on: datetime | None,
    recipient: tuple[str, ...],
    sender: tuple[str, ...],
    dpi: str,
    font: Path | None,
) -> None:
    """Draw labels: of parcels, bag tags (ten digits), containers (SSCC), departure cards (run/date).

    Several numbers become one PDF or ZPL file, one label after another, or with --sheet A4 pages to cut.
    """
    try:
        labels = []
        for number in numbers:
            plain = _label_of(number, Kind(kind) if kind else None)
            if on and plain.on not in (None, on.date()):
                raise click.UsageError(f"{number} runs on {plain.on}; leave --on out")
            labels.append(
                replace(
                    plain,
                    title=title,
                    service=service,
                    origin=origin,
                    destination=destination,
                    on=on.date() if on else plain.on,
                    sender=sender,
                    recipient=recipient,
                    link=tracking_link(link, plain.code) if link else "",
                    language=language,
                )
            )
        content = as_bytes(labels, form, dpi=int(dpi), sheet=sheet, font=font)
    except (UnprintableLabelError, ValueError) as refusal:
        raise click.UsageError(_visible(str(refusal))) from refusal
    output.write(content)


def _label_of(number: str, kind: Kind | None) -> Label:
    """The label for a number as typed; a usage error when it could never be scanned back, or is not of this kind."""
    sscc = sscc_of(number)
    if sscc and kind in (None, Kind.CONTAINER, Kind.PARCEL):
        return Label.for_number(sscc, kind)
    if kind is Kind.CONTAINER:
        raise click.UsageError(f"{_visible(number)}: not an SSCC; {_why_no_sscc(number)}")
    found = {
        SCHEME_KINDS.get(candidate.scheme, Kind.PARCEL): candidate.number for candidate in reversed(identify(number))
    }
    if not found:
        raise click.UsageError(
            f"{_visible(number)}: no number we know with the right check digit, not ten digits of a bag, "
            f"not a departure such as AA1234/2026-11-21, and not an SSCC; {_why_no_sscc(number)}"
        )
    meant = kind or next(each for each in (Kind.BAG, Kind.DEPARTURE, Kind.PARCEL) if each in found)
    if meant not in found:
        others = " or ".join(f"--kind {each}" for each in found)
        raise click.UsageError(f"{_visible(number)}: no number of a {meant}; try {others}")
    return Label.for_number(found[meant], meant)


SCHEME_KINDS = {"lpn": Kind.BAG, "departure": Kind.DEPARTURE, "sscc": Kind.CONTAINER}
"""What a number of this scheme is stuck to; all others are on parcels."""


def _why_no_sscc(number: str) -> str:
    digits = number.replace(" ", "")
    if digits.isascii() and digits.isdigit() and len(digits) in (17, 18):
        return f"the check digit of {digits[:17]} is {gs1_mod10(digits[:17])}"
    return "that has 18 digits"
