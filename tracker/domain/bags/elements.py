"""The elements of a baggage message, one reading each; what does not fit its form is named, never guessed."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from tracker.domain.bags.telegram import BadBagMessageError, Element
from tracker.domain.errors import UnreadableLabelError
from tracker.domain.ids.plate import LicencePlate

LAST_SERIAL = 999_999


@dataclass(frozen=True, slots=True)
class Version:
    """`.V/1LMUC/PART1`: who speaks, from where. Its airport's zone is that of local times."""

    version: str
    source: str  # L local, T transfer, R remote, X terminating
    airport: str
    rest: tuple[str, ...]  # part, reference and what else stands there: the same in all parts but for the part

    @property
    def part(self) -> int | None:
        numbered = [re.fullmatch(r"PART(\d{1,2})", field) for field in self.rest]
        return next((int(found[1]) for found in numbered if found), None)


@dataclass(frozen=True, slots=True)
class Flight:
    """`.F`, `.I`, `.O`: a flight with its local date, and the place at its other end."""

    flight: str
    date: str  # 12NOV: no year
    place: str  # where to; of an inbound: where from
    cls: str


@dataclass(frozen=True, slots=True)
class Processing:
    """`.J`: that and when the bag was read."""

    code: str  # S sorted, R reconciled
    agent: str
    scanner: str
    date: str  # 12NOV
    time: str  # HHMM or HHMMSS, then L local or Z
    read_at: str
    sent_to: str


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """`.S`: whether it may be loaded, and whose seat it belongs to."""

    authority_to_load: str  # Y or N
    seat: str
    passenger_status: str
    sequence: str
    security: str


def version(elements: Iterable[Element]) -> Version:
    for element in elements:
        if element.letter == "V":
            found = re.fullmatch(r"(\d)([A-Z])([A-Z]{3})", element.field(0))
            if found is None:
                raise BadBagMessageError(f".V/{element.field(0)[:20]}: expected version, source and airport")
            return Version(found[1], found[2], found[3], element.fields[1:])
    raise BadBagMessageError("no .V: nobody knows where it comes from")


def flights(elements: Iterable[Element], letter: str) -> tuple[Flight, ...]:
    """The flights of this letter in their order."""
    return tuple(_flight(element) for element in elements if element.letter == letter)


def _flight(element: Element) -> Flight:
    designator, date = element.field(0), element.field(1)
    if not re.fullmatch(r"[A-Z0-9]{2}[A-Z]?\d{1,4}[A-Z]?", designator):
        raise BadBagMessageError(f".{element.letter}/{designator[:20]}: no flight has such a name")
    if date and not re.fullmatch(r"\d{2}[A-Z]{3}", date):
        raise BadBagMessageError(f".{element.letter}/{designator}/{date[:20]}: expected a date like 12NOV")
    return Flight(designator, date, element.field(2), element.field(3))


def tags(elements: Iterable[Element]) -> tuple[LicencePlate, ...]:
    """Every plate of `.N` and `.B`, once each, counted out: `0085123456003` is three bags in a row.

    None at all is an error.
    """
    found = tags_if_any(elements)
    if not found:
        raise BadBagMessageError("no tag")
    return found


def tags_if_any(elements: Iterable[Element]) -> tuple[LicencePlate, ...]:
    """As `tags`, for the kinds that may speak of a flight as a whole: manifest, control, request."""
    found: dict[LicencePlate, None] = {}
    for element in elements:
        if element.letter in ("N", "B"):
            for field in element.fields[0 if element.letter == "N" else 1 :]:
                found.update(dict.fromkeys(_counted_out(field)))
    return tuple(found)


def _counted_out(field: str) -> list[LicencePlate]:
    if not re.fullmatch(r"[0-9]{13}", field):
        raise BadBagMessageError(f"tag {field[:20]!r}: expected ten digits and a count of three")
    serial, count = int(field[4:10]), int(field[10:])
    if count == 0:
        raise BadBagMessageError(f"tag {field}: a count of 000 is no bag at all")
    if serial + count - 1 > LAST_SERIAL:
        raise BadBagMessageError(f"tag {field}: its count goes past serial {LAST_SERIAL}")
    try:
        return [LicencePlate.parse(f"{field[:4]}{serial + n:06}") for n in range(count)]
    except UnreadableLabelError as wrong:
        raise BadBagMessageError(f"tag {field}: {wrong}") from wrong


def irregularity(elements: Iterable[Element]) -> str:
    """The status of `.B`: OFF, NAL, UNS, OND, ONA or another; empty where there is none."""
    return next((element.field(0) for element in elements if element.letter == "B"), "")


def processing(elements: Iterable[Element]) -> Processing | None:
    for element in elements:
        if element.letter == "J":
            read = Processing(*(element.field(at) for at in range(7)))
            if read.time and not re.fullmatch(r"(?:[01]\d|2[0-3])[0-5]\d(?:[0-5]\d)?[LZ]", read.time):
                raise BadBagMessageError(f".J: {read.time[:20]!r} is no time like 2110L or 221500Z")
            return read
    return None


def reconciliation(elements: Iterable[Element]) -> Reconciliation | None:
    for element in elements:
        if element.letter == "S":
            return Reconciliation(*(element.field(at) for at in range(5)))
    return None


def passenger(elements: Iterable[Element]) -> str:
    """`DOE/JANE`, without the count before it; personal. Empty where there is none."""
    for element in elements:
        if element.letter == "P":
            return "/".join(element.fields).lstrip("0123456789")
    return ""


def first_field(elements: Iterable[Element], letter: str) -> str:
    return next((element.field(0) for element in elements if element.letter == letter), "")


def weight_kg(elements: Iterable[Element]) -> float | None:
    """Of `.W/K/pieces/weight`, or of pounds (`L`), in kilograms; None where there is none."""
    for element in elements:
        if element.letter == "W" and re.fullmatch(r"\d{1,5}(?:\.\d)?", element.field(2)):
            return float(element.field(2)) * {"K": 1.0, "L": 0.45359237}.get(element.field(0), 1.0)
    return None
