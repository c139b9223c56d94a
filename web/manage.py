"""Where recipients ask for something about a delivery: all there is, what is closed with the reason, one form each."""

import secrets
from datetime import date
from typing import Protocol

from flask import Blueprint, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from tracker.asks import IncompleteAskError, Wanted
from tracker.domain.asks import Ask, Offer, Word
from tracker.domain.card import PieceCard
from tracker.recipients import Grant
from web import places
from web.asking import choice
from web.language import spoken
from web.limits import Lookups
from web.sources import Queries
from web.track import LONGEST, charge
from web.visitor import Recipients, granted


class Asks(Protocol):
    """`tracker.asks.Asks`, as much as pages need."""

    def offers(self, grant: Grant) -> tuple[Offer, ...]: ...
    def ask(self, grant: Grant, wanted: Wanted, *, key: str) -> Word: ...


def manage_pages(queries: Queries, recipients: Recipients, asks: Asks, lookups: Lookups) -> Blueprint:
    pages = Blueprint("manage", __name__)

    @pages.get("/t/<number>/manage")
    def manage(number: str) -> AnyResponse | str:
        card, grant = _theirs(number)
        if not grant.may_act:
            return redirect(url_for("track.page", number=card.number), code=303)
        return _page(card, grant)

    @pages.post("/t/<number>/manage/<ask>")
    def asked(number: str, ask: str) -> AnyResponse | tuple[str, int]:
        card, grant = _theirs(number)
        if ask not in set(Ask) or not grant.may_act:
            abort(403)
        try:
            asks.ask(grant, _wanted(Ask(ask)), key=request.form.get("key", "")[:LONGEST])
        except IncompleteAskError:
            return _page(card, grant, wrong=ask), 422
        return redirect(f"{_page_of(card)}#timeline", code=303)

    def _theirs(number: str) -> tuple[PieceCard, Grant]:
        charge(lookups)
        asked_for = request.values.get("journey", "")
        cards = (each for each in queries.candidates(number[:LONGEST]) if asked_for in ("", str(each.journey)))
        found = ((card, grant) for card in cards if (grant := granted(recipients, card)) is not None)
        return next(found, None) or abort(403)

    def _page(card: PieceCard, grant: Grant, wrong: str | None = None) -> str:
        words = spoken()
        return render_template(
            "manage.html",
            number=card.number,
            spaced=places.spaced(card.number),
            journey=card.journey,
            choices=[choice(offer, card.destination.zone, words) for offer in asks.offers(grant)],
            key=secrets.token_hex(16),
            wrong=wrong,
            country=card.destination.country or "",
        )

    def _page_of(card: PieceCard) -> str:
        newest = queries.card(card.number)
        journey = None if newest is None or newest.journey == card.journey else card.journey
        return url_for("track.page", number=card.number, journey=journey)

    return pages


def _wanted(ask: Ask) -> Wanted:
    form = request.form
    try:
        day = date.fromisoformat(form["day"]) if form.get("day") else None
    except ValueError:
        raise IncompleteAskError("no such day") from None
    return Wanted(
        ask,
        day=day,
        note=form.get("note", ""),
        lines=tuple(form.getlist("line")[:3]),
        city=form.get("city", ""),
        postcode=form.get("postcode", ""),
        country=form.get("country", "").strip().upper(),
    )
