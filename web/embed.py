"""A piece on somebody else's page: an element that draws itself, and a frame for pages that may run no script of ours.

Both show what a number alone shows, whoever looks: no cookie is read here. Who may embed is the operator's list.
"""

import re
from collections.abc import Sequence
from pathlib import Path

import msgspec
from flask import Blueprint, Response, abort, render_template, request

from web.colours import TOKENS, BadColoursError, colours
from web.headers import PAGE_POLICY
from web.language import spoken
from web.limits import Lookups
from web.sources import Queries
from web.track import bare, charge
from web.view import TrackView, track_view

_ORIGIN = re.compile(r"https://[a-z0-9.-]+(:\d{1,5})?|http://(localhost|127\.0\.0\.1)(:\d{1,5})?")


class BadOriginError(ValueError):
    """An address that may embed is not of the form https://shop.example."""


def embed(queries: Queries, lookups: Lookups, origins: Sequence[str]) -> Blueprint:
    """`origins`: of the pages that may embed, besides our own. Raises BadOriginError for one that is none."""
    for origin in origins:
        if not _ORIGIN.fullmatch(origin):
            raise BadOriginError(f"{origin!r}: write it as https://shop.example, without a path")
    routes = Blueprint("embed", __name__)
    policy = PAGE_POLICY.replace("frame-ancestors 'none'", " ".join(["frame-ancestors 'self'", *origins]))
    element = (Path(__file__).parent / "static" / "lastscan-track.js").read_bytes()

    @routes.get("/embed/lastscan-track.js")
    def script() -> Response:
        answer = Response(element, mimetype="text/javascript")
        answer.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        answer.headers["Cache-Control"] = "public, max-age=3600"
        return answer

    @routes.get("/embed/colours.css")
    def theme() -> Response:
        try:
            found = colours(request.args)
        except BadColoursError as wrong:
            return Response(f"{wrong}\n", 422, mimetype="text/plain")
        tokens = "; ".join(f"--{token}: #{colour}" for token, colour in found.items())
        return Response(f":root {{ {tokens}; color-scheme: only light; }}\n", mimetype="text/css")

    @routes.get("/embed/<number>")
    def frame(number: str) -> Response:
        view = _view(number)
        given = {token: request.args.get(token, "") for token in TOKENS}
        try:
            own = colours(given) if any(given.values()) else {}
        except BadColoursError:
            own = {}  # better our colours than none that can be read
        answer = Response(render_template("embed.html", piece=view, colours=own))
        answer.headers["Content-Security-Policy"] = policy
        return answer

    @routes.get("/embed/<number>/view")
    def view(number: str) -> Response:
        """What the element draws, in words."""
        answer = Response(msgspec.json.encode(_shown(_view(number), request.host_url)), mimetype="application/json")
        answer.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        answer.vary.update(("Origin", "Accept-Language"))
        origin = request.headers.get("Origin")
        if origin in origins:
            answer.headers["Access-Control-Allow-Origin"] = origin
        return answer

    def _view(number: str) -> TrackView:
        charge(lookups)
        card = queries.card(bare(number)) or abort(404)
        return track_view(card, spoken())

    return routes


def _shown(view: TrackView, host: str) -> dict[str, object]:
    return {
        "number": view.spaced,
        "headline": view.headline,
        "tone": view.tone,
        "verdict": view.verdict,
        "window_label": view.window_label,
        "window": view.window,
        "steps": [{"label": step.label, "state": step.state} for step in view.steps],
        "more": spoken().say("Every step, and how we know"),
        "language": spoken().tag,
        "page": f"{host}t/{view.number}",
    }
