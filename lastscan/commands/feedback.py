"""`lastscan feedback`: what providers and mail servers say of messages that were sent."""

import re
import sys
from datetime import UTC, datetime

import click

from lastscan.home import Home
from lastscan.options import home_option

FAILED = 1


@click.group()
def feedback() -> None:
    """Mails that came back, signatures of providers, and addresses nothing is sent to."""


@feedback.command()
@home_option
def bounce(home: Home) -> None:
    """Take a mail that came back on standard input: a delivery status (RFC 3464) or a complaint (RFC 5965).

    As a mail server's pipe calls it for the mailbox of the sender. Exits 1 for a mail that is neither.
    """
    from notify.feedback import FeedbackDesk, UnreadableFeedbackError

    with home.database() as engine:
        try:
            found = FeedbackDesk(engine, {}).returned(sys.stdin.buffer.read(), datetime.now(UTC))
        except UnreadableFeedbackError as wrong:
            click.echo(f"not taken: {wrong}", err=True)
            raise SystemExit(FAILED) from wrong
    click.echo("still on its way" if found is None else f"{found.said}: {found.delivery}")


@feedback.command()
@click.argument("provider")
@home_option
def secret(provider: str, home: Home) -> None:
    """Print what PROVIDER signs its callbacks to /hooks/PROVIDER with; drawn at the first call."""
    from lastscan.roles import HOOK
    from notify.feedback import secret_of

    if not re.fullmatch(r"[a-z0-9-]+", provider):
        raise click.UsageError("PROVIDER should be small letters, digits and dashes, as in /hooks/PROVIDER")
    click.echo(secret_of(home.secret(f"{HOOK}{provider}")))


@feedback.command()
@click.argument("address")
@home_option
def forget(address: str, home: Home) -> None:
    """Take ADDRESS off the list of those nothing is sent to. Exits 1 where it is not on it."""
    from notify.proofs import address_digest
    from notify.store.feedback import FeedbackStore

    with home.database() as engine:
        known = FeedbackStore(engine).forget(address_digest(address, home.secret("proof").encode()))
    click.echo("taken off the list" if known else "it was not on the list")
    if not known:
        raise SystemExit(FAILED)
