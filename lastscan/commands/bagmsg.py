"""`lastscan bagmsg`: what baggage messages say."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import click

from tracker.domain.bags import BadBagMessageError, BagMessage, Flight, PartialMessages, split


@click.command()
@click.option("--jsonl", is_flag=True, help="One JSON object for each message; always so where JSON Lines come in.")
def bagmsg(jsonl: bool) -> None:
    """Read baggage messages (BSM, BTM, BPM, BUM, BNS and others) from standard input and say what they hold.

    Plain messages one after the other, or JSON Lines {"id","text"}. What cannot be understood is named and passed
    over; it exits 0, for that is an answer too. Parts of a long message are put together.
    """
    stream = sys.stdin.buffer.read().decode(errors="surrogateescape")
    as_lines = stream.lstrip().startswith("{")
    partial = PartialMessages()
    first: dict[str, str] = {}  # the text of a part -> the id it came under
    for name, text in _texts(stream, as_lines):
        if text is None:
            _say({"id": name, "error": 'expected a JSON object {"id","text"} on each line'}, jsonl or as_lines)
            continue
        try:
            read = partial.take(text)
        except BadBagMessageError as wrong:
            _say({"id": name, "error": str(wrong)}, jsonl or as_lines)
            continue
        if isinstance(read, int):
            first[text] = name
        else:
            _say({"id": name, **_fields(read)}, jsonl or as_lines)
    for telegram, lacking in partial.unfinished():
        _say({"id": first[telegram.text], "error": lacking}, jsonl or as_lines)


def _texts(stream: str, as_lines: bool) -> Iterator[tuple[str, str | None]]:
    if not as_lines:
        for number, text in enumerate(filter(str.strip, split(stream)), start=1):
            yield str(number), text
        return
    for number, line in enumerate(filter(str.strip, stream.splitlines()), start=1):
        try:
            given = json.loads(line)
            yield str(given.get("id", number)), str(given["text"])
        except (ValueError, KeyError, AttributeError, RecursionError):
            yield str(number), None


def _fields(message: BagMessage) -> dict[str, Any]:
    """What is there, under short names; what is not there has no name."""
    allowed = message.reconciliation
    fields: dict[str, Any] = {
        "kind": message.kind,
        "status": message.change or ("NEW" if message.kind in ("BSM", "BTM") else ""),
        "source": message.version.source,
        "airport": message.version.airport,
        "parts": len(message.telegrams) if len(message.telegrams) > 1 else None,
        "tags": [plate.digits for plate in message.tags],
        "outbound": _flight(message.outbound, "dest"),
        "inbound": _flight(message.inbound, "origin"),
        "onward": [_flight(flight, "dest") for flight in message.onward],
        "irregularity": message.irregularity,
        "processing": {k: v for k, v in asdict(message.processing).items() if v} if message.processing else None,
        "stowage": message.stowage,
        "authority_to_load": allowed and allowed.authority_to_load,
        "seat": allowed and allowed.seat,
        "passenger": message.passenger,
        "pnr": message.record_locator,
        "exceptions": list(message.exceptions),
        "screening": message.screening,
        "weight_kg": message.weight_kg,
        "unknown": list(message.unknown),
    }
    return {name: value for name, value in fields.items() if value not in (None, "", [], {})}


def _flight(flight: Flight | None, other_end: str) -> dict[str, str] | None:
    if flight is None:
        return None
    named = {"flight": flight.flight, "date": flight.date, other_end: flight.place, "cls": flight.cls}
    return {name: value for name, value in named.items() if value}


def _say(report: dict[str, Any], jsonl: bool) -> None:
    if jsonl:
        click.echo(json.dumps(report))
        return
    words = ", ".join(f"{name} {_plain(value)}" for name, value in report.items() if name != "id")
    line = f"{report['id']}: {words}"
    click.echo("".join(letter if letter.isprintable() else f"\\u{ord(letter):04x}" for letter in line))


def _plain(value: Any) -> str:
    match value:
        case dict():
            return "/".join(str(one) for one in value.values())
        case list():
            return " ".join(_plain(one) for one in value)
    return str(value)
