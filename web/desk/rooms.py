"""The blueprint of `/desk`, put together from its rooms."""

from dataclasses import dataclass
from functools import partial

from flask import Blueprint, Flask

from tracker.audit import Audit
from tracker.callers import Callers
from tracker.cases import Cases
from tracker.desk import Desk
from tracker.gaps import GapIncidents
from tracker.queries import Queries
from web.desk.acts import act_pages
from web.desk.callers import caller_pages
from web.desk.gaps import gap_pages
from web.desk.queue import case_page, queue_pages


@dataclass(frozen=True, slots=True)
class DeskServices:
    """What the desk's pages are built on."""

    cases: Cases
    desk: Desk
    callers: Callers
    gaps: GapIncidents
    queries: Queries
    audit: Audit


def desk_pages(app: Flask, services: DeskServices) -> None:
    """Registers every page under `/desk`; whoever watches the door of `/staff` watches this one too."""
    pages = Blueprint("desk", __name__, url_prefix="/desk")
    show = partial(case_page, services.desk)
    queue_pages(pages, services.cases, show)
    caller_pages(pages, services.callers)
    gap_pages(pages, services.gaps, services.queries, services.audit)
    act_pages(pages, services.cases, services.desk, show)
    app.register_blueprint(pages)
