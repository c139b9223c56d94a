"""`lastscan feed`: who may tell us of departures."""

import click

from lastscan.home import Home
from lastscan.options import home_option, json_option, print_json
from tracker.audit import Audit
from tracker.domain.audit import Action
from tracker.network import Network


@click.group()
def feed() -> None:
    """Sources of departure updates: estimates, actual times, cancellations."""


@feed.command()
@click.argument("name")
@json_option
@home_option
def add(name: str, as_json: bool, home: Home) -> None:
    """Register a feed and print its key, once."""
    store = home.store()
    key = Network(store, home.clock).add_feed(name)
    Audit(store).note(Action.FEED_ADDED, name, by=None)
    if as_json:
        print_json({"feed": name, "key": key})
        return
    click.echo(f"{name}  {key}")
    click.echo("This is the only time that the key is shown.", err=True)


@feed.command("list")
@json_option
@home_option
def list_feeds(as_json: bool, home: Home) -> None:
    """Show every feed."""
    found = Network(home.store(), home.clock).feeds()
    if as_json:
        print_json([{"feed": f.name, "made_at": f.made_at, "revoked_at": f.revoked_at} for f in found])
        return
    for one in found:
        click.echo(f"{one.name:32} {'revoked' if one.revoked_at else f'since {one.made_at:%Y-%m-%d}'}")


@feed.command()
@click.argument("name")
@home_option
def revoke(name: str, home: Home) -> None:
    """From now on take nothing from this feed."""
    store = home.store()
    if not Network(store, home.clock).revoke_feed(name):
        raise click.ClickException(f"no feed {name!r} is registered; `lastscan feed list` shows those there are")
    Audit(store).note(Action.FEED_REVOKED, name, by=None)
