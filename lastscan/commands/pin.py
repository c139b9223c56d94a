"""`lastscan pin`: which carriers a shipper sends with, where a number alone could be that of several."""

import click

from lastscan.home import Home
from lastscan.options import home_option, json_option, print_json
from tracker.booking import Bookings
from tracker.domain.ids.table import CARRIERS


def _bookings(home: Home) -> Bookings:
    return Bookings(home.store(), home.clock)


@click.group()
def pin() -> None:
    """Say whose a shipper's numbers are."""


@pin.command()
@click.argument("account")
@click.argument("carrier", type=click.Choice(sorted(CARRIERS)), metavar="CARRIER")
@home_option
def add(account: str, carrier: str, home: Home) -> None:
    """Read this account's numbers as this carrier's, where they could be another's too."""
    _bookings(home).pin(account, carrier)


@pin.command("list")
@json_option
@home_option
def list_pins(as_json: bool, home: Home) -> None:
    """Show every account with a carrier pinned to it."""
    pins = _bookings(home).pins()
    if as_json:
        print_json([{"account": account, "carrier": carrier} for account, carrier in pins])
        return
    for account, carrier in pins:
        click.echo(f"{account}  {carrier}")


@pin.command()
@click.argument("account")
@click.argument("carrier")
@home_option
def remove(account: str, carrier: str, home: Home) -> None:
    """Take a pin back."""
    if not _bookings(home).unpin(account, carrier):
        raise click.ClickException(f"{account} has no pin on {carrier}; `lastscan pin list` shows those there are")
