"""The webhooks of an account over the API: where its machines listen, what they were sent, and once more."""

import base64
import binascii
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import msgspec
from flask import Blueprint, Response, request
from msgspec import Meta

from notify.channels.webhook.endpoint import Attempt, Endpoint, Wanted
from notify.channels.webhook.endpoints import BadWebhookError, RepeatConflictError, UnknownWebhookError
from web.booking_form import BadFormError, Email, Form, Instant, Language, NotJsonError, read_form
from web.problems import problem
from web.same_origin import takes_no_cookie
from web.sources import Bookings, Endpoints

MOST_AT_ONCE = 100

Kind = Annotated[str, Meta(max_length=40)]


class WebhookForm(Form, frozen=True):
    url: Annotated[str, Meta(min_length=1, max_length=2000)]
    kinds: Annotated[tuple[Kind, ...], Meta(max_length=64)] = ()
    owner: Email | None = None
    language: Language = "en"


class ReplayForm(Form, frozen=True):
    """One message by its `id`, or all in a time, of kinds, or that `failed`; of all that are named, what fits each."""

    id: Annotated[str, Meta(max_length=64)] | None = None
    since: Instant | None = None
    until: Instant | None = None
    kinds: Annotated[tuple[Kind, ...], Meta(max_length=64)] = ()
    failed: Literal[True] | None = None


class Done(msgspec.Struct):
    """An answer as it is kept for whoever repeats the request."""

    status: int
    body: dict[str, Any]
    location: str | None = None


def webhooks(endpoints: Endpoints, bookings: Bookings) -> Blueprint:
    routes = Blueprint("webhooks", __name__)

    def for_account(act: Callable[[str], Response]) -> Response:
        """Whatever goes wrong answered as a problem, for whoever's key this is."""
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        account = bookings.account_of(key.strip()) if scheme.lower() == "bearer" and 0 < len(key) <= 200 else None
        if account is None:
            refused = problem("no-key")
            refused.headers["WWW-Authenticate"] = 'Bearer realm="lastscan"'
            return refused
        try:
            return act(account)
        except UnknownWebhookError as wrong:
            return problem("not-found", str(wrong))
        except NotJsonError as wrong:
            return problem("bad-json", str(wrong))
        except BadFormError as wrong:
            errors = [{"pointer": fault.pointer, "detail": fault.detail} for fault in wrong.faults]
            return problem("bad-webhook", str(wrong), errors=errors)
        except BadWebhookError as wrong:
            return problem("bad-webhook", str(wrong), errors=[{"pointer": wrong.pointer, "detail": str(wrong)}])
        except RepeatConflictError as wrong:
            return problem("idempotency-conflict", str(wrong))

    def once(account: str, act: Callable[[bytes], Done]) -> Response:
        repeat = request.headers.get("Idempotency-Key")
        if repeat is not None and not (0 < len(repeat) <= 255 and repeat.isascii() and repeat.isprintable()):
            return problem("bad-idempotency-key")
        body = request.get_data(cache=False)
        whole = b"\n".join([request.method.encode(), request.path.encode(), body])
        repeated = endpoints.once(account, repeat, whole, lambda: msgspec.json.encode(act(body)).decode())
        done = msgspec.json.decode(repeated.answer, type=Done)
        answer = _json(done.body, done.status)
        if done.location:
            answer.headers["Location"] = done.location
        if repeated.replayed:
            answer.headers["Idempotency-Replayed"] = "true"
        return answer

    @routes.post("/api/v1/webhooks")
    @takes_no_cookie
    def add() -> Response:
        def act(account: str, body: bytes) -> Done:
            form = read_form(body, WebhookForm)
            made = endpoints.add(account, form.url, kinds=form.kinds, owner=form.owner, language=form.language)
            return Done(201, {**_shown(made), "secret": made.secret}, f"/api/v1/webhooks/{made.id}")

        return for_account(lambda account: once(account, lambda body: act(account, body)))

    @routes.get("/api/v1/webhooks")
    def all_of_them() -> Response:
        return for_account(lambda account: _json({"webhooks": [_shown(one) for one in endpoints.all(account)]}, 200))

    @routes.get("/api/v1/webhooks/<id>")
    def one(id: str) -> Response:
        return for_account(lambda account: _json(_shown(endpoints.find(account, id)), 200))

    @routes.delete("/api/v1/webhooks/<id>")
    @takes_no_cookie
    def remove(id: str) -> Response:
        def act(account: str) -> Response:
            endpoints.remove(account, id)
            return Response(status=204)

        return for_account(act)

    @routes.post("/api/v1/webhooks/<id>/rotate")
    @takes_no_cookie
    def rotate(id: str) -> Response:
        def act(account: str) -> Done:
            made = endpoints.rotate(account, id)
            return Done(200, {**_shown(made), "secret": made.secret, "old_secret_until": _instant(made.old_until)})

        return for_account(lambda account: once(account, lambda _: act(account)))

    @routes.post("/api/v1/webhooks/<id>/test")
    @takes_no_cookie
    def test(id: str) -> Response:
        def act(account: str) -> Done:
            return Done(202, {"id": endpoints.test(account, id)}, f"/api/v1/webhooks/{id}/attempts")

        return for_account(lambda account: once(account, lambda _: act(account)))

    @routes.post("/api/v1/webhooks/<id>/replay")
    @takes_no_cookie
    def replay(id: str) -> Response:
        def act(account: str, body: bytes) -> Done:
            form = read_form(body, ReplayForm)
            if form == ReplayForm():
                raise BadWebhookError("say which: id, since, until, kinds or failed", pointer="")
            wanted = Wanted(form.id, form.since, form.until, form.kinds, failed=bool(form.failed))
            return Done(202, {"replayed": endpoints.replay(account, id, wanted)})

        return for_account(lambda account: once(account, lambda body: act(account, body)))

    @routes.get("/api/v1/webhooks/<id>/attempts")
    def attempts(id: str) -> Response:
        def act(account: str) -> Response:
            limit = min(max(request.args.get("limit", 25, type=int), 1), MOST_AT_ONCE)
            found = list(endpoints.attempts(account, id, limit=limit + 1, before=_opened(request.args.get("cursor"))))
            answer = _json({"attempts": [_told(attempt) for attempt in found[:limit]]}, 200)
            if len(found) > limit:
                cursor = _cursor(found[limit - 1])
                next_page = f"/api/v1/webhooks/{id}/attempts?limit={limit}&cursor={cursor}"
                answer.headers["Link"] = f'<{next_page}>; rel="next"'
            return answer

        return for_account(act)

    return routes


def _shown(endpoint: Endpoint) -> dict[str, Any]:
    """Never the secret: it is told once, to whoever made it."""
    return {
        "id": endpoint.id,
        "url": endpoint.url,
        "kinds": list(endpoint.kinds),
        "owner": endpoint.owner,
        "made_at": _instant(endpoint.made_at),
        "failing_since": _instant(endpoint.failing_since),
        "off_at": _instant(endpoint.off_at),
        "off_why": endpoint.off_why or None,
    }


def _told(attempt: Attempt) -> dict[str, Any]:
    return {
        "id": attempt.message,
        "type": attempt.kind,
        "attempt": attempt.attempt,
        "at": _instant(attempt.at),
        "outcome": attempt.outcome,
        "answer": attempt.answer,
        "took_ms": attempt.took_ms,
        "state": attempt.state,
        "again_at": _instant(attempt.again_at),
    }


def _cursor(attempt: Attempt) -> str:
    return base64.urlsafe_b64encode(f"{attempt.at.isoformat()} {attempt.message}".encode()).rstrip(b"=").decode()


def _opened(cursor: str | None) -> tuple[datetime, str] | None:
    if cursor is None:
        return None
    try:
        text = base64.urlsafe_b64decode(cursor[:200] + "=" * (-len(cursor[:200]) % 4)).decode()
        at, _, message = text.partition(" ")
        return datetime.fromisoformat(at).astimezone(UTC), message
    except (ValueError, binascii.Error, OverflowError):
        raise BadWebhookError("not a cursor of ours: follow the Link of an answer", pointer="/cursor") from None


def _instant(at: datetime | None) -> str | None:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z") if at is not None else None


def _json(body: dict[str, Any], status: int) -> Response:
    return Response(msgspec.json.encode(body) + b"\n", status, mimetype="application/json")
