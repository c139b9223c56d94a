"""Values: an endpoint, what it is sent, and what came of each attempt."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from tracker.domain.notices import NOTICE_RULES, NoticeKind

NAME = "webhook"
TEST = "test"
"""The kind of what is sent on asking only."""

FAILS_FOR = timedelta(days=5)
"""An endpoint that took nothing for so long is switched off."""

BOTH_LIVE_FOR = timedelta(hours=24)
"""How long what is sent is signed by the old secret too, after a rotation."""

KEPT_FOR = timedelta(days=30)
"""Messages and attempts can be looked at and replayed for so long."""

TELLS = tuple(kind for kind in NoticeKind if NAME in NOTICE_RULES[kind].channels)
"""What an endpoint that named no kinds is told of."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where an account's machine listens. Secrets are `whsec_` and base64, as the receivers' libraries want them."""

    id: str
    account: str
    url: str
    kinds: tuple[NoticeKind, ...]  # empty: all of TELLS
    secret: str
    old_secret: str | None
    old_until: datetime | None
    owner: str | None
    language: str
    made_at: datetime
    failing_since: datetime | None
    off_at: datetime | None
    off_why: str

    def secrets_at(self, now: datetime) -> tuple[str, ...]:
        """Those that what is sent now is signed by, the newest first."""
        if self.old_secret is not None and self.old_until is not None and now < self.old_until:
            return self.secret, self.old_secret
        return (self.secret,)

    def wants(self, kind: NoticeKind) -> bool:
        return kind in (self.kinds or TELLS)


@dataclass(frozen=True, slots=True)
class NewMessage:
    """Something an endpoint is to be told. Equal ones have equal ids, so that asking twice adds nothing."""

    id: str
    webhook: str
    notice: str
    cause: str
    withdraws: str | None
    kind: str
    body: str


@dataclass(frozen=True, slots=True)
class Message:
    """One leased to the caller, who may send it by the right of `fence`."""

    id: str
    notice: str
    withdraws: str | None
    kind: str
    body: str
    fence: int
    attempts: int
    rung: int  # of the ladder, from 1
    handed_at: datetime | None  # since when the endpoint may have it
    endpoint: Endpoint


@dataclass(frozen=True, slots=True)
class Attempt:
    """One line of the log an owner reads."""

    message: str
    kind: str
    attempt: int
    at: datetime
    outcome: str
    answer: str
    took_ms: int
    state: str  # of the message, now
    again_at: datetime | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which messages of an endpoint to send again: one by its id, or those of a time, of kinds, or that failed."""

    id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    kinds: tuple[str, ...] = ()
    failed: bool = False
