"""One root that owes very many notices: then they are joined per person, and support may have a word first."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from tracker.domain.notices import Notice, NoticeKind, Urgency

A_STORM = 500
WITHIN = timedelta(minutes=1)
"""More notices than that with one root in so long are one incident."""

JOINED_WITHIN = timedelta(seconds=20)
"""How long a notice that cannot wait does, so that all pieces of its person are in one message."""

WEIGHED_FOR = timedelta(minutes=10)
"""How long all others wait, for support to edit, release or stop them; and how far editions for a person are apart."""

OVER_AFTER = timedelta(hours=12)
"""An incident is over when nothing came of its root for so long; what comes then is another one."""

AT_ONCE = frozenset({NoticeKind.LEG_CANCELLED})
"""Kinds whose root is an incident with the first of them: a departure called off, a place closed."""


class Decision(StrEnum):
    """What support decided of the notices of an incident."""

    NONE = ""
    RELEASED = "released"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Storm:
    """An incident as notices see it. `root` is `departure:…`, `facility:…` or `device:…`."""

    id: str
    root: str
    since: datetime
    decision: Decision = Decision.NONE
    words: tuple[tuple[str, str], ...] = ()  # by language, where support wrote its own

    @property
    def name(self) -> str:
        """The departure, the facility's code or the device."""
        return self.root.partition(":")[2]

    @property
    def of(self) -> str:
        return self.root.partition(":")[0]

    def goes_at(self, notice: Notice, owed_at: datetime) -> datetime:
        """When a notice of it goes, unless support decides otherwise."""
        urgency = notice.urgency or notice.rule.urgency
        waits = JOINED_WITHIN if urgency is Urgency.NOW or self.decision is Decision.RELEASED else WEIGHED_FOR
        return max(owed_at + waits, notice.not_before or owed_at)

    def said(self, language: str) -> str:
        """What support wrote, in this language or else in English; empty where the standard text goes."""
        words = dict(self.words)
        return words.get(language) or words.get("en", "")


def begins(owed: list[Notice], lately: int) -> bool:
    """Whether these notices of one root are an incident, after so many of it in the last minute."""
    return any(notice.kind in AT_ONCE for notice in owed) or lately + len(owed) > A_STORM
