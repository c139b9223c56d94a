"""Where providers say what became of a message: `POST /hooks/<provider>`, signed as in Standard Webhooks."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Protocol

from flask import Blueprint, abort, request

from notify.feedback import UnreadableFeedbackError
from web.same_origin import takes_no_cookie


class Feedback(Protocol):
    """`notify.feedback.FeedbackDesk`, as much as this door needs."""

    def take(self, provider: str, headers: Mapping[str, str], body: bytes, now: datetime) -> bool: ...


def hooks(feedback: Feedback) -> Blueprint:
    door = Blueprint("hooks", __name__)

    @door.post("/hooks/<provider>")
    @takes_no_cookie
    def hear(provider: str) -> tuple[str, int]:
        """204 for what is kept, or was before; 401 for a signature that is not good; 400 for what makes no sense."""
        try:
            kept = feedback.take(provider, dict(request.headers), request.get_data(), datetime.now(UTC))
        except UnreadableFeedbackError:
            abort(400)
        return ("", 204) if kept else ("", 401)

    return door
