"""Who asks, as far as a cookie says it: the name of a session, kept in the browser; here its digest alone is known."""

from typing import Protocol

from flask import g, request
from werkzeug.wrappers import Response

from tracker.domain.card import Form, PieceCard
from tracker.recipients import Grant, Opened, Particulars
from web.same_origin import cookie_name

COOKIE = "lastscan-view"
KEPT = 30 * 24 * 3600
LONGEST = 64


class Recipients(Protocol):
    """`tracker.recipients.Recipients`, as much as pages need."""

    def open(self, token: str, *, session: str | None = None) -> Opened | None: ...
    def prove(self, number: str, said: str, *, session: str | None = None) -> Opened | None: ...
    def grants(self, session: str) -> tuple[Grant, ...]: ...
    def mine(self, session: str) -> tuple[Grant, ...]: ...
    def forget(self, session: str) -> None: ...
    def person(self, grant: Grant) -> str: ...
    def particulars(self, grant: Grant) -> Particulars: ...
    def renew(self, grant: Grant) -> str: ...
    def share(self, grant: Grant) -> str: ...
    def unshare(self, grant: Grant) -> None: ...


def session() -> str | None:
    """The name in the cookie of this request, if it may be one."""
    said = request.cookies.get(cookie_name(COOKIE), "")
    return said if 0 < len(said) <= LONGEST and said.isascii() else None


def grants(recipients: Recipients | None) -> tuple[Grant, ...]:
    """What this request may see beyond numbers; asked for once, and not at all without a cookie."""
    if "grants" not in g:
        named = session() if recipients is not None else None
        g.grants = recipients.grants(named) if recipients is not None and named is not None else ()
    found: tuple[Grant, ...] = g.grants
    return found


def granted(recipients: Recipients | None, card: PieceCard) -> Grant | None:
    """What this request may see of a piece beyond what its number shows."""
    of = (card.number, card.journey)
    return next((grant for grant in grants(recipients) if (grant.number, grant.journey) == of), None)


def form_of(found: tuple[Grant, ...], card: PieceCard) -> Form:
    """In which form whoever has these grants sees a piece."""
    of = (card.number, card.journey)
    return next((grant.form for grant in found if (grant.number, grant.journey) == of), Form.PUBLIC)


def remember(response: Response, opened: Opened) -> Response:
    response.set_cookie(
        cookie_name(COOKIE),
        opened.session,
        max_age=KEPT,
        path="/",
        secure=request.is_secure,
        httponly=True,
        samesite="Lax",
    )
    return response


def forgotten(response: Response) -> Response:
    response.delete_cookie(cookie_name(COOKIE), path="/", secure=request.is_secure, httponly=True, samesite="Lax")
    return response
