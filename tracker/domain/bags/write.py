"""Baggage messages out: the same forms, written."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime

from tracker.domain.bags.dates import MONTHS
from tracker.domain.ids.plate import LicencePlate

MOST_CHARACTERS = 3_840
"""What one Type-B message may hold; longer ones are written in parts."""

END_OF_LINE = "\r\n"


def written(
    kind: str, *, source: str, airport: str, elements: Sequence[str], change: str = "", most: int = MOST_CHARACTERS
) -> tuple[str, ...]:
    """The message in one telegram, or in parts where it is longer than `most` characters.

    `elements` are whole lines but for `.V`, which stands first in every part; so does `.F`, where there is one.
    """
    whole = _telegram(kind, change, [f".V/1{source}{airport}", *elements], f"END{kind}")
    if len(whole) <= most:
        return (whole,)
    common = [line for line in elements if line.startswith(".F/")][:1]
    rest = [line for line in elements if line not in common]
    pages: list[list[str]] = [[]]
    room = most - len(_telegram(kind, change, [f".V/1{source}{airport}/PART99", *common], "ENDPART99"))
    for line in rest:
        taken = sum(len(other) + len(END_OF_LINE) for other in pages[-1])
        if pages[-1] and taken + len(line) + len(END_OF_LINE) > room:
            pages.append([])
        pages[-1].append(line)
    ends = [f"ENDPART{number}" for number in range(1, len(pages))] + [f"END{kind}"]
    return tuple(
        _telegram(kind, change, [f".V/1{source}{airport}/PART{number}", *common, *page], end)
        for number, (page, end) in enumerate(zip(pages, ends, strict=True), start=1)
    )


def _telegram(kind: str, change: str, elements: Iterable[str], end: str) -> str:
    head = [kind, change] if change else [kind]
    return "".join(line + END_OF_LINE for line in (*head, *elements, end))


def tag_lines(plates: Iterable[LicencePlate]) -> list[str]:
    """`.N` elements for these bags; neighbours by number share one line, as a row of up to 999."""
    rows: list[tuple[str, int, int]] = []  # the four digits before the serial, the first serial, how many
    for plate in sorted(plates):
        issuer, serial = plate.digits[:4], int(plate.digits[4:])
        if rows and rows[-1][0] == issuer and sum(rows[-1][1:]) == serial and rows[-1][2] < 999:
            rows[-1] = (issuer, rows[-1][1], rows[-1][2] + 1)
        else:
            rows.append((issuer, serial, 1))
    return [f".N/{issuer}{serial:06}{count:03}" for issuer, serial, count in rows]


def flight_line(letter: str, flight: str, on: date, place: str, cls: str = "Y") -> str:
    """`.F/LH0716/12NOV/HND/Y`; `on` is the local date of its departure."""
    return f".{letter}/{flight}/{day(on)}/{place}/{cls}"


def read_line(code: str, scanner: str, at: datetime, local: bool = False) -> str:
    """`.J/S//CI07/12NOV/2110Z`: read at this instant; `local` where `at` is in the speaker's own zone."""
    return f".J/{code}//{scanner}/{day(at.date())}/{at:%H%M%S}{'L' if local else 'Z'}"


def day(on: date) -> str:
    return f"{on.day:02}{MONTHS[on.month - 1]}"
