"""What went wrong, said so that the caller can mend it: pages for people, RFC 9457 for programs, by the path asked."""

from dataclasses import dataclass

from flask import Blueprint, Flask, Response, abort, json, render_template, request
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from tracker.domain.errors import LastscanError
from web.same_origin import ForeignFormError


class TooManyLookupsError(LastscanError):
    """This address has looked up too many numbers; `after` says in how many seconds it may go on."""

    def __init__(self, after: int) -> None:
        super().__init__(f"too many look-ups from this address; try again in {after} seconds")
        self.after = after


@dataclass(frozen=True, slots=True)
class ProblemType:
    """A kind of problem, as `/problems/<name>` explains it."""

    status: int
    title: str
    cause: str
    remedy: str


PROBLEMS: dict[str, ProblemType] = {
    "bad-json": ProblemType(
        400,
        "The body is not JSON.",
        "The body of the request could not be read as JSON in UTF-8.",
        "Send `Content-Type: application/json` and one JSON object. `detail` says where reading stopped.",
    ),
    "bad-idempotency-key": ProblemType(
        400,
        "The Idempotency-Key cannot be used.",
        "A key has 1 to 255 printable ASCII characters.",
        "Use a fresh UUID for each request, and the same one again when you repeat it.",
    ),
    "no-key": ProblemType(
        401,
        "This needs an API key.",
        "There was no `Authorization: Bearer …` header, or its key is not one of ours.",
        "Send the key of your account. `lastscan key list` shows it to whoever runs this installation.",
    ),
    "no-feed-key": ProblemType(
        401,
        "This needs the key of a feed.",
        "There was no `Authorization: Bearer …` header, or its key is not that of a registered feed.",
        "Send the key that `lastscan feed add` printed. A revoked feed is registered again under another name.",
    ),
    "no-device": ProblemType(
        401,
        "This needs the name and password of a device.",
        "There was no `Authorization: Basic …` header, or no registered device has this name and password.",
        "Send what `lastscan device add` printed. A revoked device is let in again by `lastscan device add --move`.",
    ),
    "no-invitation": ProblemType(
        401,
        "This invitation is not good, or not any more.",
        "Each QR code pairs one phone, once, for ten minutes; a later one for the same device ends it.",
        "Ask the station for a new one: `lastscan device pair` shows it.",
    ),
    "not-found": ProblemType(
        404,
        "There is nothing here.",
        "No shipment is known by this number, or the address is wrong.",
        "Check the number. One booked just now is known at once; one of another carrier is not known here.",
    ),
    "method-not-allowed": ProblemType(
        405,
        "This address does not take that method.",
        "The address exists, but not for this method.",
        "`Allow` in the answer lists the methods it takes.",
    ),
    "idempotency-conflict": ProblemType(
        409,
        "This Idempotency-Key was used for another request.",
        "The key was sent before, with another body, or the first request with it is still being answered.",
        "Use a new key for a new request, or send the very same body again to get the first answer.",
    ),
    "too-large": ProblemType(
        413,
        "The body is too large.",
        "A booking has at most 64 KiB, what a device says at once 256 KiB.",
        "Book the pieces in several shipments; send scans in several requests.",
    ),
    "bad-file": ProblemType(
        422,
        "The picture cannot be kept.",
        "A picture or signature is a JPEG or PNG of at most 2 MB, sent to an address that ends in its own SHA-256.",
        "Send the very bytes that were hashed.",
    ),
    "bad-booking": ProblemType(
        422,
        "The booking cannot be taken as it stands.",
        "A field is missing, unknown, of the wrong form, or asks for what the network cannot do.",
        "Each entry of `errors` names a field by its JSON pointer (RFC 6901) and says what is expected there.",
    ),
    "bad-webhook": ProblemType(
        422,
        "The webhook cannot be taken as it stands.",
        "A field is missing, unknown or of the wrong form, or the address is not one to send to.",
        "Each entry of `errors` names a field by its JSON pointer (RFC 6901). An address is https, port 443 or 8443, "
        "with a name that leads to the public Internet; whoever runs this installation may let others through.",
    ),
    "bad-update": ProblemType(
        422,
        "The updates cannot be taken as they stand.",
        "A field is missing, unknown or of the wrong form. Nothing of the request was taken.",
        "Each entry of `errors` names a field by its JSON pointer (RFC 6901) and says what is expected there.",
    ),
    "too-many-lookups": ProblemType(
        429,
        "Too many look-ups from this address.",
        "One address may look up only so many numbers a minute.",
        "Wait for the seconds that `Retry-After` names. Programs that need more follow events instead of asking.",
    ),
    "broken": ProblemType(
        500,
        "Something broke on our side.",
        "The request could not be answered, by no fault of yours.",
        "Try again; with the same Idempotency-Key nothing is booked twice.",
    ),
    "unavailable": ProblemType(
        503,
        "We cannot answer just now.",
        "The store or a part of this installation is not ready.",
        "Try again in a few seconds.",
    ),
}

BY_STATUS = {
    400: "bad-json",
    401: "no-key",
    404: "not-found",
    405: "method-not-allowed",
    413: "too-large",
    429: "too-many-lookups",
    503: "unavailable",
}


def problem(
    name: str, detail: str | None = None, *, errors: list[dict[str, str]] | None = None, status: int | None = None
) -> Response:
    """An `application/problem+json` answer; `type` is an address of ours that explains it."""
    kind = PROBLEMS[name]
    body: dict[str, object] = {"type": f"/problems/{name}", "title": kind.title, "status": status or kind.status}
    if detail:
        body["detail"] = detail
    if errors:
        body["errors"] = errors
    return Response(json.dumps(body, ensure_ascii=False), body["status"], mimetype="application/problem+json")  # type: ignore[arg-type]


def for_programs() -> bool:
    """Whether who asks reads JSON rather than pages: by the path, so that a mistyped address answers alike."""
    return request.path.startswith(("/api/", "/courier/", "/healthz", "/readyz"))


def problem_pages() -> Blueprint:
    pages = Blueprint("problems", __name__)

    @pages.get("/problems/<name>")
    def explain(name: str) -> str:
        if name not in PROBLEMS:
            abort(404)
        return render_template("problem.html", name=name, problem=PROBLEMS[name])

    return pages


def answer_errors(app: Flask) -> None:
    """Every error becomes a page in the design of the others, or a problem where programs ask."""

    def http_error(wrong: HTTPException) -> AnyResponse | tuple[str, int]:
        status = wrong.code or 500
        if wrong.response is not None or 300 <= status < 400:
            return wrong.get_response()
        if for_programs():
            answer = problem(BY_STATUS.get(status, "broken" if status >= 500 else "bad-json"), status=status)
        else:
            answer = Response(render_template("error.html", status=status), status)
        for header, value in wrong.get_headers():
            if header in ("Allow", "Retry-After"):
                answer.headers[header] = value
        return answer

    def too_many(wrong: TooManyLookupsError) -> Response:
        if for_programs():
            answer = problem("too-many-lookups", str(wrong))
        else:
            answer = Response(render_template("error.html", status=429, after=wrong.after), 429)
        answer.headers["Retry-After"] = str(wrong.after)
        return answer

    def foreign(_wrong: ForeignFormError) -> tuple[str, int]:
        return render_template("error.html", status=403, form=True), 403

    def broken(wrong: Exception) -> AnyResponse | tuple[str, int]:
        app.logger.exception("%s %s broke", request.method, request.url_rule)  # the rule: a path may name a piece
        return problem("broken") if for_programs() else Response(render_template("error.html", status=500), 500)

    app.register_error_handler(HTTPException, http_error)
    app.register_error_handler(TooManyLookupsError, too_many)
    app.register_error_handler(ForeignFormError, foreign)
    app.register_error_handler(Exception, broken)
