"""`lastscan notices`: what somebody was told of a piece, or why not."""

from datetime import datetime
from typing import Any

import click

from lastscan.home import Home
from lastscan.options import home_option, json_option, print_json
from tracker.queries import Queries

NEVER_SENT = {
    "muted": "it was true before anybody was told by this rule, so nothing was sent",
    "due": "nothing was decided about it yet",
}


@click.command()
@click.argument("number")
@json_option
@home_option
def notices(number: str, as_json: bool, home: Home) -> None:
    """Show each notice owed for the piece with this NUMBER: how it stands, by which channels it went, every attempt and
    every decision not to send, and what the provider answered."""
    store = home.store()
    card = Queries(store, home.clock).card(number, with_notices=True)
    if card is None:
        raise click.ClickException(f"{number}: no piece with this number")
    found = [
        {"kind": told.kind, "cause": told.cause, "owed_at": told.owed_at, "outcome": told.outcome}
        for told in card.notices
    ]
    deliveries = _deliveries(home, [str(notice["cause"]) for notice in found])
    for notice in found:
        notice["deliveries"] = deliveries.get(str(notice["cause"]), [])
    store.close()
    if as_json:
        print_json(found)
        return
    if not found:
        click.echo(f"{number}: nothing was owed to anybody so far")
    for notice in found:
        for line in _lines(notice):
            click.echo(line)


def _deliveries(home: Home, causes: list[str]) -> dict[str, list[dict[str, Any]]]:
    """By cause, in the order they were planned, each with its proofs."""
    from notify.store.deliveries import DeliveryStore
    from notify.store.ledger import Ledger

    with home.database() as engine:
        standing = DeliveryStore(engine).about(causes)
        proofs = Ledger(engine).proofs(deliveries=[each.id for each in standing])
    by_cause: dict[str, list[dict[str, Any]]] = {}
    for one in standing:
        tried = [
            {
                "at": proof.at,
                "outcome": proof.outcome,
                "why": proof.why,
                "answer": proof.answer,
                "language": proof.language,
                "evidence": proof.evidence.split(),
                "program": proof.program,
            }
            for proof in proofs
            if proof.delivery == one.id
        ]
        said = {"channel": one.channel, "state": one.state, "attempts": one.attempts, "next_at": one.due_at}
        by_cause.setdefault(one.cause, []).append(said | {"proofs": tried})
    return by_cause


def _lines(notice: dict[str, Any]) -> list[str]:
    lines = [f"{_spelled(notice['owed_at'])}  {notice['kind']}  {notice['outcome']}  ({notice['cause']})"]
    if not notice["deliveries"]:
        lines.append(f"    {NEVER_SENT.get(notice['outcome'], 'nothing was sent')}")
    for delivery in notice["deliveries"]:
        again = f", again at {_spelled(delivery['next_at'])}" if delivery["next_at"] else ""
        lines.append(f"    {delivery['channel']}: {delivery['state']}{again}")
        for proof in delivery["proofs"]:
            answer = f"  [{proof['answer']}]" if proof["answer"] else ""
            lines.append(f"        {_spelled(proof['at'])}  {proof['outcome']}: {proof['why']}{answer}")
    return lines


def _spelled(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}Z"
