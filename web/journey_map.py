"""The map of one journey: done solid, planned dashed, missed crossed out, one dot for now; all of it in words too."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from locales import Words
from tracker.domain.card import CardLeg, Form, PieceCard, shown
from tracker.domain.network import Facility
from tracker.domain.timeline import State
from web import places
from web.chart import Chart, Label, Point, Position, chart_for, great_circle, labels, on_the_way

WIDTH, HEIGHT = 400, 250
TEXT = 13.0


@dataclass(frozen=True, slots=True)
class JourneyMap:
    chart: Chart
    title: str
    lines: tuple[tuple[str, str], ...]  # path, and `done`, `now`, `ahead` or `missed`
    dots: tuple[tuple[float, float, str], ...]  # `done` or `ahead`
    here: Point | None
    labels: tuple[Label, ...]


def journey_map(card: PieceCard, words: Words, form: Form = Form.PUBLIC) -> JourneyMap | None:
    """None where nothing on the way has a position that may be shown in this form."""
    card = shown(card, form)
    stops = {place.code: place for place in _stops(card) if _position(place) is not None}
    if not stops:
        return None
    positions = {code: _position(place) or (0.0, 0.0) for code, place in stops.items()}
    chart = chart_for(positions.values(), width=WIDTH, height=HEIGHT, margin=46, least_km=1500)
    points = {code: chart.point(position) for code, position in positions.items()}
    lines = [(line, _tone(leg)) for leg in card.legs if (line := _line(chart, leg)) is not None]
    lines.sort(key=lambda drawn: ("missed", "ahead", "now", "done").index(drawn[1]))
    visited = {leg.origin.code for leg in card.legs if leg.ridden} | {
        entry.facility.code for entry in card.entries if entry.seen
    }
    here = _here(card, chart, points)
    named = _by_importance(card, stops)
    return JourneyMap(
        chart=chart,
        title=words.say(
            "Map of the way from {origin} to {destination}",
            origin=places.short(card.origin, words),
            destination=places.short(places.last_known(card), words),
        ),
        lines=tuple(lines),
        dots=tuple((*points[code], "done" if code in visited else "ahead") for code in stops),
        here=here,
        labels=tuple(
            labels(
                chart,
                [(points[code], stops[code].city(words.tag)) for code in named],
                size=TEXT,
                gap=13,
                avoid=[here] if here else [],
                lines=_along(card, chart),
            )
        ),
    )


def _stops(card: PieceCard) -> list[Facility]:
    return [card.origin, *(place for leg in card.legs for place in (leg.origin, leg.destination)), *_seen(card)]


def _seen(card: PieceCard) -> list[Facility]:
    """Where it was; what was decided about it shows it nowhere."""
    return [entry.facility for entry in card.entries if entry.seen]


def _position(place: Facility) -> Position | None:
    return None if place.lat is None or place.lon is None else (place.lat, place.lon)


def _line(chart: Chart, leg: CardLeg) -> str | None:
    start, end = _position(leg.origin), _position(leg.destination)
    return chart.line(start, end) if start is not None and end is not None and start != end else None


def _along(card: PieceCard, chart: Chart) -> list[Point]:
    """Points on all the lines, close enough for no word to slip between."""
    ends = [(_position(leg.origin), _position(leg.destination)) for leg in card.legs]
    known = [(start, end) for start, end in ends if start is not None and end is not None]
    return [chart.point(spot) for start, end in known for spot in great_circle(start, end, steps=40)]


def _tone(leg: CardLeg) -> str:
    if leg.missed:
        return "missed"
    if not leg.ridden:
        return "ahead"
    return "done" if leg.departure.landed_at is not None else "now"


def _here(card: PieceCard, chart: Chart, points: dict[str, Point]) -> Point | None:
    """Where it is: part of the way along a leg that is under way by the timetable, else where it was seen last."""
    if card.state is State.MOVING:
        for leg in card.legs:
            run, start, end = leg.departure, _position(leg.origin), _position(leg.destination)
            under_way = run.left_at is not None and run.landed_at is None and leg.ridden and not leg.missed
            if under_way and run.left_at is not None and start is not None and end is not None:
                done = (card.seen_by - run.left_at) / max(run.expected_arrival - run.left_at, timedelta(minutes=1))
                return chart.point(on_the_way(start, end, done=min(max(done, 0.05), 0.95)))
    return points.get(card.facility.code) if card.facility is not None else None


def _by_importance(card: PieceCard, stops: dict[str, Facility]) -> Sequence[str]:
    """Whose names are written first: the ends, where it is, then the changes."""
    first = [card.origin.code, card.destination.code, card.facility.code if card.facility else ""]
    order = dict.fromkeys([*first, *stops])
    names: dict[str, str] = {}
    for code in order:
        if code in stops:
            names.setdefault(stops[code].city("en"), code)
    return list(names.values())
