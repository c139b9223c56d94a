"""`lastscan identify`: what a number is, whose it may be, and why."""

from __future__ import annotations

import json
from typing import Any

import click

from scanner.symbology import Symbology
from tracker.domain.ids import Candidate, Context, is_ambiguous
from tracker.domain.ids import identify as every_reading

SYMBOLOGIES = (*(symbology.value for symbology in Symbology), "keyed")
"""The words of a scan's `sym`."""


@click.command()
@click.argument("codes", nargs=-1, required=True, metavar="CODE...")
@click.option(
    "--symbology", type=click.Choice(SYMBOLOGIES, case_sensitive=False), help="What it was read from; keyed: typed."
)
@click.option("--carrier", metavar="WORD", help="Whose it is, e.g. fedex; sandbox lets country ZZ pass.")
@click.option("--jsonl", is_flag=True, help="One JSON object for each code.")
def identify(codes: tuple[str, ...], symbology: str | None, carrier: str | None, jsonl: bool) -> None:
    """Say whose number a code may be, the most likely first, under the number that customers know.

    That it is nobody's is an answer and exits 0. Where several are as likely it is ambiguous: name the carrier.
    """
    context = Context(pinned=carrier.lower() if carrier else None)
    for code in codes:
        candidates = every_reading(code, symbology, context)
        if jsonl:
            click.echo(json.dumps(_report(code, candidates)))
        else:
            for line in _for_people(code, candidates):
                click.echo(line)


def _report(code: str, candidates: tuple[Candidate, ...]) -> dict[str, Any]:
    return {
        "code": code,
        "candidates": [
            {"scheme": one.scheme, "carrier": one.carrier, "number": one.number, "valid": one.valid, "why": one.why}
            for one in candidates
        ],
        "ambiguous": is_ambiguous(candidates),
    }


def _for_people(code: str, candidates: tuple[Candidate, ...]) -> list[str]:
    shown = "".join(letter if letter.isprintable() else f"\\u{ord(letter):04x}" for letter in code[:200])
    if not candidates:
        return [f"{shown}: no number we know the form of"]
    head = f"{shown}: ambiguous, name the carrier" if is_ambiguous(candidates) else f"{shown}:"
    return [head, *(f"  {one.scheme}  {one.carrier or '-'}  {one.number}  ({one.why})" for one in candidates)]
