"""Who of staff is here, and whether this page is for them: asked once, before any view of staff runs.

A view says what it needs with `needs(Act…)`, or that it is for anybody with `open_to_all`. In the rooms of staff a view
that says neither is for nobody.
"""

from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlencode

from flask import Flask, Response, abort, g, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from tracker.domain.roles import Act, may_do
from tracker.staff import Opened, SignedIn, StaffAccounts
from web.language import COOKIE as LANGUAGE
from web.same_origin import SAFE, cookie_name

COOKIE = "staff"
ROOMS = ("/staff", "/desk")
"""Where a view that says nothing is for nobody."""

View = TypeVar("View", bound=Callable[..., Any])


def needs(act: Act, *, polls: bool = False) -> Callable[[View], View]:
    """Lets in who is signed in and may do this; others get the sign-in page, or are told whom to ask.

    With `polls` a request does not count as something done, so that an open page alone keeps no session alive.
    """

    def marked(view: View) -> View:
        view.needs, view.polls = act, polls  # type: ignore[attr-defined]
        return view

    return marked


def open_to_all(view: View) -> View:
    """A page for who is not signed in yet; `here()` says who is, if anybody."""
    view.needs, view.polls = None, True  # type: ignore[attr-defined]
    return view


def here() -> SignedIn | None:
    """Who is signed in, if anybody."""
    found: SignedIn | None = g.get("staff")
    return found


def me() -> SignedIn:
    """Who is signed in, in a view that `needs` something."""
    found = here()
    assert found is not None
    return found


def watch_the_door(app: Flask, accounts: StaffAccounts) -> None:
    def check() -> AnyResponse | None:
        view: Any = app.view_functions.get(request.endpoint or "")
        if view is None:
            return None
        if not hasattr(view, "needs"):
            if request.path.startswith(ROOMS):
                abort(403)
            return None
        g.staff = accounts.session(request.cookies.get(cookie_name(COOKIE), ""), idle=view.polls)
        if view.needs is None:
            return None
        if g.staff is None:
            return _ask_who_it_is()
        if not may_do(g.staff.staff.role, view.needs):
            abort(403)
        return None

    app.before_request(check)


def _ask_who_it_is() -> AnyResponse:
    if request.headers.get("Sec-Fetch-Dest") == "empty":  # asked for by a script
        return Response(status=401)
    if request.method not in SAFE:
        return redirect(url_for("staff.sign_in"), 303)
    return redirect(url_for("staff.sign_in") + "?" + urlencode({"then": request.path}), 303)


def let_in(opened: Opened, to: str) -> AnyResponse:
    """Goes on to a page of ours with the new session, in the language of the account."""
    answer = redirect(inside(to), 303)
    name = cookie_name(COOKIE)
    answer.set_cookie(name, opened.token, secure=request.is_secure, httponly=True, samesite="Lax", path="/")
    if LANGUAGE not in request.cookies and not opened.signed_in.demo:
        language = opened.signed_in.language
        answer.set_cookie(LANGUAGE, language, secure=request.is_secure, httponly=True, samesite="Lax", path="/")
    return answer


def let_out(to: str) -> AnyResponse:
    answer = redirect(to, 303)
    answer.delete_cookie(cookie_name(COOKIE), secure=request.is_secure, httponly=True, samesite="Lax", path="/")
    return answer


def inside(path: str) -> str:
    """`path` if it leads into a room of staff, else the first page of staff."""
    plain = path.isascii() and path.isprintable() and "//" not in path and "\\" not in path
    leads_in = path in ROOMS or path.startswith(tuple(f"{room}/" for room in ROOMS))
    return path if plain and leads_in else url_for("staff.start")
