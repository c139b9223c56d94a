"""What a courier's device may do over HTTP, by its own name and password: fetch load lists, and speak LDP/1."""

from datetime import UTC, datetime

from flask import Blueprint, Response, json, request

from tracker.domain.errors import BadFileError, StoreError
from tracker.domain.ids import facility_of_site, is_departure
from tracker.domain.network import Departure
from tracker.handovers import LARGEST_FILE
from tracker.queries import ListedPiece
from tracker.rounds import Stop
from tracker.wire import MAX_AT_ONCE, UnfitMessageError, said_at_once
from web.limits import Lookups
from web.problems import TooManyLookupsError, problem
from web.same_origin import takes_no_cookie
from web.sources import Devices, Door, HandoverFiles, LoadList, Queries, Rounds
from web.track import charge

LONGEST = 64
"""Letters of a departure's name that are looked at at all."""


SAID_AT_MOST = 256 * 1024
"""Bytes of one request; a handheld sends at most 64 scans before it wants a receipt."""


def courier(
    queries: Queries,
    devices: Devices,
    lookups: Lookups,
    rounds: Rounds | None = None,
    files: HandoverFiles | None = None,
) -> Blueprint:
    """Load lists; with `rounds` also the departures of a device's site and the stops of its van, with `files` a place
    for the pictures and signatures of deliveries.
    """
    routes = Blueprint("courier", __name__)

    def whose() -> tuple[str, str] | None:
        """Device and site of who asks, by its password; None for anybody else, revoked devices among them."""
        charge(lookups)  # wrong passwords are look-ups too
        given = request.authorization
        if given is None or given.type != "basic":
            return None
        site = devices.site_of(given.username or "", password=given.password or "")
        return None if site is None else (given.username or "", site)

    @routes.get("/courier/manifest")
    def manifest() -> Response:
        known = whose()
        if known is None:
            return _nobody()
        _, site = known
        name = request.args.get("departure", "").strip().upper()[:LONGEST]
        found = queries.load_list(name) if is_departure(name) else None
        here = facility_of_site(site)
        if found is None or here not in (found.departure.origin, found.departure.destination):
            # A device that was lost shows its own site's departures and no others.
            return problem("not-found", f"No departure {name!r} leaves from or arrives at {here}.")
        return Response(json.dumps(_shown(found)) + "\n", mimetype="application/json")

    if files is not None:

        @routes.put("/courier/files/<name>")
        @takes_no_cookie
        def bring(name: str) -> Response:
            """A picture or signature under its SHA-256; the same again changes nothing."""
            known = whose()
            if known is None:
                return _nobody()
            request.max_content_length = LARGEST_FILE
            try:
                is_new = files.keep(request.get_data(cache=False), named=name, dev=known[0])
            except BadFileError as wrong:
                return problem("bad-file", str(wrong))
            except StoreError:
                return problem("unavailable")
            return Response(status=201 if is_new else 200)

    if rounds is None:
        return routes

    @routes.get("/courier/work")
    def work() -> Response:
        """What this device has to do around now."""
        known = whose()
        if known is None:
            return _nobody()
        dev, site = known
        runs, stops = rounds.departures(facility_of_site(site)), rounds.stops(dev)
        shown = {"facility": facility_of_site(site), "runs": [_run(run) for run in runs], "stops": [*map(_stop, stops)]}
        return Response(json.dumps(shown) + "\n", mimetype="application/json")

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
        "over": [_listed(piece) for piece in found.over],
        "short": len(found.short),
    }


def _run(run: Departure) -> dict[str, str | bool]:
    return {
        "departure": run.name,
        "origin": run.origin,
        "destination": run.destination,
        "leaves_at": _instant(run.leaves_at),
        "arrives_at": _instant(run.soonest_arrival),
        "left": run.left_at is not None,
    }


def _stop(stop: Stop) -> dict[str, object]:
    return {
        "number": stop.number,
        "service": stop.service,
        "attempted": stop.attempted,
        "name": stop.name,
        "lines": stop.lines,
        "postcode": stop.postcode,
        "city": stop.city,
        "country": stop.country,
        "wish": stop.wish,
        "note": stop.note,
    }


def _listed(piece: ListedPiece) -> dict[str, str | int | bool]:
    """`rank` only where staff gave it one: it goes before the others; `via` only where a container's scan loaded it."""
    shown: dict[str, str | int | bool] = {
        "number": piece.number,
        "destination": piece.destination,
        "loaded": piece.loaded,
    }
    if piece.rank:
        shown["rank"] = piece.rank
    if piece.via is not None:
        shown["via"] = piece.via
    return shown


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
