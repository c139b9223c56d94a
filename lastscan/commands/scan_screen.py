"""`lastscan scan` on a terminal: the parts of `scanner` put together into a handheld with a screen."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from time import time

import click
import msgspec

from lastscan.home import Home
from lastscan.this_device import (
    NOT_RECEIPTED_YET,
    NOT_RECORDED,
    RECORDED_AND_RECEIPTED,
    Credentials,
    handheld_of,
    link_of,
)
from scanner import screen, terminal
from scanner.battery import battery
from scanner.feedback import Outcome
from scanner.full_screen import (
    Changed,
    End,
    FullScreen,
    ListCame,
    ListFailed,
    News,
    Seen,
    Trouble,
    Unread,
    summary,
)
from scanner.journal import Journal
from scanner.link import Link
from scanner.load_list import Checklist, Fetching, LoadList, NoListError, Shelf, fetch, loaded_before
from scanner.sources import CameraSource, FolderSource, Source, VideoFrames
from scanner.stamp import DeviceClock
from scanner.workplace import Workplace, departure_in, spelled
from tracker import wire
from tracker.domain.handling import Kind


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the command line said."""

    kind: str
    at: str | None
    into: str | None
    op: str | None
    camera: str | None
    watch: Path | None
    departure: str | None
    web: str | None


def run(home: Home, journal: Journal, clock: DeviceClock, credentials: Credentials, chosen: Chosen, wait: float) -> int:
    """Until the courier ends it; then waits for receipts while there is a network, and sums up."""
    if chosen.departure is not None and departure_in(chosen.departure) is None:
        raise click.UsageError(f"--load {chosen.departure}: a departure is named like LH716/2026-11-12")
    if chosen.watch is not None and not chosen.watch.is_dir():
        raise click.UsageError(f"--watch {chosen.watch}: no such folder")
    mine = home.path / "scanner" / credentials.address.dev
    news: SimpleQueue[News] = SimpleQueue()
    handheld = handheld_of(journal, clock, credentials)
    link = link_of(handheld, credentials, lambda: news.put(Changed()))
    shelf = Shelf(mine / "lists")
    workplace = Workplace(
        record=link.record,
        wall=lambda: clock.stamp().wall,
        new_checklist=lambda departure: _checklist(link, shelf, departure),
        kind=Kind.LOAD if chosen.departure else chosen.kind,
        at=chosen.at,
        into=spelled(chosen.departure or chosen.into or "") or None,
        op=chosen.op,
    )
    speed = float(getattr(home.clock, "speed", 1.0)) or 1.0  # a demo's day runs faster than people wait
    taken = terminal.Terminal()
    full_screen = FullScreen(
        taken,
        link,
        workplace,
        shelf,
        Fetching(
            lambda departure: _fetched(chosen.web or credentials.web, departure, credentials),
            lambda listed: news.put(ListCame(listed)),
            lambda departure, why: news.put(ListFailed(departure, why)),
        ),
        news,
        seconds_since=lambda wall: (clock.stamp().wall - wall) / 1000 / speed,
        battery=battery,
        sources=_sources(chosen, link, mine, news),
        glyphs=screen.UNICODE if terminal.shows_signs() else screen.ASCII,
    )
    link.start()
    try:
        with (
            terminal.errors_into(home.logs / f"scan-{credentials.address.dev}.log"),
            terminal.signals(lambda: news.put(Changed()), lambda: news.put(End())),
            taken.taken(),
        ):
            full_screen.run()
        with suppress(KeyboardInterrupt):
            if link.online:
                link.wait_until_empty(wait)
        left = link.ask(lambda handheld: handheld.waiting_count)
    finally:
        link.stop()
    for line in summary(workplace, left):
        with suppress(OSError):  # the terminal may be gone
            click.echo(line, err=True)
    if workplace.counts[Outcome.NOT_RECORDED]:
        return NOT_RECORDED
    return NOT_RECEIPTED_YET if left else RECORDED_AND_RECEIPTED


def _checklist(link: Link, shelf: Shelf, departure: str) -> Checklist:
    """As this device left it: the list kept last, and what its journal says it loaded."""
    checklist = Checklist(departure, shelf.find(departure))
    for code in link.ask(lambda handheld: loaded_before(handheld.journal, departure)):
        checklist.check(code)
    return checklist


def _fetched(web: str | None, departure: str, credentials: Credentials) -> LoadList:
    if not web:
        raise NoListError("no address to ask: give --web")
    found = fetch(web, departure, username=credentials.username, password=credentials.password, ca=credentials.ca)
    return msgspec.structs.replace(found, fetched=int(time() * 1000))


def _sources(chosen: Chosen, link: Link, mine: Path, news: SimpleQueue[News]) -> list[Source]:
    def seen(code: str, sym: str) -> None:
        news.put(Seen(code, sym))

    def trouble(name: str, words: str | None) -> None:
        news.put(Trouble(name, words))

    def config() -> wire.Config | None:
        return link.ask(lambda handheld: handheld.config)

    found: list[Source] = []
    if (camera := chosen.camera) is not None:
        found.append(
            CameraSource(
                lambda: VideoFrames(camera),
                seen,
                lambda words: trouble("camera", words),
                symbologies=lambda: known.symbologies if (known := config()) else None,
                lengths=lambda: known.lengths if (known := config()) else None,
            )
        )
    if chosen.watch is not None:
        found.append(
            FolderSource(
                chosen.watch,
                mine / "pictures-read",
                seen,
                lambda picture, why: news.put(Unread(picture, why)),
                lambda words: trouble("folder", words),
            )
        )
    return found
