"""Hearing of a piece by its number alone: an address is given on its page, and says yes by the link it is sent.

A GET changes nothing, because scanners follow every link of a mail before anybody reads it.
"""

from collections.abc import Collection
from typing import Protocol

from flask import Blueprint, abort, render_template, request

from locales import sentence
from tracker.domain.card import PieceCard
from tracker.domain.follows import Follow, groups
from tracker.domain.notices import NoticeKind
from tracker.follows import NoAddressError, TooManyFollowersError
from web import places
from web.language import spoken
from web.leave import TOLD
from web.limits import Lookups
from web.sources import Queries
from web.track import LONGEST, charge

LINK_LONGEST = 64

WORDS = {**TOLD, NoticeKind.BOOKED: sentence("It was handed in")}
"""What may be asked for, in words: of what is left with a booking, only this is told by number alone."""


class Followers(Protocol):
    """`tracker.follows.Followers`, as much as pages need."""

    def ask(self, number: str, journey: int, email: str, kinds: Collection[NoticeKind], *, language: str) -> None: ...
    def asked(self, token: str) -> list[Follow] | None: ...
    def confirm(self, token: str, wanted: Collection[tuple[str, int]]) -> list[Follow] | None: ...
    def decline(self, token: str) -> list[Follow] | None: ...


def notify_me_pages(queries: Queries, followers: Followers, lookups: Lookups, asks: Lookups) -> Blueprint:
    """`asks`: how many addresses may be given from one network address."""
    pages = Blueprint("notify_me", __name__)

    @pages.get("/t/<number>/notify")
    def form(number: str) -> str:
        return _form(_piece(number))

    @pages.post("/t/<number>/notify")
    def asked(number: str) -> tuple[str, int]:
        card = _piece(number)
        charge(asks)
        chosen = [kind for kind in groups() if kind in request.form.getlist("on")]
        if not chosen:
            return _form(card, wrong="nothing"), 422
        email = request.form.get("email", "")[:300]
        try:
            followers.ask(card.number, card.journey, email, chosen, language=spoken().tag)
        except NoAddressError:
            return _form(card, wrong="address", chosen=chosen), 422
        except TooManyFollowersError:
            return _form(card, wrong="many", chosen=chosen), 429
        return render_template("notify_me.html", done=True, **_names(card)), 200

    @pages.get("/c/<token>")
    def question(token: str) -> tuple[str, int]:
        charge(lookups)
        return _answered(followers.asked(token[:LINK_LONGEST]))

    @pages.post("/c/<token>")
    def answered(token: str) -> tuple[str, int]:
        charge(lookups)
        if "no" in request.form:
            return _answered(followers.decline(token[:LINK_LONGEST]), said="no")
        wanted = {(number, int(n)) for number, _, n in map(_split, request.form.getlist("piece")) if n.isdigit()}
        return _answered(followers.confirm(token[:LINK_LONGEST], wanted), said="yes" if wanted else "")

    def _piece(number: str) -> PieceCard:
        charge(lookups)
        asked_for = request.values.get("journey", "")
        cards = queries.candidates(number[:LONGEST])
        return next((card for card in cards if asked_for in ("", str(card.journey))), None) or abort(404)

    def _form(card: PieceCard, *, wrong: str = "", chosen: Collection[NoticeKind] | None = None) -> str:
        ticked = groups() if chosen is None else chosen
        kinds = [(kind.value, WORDS[kind], kind in ticked) for kind in groups()]
        return render_template("notify_me.html", done=False, wrong=wrong, kinds=kinds, **_names(card))

    def _answered(found: list[Follow] | None, *, said: str = "") -> tuple[str, int]:
        if found is None:
            return render_template("said_yes.html", follows=None), 404
        rows = [(f"{one.number}/{one.journey}", places.spaced(one.number), one) for one in found]
        waiting = any(not one.confirmed for one in found)
        return render_template("said_yes.html", follows=rows, waiting=waiting, said=said), 200

    return pages


def _split(piece: str) -> tuple[str, str, str]:
    return piece[:LONGEST].rpartition("/")


def _names(card: PieceCard) -> dict[str, object]:
    return {"number": card.number, "spaced": places.spaced(card.number), "journey": card.journey}
