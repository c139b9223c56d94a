"""What a shipper may do with the endpoints of their account: the service behind API and command."""

import hashlib
import secrets
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

from notify.channels.webhook.body import test_body
from notify.channels.webhook.endpoint import BOTH_LIVE_FOR, TELLS, TEST, Attempt, Endpoint, NewMessage, Wanted
from notify.guarded import ForbiddenAddressError, parse
from notify.store.webhooks import RUNNING, WebhookStore
from tracker.domain.errors import LastscanError
from tracker.domain.notices import NoticeKind

MOST = 20
"""Endpoints of one account."""

KEYS_LAST = timedelta(hours=24)


class BadWebhookError(LastscanError):
    """It cannot be registered so; `pointer` names the field to mend, by its JSON pointer."""

    def __init__(self, text: str, *, pointer: str) -> None:
        super().__init__(text)
        self.pointer = pointer


class UnknownWebhookError(LastscanError):
    """This account has no such endpoint: `lastscan webhook list` shows those it has."""

    def __init__(self) -> None:
        super().__init__("this account has no such webhook")


class RepeatConflictError(LastscanError):
    """An Idempotency-Key came with another request before, or its first is still being answered."""


@dataclass(frozen=True, slots=True)
class Repeated:
    """An answer, and whether it is that of an earlier request under the same key."""

    answer: str
    replayed: bool


class Endpoints:
    """An account's webhooks. Whoever asks for one of another account finds none. `now` is real time."""

    def __init__(self, store: WebhookStore, now: Callable[[], datetime], *, allowed: frozenset[str]) -> None:
        self._store = store
        self._now = now
        self._allowed = allowed

    def add(
        self, account: str, url: str, *, kinds: Sequence[str] = (), owner: str | None = None, language: str = "en"
    ) -> Endpoint:
        """Registers an endpoint with a secret of its own; it hears of what is owed from now on.

        Raises BadWebhookError for an address not to send to, a kind that no webhook is told of, or one too many.
        """
        try:
            parse(url, allowed=self._allowed)
        except ForbiddenAddressError as refusal:
            raise BadWebhookError(str(refusal), pointer="/url") from refusal
        for at, kind in enumerate(kinds):
            if kind not in TELLS:
                names = ", ".join(TELLS)
                raise BadWebhookError(f"{kind[:40]!r} is none of {names}", pointer=f"/kinds/{at}")
        endpoint = Endpoint(
            id=f"wh_{secrets.token_hex(8)}",
            account=account,
            url=url,
            kinds=tuple(NoticeKind(kind) for kind in dict.fromkeys(kinds)),
            secret=_drawn(),
            old_secret=None,
            old_until=None,
            owner=owner,
            language=language,
            made_at=self._now(),
            failing_since=None,
            off_at=None,
            off_why="",
        )
        if not self._store.add(endpoint, most=MOST):
            raise BadWebhookError(f"an account has at most {MOST} webhooks: remove one", pointer="/url")
        return endpoint

    def all(self, account: str) -> list[Endpoint]:
        return self._store.of(account)

    def find(self, account: str, id: str) -> Endpoint:
        """Raises UnknownWebhookError."""
        found = self._store.find(id)
        if found is None or found.account != account:
            raise UnknownWebhookError
        return found

    def remove(self, account: str, id: str) -> None:
        self._store.remove(self.find(account, id).id)

    def rotate(self, account: str, id: str) -> Endpoint:
        """Draws a new secret. For a day what is sent is signed by the old one as well."""
        until = self._now() + BOTH_LIVE_FOR
        self._store.rotate(self.find(account, id).id, secret=_drawn(), old_until=until)
        return self.find(account, id)

    def test(self, account: str, id: str) -> str:
        """Puts a message of the kind `test` on its way, and answers its id. An endpoint that was switched off and takes
        it is on again."""
        endpoint, now, name = self.find(account, id), self._now(), f"{TEST}:{uuid4()}"
        message = NewMessage(str(uuid4()), endpoint.id, name, name, None, TEST, test_body(now))
        self._store.put_down([message], now)
        return message.id

    def attempts(
        self, account: str, id: str, *, limit: int = 25, before: tuple[datetime, str] | None = None
    ) -> list[Attempt]:
        """What was sent and what was answered, the newest first."""
        return self._store.attempts(self.find(account, id).id, limit=limit, before=before)

    def attempts_at(self, account: str, id: str, message: str) -> list[Attempt]:
        """What became of one message, the newest attempt first."""
        return self._store.attempts(self.find(account, id).id, limit=100, message=message)

    def replay(self, account: str, id: str, wanted: Wanted) -> int:
        """Sends messages once more, under the ids they had; of how many. What waits for its turn is left alone."""
        return self._store.again(self.find(account, id).id, wanted, self._now())

    def once(self, account: str, key: str | None, request: bytes, act: Callable[[], str]) -> Repeated:
        """What `act` answers; under a key, of all requests with it in a day only the first one acts.

        Raises RepeatConflictError for another request under the same key, or one that is still being answered.
        """
        if key is None:
            return Repeated(act(), replayed=False)
        now, digest = self._now(), hashlib.sha256(request).hexdigest()
        known = self._store.begin_answer(account, key, digest=digest, now=now, old=now - KEYS_LAST)
        if known is not None:
            if known[0] != digest:
                raise RepeatConflictError("this Idempotency-Key came with another request before; use a new key")
            if known[1] == RUNNING:
                raise RepeatConflictError("the first request with this Idempotency-Key is still being answered")
            return Repeated(known[1], replayed=True)
        answer = None
        try:
            answer = act()
        finally:
            self._store.end_answer(account, key, answer)
        return Repeated(answer, replayed=False)


def _drawn() -> str:
    """`whsec_` and 32 random bytes in base64."""
    return f"whsec_{b64encode(secrets.token_bytes(32)).decode()}"
