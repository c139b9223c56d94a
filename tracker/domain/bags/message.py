"""A baggage message as a whole: of one telegram, or of several parts."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from tracker.domain.bags import elements as read
from tracker.domain.bags.elements import Flight, Processing, Reconciliation, Version
from tracker.domain.bags.telegram import BadBagMessageError, Element, Telegram, taken_apart
from tracker.domain.ids.plate import LicencePlate

KNOWN = frozenset("VFIONBJUSPLYEXWDGHMQRT")


@dataclass(frozen=True, slots=True)
class BagMessage:
    """What was said about one or several bags. Names and locators in it are personal."""

    telegrams: tuple[Telegram, ...]  # one, or its parts in order
    kind: str  # BSM, BTM, BPM, BUM, BNS, BMM, BCM, BRQ
    change: str  # CHG replaces, DEL withdraws; empty: new
    version: Version
    tags: tuple[LicencePlate, ...]
    outbound: Flight | None
    inbound: Flight | None
    onward: tuple[Flight, ...]
    irregularity: str  # OFF, NAL, UNS, OND, ONA
    processing: Processing | None
    stowage: str  # the ULD or hold it is in
    reconciliation: Reconciliation | None
    passenger: str
    record_locator: str
    exceptions: tuple[str, ...]  # RUSH, CREW, PRIO
    screening: str
    weight_kg: float | None
    unknown: tuple[str, ...]  # lines nobody here can read; kept

    @property
    def text(self) -> str:
        """To the letter what was parsed."""
        return "".join(telegram.text for telegram in self.telegrams)


def parse(text: str) -> BagMessage:
    """One whole message. Raises BadBagMessageError, with what is wrong, for anything else, a part included."""
    telegram = taken_apart(text)
    if telegram.part:
        raise BadBagMessageError(f"only {telegram.part} of a longer message")
    return _message((telegram,))


@dataclass
class PartialMessages:
    """Puts together long messages that come in parts, in whatever order the parts come."""

    _waiting: dict[tuple[object, ...], dict[int, Telegram]] = field(default_factory=dict)

    def take(self, text: str) -> BagMessage | int:
        """The message once it is whole; until then the number of the part that was taken."""
        telegram = taken_apart(text)
        said = read.version(telegram.elements)
        if said.part is None:
            return parse(text)
        name = _name(telegram, said)
        parts = self._waiting.setdefault(name, {})
        parts[said.part] = telegram
        last = next((number for number, part in parts.items() if not part.part), None)
        if last is None or set(parts) != set(range(1, last + 1)):
            return said.part
        del self._waiting[name]
        return _message(tuple(parts[number] for number in range(1, last + 1)))

    def unfinished(self) -> list[tuple[Telegram, str]]:
        """The first telegram of each message that is not whole, and what it lacks."""
        return [(parts[min(parts)], f"cut off: {_lacking(parts)}") for parts in self._waiting.values()]


def _name(telegram: Telegram, version: Version) -> tuple[object, ...]:
    rest = tuple(one for one in version.rest if not one.startswith("PART"))
    flight = next((element.fields for element in telegram.elements if element.letter == "F"), ())
    return (telegram.kind, telegram.change, version.source, version.airport, rest, flight)


def _lacking(parts: dict[int, Telegram]) -> str:
    last = next((number for number, part in parts.items() if not part.part), None)
    missing = [number for number in range(1, (last or max(parts)) + 1) if number not in parts]
    if missing:
        return f"part {missing[0]} is missing"
    return f"part {max(parts) + 1} is missing"


def _message(telegrams: tuple[Telegram, ...]) -> BagMessage:
    first = telegrams[0]
    elements = tuple(_distinct(element for telegram in telegrams for element in telegram.elements))
    [outbound] = read.flights(elements, "F")[:1] or [None]
    [inbound] = read.flights(elements, "I")[:1] or [None]
    return BagMessage(
        telegrams=telegrams,
        kind=first.kind,
        change=first.change,
        version=read.version(elements),
        tags=read.tags(elements) if first.kind not in ("BMM", "BCM", "BRQ") else read.tags_if_any(elements),
        outbound=outbound,
        inbound=inbound,
        onward=read.flights(elements, "O"),
        irregularity=read.irregularity(elements),
        processing=read.processing(elements),
        stowage=read.first_field(elements, "U"),
        reconciliation=read.reconciliation(elements),
        passenger=read.passenger(elements),
        record_locator=read.first_field(elements, "L"),
        exceptions=tuple(one for element in elements if element.letter == "E" for one in element.fields if one),
        screening=read.first_field(elements, "X"),
        weight_kg=read.weight_kg(elements),
        unknown=tuple(element.line.strip() for element in elements if element.letter not in KNOWN),
    )


def _distinct(elements: Iterable[Element]) -> Iterable[Element]:
    """Each part repeats what they have in common."""
    seen: set[tuple[str, tuple[str, ...], str]] = set()
    for element in elements:
        name = (element.letter, element.fields, "" if element.letter else element.line)
        if element.letter == "V" and any(letter == "V" for letter, _, _ in seen):
            continue
        if name not in seen:
            seen.add(name)
            yield element
