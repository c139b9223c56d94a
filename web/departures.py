"""Updates of departures over the API, from a registered feed: its form, and what is answered."""

from flask import Blueprint, Response, json, request

from tracker.domain.errors import BadNameError
from tracker.feeds import Updates
from tracker.network import DepartureUpdate
from web.booking_form import BadFormError, Fault, Form, NotJsonError, read_form
from web.problems import problem
from web.same_origin import takes_no_cookie
from web.sources import Feeds


class UpdatesForm(Form, frozen=True):
    updates: Updates


def departures(feeds: Feeds) -> Blueprint:
    routes = Blueprint("departures", __name__)

    @routes.post("/api/v1/departures")
    @takes_no_cookie
    def told() -> Response:
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        feed = feeds.feed_of(key.strip()) if scheme.lower() == "bearer" and 0 < len(key) <= 200 else None
        if feed is None:
            refused = problem("no-feed-key")
            refused.headers["WWW-Authenticate"] = 'Bearer realm="lastscan"'
            return refused
        try:
            updates = _read(request.get_data(cache=False))
        except NotJsonError as wrong:
            return problem("bad-json", str(wrong))
        except BadFormError as wrong:
            errors = [{"pointer": fault.pointer, "detail": fault.detail} for fault in wrong.faults]
            return problem("bad-update", str(wrong), errors=errors)
        kept = feeds.tell(feed, updates)
        body = {"taken": len(updates), "new": kept.new, "unknown": list(kept.unknown)}
        return Response(json.dumps(body) + "\n", 202, mimetype="application/json")

    return routes


def _read(body: bytes) -> list[DepartureUpdate]:
    updates, faults = [], []
    for at, form in enumerate(read_form(body, UpdatesForm).updates):
        try:
            updates.append(form.update())
        except BadNameError as wrong:
            faults.append(Fault(f"/updates/{at}", str(wrong)))
    if faults:
        raise BadFormError(*faults)
    return updates
