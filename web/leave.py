"""Where the link at the foot of a message leads: no more of this kind, or again, and everything else one may wish.

Whoever has the link may do it, as RFC 8058 wants: no cookie, no login, no token but the one in the address, and no
redirect. A GET changes nothing, because scanners follow every link of a mail before anybody reads it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache
from typing import Protocol
from zoneinfo import available_timezones

from flask import Blueprint, abort, render_template, request
from werkzeug.datastructures import MultiDict

from locales import languages, sentence
from notify.preferences import Choice, Wish
from tracker.clock import Clock
from tracker.domain.notices import NOTICE_RULES, NoticeKind
from web.language import OWN_NAMES
from web.same_origin import takes_no_cookie

KINDS: dict[NoticeKind, str] = {
    NoticeKind.BOOKED: sentence("Mails that a parcel or bag was booked, handed in, or let go by customs"),
    NoticeKind.ETA_CHANGED: sentence("Mails that a parcel or bag comes at another time, late, or lies too long"),
    NoticeKind.OUT_FOR_DELIVERY: sentence("Mails that a parcel or bag is out for delivery"),
    NoticeKind.DELIVERED: sentence("Mails that a parcel or bag was delivered"),
    NoticeKind.READY_FOR_PICKUP: sentence("Mails that a parcel or bag waits to be picked up"),
    NoticeKind.MISSED_CONNECTION: sentence("Mails that a parcel or bag missed its connection"),
    NoticeKind.DAMAGED: sentence("Mails that a parcel or bag was damaged"),
    NoticeKind.RETURNING: sentence("Mails that a parcel or bag goes back to the sender"),
}
"""What a link is about, in words: of every kind that is left by itself."""

TOLD: dict[NoticeKind, str] = {
    NoticeKind.BOOKED: sentence("It was booked, handed in, or let go by customs"),
    NoticeKind.ETA_CHANGED: sentence("It comes at another time, is late, or lies too long"),
    NoticeKind.OUT_FOR_DELIVERY: sentence("It is out for delivery"),
    NoticeKind.DELIVERED: sentence("It was delivered"),
    NoticeKind.READY_FOR_PICKUP: sentence("It waits to be picked up"),
    NoticeKind.MISSED_CONNECTION: sentence("It missed a connection, may miss one, or makes it after all"),
    NoticeKind.DAMAGED: sentence("It was damaged"),
    NoticeKind.RETURNING: sentence("It goes back to the sender"),
}
"""The same, as lines of the page of all wishes."""

CHANNELS = {
    "email": sentence("E-mail"),
    "sms": sentence("Text message"),
    "push": sentence("Push message"),
}

ONE_CLICK = {"List-Unsubscribe": "One-Click"}
"""What mail programs send; the page's own button sends the same."""

AGAIN, MUTE, SAVE = {"again": "yes"}, {"mute": "yes"}, {"save": "yes"}

LONGEST_PAUSE = timedelta(days=366)

_CONTINENTS = (
    "Africa/", "America/", "Antarctica/", "Arctic/", "Asia/",
    "Atlantic/", "Australia/", "Europe/", "Indian/", "Pacific/",
)  # fmt: skip


class Preferences(Protocol):
    """`notify.preferences.Preferences`, as much as a page needs. Each answers None for a link that is none of ours."""

    def read(self, token: str) -> Wish | None: ...
    def leave(self, token: str, now: datetime) -> Wish | None: ...
    def come_back(self, token: str, now: datetime) -> Wish | None: ...
    def mute(self, token: str, now: datetime) -> Wish | None: ...
    def unmute(self, token: str, piece: str) -> Wish | None: ...
    def save(self, token: str, choice: Choice, now: datetime) -> Wish | None: ...


@dataclass(frozen=True, slots=True)
class Box:
    """One place of the grid: a kind by a channel."""

    name: str
    channel: str
    ticked: bool


def leave_pages(preferences: Preferences, clock: Clock, ways: Sequence[str] = ("email",)) -> Blueprint:
    """`ways`: the channels by which people are told here, in the order of their columns."""
    pages = Blueprint("leave", __name__)

    @pages.get("/u/<token>")
    def page(token: str) -> tuple[str, int]:
        return shown(preferences.read(token))

    @pages.post("/u/<token>")
    @takes_no_cookie
    def wish(token: str) -> tuple[str, int]:
        now = clock.now()
        if _asked(ONE_CLICK):
            return shown(preferences.leave(token, now))
        if _asked(AGAIN):
            return shown(preferences.come_back(token, now))
        if _asked(MUTE):
            return shown(preferences.mute(token, now))
        if "unmute" in request.form:
            return shown(preferences.unmute(token, request.form["unmute"]))
        choice = read_choice(request.form, ways, now) if _asked(SAVE) else None
        if choice is None:
            abort(400)
        return shown(preferences.save(token, choice, now), saved=True)

    def shown(wish: Wish | None, *, saved: bool = False) -> tuple[str, int]:
        if wish is None:
            return render_template("leave.html", wish=None, kind=""), 404
        facts = {
            "wish": wish,
            "kind": KINDS.get(wish.kind, ""),
            "back": wish.kind is NoticeKind.MISSED_CONNECTION,
            "saved": saved,
            "ways": [(way, CHANNELS[way]) for way in ways],
            "grid": grid(wish, ways),
            "tongues": [(tag, OWN_NAMES.get(tag, tag)) for tag in languages()],
            "zones": zones(),
            "today": clock.now().date(),
            "pause": _day_of(wish),
        }
        return render_template("leave.html", **facts), 200

    return pages


def grid(wish: Wish, ways: Sequence[str]) -> list[tuple[str, list[Box | None]]]:
    """A line for each kind that is left by itself; None where it never goes by that channel."""
    return [
        (
            words,
            [
                Box(f"{kind}/{way}", way, (kind, way) not in wish.wishes.off) if way in _ways_of(kind) else None
                for way in ways
            ],
        )
        for kind, words in TOLD.items()
        if _ways_of(kind) & {*ways}
    ]


def read_choice(form: MultiDict[str, str], ways: Sequence[str], now: datetime) -> Choice | None:
    """What the form says, or None where it says what the page cannot have sent."""
    boxes = {(kind, way) for kind in TOLD for way in ways if way in _ways_of(kind)}
    ticked = {(kind, way) for kind, way in boxes if f"{kind}/{way}" in form.getlist("on")}
    language, zone, until = form.get("language", ""), form.get("zone", ""), form.get("until", "")
    try:
        quiet_from, quiet_until = (time.fromisoformat(form.get(name, "")) for name in ("quiet_from", "quiet_until"))
        paused_until = date.fromisoformat(until) if until else None
    except ValueError:
        return None
    if (language and language not in languages()) or (zone and zone not in zones()):
        return None
    if paused_until is not None and paused_until > (now + LONGEST_PAUSE).date():
        return None
    return Choice(
        language=language or None,
        zone=zone or None,
        quiet_from=quiet_from.replace(second=0, microsecond=0, tzinfo=None),
        quiet_until=quiet_until.replace(second=0, microsecond=0, tzinfo=None),
        paused_until=paused_until if paused_until and paused_until > now.date() else None,
        off=frozenset(boxes - ticked),
        on=frozenset(ticked),
        everywhere="everywhere" in form,
    )


@cache
def zones() -> tuple[str, ...]:
    """The zones people live in, by the names of the tz database."""
    return tuple(sorted(name for name in available_timezones() if name.startswith(_CONTINENTS)))


@cache
def _ways_of(kind: NoticeKind) -> frozenset[str]:
    """Every channel by which this kind, or one that is left with it, goes."""
    return frozenset(way for rule in NOTICE_RULES.values() if rule.left_with is kind for way in rule.channels)


def _day_of(wish: Wish) -> str:
    until = wish.wishes.paused_until
    return "" if until is None else wish.wishes.hours("UTC").day(until).isoformat()


def _asked(wanted: dict[str, str]) -> bool:
    return all(request.form.get(name) == value for name, value in wanted.items())
