"""One notice on its way by one channel, and what may become of it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from notify.wishes.wishes import Hold


class State(StrEnum):
    DUE = "due"
    LEASED = "leased"
    ACCEPTED = "accepted"
    RETRY = "retry"  # surely not taken; the ladder says when again
    UNKNOWN = "unknown"  # handed over, and no answer: the person may have it
    FAILED = "failed"
    CANCELLED = "cancelled"  # no longer true, or never said
    SUPERSEDED = "superseded"  # a newer one of the same thread went first
    EXPIRED = "expired"
    OPTED_OUT = "opted_out"  # whoever it is for has left this kind
    MUTED = "muted"  # whoever it is for wants no more about this piece
    CAPPED = "capped"  # whoever it is for was told enough, until it was too late for this


SETTLED = frozenset(State) - {State.DUE, State.LEASED, State.RETRY}
"""States the tracker hears of. UNKNOWN may still become another."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """As claimed: its holder alone may hand it to the provider, until `lease_until`, by the right of `fence`."""

    id: str
    notice: str
    channel: str
    cause: str
    person: str
    kind: str
    thread: str
    owed_at: datetime
    shared: bool
    priority: int
    state: State
    due_at: datetime | None
    lease_until: datetime | None
    fence: int  # how often it was taken up
    attempts: int  # those that count on the ladder: not when whoever took it up never came to it
    handed_at: datetime | None  # since when the person may have it; None while that is impossible
    address: str = ""  # digest; empty: there is none
    number: str = ""  # of the piece
    held: str = ""  # what it waited for last, before it was first told
    letter: str | None = None  # the key of the joined letter it goes in
    incident: str = ""  # it is told with others of the same

    @property
    def key(self) -> str:
        """What its provider sees, in every attempt."""
        return self.letter or self.id


@dataclass(frozen=True, slots=True)
class Planned:
    """A delivery decided on and not yet begun. Equal decisions have equal ids, so deciding twice adds nothing."""

    id: str
    notice: str
    channel: str
    cause: str
    person: str
    kind: str
    thread: (
        str  # of one person, piece and group: these are told in the order of `owed_at`, or the older ones not at all
    )
    owed_at: datetime
    priority: int
    shared: bool = False  # its cause concerns many pieces, as a departure does
    address: str = ""  # digest; empty: there is none
    number: str = ""  # of the piece
    hold: Hold | None = None  # what it waits for, if it does not go at once
    incident: str = ""  # it is told with others of the same


@dataclass(frozen=True, slots=True)
class Settlement:
    """What one attempt came to. With `due_at` there will be another, and after a `hold`."""

    state: State
    why: str
    answer: str = ""
    due_at: datetime | None = None
    handed_at: datetime | None = None
    then: Planned | None = None  # the next channel, after this one failed for good
    hold: Hold | None = None
    provider_id: str = ""  # the provider's own name for it
    answered: bool | None = None  # whether its provider said yes or no; None: it was not asked


@dataclass(frozen=True, slots=True)
class Counts:
    """Of notices, for the report: each counts once however many channels it has.

    Due are those whose turn has come: not the held, which wait for a person's hour or the next digest. Nor the
    cancelled, which were no longer true by then, the superseded, and those their reader has opted out of, has muted or
    had enough of. Doubled are those a provider accepted more than once for one cause, person and channel. A joined
    letter counts for each of its notices.
    """

    notices_due: int = 0
    notices_sent: int = 0
    notices_doubled: int = 0
    notices_failed: int = 0
    notices_unknown: int = 0
    notices_waiting: int = 0
    notices_cancelled: int = 0
    notices_superseded: int = 0
    notices_expired: int = 0
    notices_opted_out: int = 0
    notices_muted: int = 0
    notices_capped: int = 0
    notices_held: int = 0


# --- What a channel answers ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider has it and said so."""

    answer: str
    provider_id: str = ""  # its own name for it, by which it will speak of it later


@dataclass(frozen=True, slots=True)
class Later:
    """Surely not taken, and worth another try."""

    answer: str
    after: timedelta | None = None  # the provider's own wish


@dataclass(frozen=True, slots=True)
class ForGood:
    """Surely not taken, and never will be: the next channel's turn."""

    answer: str


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """Handed over whole, then silence: it may have arrived."""

    answer: str


Outcome = Accepted | Later | ForGood | NoAnswer


# --- What its provider says of it later -----------------------------------------------------------------------


class Said(StrEnum):
    DELIVERED = "delivered"
    BOUNCED = "bounced"  # there is no such mailbox
    RETURNED = "returned"  # not now: full, away, too busy
    COMPLAINED = "complained"


@dataclass(frozen=True, slots=True)
class Feedback:
    """One thing said of one delivery. `id` is the provider's; what it says twice under one id counts once."""

    provider: str
    id: str
    delivery: str
    said: Said
    words: str = ""
