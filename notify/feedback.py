"""What providers say of a message after they took it: it arrived, it came back, its reader complained.

Callbacks are signed as in Standard Webhooks and told apart by their `webhook-id`; mail comes back as a delivery status
notification (RFC 3464), or as a complaint in the abuse reporting format (RFC 5965).
"""

import base64
import email
import email.policy
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from email.message import EmailMessage, Message
from typing import TYPE_CHECKING

from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from notify.delivery import Feedback, Said
from notify.store.feedback import FeedbackStore

if TYPE_CHECKING:
    from sqlalchemy import Engine

LONGEST = 300
"""Of a provider's words that are kept."""


class UnreadableFeedbackError(ValueError):
    """Nobody can tell from it what became of which message."""


class FeedbackDesk:
    """Takes what providers say. Notifiers act on it; nothing here changes a delivery."""

    def __init__(self, engine: "Engine", secrets: Mapping[str, str]) -> None:
        """`secrets` of providers, each `whsec_` and base64."""
        self._store = FeedbackStore(engine)
        self._secrets = secrets

    def take(self, provider: str, headers: Mapping[str, str], body: bytes, now: datetime) -> bool:
        """Keeps a callback; False, and nothing is kept, where its signature is not good or its provider unknown.

        Raises UnreadableFeedbackError for one that is signed and makes no sense.
        """
        secret = self._secrets.get(provider)
        if secret is None:
            return False
        try:
            Webhook(secret).verify(body, dict(headers), json_parse=False)
        except (WebhookVerificationError, ValueError):
            return False
        named = {name.lower(): value for name, value in headers.items()}
        self._store.keep(read_callback(provider, named["webhook-id"], body), now)
        return True

    def returned(self, message: bytes, now: datetime) -> Feedback | None:
        """Keeps what a mail that came back says; None where it only says that it is still on its way."""
        found = read_returned(message)
        if found is not None:
            self._store.keep(found, now)
        return found


def secret_of(key: str) -> str:
    """A provider's secret, from the key of this installation."""
    return "whsec_" + base64.b64encode(hashlib.sha256(key.encode()).digest()).decode()


def read_callback(provider: str, id: str, body: bytes) -> Feedback:
    """`{"key": …, "type": "delivered" | "bounced" | "returned" | "complained", "words": …}`; `key` is our own."""
    try:
        told = json.loads(body)
        return Feedback(provider, id, str(told["key"]), Said(told["type"]), _short(str(told.get("words", ""))))
    except (ValueError, TypeError, KeyError, AttributeError) as wrong:
        raise UnreadableFeedbackError(f"a callback of {provider} should have key and type: {wrong}") from wrong


def read_returned(raw: bytes) -> Feedback | None:
    """What a returned mail says. Raises UnreadableFeedbackError where it is none, or of none of our messages."""
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    parts = list(message.walk())
    # Headers of what came back stand in a part of their own, whole or alone; ours has the delivery in its Message-ID.
    keys = [key for part in parts[1:] if (key := _key(part)) is not None]
    if not keys:
        raise UnreadableFeedbackError("it brings nothing back that was sent from here")
    said, words = _verdict(parts)
    if said is None:
        return None
    name = str(message["Message-ID"] or hashlib.sha256(raw).hexdigest())
    return Feedback("mail", name, keys[0], said, _short(words))


def _key(part: Message) -> str | None:
    text = str(part["Message-ID"] or "")
    if part.get_content_type() == "text/rfc822-headers":
        headers = email.message_from_string(str(part.get_payload()))
        text = str(headers["Message-ID"] or "")
    found = re.fullmatch(r"\s*<([0-9a-f-]{36})@[^>]+>\s*", text)
    return found[1] if found else None


def _verdict(parts: Sequence[Message]) -> tuple[Said | None, str]:
    for part in parts:
        if part.get_content_type() == "message/feedback-report":
            return Said.COMPLAINED, "a complaint of its reader"
        if part.get_content_type() == "message/delivery-status":
            for block in part.iter_parts() if isinstance(part, EmailMessage) else ():
                action, status = str(block["Action"] or "").strip().lower(), str(block["Status"] or "").strip()
                words = f"{status} {block['Diagnostic-Code'] or ''}".strip()
                match action:
                    case "failed":
                        return (Said.BOUNCED if status.startswith("5") else Said.RETURNED), words
                    case "delivered":
                        return Said.DELIVERED, words
                    case "delayed" | "relayed" | "expanded":
                        return None, words
    raise UnreadableFeedbackError("it says nothing of what became of the message")


def _short(words: str) -> str:
    return " ".join(words.replace("\0", " ").split())[:LONGEST]
