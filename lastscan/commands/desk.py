"""`lastscan desk`: what staff decide about pieces and departures, each with a reason, kept as a fact."""

import uuid
from collections.abc import Callable
from functools import wraps
from typing import Any

import click
import msgspec

from lastscan.home import Home
from lastscan.options import home_option, json_option, print_json
from tracker.asks import Asks
from tracker.desk import Desk
from tracker.domain.decisions import (
    Answer,
    Apologise,
    Decision,
    DeclareFound,
    DeclareLost,
    Expedite,
    HeldFor,
    Hold,
    HoldDeparture,
    Readdress,
    Release,
    Reroute,
    Undo,
    Withdraw,
)
from tracker.domain.handling import EventKey
from tracker.domain.rules import IrregularityKind
from tracker.domain.staff import Role, Staff


@click.group()
def desk() -> None:
    """Decide about a piece or a departure. Who may decide what stands in docs/desk.md."""


def _decision(name: str) -> Callable[[Callable[..., Decision]], click.Command]:
    """A command that takes the decision its function makes of the arguments."""

    def made(decision: Callable[..., Decision]) -> click.Command:
        @wraps(decision)
        def run(by: str, role: str, key: str | None, as_json: bool, home: Home, **said: Any) -> None:
            taken = Desk(home.store(), home.clock).decide(
                decision(**said), by=Staff(by, Role(role)), key=key or str(uuid.uuid4())
            )
            if as_json:
                print_json({"event_key": str(taken.event_key), "again": taken.again})
            else:
                click.echo(f"{taken.event_key}{' was decided already' if taken.again else ''}")

        command: Any = run
        for option in (
            home_option,
            json_option,
            click.option("--key", help="The same key again decides nothing new."),
            click.option("--reason", required=True, help="Kept with the decision; nothing personal belongs in it."),
            click.option("--role", required=True, type=click.Choice([role.value for role in Role])),
            click.option("--by", required=True, metavar="USER", help="Who decides."),
        ):
            command = option(command)
        return desk.command(name)(command)

    return made


_number = click.argument("number")


@_decision("hold")
@_number
@click.option("--for", "held_for", type=click.Choice([each.value for each in HeldFor]), default="request")
def hold(number: str, held_for: str, reason: str) -> Decision:
    """Stop a piece where it is, or where its departure brings it."""
    return Hold(number=number, reason=reason, held_for=HeldFor(held_for))


@_decision("release")
@_number
def release(number: str, reason: str) -> Decision:
    """Let a held piece go on."""
    return Release(number=number, reason=reason)


@_decision("reroute")
@_number
@click.option("--leg", "legs", multiple=True, metavar="DEPARTURE", help="In this order; without, the earliest way.")
def reroute(number: str, legs: tuple[str, ...], reason: str) -> Decision:
    """Give a piece new legs from where it can be had next."""
    return Reroute(number=number, reason=reason, legs=legs)


@_decision("expedite")
@_number
@click.option("--rank", type=int, default=1, show_default=True, help="The higher goes first; 0 takes it back.")
def expedite(number: str, rank: int, reason: str) -> Decision:
    """Let a piece go before others where room is short."""
    return Expedite(number=number, reason=reason, rank=rank)


@_decision("address")
@_number
@click.option("--line", "lines", multiple=True, required=True)
@click.option("--city", required=True)
@click.option("--postcode", default="")
@click.option("--country", required=True, help="Two capital letters.")
def address(number: str, lines: tuple[str, ...], city: str, postcode: str, country: str, reason: str) -> Decision:
    """Correct where a shipment goes to."""
    return Readdress(number=number, reason=reason, lines=lines, city=city, postcode=postcode, country=country)


@_decision("withdraw")
@_number
@click.argument("scan", metavar="SCAN")
def withdraw(number: str, scan: str, reason: str) -> Decision:
    """Take back a wrong SCAN (`dev:…#…`, as `lastscan track` prints it) of a piece or a departure."""
    origin, _, key = scan.partition("#")
    return Withdraw(number=number, scan=EventKey(origin, key), reason=reason)


@_decision("apologise")
@_number
@click.argument("kind", type=click.Choice([kind.value for kind in IrregularityKind]))
@click.argument("subject")
def apologise(number: str, kind: str, subject: str, reason: str) -> Decision:
    """Say sorry to the recipient for an open irregularity, KIND and SUBJECT as `lastscan track --json` prints them."""
    return Apologise(number=number, kind=IrregularityKind(kind), subject=subject, reason=reason)


@_decision("undo")
@_number
@click.argument("decided", metavar="KEY")
def undo(number: str, decided: str, reason: str) -> Decision:
    """Take back the decision of your own under KEY (`desk:…#…`), within ten seconds."""
    origin, _, key = decided.partition("#")
    return Undo(number=number, decided=EventKey(origin, key), reason=reason)


@_decision("answer")
@_number
@click.argument("asked", metavar="KEY")
@click.option("--grant/--refuse", required=True)
def answer(number: str, asked: str, grant: bool, reason: str) -> Decision:
    """Grant or refuse what a recipient asked for under KEY, as `lastscan desk asked` prints it."""
    origin, _, key = asked.partition("#")
    return Answer(number=number, asked=EventKey(origin, key), grant=grant, reason=reason)


@desk.command("asked")
@home_option
@json_option
def asked(as_json: bool, home: Home) -> None:
    """What recipients asked for and nobody has answered yet, the oldest first. Personal: for staff alone."""
    waiting = Asks(home.store(), home.clock).waiting()
    if as_json:
        print_json([msgspec.to_builtins(each) for each in waiting])
        return
    for each in waiting:
        said = " ".join(part for part in (each.asked_for.note, *each.asked_for.lines, each.asked_for.postcode) if part)
        click.echo(f"{each.number}  {each.ask.value}  {each.asked_at:%Y-%m-%d %H:%M}Z  {each.key}  {said}")


@_decision("lost")
@_number
def lost(number: str, reason: str) -> Decision:
    """Declare a piece lost."""
    return DeclareLost(number=number, reason=reason)


@_decision("found")
@_number
def found(number: str, reason: str) -> Decision:
    """Declare a lost piece found."""
    return DeclareFound(number=number, reason=reason)


@_decision("hold-departure")
@click.argument("departure")
@click.option("--minutes", type=int, required=True)
def hold_departure(departure: str, minutes: int, reason: str) -> Decision:
    """Let a departure wait."""
    return HoldDeparture(departure=departure, minutes=minutes, reason=reason)
