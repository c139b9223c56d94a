"""`lastscan track`, `log`, `unmatched`, `quarantine`, `rebuild`: what the log and its timelines hold."""

from datetime import datetime
from zoneinfo import ZoneInfo

import click
import msgspec

from lastscan.home import Home
from lastscan.options import home_option, json_option, print_json, print_line
from locales import words
from tracker.domain.card import PieceCard
from tracker.domain.rules import DUTIES
from tracker.project import rebuild as fold_again
from tracker.queries import Queries


def _queries(home: Home) -> Queries:
    return Queries(home.store(), home.clock)


@click.command()
@click.argument("number")
@click.option("--as-of", metavar="INSTANT", help="As it was shown then: 2026-11-21T10:50:00Z.")
@json_option
@home_option
def track(number: str, as_of: str | None, as_json: bool, home: Home) -> None:
    """Show timeline, state, ETA and why of a piece, as staff may see it."""
    if as_of is not None:
        then = _queries(home).as_of(number, _instant(as_of))
        if then is None:
            raise click.ClickException(f"{number}: nothing was booked under this number by {as_of}")
        _show(then, as_json=as_json)
        return
    cards = _queries(home).candidates(number)
    if not cards:
        raise click.ClickException(f"{number}: no piece with this number; `lastscan unmatched` shows scans without one")
    _show(cards[0], as_json=as_json)


def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise click.UsageError(f"{text!r} is no instant with its zone; write it as 2026-11-21T10:50:00Z")
    return instant


def _show(card: PieceCard, *, as_json: bool) -> None:
    if as_json:
        print_json(msgspec.to_builtins(card))
    else:
        for line in _told(card):
            click.echo(line)


def _told(card: PieceCard) -> list[str]:
    english = words("en")

    def local(at: datetime, zone: str) -> str:
        return at.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M %Z")

    lines = [f"{card.number}  {card.kind}  {card.origin.code} to {card.destination.code}  {card.state}"]
    if card.eta:
        window = english.window(card.eta.earliest, card.eta.latest, card.destination.zone)
        sure = f" ({card.eta.confidence:.0%})" if card.eta.confidence is not None else ""
        lines += [f"expected {window}{sure}", f"  why: {english.why(card.eta.why, card.facilities)}"]
    for found in card.irregularities:
        lines.append(f"{'open' if found.open else 'over'}: {found.kind}: {english.why(found.why, card.facilities)}")
        if found.open:
            duty = DUTIES[found.kind]
            lines.append(f"  {duty.actor}: {english.why(duty.next_step, {})} Over when: {english.why(duty.over, {})}")
    for entry in card.entries:
        struck = " (withdrawn)" if entry.withdrawn else ""
        by = f" by {entry.role.value.replace('_', ' ')}: {entry.reason}" if entry.role else ""
        into = f" into {entry.into}" if entry.into else ""
        via = f" with {entry.via}" if entry.via else ""
        at = local(entry.happened_at, entry.facility.zone)
        lines.append(f"{at:26} {entry.facility.code:8} {entry.kind}{into}{via}{struck}{by}   {entry.event_key}")
    return lines


@click.command()
@json_option
@home_option
def unmatched(as_json: bool, home: Home) -> None:
    """Show scans that belong to no piece we know: kept, and never attached by guess."""
    rows = _queries(home).unmatched()
    if as_json:
        print_json(rows)
        return
    for row in rows:
        click.echo(
            f"{row['at']:%Y-%m-%d %H:%M:%S}Z  {row['facility']:8} {row['kind']:10} {row['code']!r}: {row['why']}"
        )


@click.command()
@json_option
@home_option
def quarantine(as_json: bool, home: Home) -> None:
    """Show what devices sent that was not understood or not allowed, with the reason."""
    rows = _queries(home).quarantine()
    if as_json:
        print_json([{**msgspec.to_builtins(row), "payload": row.payload.decode(errors="replace")} for row in rows])
        return
    for row in rows:
        seen = f" ({row.times} times)" if row.times > 1 else ""
        click.echo(f"{row.heard_at:%Y-%m-%d %H:%M:%S}Z  {row.topic}  {row.why}{seen}  {row.payload[:80]!r}")


@click.group()
def log() -> None:
    """The log of committed scans."""


@log.command()
@click.option("--jsonl", is_flag=True, help="One JSON object a line (the only form so far, and the default).")
@home_option
def export(jsonl: bool, home: Home) -> None:
    """Print every committed scan, in the order of commit."""
    for scan in _queries(home).committed_scans():
        print_line(msgspec.to_builtins(scan))


@click.command()
@json_option
@home_option
def rebuild(as_json: bool, home: Home) -> None:
    """Fold the log again and put right what differs; prints it. Nothing should. Pages go on meanwhile."""
    store = home.store()
    differing = fold_again(store, home.clock)
    with store.reading() as tx:
        named = {tx.booked.piece(piece)[0].name: change for piece, change in differing.items()}
    if as_json:
        print_json({"differing": named})
    else:
        for name, (was, now) in named.items():
            click.echo(f"{name}\n  was {was}\n  is  {now}")
        click.echo(f"{len(named)} pieces differ", err=True)
    if named:
        raise SystemExit(1)
