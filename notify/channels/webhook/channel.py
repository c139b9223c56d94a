"""Hands a message to an endpoint, once, and says what became of it."""

import re
from datetime import datetime

from standardwebhooks import Webhook

from notify.channels.webhook.endpoint import Endpoint
from notify.delivery import Accepted, ForGood, Later, NoAnswer, Outcome
from notify.guarded import Answer, ForbiddenAddressError, Guard, SilentError, UnreachableError, wait_asked_for

GONE = 410
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]+")


def signatures(endpoint: Endpoint, *, id: str, body: str, now: datetime) -> str:
    """The header `webhook-signature`: one for each secret in force, the newest first."""
    return " ".join(Webhook(secret).sign(id, now, body) for secret in endpoint.secrets_at(now))


def hand_over(guard: Guard, endpoint: Endpoint, *, id: str, body: str, now: datetime) -> Outcome:
    """One POST, within 15 s. Only 2xx is a yes; 410 is a no for ever; everything else may be mended and is tried again.

    It raises nothing an endpoint or a network can cause.
    """
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Lastscan-Webhooks/1",
        "webhook-id": id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": signatures(endpoint, id=id, body=body, now=now),
    }
    try:
        answer = guard.post(endpoint.url, body.encode(), headers)
    except ForbiddenAddressError as refusal:
        return Later(f"not sent: {refusal}")
    except UnreachableError as error:
        return Later(_line(str(error)))
    except SilentError as error:
        return NoAnswer(_line(str(error)))
    return judge(answer, now)


def judge(answer: Answer, now: datetime) -> Outcome:
    said = _line(f"{answer.status} {answer.body[:400].decode(errors='replace')}")
    if 200 <= answer.status < 300:
        return Accepted(said)
    return ForGood(said) if answer.status == GONE else Later(said, wait_asked_for(answer.retry_after, now))


def _line(text: str) -> str:
    return " ".join(_UNPRINTABLE.sub(" ", text).split())[:300]
