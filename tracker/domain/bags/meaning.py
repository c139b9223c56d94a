"""What a baggage message means for each bag it names: booked, seen, loaded, looked for and not found."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from tracker.domain.bags.dates import dated, read_at, sent_at
from tracker.domain.bags.elements import Flight
from tracker.domain.bags.message import BagMessage
from tracker.domain.bags.telegram import BadBagMessageError
from tracker.domain.ids.plate import LicencePlate


class BagNews(StrEnum):
    """The values that are also kinds of handling are facts of that kind."""

    BOOKED = "booked"  # on .I, .F and .O; replaces what was said before of this bag and date
    WITHDRAWN = "withdrawn"  # the booking is: the bag does not travel
    SORTED = "sort"
    LOADED = "load"
    OFFLOADED = "offloaded"  # off its flight, or must come off
    UNAUTHORISED = "unauthorised"  # loaded without authority: for staff, never for the customer
    UNSEEN = "unseen"  # looked for and not seen: a missed bag by this message alone
    ON_HAND = "on_hand"  # lies here


_BY_IRREGULARITY = {
    "OFF": BagNews.OFFLOADED,
    "NAL": BagNews.UNAUTHORISED,
    "UNS": BagNews.UNSEEN,
    "OND": BagNews.ON_HAND,
    "ONA": BagNews.ON_HAND,
}


@dataclass(frozen=True, slots=True)
class FlightOn:
    """One flight as airports name it: by the local date of its departure, not by the service date in UTC."""

    flight: str
    local_on: date | None
    origin: str
    destination: str


@dataclass(frozen=True, slots=True)
class BagFact:
    """One thing said of one bag."""

    plate: LicencePlate
    news: BagNews
    facility: str  # where it was said
    happened_at: datetime  # UTC
    estimated: bool  # nobody said when: it is only when we heard of it
    legs: tuple[FlightOn, ...]  # the flights that were named, in the order they are flown
    flight: FlightOn | None  # the one it leaves here with
    into: str = ""  # the ULD or hold
    may_be_loaded: bool = True
    rush: bool = False


def meaning(message: BagMessage, *, received_at: datetime, zone: Callable[[str], str]) -> tuple[BagFact, ...]:
    """What it says of each of its bags; nothing for a manifest, a control message or a request.

    `zone` answers the IANA zone of an airport: local times are in that of the speaker. The time is that of `.J`, else
    of the envelope, else `received_at`; dates without a year are those nearest to it. All of it follows from the
    arguments, so that the same message read again says the same.
    """
    news = _news(message)
    if news is None:
        return ()
    airport = message.version.airport
    happened_at, estimated = _when(message, received_at, zone)
    near = happened_at.date()
    flight = _leaving(message.outbound, airport, near)
    legs = (
        *((_coming(message.inbound, airport, near),) if message.inbound else ()),
        *((flight,) if flight else ()),
        *_onward(message, airport, near),
    )
    may_be_loaded = message.reconciliation is None or message.reconciliation.authority_to_load != "N"
    return tuple(
        BagFact(
            plate=plate,
            news=news,
            facility=airport,
            happened_at=happened_at,
            estimated=estimated,
            legs=legs,
            flight=flight,
            into=message.stowage,
            may_be_loaded=may_be_loaded,
            rush="RUSH" in message.exceptions or plate.digits[0] == "2",
        )
        for plate in message.tags
    )


def _news(message: BagMessage) -> BagNews | None:
    match message.kind:
        case "BSM" | "BTM":
            return BagNews.WITHDRAWN if message.change == "DEL" else BagNews.BOOKED
        case "BNS":
            return BagNews.UNSEEN
        case "BUM":
            return BagNews.OFFLOADED
        case "BPM":
            if message.irregularity in _BY_IRREGULARITY:
                return _BY_IRREGULARITY[message.irregularity]
            reconciled = message.processing is not None and message.processing.code == "R"
            return BagNews.LOADED if message.stowage or reconciled else BagNews.SORTED
    return None


def _when(message: BagMessage, received_at: datetime, zone: Callable[[str], str]) -> tuple[datetime, bool]:
    read = message.processing
    if read is not None and read.time:
        return read_at(read.date, read.time, zone(message.version.airport), received_at), False
    stamp = message.telegrams[0].sent
    if stamp:
        return sent_at(stamp, received_at), False
    return received_at, True


def _leaving(flight: Flight | None, airport: str, near: date) -> FlightOn | None:
    return FlightOn(flight.flight, _on(flight, near), airport, flight.place) if flight else None


def _coming(flight: Flight, airport: str, near: date) -> FlightOn:
    return FlightOn(flight.flight, _on(flight, near), flight.place, airport)


def _onward(message: BagMessage, airport: str, near: date) -> tuple[FlightOn, ...]:
    place = message.outbound.place if message.outbound else airport
    legs: list[FlightOn] = []
    for flight in message.onward:
        legs.append(FlightOn(flight.flight, _on(flight, near), place, flight.place))
        place = flight.place
    return tuple(legs)


def _on(flight: Flight, near: date) -> date | None:
    if not flight.date:
        return None
    try:
        return dated(flight.date, near)
    except BadBagMessageError as wrong:
        raise BadBagMessageError(f"{flight.flight}: {wrong}") from wrong
