"""Hands notices to the push service of a browser, which alone can read them."""

import hashlib
import json
from base64 import urlsafe_b64encode
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from locales import Words, choose, words
from notify import incident
from notify.channel import Message
from notify.channels.push.subscription import Subscription
from notify.delivery import Accepted, ForGood, Later, NoAnswer, Outcome
from notify.guarded import ForbiddenAddressError, Guard, SilentError, UnreachableError, wait_asked_for
from notify.owed import OwedNotice, Recipient
from notify.store.subscriptions import Subscriptions
from notify.texts import Text, write
from tracker.domain.errors import LastscanError
from tracker.domain.notices import Urgency

ENDED = (404, 410)
OUR_FAULT = (401, 403, 429)

LONGEST_TTL = timedelta(days=1)


class BadPushSettingsError(LastscanError):
    """Web push cannot be sent; the text says what to install or set."""


class PushChannel:
    """Notices on the device that asked for them. A second copy takes the place of the first, at the service by its
    topic and on the screen by its tag: so a key is remembered."""

    remembers_keys = True

    def __init__(
        self,
        subscriptions: Subscriptions,
        guard: Guard,
        *,
        private_key: bytes,
        contact: str,
        pages: str,
        now: Callable[[], datetime],
    ) -> None:
        """`private_key`: PEM, P-256. `contact`: the mail address push services may write to. Raises
        BadPushSettingsError."""
        try:
            from webpush import WebPush  # here: it is an extra
        except ImportError as missing:
            raise BadPushSettingsError("web push needs webpush: pip install 'lastscan[notify]'") from missing
        self._subscriptions = subscriptions
        self._guard = guard
        self._pages = pages
        self._now = now
        public = _private(private_key).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        self._writer: Callable[[], Any] = lambda: WebPush(
            private_key=private_key, public_key=public, subscriber=contact
        )

    def address(self, recipient: Recipient) -> str | None:
        found = self._subscriptions.of(recipient.person)
        return found.endpoint if found is not None else None

    def compose(self, notice: OwedNotice, *, key: str, written_at: datetime) -> Message:
        """What the browser shows, in the person's language; some hundred bytes."""
        spoken = words(choose([notice.recipient.language]))
        return self._shown(notice, write(notice, spoken), spoken, key)

    def compose_incident(self, notices: Sequence[OwedNotice], *, key: str, written_at: datetime) -> Message:
        """What their incident does to all of these pieces; a click opens the page of the first."""
        spoken = words(choose([notices[0].recipient.language]))
        return self._shown(notices[0], incident.write(notices, spoken), spoken, key)

    def _shown(self, notice: OwedNotice, text: Text, spoken: Words, key: str) -> Message:
        shown = {
            "title": text.headline[:200],
            "body": text.short[:600],
            "lang": spoken.tag,
            "tag": key,
            "page": f"{self._pages}/t/{quote(notice.number[:64], safe='')}",
            "urgent": notice.urgency is Urgency.NOW,
            "seconds": int(min(max(notice.expires_at - notice.owed_at, timedelta(0)), LONGEST_TTL).total_seconds()),
        }
        return Message(self.address(notice.recipient) or "", spoken.tag, json.dumps(shown, ensure_ascii=False).encode())

    def send(self, message: Message, *, key: str) -> Outcome:
        """One POST to the push service. A subscription that ended is forgotten."""
        found = self._subscriptions.at(message.address)
        if found is None:
            return ForGood("the browser has ended its subscription")
        shown = json.loads(message.body)
        try:
            sealed = self._sealed(message.body, found)
        except ValueError:
            return ForGood("the keys of the subscription are not those of a browser")
        headers = {
            "TTL": str(shown["seconds"]),
            "Urgency": "high" if shown["urgent"] else "normal",
            "Topic": hashlib.sha256(key.encode()).hexdigest()[:32],
            "Content-Type": "application/octet-stream",
            "Content-Encoding": "aes128gcm",
            "Authorization": sealed.headers["authorization"],
        }
        try:
            answer = self._guard.post(found.endpoint, sealed.encrypted, headers)
        except ForbiddenAddressError as refusal:
            return ForGood(f"not sent: {refusal}")
        except UnreachableError:
            return Later("no connection to the push service")
        except SilentError:
            return NoAnswer("the push service did not answer")
        said = f"the push service answered {answer.status}"
        if 200 <= answer.status < 300:
            return Accepted(said)
        if answer.status in ENDED:
            self._subscriptions.drop(found.endpoint)
            return ForGood("the browser has ended its subscription")
        if 400 <= answer.status < 500 and answer.status not in OUR_FAULT:
            return ForGood(said)
        return Later(said, wait_asked_for(answer.retry_after, self._now()))

    def _sealed(self, body: bytes, to: Subscription) -> Any:
        from webpush import WebPushSubscription

        keys = {"p256dh": to.p256dh, "auth": to.auth}
        return self._writer().get(body, WebPushSubscription.model_validate({"endpoint": to.endpoint, "keys": keys}))


def public_key(private_key: bytes) -> str:
    """What a browser subscribes with: the `applicationServerKey`, in base64url."""
    point = _private(private_key).public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return urlsafe_b64encode(point).rstrip(b"=").decode()


def _private(pem: bytes) -> ec.EllipticCurvePrivateKey:
    key = load_pem_private_key(pem, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key
