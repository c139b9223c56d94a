"""`lastscan incidents`: what is wrong with many pieces at once, and what support does with the notices it owes."""

from collections import Counter
from typing import Any

import click

from lastscan.home import Home
from lastscan.options import home_option, json_option, print_json
from tracker.domain.incidents import Incident
from tracker.domain.staff import Role, Staff
from tracker.queries import Queries
from tracker.storms import Counted, Storms

_by = click.option("--by", required=True, metavar="USER", help="Who decides.")
_role = click.option("--role", type=click.Choice([role.value for role in Role]), default=Role.SUPPORT.value)


@click.group(invoke_without_command=True)
@json_option
@home_option
@click.pass_context
def incidents(context: click.Context, as_json: bool, home: Home) -> None:
    """Show what is wrong with many pieces at once, by its root: a departure or a place."""
    if context.invoked_subcommand is not None:
        return
    found = Queries(home.store(), home.clock).incidents()
    if as_json:
        print_json([_incident(each) for each in found])
        return
    for each in found:
        click.echo(f"{each.since:%Y-%m-%d %H:%M}Z  {each.kind:12} {each.root:20} {len(each.pieces)} pieces")


@incidents.command()
@json_option
@home_option
def notices(as_json: bool, home: Home) -> None:
    """Show the notices that incidents owe: how many wait, and how many people were told."""
    found = Storms(home.store(), home.clock).standing()
    if as_json:
        print_json([_counted(each) for each in found])
        return
    for each in found:
        _tell(each)


@incidents.command()
@click.argument("incident")
@click.option("--text", "texts", multiple=True, required=True, metavar="LANGUAGE=TEXT", help="As en=…; again for more.")
@_role
@_by
@home_option
def edit(incident: str, texts: tuple[str, ...], role: str, by: str, home: Home) -> None:
    """Say in your own words what happened; it goes to people and stands on pages. An empty text takes it back."""
    words = dict(text.partition("=")[::2] for text in texts)
    _tell(Storms(home.store(), home.clock).write(incident, words, by=Staff(by, Role(role))))


@incidents.command()
@click.argument("incident")
@_role
@_by
@home_option
def release(incident: str, role: str, by: str, home: Home) -> None:
    """Send what waits now."""
    _tell(Storms(home.store(), home.clock).release(incident, by=Staff(by, Role(role))))


@incidents.command()
@click.argument("incident")
@click.option("--reason", required=True, help="Kept in the audit; nothing personal belongs in it.")
@_role
@_by
@home_option
def stop(incident: str, reason: str, role: str, by: str, home: Home) -> None:
    """Tell nobody who was not told yet."""
    _tell(Storms(home.store(), home.clock).stop(incident, by=Staff(by, Role(role)), reason=reason))


def _tell(each: Counted) -> None:
    decided = f", {each.storm.decision} by {each.decided_by}" if each.storm.decision else ""
    click.echo(
        f"{each.storm.id}  {each.pieces} pieces of {each.people} people: {each.waiting} wait, {each.told} told,"
        f" {each.stopped} stopped{decided}"
    )


def _counted(found: Counted) -> dict[str, Any]:
    storm = found.storm
    return {
        "id": storm.id,
        "root": storm.root,
        "since": storm.since,
        "pieces": found.pieces,
        "people": found.people,
        "waiting": found.waiting,
        "told": found.told,
        "stopped": found.stopped,
        "decision": storm.decision,
        "words": dict(storm.words),
        "decided_by": found.decided_by or None,
        "decided_at": found.decided_at,
    }


def _incident(found: Incident) -> dict[str, Any]:
    open_now = Counter(trouble.irregularity.kind for trouble in found.troubles)
    return {
        "kind": found.kind,
        "root": found.root,
        "since": found.since,
        "pieces": found.pieces,
        "open": dict(sorted(open_now.items())),
    }
