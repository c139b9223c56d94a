"""A browser asks to be told of a piece that is its reader's own."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Protocol

from flask import Blueprint, Response, abort, request
from msgspec import Meta

from notify.channels.push.subscription import Subscription
from notify.guarded import ForbiddenAddressError, parse
from tracker.clock import Clock
from tracker.recipients import Grant
from web.booking_form import BadFormError, Form, NotJsonError, read_form
from web.visitor import Recipients, grants

Key = Annotated[str, Meta(max_length=100)]


class Subscriptions(Protocol):
    """`notify.store.subscriptions.Subscriptions`, as much as is used here."""

    def keep(self, person: str, subscription: Subscription, now: datetime) -> None: ...


@dataclass(frozen=True, slots=True)
class Push:
    """What browsers subscribe with, and where their subscriptions are kept."""

    key: str
    subscriptions: Subscriptions


class KeysForm(Form, frozen=True):
    p256dh: Key
    auth: Key


class SubscriptionForm(Form, frozen=True):
    endpoint: Annotated[str, Meta(max_length=2000)]
    keys: KeysForm
    expirationTime: float | None = None


def push_pages(recipients: Recipients, subscriptions: Subscriptions, clock: Clock) -> Blueprint:
    pages = Blueprint("push", __name__)

    @pages.post("/t/<number>/push")
    def subscribe(number: str) -> Response:
        grant = _own(number)
        try:
            form = read_form(request.get_data(cache=False), SubscriptionForm)
            parse(form.endpoint)
            asked = Subscription(form.endpoint, form.keys.p256dh, form.keys.auth)
        except (NotJsonError, BadFormError, ForbiddenAddressError, ValueError):
            abort(400)
        subscriptions.keep(recipients.person(grant), asked, clock.now())
        return Response(status=204)

    def _own(number: str) -> Grant:
        journey = request.args.get("journey", "")
        found = (each for each in grants(recipients) if (each.number, str(each.journey)) == (number, journey))
        return next((each for each in found if each.may_act), None) or abort(403)

    return pages
