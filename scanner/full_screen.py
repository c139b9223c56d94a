"""The handheld at work on a terminal: one thread that takes what happened, records, sounds, and paints.

Keys, camera, folder, load lists and the link hand their news to a queue; nothing but this thread records or paints.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from queue import Empty, SimpleQueue

from scanner import screen
from scanner.feedback import Outcome
from scanner.handheld import Handheld
from scanner.keyed import verdict
from scanner.link import Link
from scanner.load_list import Checklist, Fetching, LoadList, Shelf
from scanner.screen import Page, Sending, View
from scanner.sources import Source
from scanner.terminal import Terminal, TerminalGoneError
from scanner.wedge import DOWN, ESCAPE, PAGE_DOWN, PAGE_UP, QUIT, UP, Entered, Scanned, Wedge, symbology_of
from scanner.workplace import Workplace, departure_in, is_piece, spelled
from tracker.domain.handling import NEVER_SCANNED, Kind

LOOK_AT_BATTERY_EVERY = 60.0
NOT_CHOSEN = NEVER_SCANNED | {Kind.VOID}
"""Kinds that no courier scans."""
_MENU_KEYS = "123456789abcdefghijklmnopqrstuvwxyz"
HELP = (
    "Scan with a scanner, show a label to the camera, or type its number and press ENTER.",
    "A sound means what it says: 1 ring recorded, 2 quick again, 2 slow damaged, 3 not expected here,",
    "6 quick NOT RECORDED: write the number down.",
    "F2 kind of handling       F3 sort point      F4 container or departure",
    "F5 load list: what is missing, what is too much",
    "F10 end, with a summary   Ctrl-C end at once. What is recorded stays recorded.",
    "Without F keys: Ctrl-K kind, Ctrl-P place, Ctrl-T into, Ctrl-L list, Ctrl-C end.",
)


@dataclass(frozen=True, slots=True)
class KeysCame:
    keys: list[str]
    at: float


@dataclass(frozen=True, slots=True)
class Seen:
    code: str
    sym: str


@dataclass(frozen=True, slots=True)
class Unread:
    picture: str
    why: str | None


@dataclass(frozen=True, slots=True)
class Trouble:
    source: str
    words: str | None


@dataclass(frozen=True, slots=True)
class ListCame:
    listed: LoadList


@dataclass(frozen=True, slots=True)
class ListFailed:
    departure: str
    why: str


@dataclass(frozen=True, slots=True)
class Changed:
    """Something to show may have changed."""


@dataclass(frozen=True, slots=True)
class End:
    """Asked to end at once."""


News = KeysCame | Seen | Unread | Trouble | ListCame | ListFailed | Changed | End


class Mode(Enum):
    """What the middle of the screen is for."""

    SCANNING = "scanning"
    KIND = "kind"
    PLACE = "place"
    INTO = "into"
    LIST = "list"
    HELP = "help"
    CLOSING = "closing"


class FullScreen:
    def __init__(
        self,
        terminal: Terminal,
        link: Link,
        workplace: Workplace,
        shelf: Shelf,
        fetching: Fetching,
        news: SimpleQueue[News],
        *,
        seconds_since: Callable[[int], float],
        battery: Callable[[], float | None],
        sources: Sequence[Source] = (),
        glyphs: screen.Glyphs = screen.UNICODE,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`seconds_since` a reading of the device's wall clock, by real time."""
        self._terminal, self._link, self._workplace = terminal, link, workplace
        self._shelf, self._fetching, self._news = shelf, fetching, news
        self._seconds_since, self._battery = seconds_since, battery
        self._sources, self._glyphs, self._monotonic = sources, glyphs, monotonic
        self._wedge = Wedge()
        self._mode = Mode.SCANNING
        self._hint = ""
        self._first = 0
        self._sure: str | None = None  # typed, doubtful, and ENTER pressed once
        self._rings: deque[float] = deque()
        self._troubles: dict[str, str] = {}
        self._list_troubles: dict[str, str] = {}
        self._wanted: set[str] = set()
        self._battery_at = float("-inf")
        self._charge: float | None = None
        self._taken_at = 0.0
        self._done = False

    def run(self) -> None:
        """Until the courier ends it, a signal does, or the terminal is gone."""
        for source in self._sources:
            source.start()
        self._terminal.read_keys(
            lambda keys, at: self._news.put(KeysCame(keys, at)),
            lambda: self._news.put(End()),
        )
        try:
            while not self._done:
                self._want_list()
                self._paint()
                self._wait()
        except TerminalGoneError:
            pass
        finally:
            for source in self._sources:
                source.stop()
            self._fetching.stop()

    # --- what happens ---

    def _wait(self) -> None:
        """Take the next news and all that came with it, or ring a bell that is due."""
        due = min(1.0, self._rings[0] - self._monotonic()) if self._rings else 1.0
        try:
            self._take(self._news.get(timeout=max(0.0, due)))
            while not self._done:
                self._take(self._news.get_nowait())
        except Empty:
            pass
        while self._rings and self._rings[0] <= self._monotonic():
            self._rings.popleft()
            self._terminal.ring()

    def _take(self, news: News) -> None:
        match news:
            case KeysCame(keys=keys, at=at):
                for key in keys:
                    self._key(key, at)
            case Seen(code=code, sym=sym):
                self._record(code, sym)
            case Unread(picture=picture, why=why):
                self._workplace.could_not_read(picture, why)
                self._sound(Outcome.UNREADABLE)
            case Trouble(source=source, words=None):
                self._troubles.pop(source, None)
            case Trouble(source=source, words=words):
                self._troubles[source] = words or ""
            case ListCame(listed=listed):
                self._renew(listed)
            case ListFailed(departure=departure, why=why):
                self._list_troubles[departure] = why
            case End():
                self._done = True
            case Changed():
                pass

    def _key(self, key: str, at: float) -> None:
        if key == QUIT:
            self._done = True
            return
        happened = self._wedge.key(key, at)
        match happened:
            case Scanned(text=text):
                self._scanned(text)
            case Entered(text=text):
                self._entered(text)
            case _ if key == "ENTER" and self._mode is Mode.CLOSING:
                self._done = True
            case _ if key == "ENTER" and self._mode in (Mode.PLACE, Mode.INTO):
                self._choose("")
            case _ if key in ("F1", "F2", "F3", "F4", "F5", "F10"):
                self._open(_MODES[key])
            case _ if key == ESCAPE:
                self._open(Mode.SCANNING)
            case _ if key in (UP, DOWN, PAGE_UP, PAGE_DOWN):
                step = {UP: -1, DOWN: 1, PAGE_UP: -8, PAGE_DOWN: 8}[key]
                self._first = max(0, self._first + step)
            case _:
                self._hint, self._sure = "", None

    def _scanned(self, text: str) -> None:
        code, sym = symbology_of(text)
        if self._mode in (Mode.PLACE, Mode.INTO) and not is_piece(code):
            self._choose(code)
        else:
            self._record(code, sym)

    def _entered(self, text: str) -> None:
        match self._mode:
            case Mode.PLACE | Mode.INTO:
                self._choose(text)
            case Mode.KIND:
                self._choose_kind(text)
            case _:
                self._typed(text)

    def _typed(self, text: str) -> None:
        """A number typed by a person: one that looks wrong is asked about once, and then taken at their word."""
        if verdict(text).wants_a_second_enter and self._sure != text:
            self._sure = text
            self._wedge.put_back(text)
            self._hint = f"{verdict(text).words}. ENTER again records it."
            return
        self._record(text.strip(), "keyed")

    def _record(self, code: str, sym: str) -> None:
        departure = departure_in(code) if self._workplace.kind == Kind.LOAD else None
        if departure is not None:  # the card at the door: what comes now goes into it
            self._workplace.into = departure
            self._open(Mode.SCANNING)
            self._hint = f"Now loading into {departure}"
            return
        taken = self._workplace.take(code, sym)
        self._sound(taken.outcome)
        self._hint, self._sure = "", None
        if self._mode is not Mode.LIST:
            self._mode, self._first = Mode.SCANNING, 0

    def _sound(self, outcome: Outcome) -> None:
        now = self._taken_at = self._monotonic()
        self._rings.clear()
        for pause in outcome.sound.rhythm:
            now += pause
            self._rings.append(now)
        self._rings.popleft()
        self._terminal.ring()  # the first at once, before any painting

    # --- what is chosen ---

    def _open(self, mode: Mode) -> None:
        self._mode, self._first, self._hint, self._sure = mode, 0, "", None
        self._wedge.clear()

    def _choose(self, text: str) -> None:
        if self._mode is Mode.PLACE:
            self._workplace.at = text.strip() or None
        else:
            self._workplace.into = spelled(text) or None
        self._open(Mode.SCANNING)

    def _choose_kind(self, text: str) -> None:
        kinds = self._kinds()
        wanted = text.strip().lower()
        if len(wanted) == 1 and wanted in _MENU_KEYS[: len(kinds)]:
            self._workplace.kind = kinds[_MENU_KEYS.index(wanted)]
        else:
            fitting = [kind for kind in kinds if kind.startswith(wanted.replace(" ", "_"))]
            if len(fitting) != 1 and wanted not in kinds:
                self._hint = f"{text.strip()[:20]!r} is none of these"
                return
            self._workplace.kind = wanted if wanted in kinds else fitting[0]
        self._open(Mode.SCANNING)

    def _kinds(self) -> list[str]:
        """Those of the device's configuration, else all that couriers scan."""
        config = self._link.ask(lambda handheld: handheld.config)
        chosen = [kind for kind in config.kinds if kind not in NOT_CHOSEN] if config else []
        return (chosen or [str(kind) for kind in Kind if kind not in NOT_CHOSEN])[: len(_MENU_KEYS)]

    # --- load lists ---

    def _want_list(self) -> None:
        checklist = self._workplace.checklist
        if checklist is not None and checklist.departure not in self._wanted:
            self._wanted.add(checklist.departure)
            self._fetching.want(checklist.departure)

    def _renew(self, listed: LoadList) -> None:
        checklist = self._workplace.checklists.get(listed.departure)
        if checklist is None:
            return
        checklist.renew(listed)
        try:
            self._shelf.keep(listed)
            self._list_troubles.pop(listed.departure, None)
        except OSError as failure:
            self._list_troubles[listed.departure] = f"it cannot be kept on the device: {failure.strerror}"

    # --- what is shown ---

    def _paint(self) -> None:
        width, height = self._terminal.size()
        view = self.view()
        rows = screen.draw(view, width, height, self._glyphs)
        self._terminal.paint(rows, screen.field_at(view, width, height))

    def view(self) -> View:
        workplace = self._workplace
        checklist = workplace.checklist
        typed = self._wedge.typed
        return View(
            device=self._link.address.dev,
            site=self._link.address.site,
            kind=workplace.kind,
            at=workplace.at,
            into=workplace.goes_into,
            now=datetime.fromtimestamp(workplace.wall() / 1000, tz=UTC).astimezone(),
            sending=self._sending(),
            latest=workplace.recent[0] if workplace.recent else None,
            latest_age=self._monotonic() - self._taken_at,
            recent=workplace.recent,
            typed=typed,
            verdict=verdict(typed),
            hint=self._hint,
            checklist=checklist,
            list_age=_age(checklist),
            list_trouble=self._list_troubles.get(checklist.departure) if checklist else None,
            battery=self._charged(),
            troubles=tuple(f"{source}: {words}" for source, words in self._troubles.items()),
            page=self._page(checklist),
        )

    def _sending(self) -> Sending:
        def look(handheld: Handheld) -> Sending:
            waiting = handheld.waiting
            seconds = self._seconds_since(waiting.oldest) if waiting.oldest is not None else 0.0
            return Sending(waiting.count, max(0.0, seconds), self._link.online, handheld.stranded)

        return self._link.ask(look)

    def _charged(self) -> float | None:
        now = self._monotonic()
        if now - self._battery_at >= LOOK_AT_BATTERY_EVERY:
            self._battery_at, self._charge = now, self._battery()
            charge = self._charge
            self._link.ask(lambda handheld: setattr(handheld, "battery", charge))
        return self._charge

    def _page(self, checklist: Checklist | None) -> Page | None:
        match self._mode:
            case Mode.SCANNING:
                return None
            case Mode.KIND:
                kinds = self._kinds()
                named = [f"{key} {kind.replace('_', ' ')}" for key, kind in zip(_MENU_KEYS, kinds, strict=False)]
                return Page("Kind: its letter, then ENTER", _columns(named), asks=True)
            case Mode.PLACE:
                return Page("Sort point: scan or type it", ["Empty: none."], asks=True)
            case Mode.INTO:
                lines = ["A container, van or departure such as LH716/2026-11-12. Empty: none."]
                return Page("Into: scan or type it", lines, asks=True)
            case Mode.LIST:
                return Page("Load list", list_lines(checklist), first=self._first)
            case Mode.HELP:
                return Page("Help", HELP, first=self._first)
            case Mode.CLOSING:
                lines = summary(self._workplace, self._sending().waiting)
                return Page("End here? ENTER ends, ESC goes on", lines, first=self._first)


_MODES = {
    "F1": Mode.HELP,
    "F2": Mode.KIND,
    "F3": Mode.PLACE,
    "F4": Mode.INTO,
    "F5": Mode.LIST,
    "F10": Mode.CLOSING,
}


def list_lines(checklist: Checklist | None) -> list[str]:
    """The whole list, what needs a hand first."""
    if checklist is None:
        return ["None. Choose the kind load (F2) and a departure (F4)."]
    if checklist.list is None:
        return [f"{checklist.departure}: none had yet. {checklist.loaded} loaded, checked off when it comes."]
    lines = [f"{checklist.departure}: {len(checklist.scanned)} of {len(checklist.expected)} loaded"]
    lines += [f"missing {screen.spaced(piece.number)} to {piece.destination}" for piece in checklist.missing]
    lines += [f"surplus {screen.spaced(number)}" for number in checklist.surplus]
    return [*lines, *(f"loaded  {screen.spaced(number)}" for number in checklist.scanned)]


def summary(workplace: Workplace, waiting: int) -> list[str]:
    """What was done, for the end of a round: on the screen before, and in the terminal after."""
    kept = sum(count for outcome, count in workplace.counts.items() if outcome.is_kept)
    lines = [f"{kept} recorded in this round"]
    if lost := workplace.counts[Outcome.NOT_RECORDED]:
        lines.append(f"{lost} NOT RECORDED: write them down")
    lines.append("everything is sent" if not waiting else f"{waiting} wait to be sent; safe in the journal")
    for checklist in workplace.checklists.values():
        if checklist.list is None:
            lines.append(f"{checklist.departure}: no list was had; {checklist.loaded} loaded")
            continue
        lines.append(f"{checklist.departure}: {len(checklist.scanned)} of {len(checklist.expected)} loaded")
        lines += _named("missing", [piece.number for piece in checklist.missing])
        lines += _named("surplus", list(checklist.surplus))
    return lines


def _named(word: str, numbers: list[str]) -> list[str]:
    if not numbers:
        return []
    return [f"{word} {len(numbers)}: {', '.join(screen.visible(number) for number in numbers)}"]


def _columns(entries: list[str]) -> list[str]:
    """Two beside each other, so that a small screen shows them all."""
    half = (len(entries) + 1) // 2
    return [
        f"{left:<19}{right}".rstrip()
        for left, right in zip(entries[:half], [*entries[half:], *[""] * (2 * half - len(entries))], strict=True)
    ]


def _age(checklist: Checklist | None) -> float | None:
    if checklist is None or checklist.list is None:
        return None
    return max(0.0, time.time() - checklist.list.fetched / 1000)
