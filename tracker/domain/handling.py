"""The facts: what was done to a piece, where and when, and how we know."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from tracker.domain.staff import Role


class Kind(StrEnum):
    """Kinds of handling that mean something to us. Any other word on the wire is kept and shown as *other*."""

    BOOK = "book"
    ACCEPT = "accept"
    ARRIVE = "arrive"
    UNLOAD = "unload"
    UNPACK = "unpack"
    CUSTOMS_IN = "customs_in"
    CUSTOMS_OUT = "customs_out"
    SORT = "sort"
    HOLD = "hold"
    RELEASE = "release"
    PACK = "pack"
    LOAD = "load"
    DEPART = "depart"
    OUT_FOR_DELIVERY = "out_for_delivery"
    ATTEMPT = "attempt"
    READY_FOR_PICKUP = "ready_for_pickup"
    DELIVER = "deliver"
    RETURN = "return"
    DAMAGE = "damage"
    OFFLOAD = "offloaded"  # taken off its flight again, or to come off
    UNSEEN = "unseen"  # looked for and not seen
    WITHDRAW = "withdrawn"  # who booked it says that it does not travel
    LOST = "lost"
    FOUND = "found"
    EXPEDITE = "expedite"
    READDRESS = "readdress"
    APOLOGY = "apology"
    REPLAN = "replan"
    ALERT = "alert"  # what the forecast says of a connection
    ASK = "ask"  # what a recipient asks for
    ANSWER = "answer"  # and what became of it
    VOID = "void"


MOVEMENT = "movement"
"""The kind of a fact about a departure, told by those who run it. Its body says what; a scan of this kind has none."""

CLOSURE = "closure"
"""The kind of a fact about a place, decided at the desk: closed for a while, or open again."""

RANK = {kind: rank for rank, kind in enumerate(Kind)}
"""Which of two things at the same instant came first: the order in which a building is walked through."""

OTHER_RANK = len(RANK)

NEVER_SCANNED = frozenset({Kind.BOOK, Kind.REPLAN, Kind.ALERT, Kind.ASK, Kind.ANSWER})
"""What nobody does to a piece: it is booked, decided, foreseen or asked for."""

DESK_ONLY = frozenset({Kind.LOST, Kind.FOUND, Kind.EXPEDITE, Kind.READDRESS, Kind.APOLOGY})
"""What only a person at the desk can say. From a device it is a word like any other."""


class EventKey(NamedTuple):
    """What makes a fact the same fact for ever: `origin` (`dev:h-0017`, `api:demo`, …) and a key inside it."""

    origin: str
    key: str

    def __str__(self) -> str:
        return f"{self.origin}#{self.key}"


def scan_key(dev: str, ep: str, q: int) -> EventKey:
    """The key of a scan: device, epoch of its journal, its number there. A resend is the same event."""
    return EventKey(f"dev:{dev}", f"{ep}:{q}")


@dataclass(frozen=True, slots=True)
class Decided:
    """What a decision of staff has that a scan has not."""

    role: Role
    reason: str
    rank: int = 0  # of an `expedite`


@dataclass(frozen=True, slots=True)
class HandlingEvent:
    """One accepted fact about a piece."""

    happened_at: datetime  # fixed when the fact was committed; by the device's clock, corrected
    event_key: EventKey
    kind: str  # a `Kind`, or any other word a device sent
    facility: str
    code: str  # what was read, exactly
    recorded_at: datetime  # by our clock, when it was committed
    sort_point: str | None = None
    into: str | None = None  # the container or departure it goes into
    reason: str | None = None
    voids: EventKey | None = None
    estimated: bool = False  # the time is only when we heard of it
    error_ms: int = 0  # how far `happened_at` may be off
    operator: str | None = None
    decided: Decided | None = None  # None: seen, not decided
    via: str | None = None  # read on this container, which it was inside of

    @property
    def order(self) -> tuple[datetime, int, EventKey]:
        """Where this event stands among a piece's events, whatever order they came in."""
        return (self.happened_at, _rank(self.kind), self.event_key)


REPLANNER = "rule:replan"
FORECASTER = "rule:forecast"
"""Origins of what is decided here: another way for a piece, an alert of a connection."""


def said_by_desk(key: EventKey) -> bool:
    return key.origin.startswith("desk:")


ANSWERER = "rule:asks"
"""The origin of what is answered to recipients at once."""


def said_of_asks(event: "HandlingEvent") -> bool:
    """Whether it is what a recipient asked for or what was answered, and not a device's word of that name."""
    if event.kind == Kind.ASK:
        return event.event_key.origin.startswith("customer:")
    return event.kind == Kind.ANSWER and (event.event_key.origin == ANSWERER or said_by_desk(event.event_key))


FEED_SAYS = frozenset({Kind.SORT, Kind.LOAD, Kind.ARRIVE, Kind.OFFLOAD, Kind.UNSEEN, Kind.WITHDRAW, MOVEMENT})
"""What feeds tell that happened to a bag or a departure. Their other words are kept, and belong to nothing so far."""


def is_only_kept(event: HandlingEvent) -> bool:
    """Whether it is a word of a feed that means nothing to a piece."""
    return event.event_key.origin.startswith("feed:") and event.kind not in FEED_SAYS


def _rank(kind: str) -> int:
    try:
        return RANK[Kind(kind)]
    except ValueError:
        return OTHER_RANK
