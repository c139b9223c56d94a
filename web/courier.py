"""What a courier's device may ask over HTTP, by its own name and password: the load list of a departure."""

from datetime import UTC, datetime

from flask import Blueprint, Response, json, request

from tracker.domain.ids import facility_of_site, is_departure
from web.limits import Lookups
from web.problems import problem
from web.sources import Devices, LoadList, Queries
from web.track import charge

LONGEST = 64
"""Letters of a departure's name that are looked at at all."""


def courier(queries: Queries, devices: Devices, lookups: Lookups) -> Blueprint:
    routes = Blueprint("courier", __name__)

    @routes.get("/courier/manifest")
    def manifest() -> Response:
        charge(lookups)  # wrong passwords are look-ups too
        given = request.authorization
        site = None
        if given is not None and given.type == "basic":
            site = devices.site_of(given.username or "", password=given.password or "")
        if site is None:
            refused = problem("no-device")
            refused.headers["WWW-Authenticate"] = 'Basic realm="lastscan device", charset="UTF-8"'
            return refused
        name = request.args.get("departure", "").strip().upper()[:LONGEST]
        found = queries.load_list(name) if is_departure(name) else None
        here = facility_of_site(site)
        if found is None or here not in (found.departure.origin, found.departure.destination):
            # A device that was lost shows its own site's departures and no others.
            return problem("not-found", f"No departure {name!r} leaves from or arrives at {here}.")
        return Response(json.dumps(_shown(found)) + "\n", mimetype="application/json")

    return routes


def _shown(found: LoadList) -> dict[str, object]:
    return {
        "departure": found.departure.name,
        "origin": found.departure.origin,
        "destination": found.departure.destination,
        "departs_at": _instant(found.departure.departs_at),
        "as_of": _instant(found.as_of),
        "pieces": [{"number": piece.number, "destination": piece.destination} for piece in found.pieces],
    }


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
