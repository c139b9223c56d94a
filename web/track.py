"""What customers see: the look-up, the page of a piece, and its stream of changes."""

import re
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, abort, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from locales import Words
from tracker.domain.card import Form, PieceCard, public
from tracker.domain.errors import UnreadableLabelError
from tracker.domain.ids import S10Number, identify, readings
from tracker.domain.shipment import PieceKind
from web import places
from web.journey_map import journey_map
from web.language import spoken
from web.limits import Lookups
from web.live import LiveUpdates, stream_of
from web.many import Row, rows
from web.pages import Fragments
from web.plain import as_calendar, as_text
from web.problems import TooManyLookupsError
from web.sources import Queries
from web.view import track_view
from web.viewer import viewer
from web.visitor import Recipients, form_of, granted, grants, session

MOST_AT_ONCE = 20
LONGEST_LIST = 1500
_BETWEEN = re.compile(r"[,;\n]")  # a blank may stand inside a number

LONGEST = 64
"""Letters of a number that are looked at at all."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several pieces a number may mean."""

    href: str
    number: str
    is_bag: bool
    origin: str
    destination: str
    booked: str


def track_pages(
    queries: Queries,
    live: LiveUpdates,
    lookups: Lookups,
    fragments: Fragments,
    recipients: Recipients | None = None,
    manageable: bool = False,
    followable: bool = False,
) -> Blueprint:
    """With `recipients` there is more to see for those whose piece it is; `manageable`: and something to ask for.
    `followable`: whoever has a number may ask to be told."""
    pages = Blueprint("track", __name__)

    @pages.get("/")
    def start() -> AnyResponse | str:
        asked = [
            number for part in _BETWEEN.split(request.args.get("number", "")[:LONGEST_LIST]) if (number := bare(part))
        ]
        if len(set(asked)) > 1:
            return many(list(dict.fromkeys(asked)))
        return redirect(url_for(".page", number=asked[0]), code=303) if asked else render_template("start.html")

    def many(numbers: list[str]) -> str:
        found, unknown = [], []
        for number in numbers[:MOST_AT_ONCE]:
            charge(lookups)
            card = queries.card(number)
            if card is None:
                unknown.append(Row(href=f"/t/{number}", number=places.spaced(number)))
            else:
                found.append((card, form_of(grants(recipients), card)))
        too_many = len(numbers) > MOST_AT_ONCE
        return render_template("many.html", pieces=rows(found, spoken()) + unknown, too_many=too_many, mine=False)

    @pages.get("/t/<number>.json")
    def as_json(number: str) -> AnyResponse:
        return redirect(url_for("api.shipment", number=bare(number) or "-"), code=303)

    @pages.get("/t/<number>.txt")
    def text(number: str) -> Response:
        charge(lookups)
        card = queries.card(bare(number)) or abort(404)
        return Response(as_text(card, spoken()), mimetype="text/plain")

    @pages.get("/t/<number>/window.ics")
    def calendar(number: str) -> Response:
        charge(lookups)
        card = queries.card(bare(number))
        event = as_calendar(card, spoken(), host=request.host) if card is not None else None
        return Response(event or abort(404), mimetype="text/calendar")

    @pages.get("/t/<number>")
    def page(number: str) -> AnyResponse | str:
        charge(lookups)
        if number != bare(number):
            lang = spoken().tag if "lang" in request.args else None
            return redirect(url_for(".page", number=bare(number) or "-", lang=lang), code=302)
        words, found = spoken(), list(queries.candidates(number))
        if not found:
            return make_response(render_template("unknown.html", number=number, hint=typo_hint(number)), 404)
        if len({card.number for card in found}) > 1:
            return render_template("choose.html", number=number, pieces=[_choice(card, words) for card in found])
        newest, asked = found[0], request.args.get("journey", "")
        card = next((card for card in found if str(card.journey) == asked), newest)
        others = [_choice(other, words) for other in found if other.journey != card.journey]
        watched = card.journey == newest.journey
        grant = granted(recipients, card)
        facts = _facts(card, words, grant.form if grant is not None else Form.PUBLIC)
        if recipients is not None:
            facts |= {"viewer": viewer(recipients, grant, card, words), "provable": True, "manageable": manageable}
        facts |= {"followable": followable, "journey": card.journey}
        return render_template("track.html", **facts, others=others, watched=watched)

    @pages.get("/t/<number>/events")
    def events(number: str) -> Response:
        charge(lookups)
        card = queries.card(number[:LONGEST])
        if card is None:
            abort(404)
        name, words = card.number, spoken()
        named = session() if recipients is not None else None
        stream = live.follow(name)
        if stream is None:
            return crowded()
        try:
            first = card.position if live.missed(name, after=_seen_so_far(card.position)) else None
        except BaseException:
            stream.close()
            raise

        def draw(seq: int) -> str:
            newest = queries.card(name)
            if newest is None:
                return ""
            form = Form.PUBLIC
            if recipients is not None and named is not None:  # asked anew each time: it may have ended meanwhile
                form = form_of(recipients.grants(named), newest)
            return fragments.once((name, seq, form), "_piece.html", words, lambda: _facts(newest, words, form))

        return stream_of(stream, first, draw)

    return pages


def charge(lookups: Lookups) -> None:
    """Takes one look-up from the address that asks, or says when to come again."""
    wait = lookups.wait(request.remote_addr)
    if wait:
        raise TooManyLookupsError(wait)


def crowded() -> Response:
    """All streams are taken: the page then asks again by itself every 20 seconds."""
    answer = Response("All live connections are taken. Ask for the page itself instead.\n", 503, mimetype="text/plain")
    answer.headers["Retry-After"] = "20"
    return answer


def _facts(card: PieceCard, words: Words, form: Form) -> dict[str, Any]:
    return {"piece": track_view(card, words, form), "map": journey_map(card, words, form)}


def _choice(card: PieceCard, words: Words) -> Choice:
    card = public(card)
    return Choice(
        href=f"/t/{card.number}?journey={card.journey}",
        number=places.spaced(card.number),
        is_bag=card.kind is PieceKind.BAG,
        origin=places.short(card.origin, words),
        destination=places.short(places.last_known(card), words),
        booked=words.instant(card.booked_at, card.origin.zone),
    )


def bare(number: str) -> str:
    """As it is on the label, without blanks and hyphens, and no longer than any number is."""
    return "".join(letter for letter in number[:LONGEST] if letter.isalnum() and letter.isascii()).upper()


def _seen_so_far(newest: int) -> int:
    """The position up to which the reader has seen everything: the last event had, else the page's own."""
    for told in (request.headers.get("Last-Event-ID", ""), request.args.get("after", "")):
        if told.isascii() and told.isdigit() and len(told) < 16:
            return int(told)
    return newest


def typo_hint(number: str) -> str | None:
    """What to check in a number that cannot be one of ours; None where it well may be."""
    say = spoken().say
    if readings(number):
        return None
    typed = bare(number)
    if len(typed) == 13 and typed[:2].isalpha() and typed[2:11].isdigit() and typed[11:].isalpha():
        try:
            S10Number.parse(typed)
        except UnreadableLabelError:
            return say(
                "The check digit does not match: in {number} one of the digits is wrong, or two have changed places.",
                number=places.spaced(typed),
            )
    if identify(number):  # another carrier's, which a shipper may have booked
        return None
    if typed.isdigit():
        return say("A bag tag has ten digits; this number has {count}.", count=len(typed))
    return say("A parcel's number looks like LS 1234 5678 5 NL, a bag's like 0220 208212.")
