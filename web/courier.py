"""What a courier's device may do over HTTP, by its own name and password: fetch load lists, and speak LDP/1."""

from datetime import UTC, datetime

from flask import Blueprint, Response, json, request

from tracker.domain.errors import StoreError
from tracker.domain.ids import facility_of_site, is_departure
from tracker.queries import ListedPiece
from tracker.wire import MAX_AT_ONCE, UnfitMessageError, said_at_once
from web.limits import Lookups
from web.problems import TooManyLookupsError, problem
from web.same_origin import takes_no_cookie
from web.sources import Devices, Door, LoadList, Queries
from web.track import charge

LONGEST = 64
"""Letters of a departure's name that are looked at at all."""


SAID_AT_MOST = 256 * 1024
"""Bytes of one request; a handheld sends at most 64 scans before it wants a receipt."""


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
            return _nobody()
        name = request.args.get("departure", "").strip().upper()[:LONGEST]
        found = queries.load_list(name) if is_departure(name) else None
        here = facility_of_site(site)
        if found is None or here not in (found.departure.origin, found.departure.destination):
            # A device that was lost shows its own site's departures and no others.
            return problem("not-found", f"No departure {name!r} leaves from or arrives at {here}.")
        return Response(json.dumps(_shown(found)) + "\n", mimetype="application/json")

    return routes


def ldp(door: Door, devices: Devices, guesses: Lookups, requests: Lookups) -> Blueprint:
    """`POST /courier/ldp`: for a phone that reaches no broker. `guesses` limits wrong passwords by address,
    `requests` what one device may ask.
    """
    routes = Blueprint("ldp", __name__)

    @routes.post("/courier/ldp")
    @takes_no_cookie
    def speak() -> Response:
        request.max_content_length = SAID_AT_MOST
        given = request.authorization
        address = None
        if given is not None and given.type == "basic":
            address = devices.address_of(given.username or "", password=given.password or "")
        if address is None:
            charge(guesses)
            return _nobody()
        if wait := requests.wait(address.dev):
            raise TooManyLookupsError(wait)
        try:
            answers = door.take(address, said_at_once(request.get_data(cache=False)))
        except UnfitMessageError as unfit:
            return problem("bad-json", f"{unfit}: send a JSON array of 1 to {MAX_AT_ONCE} messages.")
        except StoreError:
            return problem("unavailable")  # nothing is kept and nothing receipted: the device sends it again
        return Response(b"[" + b",".join(answers) + b"]\n", mimetype="application/json")

    return routes


def _nobody() -> Response:
    refused = problem("no-device")
    refused.headers["WWW-Authenticate"] = 'Basic realm="lastscan device", charset="UTF-8"'
    return refused


def _shown(found: LoadList) -> dict[str, object]:
    return {
        "departure": found.departure.name,
        "origin": found.departure.origin,
        "destination": found.departure.destination,
        "departs_at": _instant(found.departure.departs_at),
        "as_of": _instant(found.as_of),
        "pieces": [_listed(piece) for piece in found.pieces],
    }


def _listed(piece: ListedPiece) -> dict[str, str | int]:
    """`rank` only where staff gave it one: it goes before the others."""
    shown: dict[str, str | int] = {"number": piece.number, "destination": piece.destination}
    return {**shown, "rank": piece.rank} if piece.rank else shown


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
