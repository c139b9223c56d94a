"""Updates of departures over the API, from a registered feed: its form, and what is answered."""

from typing import Annotated

from flask import Blueprint, Response, json, request
from msgspec import UNSET, Meta, UnsetType

from tracker.domain.errors import BadNameError
from tracker.domain.ids import DepartureName, facility_code
from tracker.network import DepartureUpdate
from web.booking_form import BadFormError, Fault, Form, Instant, NotJsonError, read_form
from web.problems import problem
from web.sources import Feeds

Id = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[\x21-\x7e]+\Z")]
Tail = Annotated[str, Meta(min_length=1, max_length=20, pattern=r"^[A-Za-z0-9 .-]+\Z")]


class UpdateForm(Form, frozen=True):
    departure: Annotated[str, Meta(max_length=40)]
    at: Instant
    id: Id | None = None
    tail: Tail | UnsetType | None = UNSET
    estimated_departure: Instant | UnsetType | None = UNSET
    estimated_arrival: Instant | UnsetType | None = UNSET
    left_at: Instant | UnsetType | None = UNSET
    landed_at: Instant | UnsetType | None = UNSET
    cancelled: bool | UnsetType = UNSET
    diverted_to: Annotated[str, Meta(max_length=12)] | UnsetType | None = UNSET

    def update(self) -> DepartureUpdate:
        said = {name: value for name in _SAID if not isinstance(value := getattr(self, name), UnsetType)}
        if self.diverted_to:
            said["diverted_to"] = facility_code(self.diverted_to)
        return DepartureUpdate(str(DepartureName.parse(self.departure)), self.at, said, self.id)


class UpdatesForm(Form, frozen=True):
    updates: Annotated[tuple[UpdateForm, ...], Meta(min_length=1, max_length=500)]


_SAID = [name for name in UpdateForm.__struct_fields__ if name not in ("departure", "at", "id")]


def departures(feeds: Feeds) -> Blueprint:
    routes = Blueprint("departures", __name__)

    @routes.post("/api/v1/departures")
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
