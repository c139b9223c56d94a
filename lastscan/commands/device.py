"""`lastscan device`: who may scan."""

import json
import os
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import click

from lastscan.home import Home
from lastscan.options import home_option, json_option, print_json
from tracker.audit import Audit
from tracker.devices import INVITED_FOR, Credentials, Devices
from tracker.domain.audit import Action
from tracker.gaps import GapIncidents

_pages_option = click.option("--pages", help="The address phones reach the pages at; else those that run in this home.")


@click.group()
def device() -> None:
    """Register, list and revoke handhelds, phones and fixed readers."""


@device.command()
@click.argument("dev")
@click.option("--site", required=True, help="The facility it belongs to, in small letters; one unknown so far is made.")
@click.option("--move", is_flag=True, help="A device known already gets this site and new credentials.")
@click.option("--qr", is_flag=True, help="It is a phone: show what its camera has to see, instead of credentials.")
@_pages_option
@json_option
@home_option
def add(dev: str, site: str, move: bool, qr: bool, pages: str | None, as_json: bool, home: Home) -> None:
    """Register a device and print its credentials, once."""
    if qr:
        _show_invitation(dev, Devices(home.store(), home.clock).invite(dev, site=site, move=move), pages, as_json, home)
        return
    store = home.store()
    drawn = Devices(store, home.clock).add(dev, site=site, move=move)
    Audit(store).note(Action.DEVICE_MOVED if move else Action.DEVICE_ADDED, dev, by=None, reason=site)
    printed = _with_address(drawn, home)
    if as_json:
        print_json(printed)
        return
    for name, value in printed.items():
        click.echo(f"{name:9} {value}")
    click.echo("This is the only time that key and password are shown.", err=True)


@device.command()
@click.argument("dev")
@_pages_option
@json_option
@home_option
def pair(dev: str, pages: str | None, as_json: bool, home: Home) -> None:
    """Show a QR code that makes the phone which reads it first this device. The one it was before is cut off then."""
    _show_invitation(dev, Devices(home.store(), home.clock).invite(dev), pages, as_json, home)


@device.command("list")
@json_option
@home_option
def list_devices(as_json: bool, home: Home) -> None:
    """Show every device: site, last heard, scans waiting on it, open gaps, battery."""
    store = home.store()
    gaps = Counter(gap.dev for gap in GapIncidents(store, home.clock).all())
    rows = [
        {
            "dev": d.dev,
            "site": d.site,
            "registered_at": d.registered_at,
            "revoked_at": d.revoked_at,
            "heard_at": d.heard_at,
            "wall_error_ms": d.wall_error_ms,
            "depth": d.depth,
            "gaps": gaps[d.dev],
            "battery": d.battery,
            "firmware": d.firmware,
        }
        for d in Devices(store, home.clock).list()
    ]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        heard = f"heard {row['heard_at']:%Y-%m-%d %H:%M:%S}" if row["heard_at"] else "never heard"
        lost = f", open gaps: {row['gaps']} (lastscan gap list)" if row["gaps"] else ""
        click.echo(f"{row['dev']:32} {row['site']:12} {'revoked' if row['revoked_at'] else heard}{lost}")


@device.command()
@click.argument("dev")
@home_option
def revoke(dev: str, home: Home) -> None:
    """From now on put everything aside that this device sends."""
    store = home.store()
    Devices(store, home.clock).revoke(dev)
    Audit(store).note(Action.DEVICE_REVOKED, dev, by=None)
    click.echo(f"{dev} is revoked; what it still sends is put aside: lastscan quarantine", err=True)


def register_here(path: Path, dev: str, site: str) -> dict[str, str]:
    """Registers a device of this machine and keeps its credentials where `lastscan scan` finds them."""
    home = Home.at(path)
    credentials = _with_address(Devices(home.store(), home.clock).add(dev, site=site, move=True), home)
    folder = home.path / "scanner" / dev
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with open(os.open(folder / "device.json", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(credentials, file)
    return credentials


def _show_invitation(dev: str, token: str, pages: str | None, as_json: bool, home: Home) -> None:
    import segno

    where = (pages or home.addresses.get("web") or "http://127.0.0.1:8080").rstrip("/")
    url = f"{where}/courier/#pair={dev}:{token}"  # behind the sign no server and no log ever sees it
    if as_json:
        print_json({"dev": dev, "url": url, "minutes": INVITED_FOR.seconds // 60})
        return
    segno.make(url, error="m", micro=False).terminal(out=sys.stdout, compact=True)
    click.echo(url)
    click.echo(f"Once, and for {INVITED_FOR.seconds // 60} minutes: whoever opens it first is {dev}.", err=True)


def _with_address(credentials: Credentials, home: Home) -> dict[str, str]:
    return {**asdict(credentials), "mqtt": home.mqtt_url or ""}
