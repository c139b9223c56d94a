"""Load lists: what a departure should carry, fetched while there is a network, kept for when there is none.

`Checklist` holds a list against what was loaded. It may hear of scans and of the list in any order and any number of
times: a piece scanned before the list came is checked off when it comes.
"""

from __future__ import annotations

import os
import re
import ssl
import threading
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Iterator
from datetime import datetime
from http.client import HTTPException
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import msgspec

from scanner.journal import Journal
from tracker import wire
from tracker.domain.errors import LastscanError
from tracker.domain.handling import Kind
from tracker.domain.ids import MATCHING, identify, is_ambiguous, readings

FETCH_TIMEOUT = 10.0
FETCH_AGAIN_AFTER = 60.0
RETRY_AFTER = 10.0
MOST_BYTES = 8 << 20


class NoListError(LastscanError):
    """The list could not be had; the message says why and what helps."""


class ListedPiece(msgspec.Struct, frozen=True):
    number: str
    destination: str


class LoadList(msgspec.Struct, frozen=True):
    """What a departure should carry, as the tracker knew it at `as_of`; `fetched` is this device's clock in ms."""

    departure: str
    origin: str
    destination: str
    departs_at: datetime
    as_of: datetime
    pieces: tuple[ListedPiece, ...]
    fetched: int = 0


class Checklist:
    """One departure's list held against the codes loaded into it."""

    def __init__(self, departure: str, listed: LoadList | None = None) -> None:
        self.departure = departure
        self.list: LoadList | None = None
        self._codes: dict[str, None] = {}  # in the order of their first scan
        self._expected: dict[str, ListedPiece] = {}
        self._scanned: dict[str, None] = {}
        self._surplus: dict[str, None] = {}
        if listed is not None:
            self.renew(listed)

    def renew(self, listed: LoadList) -> None:
        """A newer list: everything scanned so far is held against it."""
        self.list = listed
        self._expected = {piece.number: piece for piece in listed.pieces}
        self._reconcile()

    def check(self, code: str) -> bool | None:
        """A piece was loaded: whether it is on the list. None when there is no list yet, or this is no piece."""
        if _is_departure(code):
            return None
        if code not in self._codes:
            self._codes[code] = None
            self._tick(code)
        return self._listed(code) is not None if self.list is not None else None

    def uncheck(self, code: str) -> None:
        """Its scan was withdrawn."""
        if code in self._codes:
            del self._codes[code]
            self._reconcile()

    @property
    def expected(self) -> tuple[ListedPiece, ...]:
        return tuple(self._expected.values())

    @property
    def scanned(self) -> tuple[str, ...]:
        """Numbers of the list that were loaded."""
        return tuple(self._scanned)

    @property
    def missing(self) -> tuple[ListedPiece, ...]:
        return tuple(piece for number, piece in self._expected.items() if number not in self._scanned)

    @property
    def surplus(self) -> tuple[str, ...]:
        """Loaded, and not on the list. Empty while there is none."""
        return tuple(self._surplus)

    @property
    def loaded(self) -> int:
        """Different pieces loaded, listed or not."""
        return len(self._scanned) + len(self._surplus) if self.list is not None else len(self._codes)

    def _reconcile(self) -> None:
        self._scanned, self._surplus = {}, {}
        for code in self._codes:
            self._tick(code)

    def _tick(self, code: str) -> None:
        if self.list is None:
            return
        if (number := self._listed(code)) is not None:
            self._scanned[number] = None
        else:
            self._surplus[_known_as(code)] = None

    def _listed(self, code: str) -> str | None:
        """The piece of the list that this code means: as it stands, or by the long or short form of its number."""
        if code.strip() in self._expected:
            return code.strip()
        named = [candidate.number for candidate in readings(code)]
        if not any(number in self._expected for number in named):
            named += [number for each in identify(code, context=MATCHING) for _, number in each.aliases]
        return next((number for number in named if number in self._expected), None)


def _known_as(code: str) -> str:
    """The number a person would know; where it may be several, the code as it was read."""
    found = readings(code) or identify(code)
    return found[0].number if found and not is_ambiguous(found) else code.strip()


def _is_departure(code: str) -> bool:
    return any(candidate.scheme == "departure" for candidate in readings(code))


def loaded_before(journal: Journal, departure: str) -> list[str]:
    """The codes this device has loaded into the departure, by its journal, less those it withdrew."""
    loaded: dict[tuple[str, int], str] = {}
    for ep, record in _records(journal):
        if record.k == Kind.LOAD and record.into == departure:
            loaded[ep, record.q] = record.code
        elif record.k == Kind.VOID and record.x is not None:
            match record.x.get("void"):
                case [str(voided), int(q)]:
                    loaded.pop((voided, q), None)
    return list(loaded.values())


def _records(journal: Journal) -> Iterator[tuple[str, wire.ScanRecord]]:
    for epoch in journal.epochs:
        for q in range(epoch.first, epoch.given + 1):
            if raw := journal.record(epoch, q):
                yield epoch.ep, wire.hear_record(raw)


class Shelf:
    """Lists kept on the device, a file each."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def keep(self, listed: LoadList) -> None:
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._path(listed.departure)
        half = path.with_suffix(".half")
        half.write_bytes(msgspec.json.encode(listed))
        os.replace(half, path)

    def find(self, departure: str) -> LoadList | None:
        """The list kept last; None where there is none, or none that can be read."""
        try:
            found = msgspec.json.decode(self._path(departure).read_bytes(), type=LoadList)
        except (OSError, msgspec.DecodeError):
            return None
        return found if found.departure == departure else None

    def _path(self, departure: str) -> Path:
        return self._directory / (re.sub(r"[^A-Za-z0-9-]", "_", departure)[:80] + ".json")


class _NoWayRound(urllib.request.HTTPRedirectHandler):
    """A password goes to the address it was meant for and to no other."""

    def redirect_request(self, *_: object, **__: object) -> None:
        return None


def fetch(
    web: str, departure: str, *, username: str, password: str, ca: str | None = None, timeout: float = FETCH_TIMEOUT
) -> LoadList:
    """Ask the web of the installation, as this device. `fetched` is left to the caller."""
    if urlsplit(web).scheme not in ("http", "https") or not urlsplit(web).hostname:
        raise NoListError(f"{web!r}: write the address of the pages like http://127.0.0.1:8080")
    secret = b64encode(f"{username}:{password}".encode()).decode("ascii")
    asked = urllib.request.Request(  # http(s) only, looked at above
        f"{web.rstrip('/')}/courier/manifest?{urlencode({'departure': departure})}",
        headers={"Authorization": f"Basic {secret}", "Accept": "application/json"},
    )
    trust = ssl.create_default_context(cafile=ca)
    opener = urllib.request.build_opener(_NoWayRound(), urllib.request.HTTPSHandler(context=trust))
    try:
        with opener.open(asked, timeout=timeout) as answer:
            content = answer.read(MOST_BYTES + 1)
    except urllib.error.HTTPError as refusal:
        refusal.close()
        raise NoListError(_REFUSALS.get(refusal.code, f"the pages answered {refusal.code}; trying again")) from refusal
    except (OSError, HTTPException) as failure:
        raise NoListError("no network") from failure
    try:
        found = msgspec.json.decode(content, type=LoadList)
    except msgspec.DecodeError as unfit:
        raise NoListError("what came is no load list; is --web right?") from unfit
    if found.departure != departure:
        raise NoListError(f"what came is the list of {found.departure!r}")
    return found


_REFUSALS = {
    401: "this device is not let in; register it anew",
    404: "no such departure at this site",
    429: "asked too often; trying again",
}


class Fetching:
    """Keeps the lists that are wanted fresh, in a thread of its own, and never in the way of a scan."""

    def __init__(
        self,
        get: Callable[[str], LoadList],
        came: Callable[[LoadList], None],
        failed: Callable[[str, str], None],
        *,
        again_after: float = FETCH_AGAIN_AFTER,
        retry_after: float = RETRY_AFTER,
    ) -> None:
        """`came` and `failed` (departure, why) are called from the thread."""
        self._get, self._came, self._failed = get, came, failed
        self._again_after, self._retry_after = again_after, retry_after
        self._wanted: dict[str, None] = {}
        self._changed = threading.Condition()
        self._stopping = False
        self._thread: threading.Thread | None = None

    def want(self, departure: str) -> None:
        with self._changed:
            self._wanted[departure] = None
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="load-lists", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def stop(self) -> None:
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def _run(self) -> None:
        while True:
            with self._changed:
                if self._stopping:
                    return
                wanted = list(self._wanted)
            well = [self._fetch(departure) for departure in wanted]
            with self._changed:
                if not self._stopping and len(wanted) == len(self._wanted):
                    self._changed.wait(self._again_after if all(well) else self._retry_after)

    def _fetch(self, departure: str) -> bool:
        try:
            self._came(self._get(departure))
        except NoListError as why:
            self._failed(departure, str(why))
            return False
        return True
