"""`lastscan staff`: who of staff may sign in."""

import click
import sqlalchemy as sa

from lastscan.home import Home
from lastscan.options import home_option, json_option, print_json
from lastscan.roles import staff_accounts
from locales import languages
from tracker.domain.staff import Role
from tracker.staff import StaffAccounts, demo_user
from tracker.store import Store

WEB = "http://127.0.0.1:8080"

_role_option = click.option("--role", required=True, type=click.Choice([role.value for role in Role]))


@click.group()
def staff() -> None:
    """Accounts of staff. What they do with them is in the audit."""


@staff.command()
@click.argument("user")
@_role_option
@click.option("--site", help="Where they work, if it is one place.")
@click.option("--language", default="en", show_default=True, type=click.Choice(languages()))
@json_option
@home_option
def add(user: str, role: str, site: str | None, language: str, as_json: bool, home: Home) -> None:
    """Make an account, and print the link by which its owner chooses a password."""
    token = _accounts(home).add(user, role=Role(role), site=site, language=language, by=None)
    _say(home, user, token, as_json=as_json)


@staff.command()
@click.argument("user")
@json_option
@home_option
def reset(user: str, as_json: bool, home: Home) -> None:
    """Take password, codes, passkeys and sessions away, and print a new link."""
    _say(home, user, _accounts(home).reset(user, by=None), as_json=as_json)


@staff.command("first-link")
@click.option("--user", default="admin", show_default=True)
@json_option
@home_option
def print_first_link(user: str, as_json: bool, home: Home) -> None:
    """Print the link of the first administrator, as long as none can sign in."""
    token = _accounts(home).first_link(user)
    if token is None:
        raise click.ClickException("an administrator can sign in already; `lastscan staff reset USER` makes a new link")
    _say(home, user, token, as_json=as_json)


@staff.command("list")
@json_option
@home_option
def list_staff(as_json: bool, home: Home) -> None:
    """Show everybody: role, site, ways to sign in, open sessions."""
    found = _accounts(home).everybody()
    if as_json:
        print_json(
            [
                {
                    "user": one.user,
                    "role": one.role.value,
                    "site": one.site,
                    "language": one.language,
                    "ways": one.ways,
                    "sessions": one.signed_in,
                    "demo": one.demo,
                    "made_at": one.made_at,
                    "revoked_at": one.revoked_at,
                }
                for one in found
            ]
        )
        return
    for one in found:
        ways = "revoked" if one.revoked_at else ", ".join(one.ways) or ("demo" if one.demo else "no way in")
        click.echo(f"{one.user:32} {one.role.value:16} {one.site or '':12} {ways}")


@staff.command()
@click.argument("user")
@_role_option
@click.option("--site", help="Where they work, if it is one place.")
@home_option
def role(user: str, role: str, site: str | None, home: Home) -> None:
    """Change a role; every session of theirs ends."""
    _accounts(home).change_role(user, Role(role), site=site, by=None)


@staff.command()
@click.argument("user")
@home_option
def revoke(user: str, home: Home) -> None:
    """Take an account back for good; nobody else ever gets its name."""
    _accounts(home).revoke(user, by=None)


def _accounts(home: Home) -> StaffAccounts:
    return staff_accounts(home, Store(home.migrated()))


def first_link(home: Home) -> str | None:
    """The link of the first administrator; None where one can sign in already."""
    store = Store(home.migrated())
    try:
        token = staff_accounts(home, store).first_link()
    finally:
        store.close()
    return None if token is None else link(home, token)


def add_demo_staff(home: Home, engine: sa.Engine) -> None:
    """One for each role, whom the demo's page lets in."""
    accounts = staff_accounts(home, Store(engine))
    for each in Role:
        accounts.add_demo(demo_user(each), role=each)


def link(home: Home, token: str) -> str:
    """Where a link leads in the installation that runs here."""
    return f"{home.addresses.get('web') or WEB}/staff/link/{token}"


def _say(home: Home, user: str, token: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"user": user, "link": link(home, token)})
        return
    click.echo(link(home, token))
    click.echo(f"Whoever opens it becomes {user}. It works once, within three days.", err=True)
