"""No other site makes a browser act here: each request that may change something must come from a form of ours.

Two things are asked of it. What the browser says of its origin (`Sec-Fetch-Site`, or in older ones `Origin`) must be
us. And it must bring a token, in the field `form` or the header `X-Form`, that was drawn from a cookie which no other
site can read or set. A route that takes no cookie cannot be misused so, and says it with `takes_no_cookie`; a test
lists them all.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

from flask import Flask, Response, g, request

from tracker.domain.errors import LastscanError

FIELD, HEADER = "form", "X-Form"
SAFE = ("GET", "HEAD", "OPTIONS")
_BYTES = 16

View = TypeVar("View", bound=Callable[..., Any])


class ForeignFormError(LastscanError):
    """A request did not come from a form of this site, or from one that is too old: open the page and send it again."""


def takes_no_cookie(view: View) -> View:
    """Marks a view that acts for whoever holds a key, a password or a link, and reads no cookie."""
    view.takes_no_cookie = True  # type: ignore[attr-defined]
    return view


def cookie_name(name: str) -> str:
    """The name a cookie has on this connection: only over TLS may it be bound to this very host."""
    return f"__Host-{name}" if request.is_secure else name


def form_token() -> str:
    """For the field `form` of a form on this page. Another one each time, and good as long as its cookie."""
    kept = request.cookies.get(cookie_name(FIELD), "")
    if "form_cookie" not in g:
        g.form_cookie = kept if _is_ours(kept) else secrets.token_hex(_BYTES)
    nonce = secrets.token_hex(_BYTES)  # so that the page, which is zipped, never shows one secret twice
    return nonce + _drawn(g.form_cookie, nonce)


def forms_come_from_here(app: Flask) -> None:
    """Refuses what does not, with ForeignFormError, before any view runs."""

    def check() -> None:
        view = app.view_functions.get(request.endpoint or "")
        if request.method in SAFE or view is None or getattr(view, "takes_no_cookie", False):
            return
        if not (_says_it_is_ours() and _has_token()):
            raise ForeignFormError("this did not come from a form of this page; open the page and send it again")

    def keep(response: Response) -> Response:
        if "form_cookie" in g:
            name = cookie_name(FIELD)
            response.set_cookie(name, g.form_cookie, secure=request.is_secure, httponly=True, samesite="Lax", path="/")
        return response

    app.before_request(check)
    app.after_request(keep)
    app.jinja_env.globals["form_token"] = form_token


def _says_it_is_ours() -> bool:
    """A browser under `Referrer-Policy: no-referrer` calls every origin null; then the token alone decides."""
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin", "null")
    if site is not None and site != "same-origin":
        return False
    return origin == "null" or _host(origin) == request.host


def _host(origin: str) -> str | None:
    try:
        parts = urlsplit(origin)
        return parts.netloc if parts.scheme == "https" or not request.is_secure else None
    except ValueError:
        return None


def _has_token() -> bool:
    cookie = request.cookies.get(cookie_name(FIELD), "")
    token = request.headers.get(HEADER) or request.form.get(FIELD, "")
    nonce, given = token[: 2 * _BYTES], token[2 * _BYTES :]
    return _is_ours(cookie) and hmac.compare_digest(_drawn(cookie, nonce).encode(), given.encode())


def _is_ours(cookie: str) -> bool:
    return len(cookie) == 2 * _BYTES and all(letter in "0123456789abcdef" for letter in cookie)


def _drawn(cookie: str, nonce: str) -> str:
    return hmac.new(bytes.fromhex(cookie), nonce.encode(), hashlib.sha256).hexdigest()
