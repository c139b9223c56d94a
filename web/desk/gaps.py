"""Scans that a device made and that are not here, and what was put aside: read, and written off with a reason."""

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from locales import sentence
from tracker.audit import Audit
from tracker.domain.audit import Action
from tracker.domain.errors import GapDecisionError
from tracker.domain.gaps import Why
from tracker.domain.roles import Act
from tracker.gaps import GapIncidents
from tracker.queries import Queries
from web.language import spoken
from web.staff.door import me, needs

MOST = 100

Answer = str | Response | tuple[str, int]

WHY: dict[Why, str] = {
    Why.UNANSWERED: sentence("asked for again and again, without an answer"),
    Why.GONE: sentence("the device does not have them any more"),
}


def gap_pages(pages: Blueprint, gaps: GapIncidents, queries: Queries, audit: Audit) -> None:
    def page(**more: object) -> str:
        words = spoken()
        return render_template(
            "desk/gaps.html",
            open=[
                {
                    "id": each.id,
                    "dev": each.dev,
                    "site": each.site,
                    "lacks": words.number(each.lacks),
                    "why": WHY[each.why],
                    "operator": each.operator or "–",
                    "opened": words.instant(each.opened_at, "UTC"),
                }
                for each in gaps.all()
            ],
            aside=[
                (words.instant(each.heard_at, "UTC"), each.topic, each.why, words.number(each.times))
                for each in queries.quarantine(MOST)
            ],
            **more,
        )

    @pages.get("/gaps", endpoint="gaps")
    @needs(Act.WORK_CASES)
    def every_gap() -> Answer:
        return page()

    @pages.post("/gaps/<int:gap>/close")
    @needs(Act.DECIDE)
    def close_gap(gap: int) -> Answer:
        reason = request.form.get("reason", "")[:300]
        try:
            gaps.close(gap, by=me().staff.user, reason=reason)
        except GapDecisionError:
            return page(refused=True), 422
        audit.note(Action.DECIDED, f"CloseGap {gap}", by=me().staff, reason=reason.strip())
        return redirect(url_for("desk.gaps"), 303)
