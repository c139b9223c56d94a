"""What recipients do to see more of a piece than its number shows: a link, or what proves that it is theirs."""

from flask import Blueprint, Response, abort, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from tracker.domain.card import Form
from tracker.recipients import Grant, TooManyTriesError
from web.language import spoken
from web.limits import Lookups
from web.many import rows
from web.sources import HandoverFiles, Queries
from web.track import LONGEST, bare, charge
from web.visitor import Recipients, forgotten, grants, remember, session

LINK_LONGEST = 64


def recipient_pages(
    queries: Queries, recipients: Recipients, lookups: Lookups, handovers: HandoverFiles | None = None
) -> Blueprint:
    pages = Blueprint("recipient", __name__)

    @pages.get("/l/<token>")
    def opened(token: str) -> AnyResponse:
        """From the link in a message to a clean address; what the link was is kept by a cookie from then on."""
        charge(lookups)
        found = recipients.open(token[:LINK_LONGEST], session=session())
        if found is None:
            return make_response(render_template("link_ended.html"), 404)
        return remember(_to(found.grant), found)

    @pages.get("/t/<number>/prove")
    def ask(number: str) -> str:
        """The same for every number, known or not."""
        return render_template("prove.html", number=bare(number))

    @pages.post("/t/<number>/prove")
    def prove(number: str) -> AnyResponse:
        charge(lookups)
        asked = bare(number)
        try:
            found = recipients.prove(asked, request.form.get("proof", "")[:200], session=session())
        except TooManyTriesError as too_many:
            page = make_response(render_template("prove.html", number=asked, minutes=-(-too_many.after // 60)), 429)
            page.headers["Retry-After"] = str(too_many.after)
            return page
        if found is None:
            return make_response(render_template("prove.html", number=asked, wrong=True), 403)
        return remember(_to(found.grant), found)

    @pages.post("/forget")
    def forget() -> AnyResponse:
        """This browser shows from now on what numbers alone show."""
        recipients.forget(session() or "")
        return forgotten(redirect(url_for("track.start"), code=303))

    @pages.post("/t/<number>/share")
    def share(number: str) -> AnyResponse | str:
        token = recipients.share(_own(number))
        address = url_for(".opened", token=token, _external=True)
        return render_template("shared.html", number=number, address=address)

    @pages.post("/t/<number>/unshare")
    def unshare(number: str) -> AnyResponse:
        grant = _own(number)
        recipients.unshare(grant)
        return _to(grant)

    @pages.get("/t/<number>/handover/<digest>")
    def handover(number: str, digest: str) -> Response:
        """A picture or signature of this delivery, for its recipient alone."""
        charge(lookups)
        asked = (number[:LONGEST], request.args.get("journey", ""))
        for grant in grants(recipients):
            if (grant.number, str(grant.journey)) == asked and grant.form is Form.RECIPIENT and handovers is not None:
                noted = recipients.particulars(grant).handed_over
                found = handovers.named(digest) if noted is not None and digest in noted.files else None
                if found is not None:
                    return Response(found[1], mimetype=found[0])
        return abort(404)

    @pages.get("/mine")
    def mine() -> AnyResponse | str:
        """All that goes to whom the link of this session was sent to."""
        charge(lookups)
        found = [
            (card, grant.form)
            for grant in recipients.mine(session() or "")
            for card in queries.candidates(grant.number)
            if (card.number, card.journey) == (grant.number, grant.journey)
        ]
        if not found:
            return redirect(url_for("track.start"), code=303)
        return render_template("many.html", pieces=rows(found, spoken()), too_many=False, mine=True)

    def _own(number: str) -> Grant:
        """What of this number is theirs, not only shown to them."""
        asked = (number[:LONGEST], request.form.get("journey", ""))
        found = (each for each in grants(recipients) if (each.number, str(each.journey)) == asked and each.may_act)
        return next(found, None) or abort(403)

    def _to(grant: Grant) -> Response:
        newest = queries.card(grant.number)
        journey = None if newest is None or newest.journey == grant.journey else grant.journey
        lang = spoken().tag if "lang" in request.args else None
        return redirect(url_for("track.page", number=grant.number, journey=journey, lang=lang), code=303)  # type: ignore[return-value]

    return pages
