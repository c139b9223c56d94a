"""What `lastscan learn-eta` learned: as a file, and in force in this installation."""

from functools import lru_cache
from pathlib import Path

import msgspec

from tracker.domain.errors import LastscanError
from tracker.domain.transit.tables import NO_HISTORY, POINTS, Transit
from tracker.store import Transaction

FORM = "lastscan-transit/1"
IN_FORCE = "transit"


class UnreadableTransitError(LastscanError):
    """Not a file that `lastscan learn-eta` wrote: learn again."""


class _File(msgspec.Struct, frozen=True):
    form: str
    transit: Transit


def load(path: Path) -> Transit:
    """Raises UnreadableTransitError; OSError where there is no such file."""
    try:
        found = msgspec.json.decode(path.read_bytes(), type=_File)
    except msgspec.DecodeError as wrong:
        raise UnreadableTransitError(f"{path} was not written by lastscan learn-eta ({wrong})") from wrong
    spreads = found.transit.spreads
    if found.form != FORM or "" not in spreads or any(len(points) != POINTS for points in spreads.values()):
        raise UnreadableTransitError(f"{path} was not written by this lastscan learn-eta")
    return found.transit


def dump(transit: Transit) -> str:
    """The file's text; the same tables give the same text."""
    return msgspec.json.encode(_File(FORM, transit), order="deterministic").decode() + "\n"


def put_in_force(tx: Transaction, transit: Transit) -> None:
    """Every piece judged from now on is reckoned with these tables."""
    tx.meta.put(IN_FORCE, dump(transit))


def in_force(tx: Transaction) -> Transit:
    """Those put in force last; else tables that know nothing."""
    return _read(tx.meta.get(IN_FORCE))


@lru_cache(2)
def _read(text: str | None) -> Transit:
    return msgspec.json.decode(text, type=_File).transit if text is not None else NO_HISTORY
