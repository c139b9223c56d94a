"""Where the link at the foot of a mail leads: no more mails of this kind, or again.

Whoever has the link may do it, as RFC 8058 wants: no cookie, no login, no token but the one in the address, and no
redirect. A GET changes nothing, because scanners follow every link of a mail before anybody reads it.
"""

from datetime import datetime
from typing import Protocol

from flask import Blueprint, abort, render_template, request

from locales import sentence
from notify.preferences import Wish
from tracker.clock import Clock
from tracker.domain.notices import NoticeKind
from web.same_origin import takes_no_cookie

KINDS: dict[NoticeKind, str] = {
    NoticeKind.OUT_FOR_DELIVERY: sentence("Mails that a parcel or bag is out for delivery"),
    NoticeKind.DELIVERED: sentence("Mails that a parcel or bag was delivered"),
    NoticeKind.MISSED_CONNECTION: sentence("Mails that a parcel or bag missed its connection"),
}
"""What a link is about, in words: of every kind that is left by itself."""

ONE_CLICK = {"List-Unsubscribe": "One-Click"}
"""What mail programs send; the page's own button sends the same."""

AGAIN = {"again": "yes"}


class Preferences(Protocol):
    """`notify.preferences.Preferences`, as much as a page needs. Each answers None for a link that is none of ours."""

    def read(self, token: str) -> Wish | None: ...
    def leave(self, token: str, now: datetime) -> Wish | None: ...
    def come_back(self, token: str) -> Wish | None: ...


def leave_pages(preferences: Preferences, clock: Clock) -> Blueprint:
    pages = Blueprint("leave", __name__)

    @pages.get("/u/<token>")
    def page(token: str) -> tuple[str, int]:
        return _page(preferences.read(token))

    @pages.post("/u/<token>")
    @takes_no_cookie
    def wish(token: str) -> tuple[str, int]:
        if _asked(ONE_CLICK):
            return _page(preferences.leave(token, clock.now()))
        if not _asked(AGAIN):
            abort(400)
        return _page(preferences.come_back(token))

    return pages


def _asked(wanted: dict[str, str]) -> bool:
    return all(request.form.get(name) == value for name, value in wanted.items())


def _page(wish: Wish | None) -> tuple[str, int]:
    if wish is None:
        return render_template("leave.html", wish=None, kind=""), 404
    facts = {"wish": wish, "kind": KINDS[wish.kind], "back": wish.kind is NoticeKind.MISSED_CONNECTION}
    return render_template("leave.html", **facts), 200
