"""The demo's front page: the network at work, live, and the mailbox in which its letters land."""

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import hypot
from time import monotonic
from typing import Any

from flask import Blueprint, Response, abort, render_template

from locales import Words, sentence
from tracker.clock import Clock
from tracker.domain.ids import is_departure
from tracker.domain.network import Departure, Facility
from tracker.domain.shipment import PieceKind
from web import places, wording
from web.chart import Chart, Label, Point, chart_for, labels, on_the_way
from web.headers import LETTER_POLICY
from web.language import spoken
from web.live import STILL_HERE, LiveUpdates, as_stream, event
from web.pages import Fragments
from web.sources import Letter, Overview, Queries
from web.track import crowded

WIDTH, HEIGHT = 760, 400
REDRAWN_EVERY = 1.0  # seconds; each drawing is shared by all who watch
DEPARTURES_SHOWN = 8
SHORTEST_DRAWN = 16  # units of the map: a shuttle between two houses of one city is no line on it
SCANS_SHOWN = 9

COUNTS: tuple[tuple[str, str, str], ...] = (
    ("shipments", sentence("Shipments"), "plain"),
    ("pieces", sentence("Parcels and bags"), "plain"),
    ("moving", sentence("On their way"), "plain"),
    ("delivered", sentence("Delivered"), "good"),
    ("scans", sentence("Scans kept"), "plain"),
    ("missed_connections", sentence("Missed connections"), "warn"),
    ("notices_sent", sentence("Letters sent"), "plain"),
    ("devices", sentence("Scanning devices"), "plain"),
)

EXAMPLES: tuple[tuple[str, str, str], ...] = (
    ("moving", sentence("On its way"), "plain"),
    ("missed", sentence("Missed its connection"), "warn"),
    ("delivered", sentence("Delivered"), "good"),
)


@dataclass(frozen=True, slots=True)
class Count:
    label: str
    value: str
    tone: str


@dataclass(frozen=True, slots=True)
class Hub:
    """A circle on the map: a city with all that lies in it, as large as it is busy."""

    x: float
    y: float
    radius: float
    title: str


@dataclass(frozen=True, slots=True)
class Flight:
    """A linehaul under way: its line, and where it is by the timetable."""

    line: str
    x: float
    y: float
    title: str


@dataclass(frozen=True, slots=True)
class Board:
    """One line of the departures board."""

    run: str
    origin: str
    destination: str
    departs: str
    arrives: str
    state: str
    tone: str


@dataclass(frozen=True, slots=True)
class ScanLine:
    """One of the latest scans, its time in UTC; `number` only where there is a page to go to."""

    time: str
    text: str
    place: str
    number: str | None
    spaced: str
    dev: str


@dataclass(frozen=True, slots=True)
class Example:
    label: str
    tone: str
    number: str
    spaced: str


def demo_pages(
    queries: Queries,
    live: LiveUpdates,
    fragments: Fragments,
    clock: Clock,
    letters: Callable[[], Sequence[Letter]] | None,
) -> Blueprint:
    pages = Blueprint("demo", __name__, url_prefix="/demo")

    @pages.get("")
    def network() -> str:
        return render_template("demo.html", **facts(queries.overview(), spoken(), clock), mailbox=letters is not None)

    @pages.get("/events")
    def events() -> Response:
        words, stream = spoken(), live.follow(None)
        if stream is None:
            return crowded()

        def draw() -> str:
            tick = int(monotonic() / REDRAWN_EVERY)
            return fragments.once(("demo", tick), "_tick.html", words, lambda: facts(queries.overview(), words, clock))

        def stream_events() -> Iterator[str]:
            yield "retry: 2000\n: live\n\n"
            shown, sent_at, seq = "", monotonic(), live.position
            while not stream.ended:
                drawn = draw()
                if drawn != shown:
                    yield event(drawn, id=seq)
                    shown, sent_at = drawn, monotonic()
                elif monotonic() - sent_at > STILL_HERE:
                    yield ": still here\n\n"
                    sent_at = monotonic()
                begun = monotonic()
                seq = stream.wait(REDRAWN_EVERY) or seq
                live.pause(REDRAWN_EVERY - (monotonic() - begun))

        return as_stream(stream, stream_events())

    if letters is not None:
        _mailbox(pages, letters)
    return pages


def _mailbox(pages: Blueprint, letters: Callable[[], Sequence[Letter]]) -> None:
    @pages.get("/mail")
    def mail() -> str:
        newest = sorted(letters(), key=lambda letter: letter.at, reverse=True)
        return render_template("mail.html", letters=[_listed(letter) for letter in newest])

    @pages.get("/mail/<id>")
    def letter(id: str) -> str:
        found = _letter(letters, id)
        return render_template("letter.html", letter=_listed(found), text=found.text, has_html=bool(found.html))

    @pages.get("/mail/<id>/body")
    def body(id: str) -> Response:
        found = _letter(letters, id)
        html = re.sub(r"<a\s", '<a target="_blank" rel="noopener noreferrer" ', found.html or "", flags=re.IGNORECASE)
        answer = Response(html, mimetype="text/html")
        answer.headers["Content-Security-Policy"] = LETTER_POLICY
        return answer


def _letter(letters: Callable[[], Sequence[Letter]], id: str) -> Letter:
    found = next((letter for letter in letters() if _short(letter) == id), None)
    if found is None:
        abort(404)
    return found


def _short(letter: Letter) -> str:
    """A Message-ID made fit for an address."""
    return hashlib.sha256(letter.id.encode()).hexdigest()[:16]


def _listed(letter: Letter) -> dict[str, Any]:
    return {
        "id": _short(letter),
        "to": letter.to,
        "subject": letter.subject,
        "language": letter.language,
        "at": spoken().instant(letter.at, "UTC"),
        "number": letter.number,
        "spaced": places.spaced(letter.number or ""),
    }


def facts(seen: Overview, words: Words, clock: Clock) -> dict[str, Any]:
    """All the demo page shows of an overview."""
    where = {load.facility.code: load.facility for load in seen.facilities}
    chart = _chart(seen)
    under_way = [d for d in seen.departures if d.left_at is not None and d.landed_at is None]
    coming = [d for d in seen.departures if d.left_at is None]
    shown = sorted(under_way, key=lambda d: d.expected_arrival)[: DEPARTURES_SHOWN - 2]
    shown += sorted(coming, key=lambda d: d.departs_at)[: DEPARTURES_SHOWN - len(shown)]
    hubs, names = _hubs(seen, chart, words)
    return {
        "now": words.instant(seen.now, "UTC"),
        "counts": [
            Count(words.say(label), words.number(seen.counts[name]), tone if seen.counts[name] else "plain")
            for name, label, tone in COUNTS
            if name in seen.counts
        ],
        "kept_aside": seen.counts.get("quarantined", 0) + seen.counts.get("unmatched", 0),
        "chart": chart,
        "hubs": hubs,
        "names": names,
        "flights": [f for d in under_way if (f := _flight(d, seen.now, where, chart, words)) is not None],
        "in_the_air": words.number(len(under_way)),
        "board": [_board(d, where, words) for d in shown],
        "scans": [
            ScanLine(
                time=words.time(scan.happened_at, "UTC"),
                text=words.say(wording.entry(_kind(scan.number), scan.kind)),
                place=where[scan.facility].city(words.tag) if scan.facility in where else scan.facility,
                number=None if is_departure(scan.number) else scan.number,
                spaced=places.spaced(places.run(scan.number)),
                dev=scan.dev,
            )
            for scan in seen.recent[:SCANS_SHOWN]
        ],
        "examples": [
            Example(words.say(label), tone, seen.examples[name], places.spaced(seen.examples[name]))
            for name, label, tone in EXAMPLES
            if name in seen.examples
        ],
    }


def _kind(number: str) -> PieceKind:
    return PieceKind.BAG if number.isdigit() and len(number) == 10 else PieceKind.PARCEL


def _chart(seen: Overview) -> Chart | None:
    known = [(load.facility.lat, load.facility.lon) for load in seen.facilities]
    positions = [(lat, lon) for lat, lon in known if lat is not None and lon is not None]
    return chart_for(positions, width=WIDTH, height=HEIGHT, margin=44, least_km=2500) if positions else None


def _hubs(seen: Overview, chart: Chart | None, words: Words) -> tuple[list[Hub], list[Label]]:
    if chart is None:
        return [], []
    cities: dict[str, list[tuple[Facility, int, int]]] = {}
    for load in seen.facilities:
        if load.facility.lat is not None and load.facility.lon is not None:
            key = load.facility.city("en")
            cities.setdefault(key, []).append((load.facility, load.pieces_here, load.scans))
    hubs: list[tuple[Hub, str, Point]] = []
    for members in cities.values():
        place = min((facility for facility, _, _ in members), key=lambda facility: (len(facility.code), facility.code))
        x, y = chart.point((place.lat or 0.0, place.lon or 0.0))
        pieces, scans = sum(here for _, here, _ in members), sum(made for _, _, made in members)
        title = words.say(
            "{place}: here now {pieces}, scans {scans}",
            place=place.city(words.tag),
            pieces=words.number(pieces),
            scans=words.number(scans),
        )
        hubs.append((Hub(x, y, 4 + min(10.0, pieces**0.5), title), place.code, (x, y)))
    hubs.sort(key=lambda hub: -hub[0].radius)
    return [hub for hub, _, _ in hubs], labels(chart, [(at, code) for _, code, at in hubs], size=13, gap=11)


def _flight(
    run: Departure, now: datetime, where: dict[str, Facility], chart: Chart | None, words: Words
) -> Flight | None:
    start, end = where.get(run.origin), where.get(run.destination)
    if chart is None or start is None or end is None or run.left_at is None:
        return None
    if start.lat is None or start.lon is None or end.lat is None or end.lon is None:
        return None
    (x0, y0), (x1, y1) = chart.point((start.lat, start.lon)), chart.point((end.lat, end.lon))
    if hypot(x1 - x0, y1 - y0) < SHORTEST_DRAWN:
        return None
    takes = max(run.expected_arrival - run.left_at, timedelta(minutes=1))
    done = min(max((now - run.left_at) / takes, 0.0), 1.0)
    x, y = chart.point(on_the_way((start.lat, start.lon), (end.lat, end.lon), done=done))
    title = words.say(
        "{departure} from {origin} to {destination}",
        departure=places.run(run.name),
        origin=start.city(words.tag),
        destination=end.city(words.tag),
    )
    return Flight(chart.line((start.lat, start.lon), (end.lat, end.lon)), x, y, title)


def _board(run: Departure, where: dict[str, Facility], words: Words) -> Board:
    start, end = where.get(run.origin, Facility(run.origin)), where.get(run.destination, Facility(run.destination))
    late = run.left_at is not None and run.left_at - run.departs_at >= timedelta(minutes=15)
    if run.left_at is None:
        state, tone = words.say("next to go"), "plain"
    elif late:
        minutes = int((run.left_at - run.departs_at).total_seconds() // 60)
        state, tone = words.say("left {minutes} min late", minutes=words.number(minutes)), "warn"
    else:
        state, tone = words.say("under way"), "good"
    apart = start.city(words.tag) != end.city(words.tag)
    return Board(
        run=places.run(run.name),
        origin=start.city(words.tag) if apart else start.name(words.tag),
        destination=end.city(words.tag) if apart else end.name(words.tag),
        departs=words.time(run.left_at or run.departs_at, start.zone),
        arrives=words.time(run.expected_arrival, end.zone),
        state=state,
        tone=tone,
    )
