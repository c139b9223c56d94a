"""`lastscan webhook`: where the machines of an account listen."""

import time
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from lastscan.commands.key import DEMO_ACCOUNT
from lastscan.home import Home
from lastscan.options import home_option, json_option, print_json

if TYPE_CHECKING:
    from notify.channels.webhook.endpoint import Endpoint
    from notify.channels.webhook.endpoints import Endpoints

WAIT_S = 20.0

account_option = click.option("--account", default=DEMO_ACCOUNT, show_default=True, help="Whose they are.")


@click.group()
def webhook() -> None:
    """Tell the machines of a shipper, signed by the Standard Webhooks."""


@webhook.command()
@click.argument("url")
@click.option("--kind", "kinds", multiple=True, help="Tell of this kind only; may be given several times.")
@click.option("--owner", metavar="MAIL", help="Who is told by mail when it is switched off.")
@account_option
@json_option
@home_option
def add(url: str, kinds: tuple[str, ...], owner: str | None, account: str, as_json: bool, home: Home) -> None:
    """Register an endpoint and print its secret, once."""
    _print_secret(_endpoints(home).add(account, url, kinds=kinds, owner=owner), as_json)


@webhook.command("list")
@account_option
@json_option
@home_option
def list_webhooks(account: str, as_json: bool, home: Home) -> None:
    """Show every endpoint: address, kinds, since when it fails or is switched off."""
    found = _endpoints(home).all(account)
    if as_json:
        print_json([_shown(one) for one in found])
        return
    for one in found:
        how = (
            f"off: {one.off_why}" if one.off_at else f"failing since {one.failing_since}" if one.failing_since else "on"
        )
        click.echo(f"{one.id}  {how:4}  {one.url}  {', '.join(one.kinds)}".rstrip())


@webhook.command()
@click.argument("id")
@account_option
@json_option
@home_option
def test(id: str, account: str, as_json: bool, home: Home) -> None:
    """Send a test and say what was answered. One that was switched off and takes it is on again."""
    ours = _endpoints(home)
    message, give_up_at = ours.test(account, id), time.monotonic() + WAIT_S
    while not (found := ours.attempts_at(account, id, message)):
        if time.monotonic() > give_up_at:
            raise click.ClickException("nothing was sent yet: is `lastscan notify` running? The test stays due")
        time.sleep(0.1)
    if as_json:
        print_json(asdict(found[0]))
    else:
        click.echo(f"{found[0].outcome} in {found[0].took_ms} ms: {found[0].answer}")
    if found[0].outcome != "accepted":
        raise click.exceptions.Exit(1)


@webhook.command()
@click.argument("id")
@click.option("--message", metavar="ID", help="One message, by its webhook-id.")
@click.option("--since", type=click.DateTime(["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d"]), help="From this instant on, UTC.")
@click.option("--until", type=click.DateTime(["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d"]), help="Before this instant, UTC.")
@click.option("--kind", "kinds", multiple=True)
@click.option("--failed", is_flag=True, help="Only what was never taken.")
@account_option
@home_option
def replay(
    id: str,
    message: str | None,
    since: datetime | None,
    until: datetime | None,
    kinds: tuple[str, ...],
    failed: bool,
    account: str,
    home: Home,
) -> None:
    """Send messages once more, under the ids they had."""
    from notify.channels.webhook.endpoint import Wanted

    if not (message or since or until or kinds or failed):
        raise click.UsageError("say which: --message, --since, --until, --kind or --failed")
    wanted = Wanted(message, _utc(since), _utc(until), kinds, failed)
    click.echo(f"{_endpoints(home).replay(account, id, wanted)} will be sent once more")


@webhook.command()
@click.argument("id")
@account_option
@json_option
@home_option
def rotate(id: str, account: str, as_json: bool, home: Home) -> None:
    """Draw a new secret and print it, once. The old one signs along for a day."""
    _print_secret(_endpoints(home).rotate(account, id), as_json)


@webhook.command()
@click.argument("id")
@account_option
@home_option
def remove(id: str, account: str, home: Home) -> None:
    """Tell this endpoint nothing more, and forget what it was told."""
    _endpoints(home).remove(account, id)
    click.echo(f"{id} is removed", err=True)


def _endpoints(home: Home) -> "Endpoints":
    from lastscan.roles import webhook_endpoints

    return webhook_endpoints(home.migrated())


def _print_secret(made: "Endpoint", as_json: bool) -> None:
    if as_json:
        print_json({**_shown(made), "secret": made.secret, "old_until": made.old_until})
        return
    click.echo(f"{made.id}  {made.secret}")
    click.echo("This is the only time that the secret is shown.", err=True)


def _shown(one: "Endpoint") -> dict[str, object]:
    hidden = {"secret", "old_secret", "old_until", "account"}
    return {name: value for name, value in asdict(one).items() if name not in hidden}


def _utc(at: datetime | None) -> datetime | None:
    return at.replace(tzinfo=UTC) if at is not None else None
