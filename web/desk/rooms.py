"""The blueprint of `/desk`, put together from its rooms."""

from dataclasses import dataclass

from flask import Blueprint, Flask

from tracker.audit import Audit
from tracker.cases import Cases
from web.desk.queue import queue_pages


@dataclass(frozen=True, slots=True)
class DeskServices:
    """What the desk's pages are built on."""

    cases: Cases
    audit: Audit


def desk_pages(app: Flask, services: DeskServices) -> None:
    """Registers every page under `/desk`; whoever watches the door of `/staff` watches this one too."""
    pages = Blueprint("desk", __name__, url_prefix="/desk")
    queue_pages(pages, services.cases)
    app.register_blueprint(pages)
