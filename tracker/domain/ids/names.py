"""Names of places, devices and departures: parsed once, valid ever after."""

import re
from dataclasses import dataclass
from datetime import date

from tracker.domain.errors import BadNameError

_WIRE_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_FACILITY = re.compile(r"[A-Z0-9-]{2,12}")
_EPOCH = re.compile(r"[0-9a-f]{32}")
_DEPARTURE = re.compile(r"([A-Z]{3}|[A-Z0-9]{2})([0-9]{1,5})/([0-9]{4}-[0-9]{2}-[0-9]{2})(?:/([A-Z0-9-]{2,12}))?")


def wire_name(raw: str) -> str:
    """A device or site name fit to build a topic from; anything else raises BadNameError."""
    if not _WIRE_NAME.fullmatch(raw):
        raise BadNameError(f"{raw[:40]!r}: use 1 to 32 of a-z, 0-9 and -, not beginning with -")
    return raw


def is_wire_name(raw: str) -> bool:
    return _WIRE_NAME.fullmatch(raw) is not None


def is_epoch(raw: str) -> bool:
    """Whether this is the name of a journal: 16 bytes as 32 lower-case hex digits."""
    return _EPOCH.fullmatch(raw) is not None


def facility_code(raw: str) -> str:
    """A facility's code, in capitals: `FRA`, `SEA-ST`."""
    code = raw.strip().upper()
    if not (raw.isascii() and _FACILITY.fullmatch(code)):
        raise BadNameError(f"{raw[:40]!r}: a facility code is 2 to 12 of A-Z, 0-9 and -")
    return code


def facility_of_site(site: str) -> str:
    """The facility a device's site stands for: the same letters, in capitals."""
    return site.upper()


@dataclass(frozen=True, slots=True, order=True)
class DepartureName:
    """One run of a linehaul: `LH716/2026-11-12`, the date being the service date at origin in UTC.

    `LH0716` is `LH716`. Where a run leaves several places on one day, its later legs say where from:
    `WN12/2026-11-12/DAL`.
    """

    run: str
    service_on: date
    origin: str = ""

    def __str__(self) -> str:
        name = f"{self.run}/{self.service_on.isoformat()}"
        return f"{name}/{self.origin}" if self.origin else name

    @property
    def carrier(self) -> str:
        return carrier_of(self.run)

    @classmethod
    def parse(cls, raw: str) -> "DepartureName":
        found = _DEPARTURE.fullmatch(raw.strip().upper()) if raw.isascii() else None
        if not found:
            raise BadNameError(f"{raw[:40]!r}: a departure is named like LH716/2026-11-12")
        try:
            return cls(f"{found[1]}{int(found[2])}", date.fromisoformat(found[3]), found[4] or "")
        except ValueError as wrong:
            raise BadNameError(f"{raw[:40]!r}: {wrong}") from wrong


def carrier_of(run: str) -> str:
    """Whose run it is: the three letters or two characters that a run's name, or a departure's, begins with."""
    return run[:3] if run[:3].isalpha() else run[:2]


def is_departure(raw: str) -> bool:
    try:
        DepartureName.parse(raw)
    except BadNameError:
        return False
    return True
