"""The audit: its last rows, and whether the chain holds."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, render_template, request, stream_with_context
from werkzeug.wrappers import Response as AnyResponse

from tracker.audit import Audit
from tracker.domain.audit import Action
from tracker.domain.chain import Broken, Head
from tracker.domain.errors import LastscanError
from tracker.domain.roles import Act
from web.language import spoken
from web.staff.door import me, needs
from web.staff.wording import ACTIONS, ROLES, WAYS

ROWS_A_PAGE = 50
_DETAILS = WAYS | {role.value: name for role, name in ROLES.items()}

Answer = str | AnyResponse


def audit_pages(pages: Blueprint, audit: Audit, heads: Callable[[], Sequence[Head]]) -> None:
    def page(**more: Any) -> str:
        before = request.args.get("before", "")
        rows = audit.newest(ROWS_A_PAGE, below=int(before) if before.isdigit() and len(before) < 16 else None)
        older = rows[-1]["n"] if rows and rows[-1]["n"] != 1 else None
        return render_template("staff/audit.html", rows=[_shown(row) for row in rows], older=older, **more)

    @pages.get("/audit", endpoint="audit")
    @needs(Act.READ_AUDIT)
    def newest() -> Answer:
        return page()

    @pages.post("/audit/verify")
    @needs(Act.READ_AUDIT)
    def verify_audit() -> Answer:
        try:
            found = audit.verify(heads())
        except LastscanError:
            return page(heads_broken=True)
        return page(
            broken=found if isinstance(found, Broken) else None, whole=found if isinstance(found, Head) else None
        )

    @pages.post("/audit/export")
    @needs(Act.READ_AUDIT)
    def export_audit() -> Answer:
        lines = stream_with_context(audit.export(by=me().staff))
        answer = Response(lines, mimetype="application/jsonl")
        answer.headers["Content-Disposition"] = 'attachment; filename="audit.jsonl"'
        return answer


def _shown(row: Any) -> dict[str, Any]:
    words = spoken()
    action, role = row["action"], row["role"]
    return {
        "n": row["n"],
        "at": words.instant(datetime.fromisoformat(str(row["at"])), "UTC"),
        "who": row["who"],
        "role": words.say(ROLES[role]) if role in ROLES else "",
        "action": words.say(ACTIONS[action]) if action in set(Action) else action,
        "object": row["object"],
        "reason": " → ".join(words.say(_DETAILS.get(part, part)) for part in str(row["reason"] or "").split(" → ")),
    }
