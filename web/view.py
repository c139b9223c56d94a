"""A card as a page shows it: every word said, every hour in the time of its place; a template works out nothing.

Made from cards in one of the forms of `tracker.domain.card`, so nothing here knows more than that form may show.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

from locales import AT_A_TIME, Words
from tracker.domain.asks import Word
from tracker.domain.card import CardEntry, CardLeg, Form, Milestone, MilestoneStep, PieceCard, shown
from tracker.domain.handling import Kind
from tracker.domain.network import Facility
from tracker.domain.rules import BREAKS_THE_PLAN, Irregularity, IrregularityKind
from tracker.domain.shipment import PieceKind
from tracker.domain.timeline import State
from tracker.domain.why import Why
from web import asking, places, wording

FIRST_SHOWN = 3
"""Lines of the timeline that stand open; the rest is one tap away."""


@dataclass(frozen=True, slots=True)
class Step:
    label: str
    state: str  # `done`, `now` or `ahead`
    when: str | None


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the timeline and how it is known."""

    key: str  # the same for the same line whenever the page is drawn
    day: str
    time: str
    instant: str  # for machines
    text: str
    place: str
    evidence: tuple[str, ...]
    withdrawn: bool
    trouble: bool


@dataclass(frozen=True, slots=True)
class Trouble:
    """What went wrong, why we say so, and what happens next."""

    title: str
    why: str
    remedy: str
    settled: str | None


@dataclass(frozen=True, slots=True)
class Ride:
    """One leg of the way, in words."""

    run: str
    route: str
    hours: str  # each end in its own time
    state: str
    tone: str  # `done`, `now`, `ahead` or `missed`


@dataclass(frozen=True, slots=True)
class TrackView:
    number: str
    spaced: str
    is_bag: bool
    origin: str
    destination: str
    then_local: bool  # the journey goes on from there to a place a number alone does not show
    headline: str
    tone: str  # `good`, `warn`, `bad` or `plain`
    verdict: str | None  # on time, later than promised …
    window_label: str
    window: str | None
    window_why: str | None
    window_sure: str | None
    promise: str
    promise_broken: bool
    next_step: str | None
    banner: str | None  # the incident that holds it up with many others
    steps: tuple[Step, ...]
    troubles: tuple[Trouble, ...]  # those that stand
    settled: tuple[Trouble, ...]
    lines: tuple[Line, ...]  # newest first
    more: tuple[Line, ...]
    rides: tuple[Ride, ...]
    updated: str
    delivered: bool
    position: int

    @property
    def days(self) -> list[tuple[str, list[Line]]]:
        return _by_day(self.lines)

    @property
    def more_days(self) -> list[tuple[str, list[Line]]]:
        """The rest; its first day has no name when it goes on from the lines before."""
        days = _by_day(self.more)
        if days and self.lines and days[0][0] == self.lines[-1].day:
            days[0] = ("", days[0][1])
        return days

    @property
    def lines_in_all(self) -> int:
        return len(self.lines) + len(self.more)


def _by_day(lines: tuple[Line, ...]) -> list[tuple[str, list[Line]]]:
    return [(day, list(entries)) for day, entries in groupby(lines, key=lambda line: line.day)]


def track_view(card: PieceCard, words: Words, form: Form = Form.PUBLIC) -> TrackView:
    """The customer's page of a card, in one language. The card is put into the form here, whatever it was."""
    card = shown(card, form)
    open_troubles = tuple(_trouble(card, i, words) for i in card.irregularities if i.open)
    window, why = _window(card, words)
    lines = tuple(_line(card, entry, words) for entry in _newest_first(card))
    tone, verdict = _verdict(card, words)
    towards, zone = places.last_known(card), card.destination.zone
    return TrackView(
        number=card.number,
        spaced=places.spaced(card.number),
        is_bag=card.kind is PieceKind.BAG,
        origin=places.short(card.origin, words),
        destination=places.short(towards, words),
        then_local=not card.delivered
        and places.is_last(card.destination)
        and not places.is_last(places.last_known(card)),
        headline=_headline(card, words),
        tone=tone,
        verdict=verdict,
        window_label=_window_label(card, words),
        window=window,
        window_why=why,
        window_sure=_sure(card, words),
        promise=words.instant(card.due_by, zone),
        promise_broken=verdict is not None and tone != "good",
        next_step=_next_step(card, words),
        banner=None if card.delivered else _banner(card, words),
        steps=_steps(card, words),
        troubles=() if card.delivered else open_troubles,
        settled=tuple(_trouble(card, i, words) for i in card.irregularities if not i.open),
        lines=lines[:FIRST_SHOWN],
        more=lines[FIRST_SHOWN:],
        rides=tuple(_ride(card, leg, words) for leg in card.legs),
        updated=_last_news(card, words),
        delivered=card.delivered,
        position=card.position,
    )


def _banner(card: PieceCard, words: Words) -> str | None:
    """What support wrote of its incident, or what happened; None where that would name what this form does not."""
    storm, say = card.storm, words.say
    if storm is None or (said := storm.said(words.tag)):
        return said if storm is not None else None
    if storm.of == "departure":
        return say("{departure} does not go as planned.", departure=places.run(storm.name))
    place = card.facilities.get(storm.name)
    if place is None:
        return None
    if any(found.kind is IrregularityKind.PLACE_CLOSED for found in card.irregularities if found.open):
        return say("{place} is closed for now.", place=places.short(place, words))
    return say("Much has come to a halt in {place}.", place=places.short(place, words))


def _last_news(card: PieceCard, words: Words) -> str:
    """When we last heard of it; of the last mile only the part of the day."""
    last = max(card.entries, key=lambda entry: entry.recorded_at, default=None)
    if last is None:
        return words.instant(card.booked_at, card.origin.zone)
    zone = last.facility.zone
    if not last.day_only:
        return words.instant(last.recorded_at, zone)
    day, part = words.day(_day(last.happened_at, zone)), _part_of_day(last.happened_at, zone, words)
    return words.say(AT_A_TIME, day=day, time=part)


def reason(card: PieceCard, why: Why, words: Words) -> str:
    """The reason in words: runs without their date, and what happened at the last place by the hour only."""
    facts = []
    place = card.facilities.get(why.values.get("facility", ""))
    last_mile = place is not None and places.is_last(place)
    for name, value in why.facts:
        if name in ("departure", "inbound"):
            value = places.run(value)
        elif last_mile and name in ("out_at", "seen_at", "held_at"):
            value = datetime.fromisoformat(value).replace(minute=0, second=0, microsecond=0).isoformat()
        facts.append((name, value))
    return words.why(replace(why, facts=tuple(facts)), places.named(card, words))


def window_of(card: PieceCard) -> tuple[datetime, datetime] | None:
    """When it should be handed over: for parcels in whole half hours, so that nobody reads a minute into it."""
    if card.eta is None:
        return None
    if card.kind is PieceKind.BAG:
        return _floor(card.eta.earliest, 5), _ceiling(card.eta.latest, 5)
    return _floor(card.eta.earliest, 30), _ceiling(card.eta.latest, 30)


def _floor(at: datetime, minutes: int) -> datetime:
    past = timedelta(minutes=at.minute % minutes, seconds=at.second, microseconds=at.microsecond)
    return at - past


def _ceiling(at: datetime, minutes: int) -> datetime:
    low = _floor(at, minutes)
    return low if low == at else low + timedelta(minutes=minutes)


def _machine(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _day(at: datetime, zone: str) -> date:
    return at.astimezone(ZoneInfo(zone)).date()


def _part_of_day(at: datetime, zone: str, words: Words) -> str:
    return words.say(wording.PARTS_OF_DAY[at.astimezone(ZoneInfo(zone)).hour // 6])


def _headline(card: PieceCard, words: Words) -> str:
    say = words.say
    here = card.facility
    place = places.short(here, words) if here is not None else places.short(card.origin, words)
    if not card.delivered:
        if card.held and here is not None:
            return say(wording.HELD_AT, place=places.called(here, words))
        for found in card.irregularities:
            if found.open and found.kind is IrregularityKind.MISSED_CONNECTION:
                return say(wording.MISSED_AT, place=_where(card, found, words))
    if card.state is State.MOVING:
        towards = places.last_known(card)
        if here is not None and places.is_last(here):
            return say(wording.LAST_MILE)
        if not places.is_last(towards):
            arrived = here is not None and here.code == towards.code and card.aboard is None
            return say(wording.ARRIVED_AT if arrived else wording.MOVING_TO, place=places.short(towards, words))
    return say(wording.HEADLINES[card.kind][card.state], place=place)


def _verdict(card: PieceCard, words: Words) -> tuple[str, str | None]:
    """How it stands against the promise."""
    say = words.say
    if card.delivered:
        late = any(i.kind is IrregularityKind.LATE for i in card.irregularities)
        return ("warn", say("Later than promised")) if late else ("good", say("On time"))
    standing = {i.kind for i in card.irregularities if i.open}
    window = window_of(card)
    if IrregularityKind.LATE in standing:
        return "bad", say("Late")
    if window is not None and window[1] > card.due_by:
        return "bad" if BREAKS_THE_PLAN & standing else "warn", say("Later than promised")
    if standing & _HELD:
        return "warn", say("Held")
    if window is None:
        return "plain", None
    return "good", say("On time")


def _window_label(card: PieceCard, words: Words) -> str:
    say = words.say
    if card.delivered:
        return say("When")
    if card.state is State.READY_FOR_PICKUP:
        return say("Waiting since")
    return say("On the belt, as we expect") if card.kind is PieceKind.BAG else say("Arrives")


def _window(card: PieceCard, words: Words) -> tuple[str | None, str | None]:
    zone = card.destination.zone
    if card.delivered:
        step = next((s for s in card.milestones if s.milestone is Milestone.DELIVERED), None)
        if step is None or step.reached_at is None:
            return None, None
        if not any(entry.kind == Kind.DELIVER and entry.day_only for entry in card.entries):
            return words.instant(step.reached_at, zone), None
        day, part = words.day(_day(step.reached_at, zone)), _part_of_day(step.reached_at, zone, words)
        return words.say(AT_A_TIME, day=day, time=part), None
    window = window_of(card)
    if window is None or card.eta is None:
        return None, None
    if card.state is State.READY_FOR_PICKUP:
        return words.day(_day(window[0], zone)), None
    return words.window(*window, zone), reason(card, card.eta.why, words)


def _sure(card: PieceCard, words: Words) -> str | None:
    """How often such a window holds, where that was checked."""
    if card.delivered or card.eta is None or card.eta.confidence is None:
        return None
    return words.say("{hits} of 10 come in this window.", hits=round(card.eta.confidence * 10))


def _next_step(card: PieceCard, words: Words) -> str | None:
    due = card.next_expected
    if due is None or due.kind not in wording.NEXT[card.kind]:
        return None
    place = places.named(card, words).get(due.facility, card.destination)
    by = due.by
    if card.kind is PieceKind.PARCEL and due.kind in (Kind.OUT_FOR_DELIVERY, Kind.DELIVER):
        by = _ceiling(by, 30)
    return words.say(
        wording.NEXT[card.kind][due.kind],
        place=place.city(words.tag),
        by=words.instant(by, place.zone),
        departure=places.run(due.into or ""),
    )


def _steps(card: PieceCard, words: Words) -> tuple[Step, ...]:
    reached = [at for at, step in enumerate(card.milestones) if step.reached_at is not None]
    current = max(reached, default=0)
    return tuple(
        Step(
            label=words.say(wording.MILESTONES[card.kind][step.milestone]),
            state="now" if at == current and not card.delivered else "done" if at <= current else "ahead",
            when=_reached(card, step, words),
        )
        for at, step in enumerate(card.milestones)
    )


def _reached(card: PieceCard, step: MilestoneStep, words: Words) -> str | None:
    if step.reached_at is None:
        return None
    early = step.milestone in (Milestone.BOOKED, Milestone.ACCEPTED, Milestone.ON_ITS_WAY)
    return words.day(_day(step.reached_at, (card.origin if early else card.destination).zone))


def _where(card: PieceCard, found: Irregularity, words: Words) -> str:
    code = found.why.values.get("facility", "")
    place = card.facilities.get(code)
    return places.named(card, words)[code].city(words.tag) if place is not None else code


def _trouble(card: PieceCard, found: Irregularity, words: Words) -> Trouble:
    settled = None
    if found.cleared_at is not None and found.kind is not IrregularityKind.LATE:
        place = card.facilities.get(found.why.values.get("facility", ""), card.destination)
        settled = words.say("Settled: it went on {instant}.", instant=words.instant(found.cleared_at, place.zone))
    return Trouble(
        title=words.say(
            wording.HEADLINE_SAYS_IT if _is_headline(card, found) else wording.TROUBLES[found.kind],
            place=_where(card, found, words),
        ),
        why=reason(card, found.why, words),
        remedy=_remedy(card, found, words),
        settled=settled,
    )


_HELD = frozenset(
    {
        IrregularityKind.HELD,
        IrregularityKind.HELD_AT_CUSTOMS,
        IrregularityKind.HELD_FOR_PAYMENT,
        IrregularityKind.HELD_FOR_ADDRESS,
    }
)


def _is_headline(card: PieceCard, found: Irregularity) -> bool:
    """Whether the page's headline is this very trouble."""
    if card.delivered or not found.open:
        return False
    return found.kind in (_HELD if card.held else (IrregularityKind.MISSED_CONNECTION,))


def _remedy(card: PieceCard, found: Irregularity, words: Words) -> str:
    instead = _instead(card, found) if found.kind in BREAKS_THE_PLAN else None
    if instead is None:
        unknown = found.kind is IrregularityKind.LATE and card.eta is None
        return words.say(wording.NO_WINDOW_YET if unknown else wording.REMEDIES[found.kind])
    return words.say(
        wording.GOES_WITH,
        departure=places.run(instead.departure.name),
        origin=places.short(instead.origin, words),
        destination=places.short(instead.destination, words),
        departs_at=words.instant(instead.departure.departs_at, instead.origin.zone),
        arrives_at=words.instant(instead.departure.expected_arrival, instead.destination.zone),
    )


def _instead(card: PieceCard, found: Irregularity) -> CardLeg | None:
    """The leg it takes from where it cannot take the one planned."""
    origin = found.why.values.get("facility")
    left = found.since
    later = [
        leg
        for leg in card.legs
        if not leg.missed
        and leg.departure.name != found.subject
        and leg.departure.origin == origin
        and leg.departure.departs_at > left - timedelta(hours=1)
    ]
    return min(later, key=lambda leg: leg.departure.departs_at, default=None)


def _ride(card: PieceCard, leg: CardLeg, words: Words) -> Ride:
    run, say = leg.departure, words.say
    if leg.missed:
        state, tone = say("left without it"), "missed"
    elif run.landed_at is not None and leg.ridden:
        state, tone = say("done"), "done"
    elif run.left_at is not None and leg.ridden:
        state, tone = say("under way"), "now"
    else:
        state, tone = say("planned"), "ahead"
    return Ride(
        run=places.run(run.name),
        route=places.route(leg.origin, leg.destination, words),
        hours=_hours(leg, words),
        state=state,
        tone=tone,
    )


def _hours(leg: CardLeg, words: Words) -> str:
    departs_at, arrives_at = leg.departure.left_at or leg.departure.departs_at, leg.departure.expected_arrival
    same_day = _day(departs_at, leg.origin.zone) == _day(arrives_at, leg.destination.zone)
    arrives = (words.time if same_day else words.instant)(arrives_at, leg.destination.zone)
    return f"{words.instant(departs_at, leg.origin.zone)} → {arrives}"


def _newest_first(card: PieceCard) -> Iterator[CardEntry]:
    return (entry for entry in reversed(card.entries))


def _line(card: PieceCard, entry: CardEntry, words: Words) -> Line:
    zone = entry.facility.zone
    time = _part_of_day(entry.happened_at, zone, words) if entry.day_only else words.time(entry.happened_at, zone)
    return Line(
        key=f"{entry.kind}-{entry.facility.code}-{int(entry.happened_at.timestamp())}",
        day=words.day(_day(entry.happened_at, zone)),
        time=time,
        instant=_day(entry.happened_at, zone).isoformat() if entry.day_only else _machine(entry.happened_at),
        text=_text(card, entry, words),
        place=places.full(entry.facility, words) if entry.word is None else "",
        evidence=tuple(_evidence(card, entry, words)),
        withdrawn=entry.withdrawn,
        trouble=entry.kind in (Kind.HOLD, Kind.DAMAGE, Kind.ATTEMPT),
    )


def _text(card: PieceCard, entry: CardEntry, words: Words) -> str:
    if entry.word is not None:
        return asking.said(entry.word, words)
    leg = next((leg for leg in card.legs if leg.departure.name == entry.into), None)
    sentences = {Kind.LOAD: wording.LOADED_ON, Kind.DEPART: wording.LEFT_ON}
    said = sentences.get(entry.kind)  # type: ignore[call-overload]  # a StrEnum key is found by its plain word
    if leg is not None and said is not None:
        return words.say(said, departure=places.run(leg.departure.name), place=places.short(leg.destination, words))
    return words.say(wording.entry(card.kind, entry.kind))


def _evidence(card: PieceCard, entry: CardEntry, words: Words) -> Iterator[str]:
    """How we know: what was scanned where and when, and how much later we heard of it."""
    say = words.say
    if entry.kind == Kind.BOOK:
        yield say("Noted when it was booked, not by a scan.")
        return
    if entry.word is not None:
        yield from _evidence_of_ask(entry, entry.word, words)
    if entry.role is not None:
        yield say(wording.DECIDED[entry.role], instant=words.instant(entry.happened_at, entry.facility.zone))
    if not entry.seen:
        return
    where: Facility = places.named(card, words).get(entry.facility.code, entry.facility)
    place = places.short(where, words)
    if entry.day_only:
        if entry.kind == Kind.DELIVER:
            yield say("The scan at the hand-over. By number alone we show the part of the day, not the minute.")
        else:
            yield say("A scan at the local station. By number alone we show the part of the day, not the minute.")
        return
    at = words.instant(entry.happened_at, entry.facility.zone)
    yield say("A scan in {place} on {instant}, local time.", place=place, instant=at)
    if entry.estimated:
        yield say("The device could not say when; this is when we heard of it.")
    else:
        yield _heard(entry.recorded_at - entry.happened_at, words)
    if entry.error_ms >= 1000 and not entry.estimated:
        yield say("Its clock may be off by {seconds} s.", seconds=words.number(entry.error_ms // 1000))
    if entry.withdrawn:
        yield say("This scan was taken back: it was a mistake.")


def _evidence_of_ask(entry: CardEntry, word: Word, words: Words) -> Iterator[str]:
    if word.outcome is None:
        yield words.say(asking.ASKED_AT, instant=words.instant(entry.happened_at, entry.facility.zone))
        return
    if word.because is not None:
        yield asking.because(word.because, None, words)
    if entry.role is None:
        yield words.say(asking.BY_RULE)


def _heard(delay: timedelta, words: Words) -> str:
    seconds = int(delay.total_seconds())
    if seconds < 2:
        return words.say("We heard of it at once.")
    if seconds < 120:
        return words.say("We heard of it {count} seconds later.", count=seconds)
    if seconds < 7200:
        return words.say("We heard of it {count} minutes later.", count=seconds // 60)
    return words.say("We heard of it {count} hours later.", count=seconds // 3600)
