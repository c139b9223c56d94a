"""The API: booking with a key, the public view of a shipment without one, and whether we are well."""

import hashlib
from datetime import UTC, datetime
from typing import Any

import msgspec
from flask import Blueprint, Response, request

from tracker.booking import IdempotencyConflictError
from tracker.domain.card import CardEntry, PieceCard, public
from tracker.domain.errors import BadBookingError
from tracker.domain.network import Facility
from web import places
from web.booking_form import BadFormError, NotJsonError, read_booking
from web.kept import KeptAnswers
from web.language import spoken
from web.limits import Lookups
from web.problems import problem
from web.same_origin import takes_no_cookie
from web.sources import Booked, Bookings, Queries
from web.track import charge
from web.view import reason, window_of


def api(queries: Queries, bookings: Bookings, lookups: Lookups) -> Blueprint:
    routes = Blueprint("api", __name__)
    kept: KeptAnswers[tuple[bytes, str]] = KeptAnswers(queries)

    @routes.post("/api/v1/shipments")
    @takes_no_cookie
    def book() -> Response:
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        account = bookings.account_of(key.strip()) if scheme.lower() == "bearer" and 0 < len(key) <= 200 else None
        if account is None:
            refused = problem("no-key")
            refused.headers["WWW-Authenticate"] = 'Bearer realm="lastscan"'
            return refused
        repeat = request.headers.get("Idempotency-Key")
        if repeat is not None and not (0 < len(repeat) <= 255 and repeat.isascii() and repeat.isprintable()):
            return problem("bad-idempotency-key")
        body = request.get_data(cache=False)
        try:
            booked = bookings.book(
                read_booking(body),
                account=account,
                idempotency_key=repeat,
                body_hash=hashlib.sha256(body).hexdigest(),
            )
        except NotJsonError as wrong:
            return problem("bad-json", str(wrong))
        except BadFormError as wrong:
            errors = [{"pointer": fault.pointer, "detail": fault.detail} for fault in wrong.faults]
            return problem("bad-booking", str(wrong), errors=errors)
        except BadBookingError as wrong:
            return problem("bad-booking", str(wrong), errors=[{"pointer": wrong.pointer, "detail": str(wrong)}])
        except IdempotencyConflictError as wrong:
            return problem("idempotency-conflict", str(wrong))
        answer = _json(_booked(booked), 201)
        answer.headers["Location"] = f"/api/v1/shipments/{booked.numbers[0]}"
        if booked.replayed:
            answer.headers["Idempotency-Replayed"] = "true"
        return answer

    @routes.get("/api/v1/shipments/<number>")
    def shipment(number: str) -> Response:
        charge(lookups)
        known = number[:64]

        def made() -> tuple[str, tuple[bytes, str]] | None:
            card = queries.card(known)
            if card is None:
                return None
            body = msgspec.json.encode(_shown(card)) + b"\n"
            return card.number, (body, hashlib.sha256(body).hexdigest()[:32])

        found = kept.get((known, spoken().tag), made)
        if found is None:
            return problem("not-found", "No shipment is known by this number.")
        body, etag = found
        answer = Response(body, 200, mimetype="application/json")
        answer.set_etag(etag)
        answer.headers["Cache-Control"] = "private, no-cache"
        answer.vary.add("Accept-Language")
        return answer.make_conditional(request)  # type: ignore[return-value]

    @routes.get("/healthz")
    def alive() -> Response:
        return _json({"alive": True}, 200)

    @routes.get("/readyz")
    def ready() -> Response:
        found = queries.healthy()
        well = all(value is not False for value in found.values())
        return _json({"ready": well, **found}, 200 if well else 503)

    return routes


def _json(body: dict[str, Any], status: int) -> Response:
    return Response(msgspec.json.encode(body) + b"\n", status, mimetype="application/json")


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _links(number: str) -> dict[str, str]:
    return {"page": f"/t/{number}", "events": f"/t/{number}/events", "self": f"/api/v1/shipments/{number}"}


def _booked(booked: Booked) -> dict[str, Any]:
    return {
        "number": booked.numbers[0],
        "numbers": list(booked.numbers),
        "promise": {"due_by": _instant(booked.due_by)},
        "plan": [msgspec.to_builtins(leg) for leg in booked.legs],
        "links": _links(booked.numbers[0]),
        "pieces": [{"number": number, "links": _links(number)} for number in booked.numbers],
    }


def _shown(card: PieceCard) -> dict[str, Any]:
    """What a number alone may show; reasons in the language asked for."""
    card, words = public(card), spoken()
    window = window_of(card)
    eta = (
        {
            "earliest": _instant(window[0]),
            "latest": _instant(window[1]),
            "why": reason(card, card.eta.why, words),
            "confidence": card.eta.confidence,
        }
        if window is not None and card.eta is not None
        else None
    )
    return {
        "number": card.number,
        "kind": card.kind,
        "state": card.state,
        "held": card.held is not None,
        "origin": _place(card.origin),
        "destination": _place(card.destination),
        "promise": {"due_by": _instant(card.due_by)},
        "eta": eta,
        "milestones": [
            {"milestone": step.milestone, "reached_at": _instant(step.reached_at) if step.reached_at else None}
            for step in card.milestones
        ],
        "events": [_event(entry) for entry in card.entries],
        "exceptions": [
            {
                "kind": found.kind,
                "since": _instant(found.since),
                "cleared_at": _instant(found.cleared_at) if found.cleared_at else None,
                "why": reason(card, found.why, words),
            }
            for found in card.irregularities
        ],
        "plan": [
            {
                "departure": leg.departure.name,
                "origin": _place(leg.origin),
                "destination": _place(leg.destination),
                "departs_at": _instant(leg.departure.left_at or leg.departure.departs_at),
                "arrives_at": _instant(leg.departure.expected_arrival),
                "missed": leg.missed,
            }
            for leg in card.legs
        ],
        "links": _links(card.number),
    }


def _place(place: Facility) -> dict[str, str | None]:
    """The last place has no city: only that it is local delivery, in a country."""
    last = places.is_last(place)
    return {"code": None if last else place.code, "city": None if last else place.city("en"), "country": place.country}


def _event(entry: CardEntry) -> dict[str, Any]:
    """`precision`: of the last mile only the part of the day is told."""
    shown: dict[str, Any] = {
        "kind": entry.kind,
        "happened_at": _instant(entry.happened_at),
        "precision": "part_of_day" if entry.day_only else "instant",
        "place": _place(entry.facility),
    }
    if not entry.day_only:
        shown["heard_at"] = _instant(entry.recorded_at)
    if entry.into:
        shown["into"] = entry.into
    if entry.withdrawn:
        shown["withdrawn"] = True
    if entry.role:
        shown["decided_by"] = entry.role
    return shown
