"""What a recipient may ask about the delivery of a piece: until when, and whether its sender's service includes it.

Plain values. Who asks is checked, and what becomes of it is written down, in `tracker.asks`.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from tracker.domain.eta import next_round
from tracker.domain.handling import Kind
from tracker.domain.shipment import PieceKind
from tracker.domain.situation import Situation
from tracker.domain.timeline import State


class Ask(StrEnum):
    """What may be asked for. The value is what the log has."""

    OTHER_DAY = "other_day"
    PICKUP = "pickup"  # held at the counter of its last station
    SAFE_PLACE = "safe_place"
    NEIGHBOUR = "neighbour"
    ADDRESS = "address"  # the one that was booked, corrected
    REDIRECT = "redirect"  # to another one
    RETURN = "return"
    MISSING_BAG = "missing_bag"


class Outcome(StrEnum):
    GRANTED = "granted"
    REFUSED = "refused"


class Closed(StrEnum):
    """Why something cannot be asked for, or was refused."""

    NOT_OFFERED = "not_offered"  # by the service its sender chose
    VALUABLE = "valuable"
    TOO_LATE = "too_late"
    ON_THE_VAN = "on_the_van"
    HANDED_OVER = "handed_over"
    GOING_BACK = "going_back"
    ASKED = "asked"  # and not answered yet
    NOT_YET = "not_yet"
    BAD_DAY = "bad_day"
    STAFF = "staff"  # a person decided so, for a reason of theirs


@dataclass(frozen=True, slots=True)
class Word:
    """What a fact says of an ask: that it was asked, or what was answered. Spelled without anything personal."""

    ask: Ask
    on: date | None = None
    outcome: Outcome | None = None  # None: it is the ask itself
    because: Closed | None = None

    def __str__(self) -> str:
        parts = (self.outcome, self.ask, self.on.isoformat() if self.on else None, self.because)
        return " ".join(part for part in parts if part)

    @classmethod
    def parse(cls, spelled: str) -> "Word | None":
        """None for what nobody spelled here."""
        outcome, ask, on, because = None, None, None, None
        for part in spelled.split(" "):
            if part in set(Outcome) and ask is None:
                outcome = Outcome(part)
            elif part in set(Ask) and ask is None:
                ask = Ask(part)
            elif part in set(Closed):
                because = Closed(part)
            else:
                try:
                    on = date.fromisoformat(part)
                except ValueError:
                    return None
        return cls(ask, on, outcome, because) if ask is not None else None


@dataclass(frozen=True, slots=True)
class Offer:
    """One thing that may be asked for, or why not now; `until`: after which it is too late."""

    ask: Ask
    until: datetime | None = None
    closed: Closed | None = None
    days: tuple[date, ...] = ()  # to choose from

    @property
    def open(self) -> bool:
        return self.closed is None


OF_KIND: Mapping[PieceKind, tuple[Ask, ...]] = {
    PieceKind.PARCEL: (
        Ask.OTHER_DAY,
        Ask.PICKUP,
        Ask.SAFE_PLACE,
        Ask.NEIGHBOUR,
        Ask.ADDRESS,
        Ask.REDIRECT,
        Ask.RETURN,
    ),
    PieceKind.BAG: (Ask.MISSING_BAG,),
}

NOT_IN_SERVICE: Mapping[str, frozenset[Ask]] = {
    "express": frozenset({Ask.REDIRECT}),  # a new address may lie past its promise
    "registered": frozenset({Ask.SAFE_PLACE, Ask.NEIGHBOUR}),  # into the hands of whom it is for
}
"""What the sender's service leaves out; a service that is not named leaves out nothing."""

TOO_VALUABLE_MINOR = 50_000
"""From this declared value on, in the smallest unit of its currency, it is handed to its recipient alone."""

AT_ONCE = frozenset({Ask.OTHER_DAY, Ask.PICKUP, Ask.SAFE_PLACE, Ask.NEIGHBOUR})
"""Granted as soon as it is asked in time: only the last round has to know. The rest is for staff to answer."""

BEFORE_THE_ROUND = timedelta(hours=1)
DAYS_AHEAD = 7
BAG_CLAIMS = timedelta(days=21)
"""How long after its arrival a bag may be reported missing: Article 31 of the Montreal Convention, of delay."""


def offers(situation: Situation, *, service: str, waiting: Collection[Ask] = ()) -> tuple[Offer, ...]:
    """Everything there is to ask for of such a piece. `waiting`: asked for and not answered yet."""
    return tuple(_offer(situation, ask, service, waiting) for ask in OF_KIND[situation.piece.kind])


def _offer(situation: Situation, ask: Ask, service: str, waiting: Collection[Ask]) -> Offer:
    until = _until(situation, ask)
    closed = _closed(situation, ask, service, until)
    if closed is None and ask in waiting:
        closed = Closed.ASKED
    days = _days(situation) if ask is Ask.OTHER_DAY and closed is None else ()
    return Offer(ask, until, closed, days)


def _closed(situation: Situation, ask: Ask, service: str, until: datetime | None) -> Closed | None:
    state = situation.progress.state
    if ask is Ask.MISSING_BAG:
        landed = _landed_at(situation)
        if landed is None or situation.now < landed:
            return Closed.NOT_YET
        return Closed.TOO_LATE if until is not None and situation.now > until else None
    if ask in NOT_IN_SERVICE.get(service, ()):
        return Closed.NOT_OFFERED
    if ask in (Ask.SAFE_PLACE, Ask.NEIGHBOUR) and (situation.piece.goods.value_minor or 0) >= TOO_VALUABLE_MINOR:
        return Closed.VALUABLE
    if state is State.DELIVERED:
        return Closed.HANDED_OVER
    if state is State.RETURNING:
        return Closed.GOING_BACK
    if state is State.OUT_FOR_DELIVERY:
        return Closed.ON_THE_VAN
    return Closed.TOO_LATE if until is not None and situation.now > until else None


def _until(situation: Situation, ask: Ask) -> datetime | None:
    """A redirect before its last leg leaves, anything else an hour before its round; a bag within its claim's time."""
    if ask is Ask.MISSING_BAG:
        landed = _landed_at(situation)
        return landed + BAG_CLAIMS if landed is not None else None
    legs = situation.itinerary.legs
    if not legs:
        return None
    last = situation.departure(legs[-1].departure)
    if ask is Ask.REDIRECT:
        return last.leaves_at if last is not None else legs[-1].departs_at
    return _round_at(situation) - BEFORE_THE_ROUND


def _round_at(situation: Situation) -> datetime:
    """The van it goes out with, or, after an attempt, the next one."""
    last = situation.itinerary.legs[-1]
    known = situation.departure(last.departure)
    arrives_at = known.told if known is not None else last.arrives_at
    place = situation.facility(situation.piece.destination)
    attempt = situation.progress.reached(Kind.ATTEMPT)
    if situation.progress.state is State.ATTEMPTED and attempt is not None:
        arrives_at = max(arrives_at, attempt.last_at)
    return next_round(place, arrives_at=max(arrives_at, situation.not_before or arrives_at))


def _landed_at(situation: Situation) -> datetime | None:
    """When its last flight is in, or the bag was on the belt."""
    if situation.delivered is not None:
        return situation.delivered.first_at
    legs = situation.itinerary.legs
    known = situation.departure(legs[-1].departure) if legs else None
    return known.expected_arrival if known is not None else None


def _days(situation: Situation) -> tuple[date, ...]:
    """The days after that of its round."""
    first = situation.local_day(_round_at(situation)) + timedelta(days=1)
    return tuple(first + timedelta(days=n) for n in range(DAYS_AHEAD))
