"""`lastscan sim`: virtual handhelds at the terminal, by a script, or a thousand at once."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import IO

import click
import msgspec

from firmware_sim.beeper import Beeper
from firmware_sim.console import Console, NotAsExpectedError, NotUnderstoodError, play
from firmware_sim.device import Habits, VirtualHandheld
from firmware_sim.engine import ScanEngine
from firmware_sim.flash import Flash
from firmware_sim.radio import Radio
from firmware_sim.rim import Registration, linked_to
from firmware_sim.shift import Figures, Orders, Shift
from firmware_sim.storage import Directory, Soldered, Storage
from lastscan import roles
from lastscan.home import Home
from lastscan.options import home_option, json_option, print_json
from scanner.feedback import Feedback
from tracker.devices import Devices

DEVICE, SITE = "sim-h1", "sim"
SITES = 10  # a fleet is spread over so many
A_SCAN_EVERY = 10.0  # seconds, of each device of a fleet that has no rate
NOT_KEPT, STILL_WAITING = 1, 75


@click.command()
@click.option("--script", type=click.File("r"), help="A file of commands, one a line; - is standard input.")
@click.option("--devices", "count", type=click.IntRange(1, 20_000), help="A fleet of so many, in this one process.")
@click.option("--seconds", type=click.FloatRange(0.1), default=30.0, show_default=True, help="How long a fleet scans.")
@click.option("--rate", type=click.FloatRange(0.01), help="Scans a second of a fleet; else each device one in ten s.")
@click.option("--rough", is_flag=True, help="A fleet with radio shadows, power cuts, flat batteries, failing flash.")
@click.option("--seed", type=int, help="The same seed: the same labels, damage, faults. Printed where not given.")
@click.option("--device", "dev", default=DEVICE, show_default=True, help="The one in hand at the terminal.")
@click.option("--site", default=SITE, show_default=True, help="Where it is registered when it is new.")
@json_option
@home_option
def sim(
    script: IO[str] | None,
    count: int | None,
    seconds: float,
    rate: float | None,
    rough: bool,
    seed: int | None,
    dev: str,
    site: str,
    as_json: bool,
    home: Home,
) -> None:
    """Work virtual handhelds, which run the shipped scanner code.

    Alone: one device on this terminal; `help` shows what can be said. With --script: the same words from a file, on
    flash that can tear. With --devices: a fleet whose figures are printed. Needs `lastscan up`, or MQTT_URL.
    Exits 1 when a script's expectation fails or a beeped scan is lost, 75 when scans still wait.
    """
    url = home.mqtt_url
    if not url:
        raise click.ClickException("no broker is known: start `lastscan up`, or set MQTT_URL")
    seed = roles.seeded(seed)
    if count is not None:
        if script is not None:
            raise click.UsageError("a script has its own devices: leave --devices out")
        orders = Orders(seconds, rate or count / A_SCAN_EVERY, seed, rough)
        raise SystemExit(_fleet(home, url, count, orders, as_json=as_json))
    console = Console(_makes(home, url, seed, in_files=script is None), _say)
    _say(f"seed {seed}")
    try:
        if script is not None:
            play(script, console, _say)
        else:
            console.obey(f"on {dev} {site}")
            _converse(console)
    except (NotUnderstoodError, NotAsExpectedError) as wrong:
        raise click.ClickException(f"{wrong} (seed {seed})") from wrong
    finally:
        console.close()
    waiting = sum(device.waiting for device in console.devices)
    if script is not None and waiting:
        _say(f"{waiting} scans waited at the end and are gone with the simulated flash; end a script with: wait")
        raise SystemExit(STILL_WAITING)


def _converse(console: Console) -> None:
    """Line by line until `quit` or the end of input."""
    _say("help shows what can be said")
    while True:
        try:
            line = input(console.prompt if sys.stdin.isatty() else "")
        except (EOFError, KeyboardInterrupt):
            return
        try:
            if not console.obey(line):
                return
        except (NotUnderstoodError, NotAsExpectedError) as wrong:
            _say(str(wrong))


def _fleet(home: Home, url: str, count: int, orders: Orders, *, as_json: bool) -> int:
    stop = roles.stopped_by_signals()
    _say(f"seed {orders.seed}: {count} devices, {orders.rate:g} scans a second for {orders.seconds:g} s")
    _say(f"each of {orders.labels} labels is drawn and read from its pixels once, then seen again like that")
    given = registered(home, [(f"sim-{n:05d}", f"sim-{n % SITES:02d}") for n in range(count)])
    shift = Shift(given, url, orders, business=home.clock.now, keep_on=lambda: not stop.is_set())
    try:
        figures = shift.work()
    finally:
        shift.close()
    _report(figures, orders, as_json=as_json)
    if figures.lost or figures.doubled:
        return NOT_KEPT
    return STILL_WAITING if figures.waiting else 0


def _report(figures: Figures, orders: Orders, *, as_json: bool) -> None:
    document = {"seed": orders.seed, "rate": orders.rate, "rough": orders.rough, **asdict(figures)}
    if as_json:
        print_json(document)
        return
    for name, value in document.items():
        click.echo(f"{name:18} {'-' if value is None else value}")


def _makes(home: Home, url: str, seed: int, *, in_files: bool) -> Callable[[str, str], VirtualHandheld]:
    """Devices for a console. `in_files`: their journals outlive this program."""

    def made(dev: str, site: str) -> VirtualHandheld:
        (given,) = registered(home, [(dev, site)])
        chance = random.Random(f"{seed}/{dev}")
        storage: Storage = Soldered(Flash(chance))
        if in_files:
            storage = Directory(home.path / "sim" / dev / "journal")
        return VirtualHandheld(
            given,
            storage,
            Habits(Radio(seed, dev)),
            new_rim=linked_to(url),
            business=home.clock.now,
            chance=chance,
            beeper=Beeper(_beep),
            engine=ScanEngine(f"{seed}/{dev}"),
        )

    return made


def registered(home: Home, wanted: list[tuple[str, str]]) -> list[Registration]:
    """Devices (name, site) of this home; those it has had before keep their credentials."""
    path = home.path / "sim" / "devices.json"
    kept = {each.dev: each for each in _read(path)} if path.exists() else {}
    missing = [(dev, site) for dev, site in wanted if dev not in kept or kept[dev].site != site]
    if missing:
        devices = Devices(home.store(), home.clock)
        for dev, site in missing:
            drawn = devices.add(dev, site=site, move=True)
            kept[dev] = Registration(dev, site, drawn.key, drawn.password)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = path.with_suffix(".new")
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(msgspec.json.encode(list(kept.values())))
        os.replace(fresh, path)
        _say(f"registered {len(missing)} {'device' if len(missing) == 1 else 'devices'}")
    return [kept[dev] for dev, _ in wanted]


def _read(path: os.PathLike[str]) -> list[Registration]:
    with open(path, "rb") as file:
        return msgspec.json.decode(file.read(), type=list[Registration])


def _beep(said: Feedback) -> None:
    rings = said.sound.rings if said.sound and sys.stderr.isatty() else 0
    _say("\a" * rings + f"  {said.sound.name.lower().replace('_', ' ') if said.sound else ''}: {said.words}")


def _say(line: str) -> None:
    click.echo("".join(c if c.isprintable() or c == "\a" else f"\\u{ord(c):04x}" for c in line), err=True)
