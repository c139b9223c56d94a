"""`lastscan scan`: a handheld at the command line. Journals, beeps, sends, and waits for the tracker's receipt.

With pictures or numbers it does its work and ends; on a terminal without them it is a handheld with a screen, which
`lastscan.commands.scan_screen` wires up.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from lastscan.home import Home
from lastscan.options import home_option, json_option, print_json
from lastscan.this_device import (
    DEFAULT_DEVICE,
    DEMO_SITE,
    NO_DEVICE,
    NOT_RECEIPTED_YET,
    NOT_RECORDED,
    RECORDED_AND_RECEIPTED,
    Credentials,
    NoDeviceError,
    clock_here,
    credentials_here,
    handheld_of,
    journal_here,
    link_of,
)
from scanner import feedback
from scanner.handheld import Handheld, Recorded
from scanner.journal import Journal, NotRecordedError
from scanner.stamp import DeviceClock
from scanner.terminal import is_fit
from tracker.domain.errors import LastscanError


@dataclass(slots=True)
class Read:
    """One code to be recorded, and what became of it."""

    code: str
    sym: str
    recorded: Recorded | None = None
    receipted: bool = False
    aside: str | None = None


@dataclass(slots=True)
class Round:
    """One run of the command: what was read, what could not be."""

    kind: str
    at: str | None = None
    into: str | None = None
    op: str | None = None
    reads: list[Read] = field(default_factory=list)
    failed: list[dict[str, str]] = field(default_factory=list)


@click.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path), metavar="[FILE]...")
@click.option("--code", "typed", multiple=True, help="A number read by eye, instead of a picture. May be repeated.")
@click.option("--kind", default="sort", show_default=True, help="accept, arrive, sort, load, deliver, hold, ...")
@click.option("--at", help="Sort point inside the site.")
@click.option("--in", "into", help="Container or departure the piece goes into, e.g. LH716/2026-11-12.")
@click.option("--op", help="Who scans.")
@click.option("--device", "dev", default=DEFAULT_DEVICE, show_default=True, help="Which registered handheld this is.")
@click.option("--site", help=f"Where a new {DEFAULT_DEVICE} is registered.  [default: {DEMO_SITE}]")
@click.option("--camera", help="On the screen: a camera by its number, such as 0, or a video; needs the extra scan.")
@click.option(
    "--watch", type=click.Path(path_type=Path, file_okay=False), help="On the screen: read pictures put in here."
)
@click.option("--load", "departure", help="On the screen: load into this departure and check its list off.")
@click.option("--web", envvar="LASTSCAN_WEB", help="Where load lists come from.  [default: the pages of this machine]")
@click.option("--wait", default=10.0, show_default=True, help="Seconds to wait for the receipt.")
@json_option
@home_option
def scan(
    files: tuple[Path, ...],
    typed: tuple[str, ...],
    kind: str,
    at: str | None,
    into: str | None,
    op: str | None,
    dev: str,
    site: str | None,
    camera: str | None,
    watch: Path | None,
    departure: str | None,
    web: str | None,
    home: Home,
    wait: float,
    as_json: bool,
) -> None:
    """Scan pictures of labels, or numbers typed with --code, as a handheld does.

    A bell means: recorded, and safe whatever happens now. Without a picture or a number, on a terminal, it becomes
    a handheld with a screen: for keyboard scanners, typed numbers, a camera, a folder, and load lists. Elsewhere
    what waits from earlier is sent. Exits 0 when the tracker has everything, 75 when scans are recorded and not
    receipted yet, 1 when something could not be read or recorded, 69 without a device.
    """
    wants_screen = camera is not None or watch is not None or departure is not None
    has_screen = not (files or typed or as_json) and is_fit()
    if wants_screen and not has_screen:
        raise click.UsageError(
            "--camera, --watch and --load belong to the screen: run it on a terminal, without FILE, --code and --json"
        )
    try:
        credentials = credentials_here(home, dev, site)
        with journal_here(home, dev) as journal:
            clock = clock_here(home, journal.boot)
            if has_screen:
                from lastscan.commands import scan_screen  # draws: only where somebody looks

                chosen = scan_screen.Chosen(kind, at, into, op, camera, watch, departure, web)
                raise SystemExit(scan_screen.run(home, journal, clock, credentials, chosen, wait))
            code = _scan(journal, clock, credentials, files, typed, Round(kind, at, into, op), wait, as_json)
    except NoDeviceError as missing:
        click.echo(str(missing), err=True)
        raise SystemExit(NO_DEVICE) from missing
    except LastscanError as failure:
        click.echo(f"not recorded: {failure}", err=True)
        raise SystemExit(NOT_RECORDED) from failure
    raise SystemExit(code)


def _scan(
    journal: Journal,
    clock: DeviceClock,
    credentials: Credentials,
    files: tuple[Path, ...],
    typed: tuple[str, ...],
    done: Round,
    wait: float,
    as_json: bool,
) -> int:
    handheld = handheld_of(journal, clock, credentials)
    link = link_of(handheld, credentials)
    link.start()
    try:
        for read in _reads(files, typed, done):
            try:
                read.recorded = link.record(read.code, read.sym, done.kind, at=done.at, into=done.into, op=done.op)
            except NotRecordedError as refusal:
                done.failed.append({"code": read.code, "why": str(refusal)})
                _tell(feedback.not_recorded(read.code, refusal))
                continue
            _tell(feedback.recorded(read.code, read.recorded))
            done.reads.append(read)
        link.wait_until_empty(wait)
        online, trouble = link.online, link.trouble
        link.ask(lambda device: _look_up(device, done))
    finally:
        link.stop()
    return _report(handheld, done, online=online, trouble=trouble, as_json=as_json)


def _reads(files: tuple[Path, ...], typed: tuple[str, ...], done: Round) -> Iterator[Read]:
    """Codes to record; pictures without one are told at once and noted in `done`."""
    yield from (Read(code, "keyed") for code in typed)
    if not files:
        return
    from scanner.decode import decode_paths  # OpenCV takes a second to load: only for pictures
    from scanner.sure import sure_reads

    for report in decode_paths(files):
        sure = sure_reads(report.reads)
        if not sure:
            why = feedback.unreadable(report.path, report.error)
            done.failed.append({"path": report.path, "why": why.words.removeprefix(f"{report.path}: ")})
            _tell(why)
        yield from (Read(text, sym) for sym, text in sure)


def _look_up(handheld: Handheld, done: Round) -> None:
    for read in done.reads:
        if read.recorded:
            refusal = handheld.refused(read.recorded.ep, read.recorded.q)
            read.aside = refusal.why if refusal else None
            read.receipted = refusal is not None or handheld.receipted(read.recorded.ep, read.recorded.q)
            if refusal:
                _tell(feedback.put_aside(read.code, refusal))


def _report(handheld: Handheld, done: Round, *, online: bool, trouble: str | None, as_json: bool) -> int:
    left = handheld.waiting_count
    receipted = sum(read.receipted for read in done.reads)
    if receipted:
        _tell(feedback.receipted(receipted))
    if left:
        why = trouble or (None if online else "off line")
        _tell(feedback.waiting(left, next_time="the next `lastscan scan`", trouble=why))
    if handheld.stranded:
        _tell(feedback.stranded(handheld.stranded))
    if as_json:
        print_json(_as_json(done, left, online=online))
    if done.failed:
        return NOT_RECORDED
    return NOT_RECEIPTED_YET if left else RECORDED_AND_RECEIPTED


def _as_json(done: Round, left: int, *, online: bool) -> dict[str, Any]:
    return {
        "recorded": [
            {
                "code": read.code,
                "sym": read.sym,
                "k": done.kind,
                "ep": read.recorded.ep,
                "q": read.recorded.q,
                "again": read.recorded.again,
                "receipted": read.receipted,
                "aside": read.aside,
            }
            for read in done.reads
            if read.recorded
        ],
        "not_recorded": done.failed,
        "waiting": left,
        "online": online,
    }


def _tell(said: feedback.Feedback) -> None:
    """Words go to standard error, which leaves standard output to --json; bells only to a terminal."""
    rings = said.sound.rings if said.sound and sys.stderr.isatty() else 0
    visible = "".join(letter if letter.isprintable() else f"\\u{ord(letter):04x}" for letter in said.words)
    click.echo("\a" * rings + visible, err=True)
