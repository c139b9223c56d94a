"""The web of Lastscan, put together from the services it is given."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from flask import Flask, url_for

from tracker.clock import Clock
from web.api import api
from web.courier import courier, ldp
from web.demo import demo_pages
from web.departures import departures
from web.design import design_pages
from web.desk.rooms import DeskServices, desk_pages
from web.embed import embed
from web.headers import guard
from web.hooks import Feedback, hooks
from web.language import others, remember_language, spoken
from web.leave import Preferences, leave_pages
from web.limits import Lookups
from web.live import LiveUpdates
from web.manage import Asks, manage_pages
from web.notify_me import Followers, notify_me_pages
from web.pages import Fragments
from web.phone import phone
from web.problems import answer_errors, problem_pages
from web.push import Push, push_pages
from web.recipient import recipient_pages
from web.same_origin import forms_come_from_here
from web.sources import (
    Bookings,
    Devices,
    Door,
    Endpoints,
    Feeds,
    HandoverFiles,
    Invitations,
    Letter,
    Queries,
    Rounds,
)
from web.staff.rooms import StaffServices, staff_pages
from web.track import track_pages
from web.visitor import Recipients
from web.webhooks import webhooks

BODY_AT_MOST = 64 * 1024
LIVE = "lastscan-live"


@dataclass(frozen=True, slots=True)
class WebSettings:
    """Limits of one web process."""

    lookups_per_minute: int | None = 60  # by address; None: no limit
    wrong_passwords_per_minute: int | None = 10  # of devices, by address
    requests_per_minute: int | None = 600  # of one device that speaks without a broker
    live_streams: int = 200  # fewer than the server has threads
    embedded_by: tuple[str, ...] = ()  # origins of pages that may show a piece in theirs


def create_app(
    queries: Queries,
    bookings: Bookings,
    *,
    clock: Clock,
    letters: Callable[[], Sequence[Letter]] | None = None,
    preferences: Preferences | None = None,
    ways: Sequence[str] = ("email",),
    devices: Devices | None = None,
    door: Door | None = None,
    feeds: Feeds | None = None,
    endpoints: Endpoints | None = None,
    recipients: Recipients | None = None,
    push: Push | None = None,
    followers: Followers | None = None,
    asks: Asks | None = None,
    staff: StaffServices | None = None,
    desk: DeskServices | None = None,
    invitations: Invitations | None = None,
    rounds: Rounds | None = None,
    handovers: HandoverFiles | None = None,
    browser_broker: Callable[[], str | None] = lambda: None,
    feedback: Feedback | None = None,
    demo: bool = False,
    settings: WebSettings = WebSettings(),
) -> Flask:
    """A WSGI application. It opens nothing itself; `live_of(app).stop()` ends its streams before a server stops.

    With `devices` these may fetch their load lists, with `rounds` their day's work, with `handovers` bring pictures,
    and with `door` send their scans; with `invitations` phones become devices, and scan on `/courier/` over the broker
    that `browser_broker` names. With `feeds` those may tell of departures; with `recipients` those whose piece it is
    see more of it, with `push` on their device, and with `asks` ask for something; with `staff` its members sign in and
    work, with `desk` on cases too. With `demo` there are also `/demo` and, with `letters`, its mailbox, and every page
    says that all is invented.
    `ways`: the channels by which people are told here. With `followers` whoever has a number may ask to be told too.
    """
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = BODY_AT_MOST
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    live = LiveUpdates(queries, most=settings.live_streams)
    app.extensions[LIVE] = live
    lookups = Lookups(settings.lookups_per_minute)
    fragments = Fragments(app.jinja_env)
    app.register_blueprint(
        track_pages(queries, live, lookups, fragments, recipients, asks is not None, followers is not None)
    )
    app.register_blueprint(api(queries, bookings, lookups))
    app.register_blueprint(embed(queries, lookups, settings.embedded_by))
    app.register_blueprint(problem_pages())
    if devices is not None:
        app.register_blueprint(courier(queries, devices, lookups, rounds, handovers))
        if door is not None:
            guesses = Lookups(settings.wrong_passwords_per_minute)
            app.register_blueprint(ldp(door, devices, guesses, Lookups(settings.requests_per_minute)))
    if invitations is not None:
        app.register_blueprint(phone(invitations, Lookups(settings.wrong_passwords_per_minute), browser_broker))
    if feeds is not None:
        app.register_blueprint(departures(feeds))
    if recipients is not None:
        app.register_blueprint(recipient_pages(queries, recipients, lookups, handovers))
        if push is not None:
            app.register_blueprint(push_pages(recipients, push.subscriptions, clock))
        if asks is not None:
            app.register_blueprint(manage_pages(queries, recipients, asks, lookups))
    if followers is not None:
        asking = Lookups(settings.wrong_passwords_per_minute)
        app.register_blueprint(notify_me_pages(queries, followers, lookups, asking))
    if endpoints is not None:
        app.register_blueprint(webhooks(endpoints, bookings))
    if feedback is not None:
        app.register_blueprint(hooks(feedback))
    if preferences is not None:
        app.register_blueprint(leave_pages(preferences, clock, ways))
    if demo:
        app.register_blueprint(demo_pages(queries, live, fragments, clock, letters))
    app.jinja_env.globals["push_key"] = push.key if push is not None else ""
    answer_errors(app)
    forms_come_from_here(app)
    if staff is not None:
        staff_pages(app, staff, demo=demo)
        if desk is not None:
            desk_pages(app, desk)
    app.register_blueprint(design_pages())
    remember_language(app)
    guard(app)

    @cache
    def asset(name: str) -> str:
        digest = hashlib.sha256((Path(app.static_folder or "") / name).read_bytes()).hexdigest()
        return url_for("static", filename=name, v=digest[:12])

    def everywhere() -> dict[str, object]:
        words = spoken()
        return {"_": words.say, "words": words, "languages": others(), "asset": asset, "demo": _demo(demo, clock)}

    app.context_processor(everywhere)
    return app


def live_of(app: Flask) -> LiveUpdates:
    """The streams of this application."""
    found = app.extensions[LIVE]
    assert isinstance(found, LiveUpdates)
    return found


def _demo(demo: bool, clock: Clock) -> dict[str, str] | None:
    """For the banner: the hour of the invented world and how fast it runs."""
    if not demo:
        return None
    words, speed = spoken(), float(getattr(clock, "speed", 1.0))
    return {"now": words.instant(clock.now(), "UTC"), "speed": words.number(round(speed, 1)) if speed > 1 else ""}
