"""`lastscan gap`: scans that were made and did not come, and what people decide about them."""

import getpass
from dataclasses import asdict

import click

from lastscan.home import Home
from lastscan.options import home_option, json_option, print_json
from tracker.gaps import GapIncidents
from tracker.store.gaps import GapIncident


@click.group()
def gap() -> None:
    """Scans that a device made and that never came: list them, or write them off."""


@gap.command("list")
@click.option("--all", "closed", is_flag=True, help="With those that are over.")
@json_option
@home_option
def list_gaps(closed: bool, as_json: bool, home: Home) -> None:
    """Show which numbers are missing, of which device, and who scanned there."""
    found = GapIncidents(home.store(), home.clock).all(closed=closed)
    if as_json:
        print_json([asdict(incident) for incident in found])
        return
    for incident in found:
        click.echo(_line(incident))


@gap.command()
@click.argument("incident", type=int, metavar="ID")
@click.option("--reason", required=True, help="Kept with the decision: what the device or its operator said.")
@click.option("--by", default=getpass.getuser, show_default="your user name", help="Who decides.")
@home_option
def close(incident: int, reason: str, by: str, home: Home) -> None:
    """Write the missing scans off, so that receipts go on past them. Look at the device first."""
    closed = GapIncidents(home.store(), home.clock).close(incident, by=by, reason=reason)
    click.echo(f"gap {incident} is closed; {closed.lacks} scans of {closed.dev} are written off", err=True)


def _line(incident: GapIncident) -> str:
    missing = ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in incident.missing)
    who = f" by {incident.operator}" if incident.operator else ""
    what = f"{incident.dev} at {incident.site}, journal {incident.ep[:8]}: {missing or 'nothing'} missing"
    how = ""
    if incident.came:
        how = "; closed: everything came"
    elif incident.closed_at:
        how = f"; written off by {incident.closed_by}: {incident.reason}"
    return f"{incident.id:5}  {incident.opened_at:%Y-%m-%d %H:%M}Z  {what} ({incident.why}){who}{how}"
