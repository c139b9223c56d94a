"""`lastscan key`: who may book over the API."""

import click

from lastscan.home import Home
from lastscan.options import home_option, json_option, print_json

DEMO_ACCOUNT = "demo"


@click.group()
def key() -> None:
    """API keys."""


@key.command("list")
@json_option
@home_option
def list_keys(as_json: bool, home: Home) -> None:
    """Show the API key of this installation; it is made at the first start."""
    made = first_key(home)
    if as_json:
        print_json([{"account": DEMO_ACCOUNT, "key": made}])
    else:
        click.echo(f"{DEMO_ACCOUNT}  {made}")


def first_key(home: Home) -> str:
    """The key of the first account; drawn, and made known to the tracker, when it is not there yet."""
    from tracker.booking import Bookings

    drawn = f"lsk_{home.secret('api-key')}"
    store = home.store()
    Bookings(store, home.clock).open_account(DEMO_ACCOUNT, key=drawn)
    store.close()
    return drawn
