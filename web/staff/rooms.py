"""The blueprint of `/staff`, put together from its rooms."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from flask import Blueprint, Flask, redirect
from werkzeug.wrappers import Response

from tracker.audit import Audit
from tracker.clock import Clock, WallClock
from tracker.domain.chain import Head
from tracker.domain.roles import Act
from tracker.staff import StaffAccounts
from web.limits import Lookups
from web.sources import DeviceList
from web.staff.account import account_pages
from web.staff.administration import administration_pages
from web.staff.audit import audit_pages
from web.staff.door import here, me, needs, watch_the_door
from web.staff.navigation import links
from web.staff.sign_in import demo_door, sign_in_pages
from web.staff.wording import ROLES

TRIES_A_MINUTE = 20
"""Of one address, whatever the names; under one name there are ten an hour (`tracker.staff`)."""


@dataclass(frozen=True, slots=True)
class StaffServices:
    """What pages of staff are built on. `heads`: those of the audit that were noted elsewhere."""

    accounts: StaffAccounts
    audit: Audit
    devices: DeviceList
    heads: Callable[[], Sequence[Head]] = tuple
    clock: Clock = field(default_factory=WallClock)


def staff_pages(app: Flask, services: StaffServices, *, demo: bool) -> None:
    """Registers every page under `/staff`, and whoever watches their door."""
    pages = Blueprint("staff", __name__, url_prefix="/staff")

    @pages.get("/")
    @needs(Act.KEEP_OWN_ACCOUNT)
    def start() -> Response:
        return redirect(links(me().staff.role)[0].href, 303)

    sign_in_pages(pages, services.accounts, Lookups(TRIES_A_MINUTE))
    account_pages(pages, services.accounts)
    administration_pages(pages, services.accounts, services.audit, services.devices)
    audit_pages(pages, services.audit, services.heads)
    watch_the_door(app, services.accounts)
    app.register_blueprint(pages)
    if demo:
        app.register_blueprint(demo_door(services.accounts))

    def about_me() -> dict[str, object]:
        signed_in = here()
        if signed_in is None:
            return {"staff": None, "demo_roles": ROLES if demo else {}}
        now = services.clock.now()
        return {
            "staff": signed_in.staff,
            "demo_roles": ROLES if demo else {},
            "staff_role": ROLES[signed_in.staff.role],
            "staff_links": links(signed_in.staff.role),
            "idle_left": max(0, int((signed_in.idle_ends_at - now).total_seconds())),
            "hours_left": max(0, round((signed_in.ends_at - now).total_seconds() / 3600)),
        }

    app.context_processor(about_me)
