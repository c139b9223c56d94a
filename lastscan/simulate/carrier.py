"""The small carrier all of it happens to: three places, two linehauls and the next ones, a few pieces on their way."""

from dataclasses import dataclass
from datetime import timedelta

from lastscan.simulate.events import DAWN
from tracker.domain.booking import BookedPiece, BookingRequest, Party
from tracker.domain.handling import Kind
from tracker.domain.ids.s10 import S10Number
from tracker.domain.network import Departure, Facility, FacilityKind
from tracker.domain.shipment import PieceKind

KEYS = {dev: bytes([n]) * 32 for n, dev in enumerate(("h-sea", "h-den", "h-bos", "x-den"), 1)}
SITES = {"h-sea": "sea", "h-den": "den", "h-bos": "bos", "x-den": "den"}
HANDHELDS = ("h-sea", "h-den", "h-bos")
FOREIGN = "x-den"  # of another maker

PLACES = (
    Facility("SEA", FacilityKind.STATION, "America/Los_Angeles", "US"),
    Facility("DEN", FacilityKind.HUB, "America/Denver", "US"),
    Facility("BOS", FacilityKind.STATION, "America/New_York", "US"),
)


def _run(name: str, origin: str, destination: str, leaves: int, *, minutes: int, capacity: int = 9) -> Departure:
    departs_at = DAWN + timedelta(minutes=leaves)
    return Departure(name, origin, destination, departs_at, departs_at + timedelta(minutes=minutes), capacity=capacity)


FEEDER, ONWARD = "AS10/2026-11-21", "AS20/2026-11-21"
DEPARTURES = (
    _run(FEEDER, "SEA", "DEN", 45, minutes=20),
    _run("AS12/2026-11-21", "SEA", "DEN", 90, minutes=20, capacity=1),
    _run("AS14/2026-11-21", "SEA", "DEN", 120, minutes=20),
    _run(ONWARD, "DEN", "BOS", 100, minutes=20),
    _run("AS22/2026-11-21", "DEN", "BOS", 160, minutes=20, capacity=1),
    _run("AS24/2026-11-21", "DEN", "BOS", 220, minutes=20),
)

BAGS = 1
NUMBERS = ("0220123456", *(str(S10Number("LS", f"{serial:08d}", "NL")) for serial in range(1, 4)))
"""A bag and three parcels, each for a person of its own."""
LATE_BOOKINGS = 1  # of them, made when it is under way already


def email_of(number: str) -> str:
    return f"{number.lower()}@example.org"


def booking_of(number: str) -> BookingRequest:
    bag = NUMBERS.index(number) < BAGS
    return BookingRequest(
        origin="SEA",
        destination="BOS",
        ready_at=DAWN,
        shipper=Party("Shipper"),
        # By day in Dubai, so that messages leave amid the faults; the passenger sleeps in New York.
        consignee=Party(
            "Consignee",
            email=email_of(number),
            language="zh-Hans" if bag else "en",
            zone="America/New_York" if bag else "Asia/Dubai",
        ),
        pieces=(BookedPiece(PieceKind.BAG if bag else PieceKind.PARCEL, number),),
        legs=(FEEDER, ONWARD),
    )


@dataclass(frozen=True, slots=True)
class Handling:
    """One scan as the shift planned it, in minutes after dawn."""

    minute: float
    dev: str
    code: str
    kind: Kind
    into: str | None = None


def journey(number: str, *, later: float = 0.0) -> list[Handling]:
    """Every handling of a piece on its way; `later`: so many minutes behind the others."""
    steps = (
        (5, "h-sea", Kind.ACCEPT, None),
        (15, "h-sea", Kind.SORT, None),
        (30, "h-sea", Kind.LOAD, FEEDER),
        (70, "h-den", Kind.UNLOAD, None),
        (78, "h-den", Kind.SORT, None),
        (90, "h-den", Kind.LOAD, ONWARD),
        (125, "h-bos", Kind.UNLOAD, None),
        (140, "h-bos", Kind.OUT_FOR_DELIVERY, None),
        (155, "h-bos", Kind.DELIVER, None),
    )
    return [Handling(minute + later, dev, number, kind, into) for minute, dev, kind, into in steps]


CARDS = (
    Handling(45, "h-sea", FEEDER, Kind.DEPART),
    Handling(66, "h-den", FEEDER, Kind.ARRIVE),
    Handling(100, "h-den", ONWARD, Kind.DEPART),
    Handling(121, "h-bos", ONWARD, Kind.ARRIVE),
)
ODD_CODES = ("\0", "\\0\0é", "LS000000014NLX")
SHIFT_MINUTES = 170.0
