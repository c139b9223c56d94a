"""Where staff can go: one line a page, shown to the roles that may do what it is for."""

from dataclasses import dataclass

from flask import current_app, request, url_for

from locales import sentence
from tracker.domain.roles import Act, may_do
from tracker.domain.staff import Role
from web.language import spoken


@dataclass(frozen=True, slots=True)
class Place:
    endpoint: str
    label: str
    act: Act


PLACES = (
    Place("desk.queue", sentence("Cases"), Act.WORK_CASES),
    Place("desk.find", sentence("Who is calling"), Act.LOOK),
    Place("staff.people", sentence("People"), Act.KEEP_STAFF),
    Place("staff.devices", sentence("Devices"), Act.KEEP_DEVICES),
    Place("staff.audit", sentence("Audit"), Act.READ_AUDIT),
    Place("staff.account", sentence("My account"), Act.KEEP_OWN_ACCOUNT),
)
"""In the order they are shown; the first that a role may go to is where signing in leads."""


@dataclass(frozen=True, slots=True)
class Link:
    href: str
    label: str
    here: bool


def links(role: Role) -> list[Link]:
    """The pages this role may go to, of those that this installation has."""
    words, known = spoken(), current_app.view_functions
    return [
        Link(url_for(place.endpoint), words.say(place.label), place.endpoint == request.endpoint)
        for place in PLACES
        if place.endpoint in known and may_do(role, place.act)
    ]
