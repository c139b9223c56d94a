"""Cases as the desk's pages show them: every word said, every hour in the time of its place."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import quote

from locales import Words
from tracker.cases import CaseFile, Name, OpenCase
from tracker.domain.card import CardEntry, PieceCard
from tracker.domain.handling import Kind
from tracker.domain.incidents import Incident
from tracker.domain.rules import DUTIES, Irregularity
from web import asking, places
from web.desk import wording
from web.wording import DECIDED, entry


@dataclass(frozen=True, slots=True)
class Row:
    """A case in the queue: what, for whom, why now, and how long there is to help."""

    href: str
    number: str
    kind: str
    way: str
    actor: str
    left: str
    tone: str  # `bad` once it is too late, `warn` shortly before
    harm: str
    factors: tuple[tuple[str, str], ...]
    owner: str | None
    looking: str  # names, between commas


@dataclass(frozen=True, slots=True)
class IncidentRow:
    title: str
    pieces: int
    kind: str
    root: str


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the timeline as staff see it."""

    at: str
    machine: str
    text: str
    place: str
    detail: tuple[str, ...]
    key: str  # of its fact; empty where there is none
    fact: str  # the same, for people
    withdrawn: bool
    scan: bool  # a device's, which may be withdrawn


@dataclass(frozen=True, slots=True)
class Told:
    what: str
    at: str
    fate: str
    sent: bool


def href(name: Name) -> str:
    number, kind, subject = name
    return f"/desk/case/{quote(number, safe='')}/{kind.value}/{quote(subject)}"


def row(each: OpenCase, words: Words, now: datetime) -> Row:
    case = each.case
    left = case.helped_by - now
    return Row(
        href=href(case.name),
        number=places.spaced(case.piece.number),
        kind=words.say(wording.KINDS[case.found.kind]),
        way=f"{case.piece.origin} → {case.piece.destination}",
        actor=words.say(wording.ACTORS[each.actor]),
        left=time_left(left, words),
        tone=tone(left),
        harm=words.number(round(case.harm.total, 1)),
        factors=factors(each.case.harm.promise, each.case.harm.goods, each.case.harm.time, words),
        owner=each.worked.owner,
        looking=", ".join(sorted(each.looking)),
    )


def factors(promise: float, goods: float, time: float, words: Words) -> tuple[tuple[str, str], ...]:
    """The three numbers that make the order, each with its name."""
    return (
        (words.say("promise"), words.number(round(promise, 1))),
        (words.say("goods"), words.number(round(goods, 1))),
        (words.say("time"), words.number(round(time, 1))),
    )


def incident_row(each: Incident, words: Words) -> IncidentRow:
    title = words.say(wording.INCIDENTS[each.kind], root=places.run(each.root))
    return IncidentRow(title, len(each.pieces), each.kind.value, each.root)


def tone(left: timedelta) -> str:
    return "bad" if left <= timedelta(0) else "warn" if left < timedelta(hours=2) else "plain"


def time_left(left: timedelta, words: Words) -> str:
    minutes = int(abs(left).total_seconds() // 60)
    if left <= timedelta(0):
        return words.say(wording.OVER_SINCE, hours=words.number(minutes // 60))
    if minutes < 60:
        return words.say(wording.MINUTES_LEFT, minutes=minutes)
    return words.say(wording.HOURS_LEFT, hours=words.number(minutes // 60), minutes=minutes % 60)


def why(card: PieceCard, found: Irregularity, words: Words) -> str:
    return words.why(found.why, places.named(card, words))


def next_step(found: Irregularity, words: Words) -> tuple[str, str]:
    """What comes next, and when it is over by itself."""
    duty = DUTIES[found.kind]
    return words.why(duty.next_step, {}), words.why(duty.over, {})


def lines(card: PieceCard, words: Words) -> list[Line]:
    """The newest first, each with its fact."""
    return [_line(card, each, words) for each in reversed(card.entries)]


def _line(card: PieceCard, each: CardEntry, words: Words) -> Line:
    zone = each.facility.zone
    key = str(each.event_key) if each.event_key is not None else ""
    return Line(
        at=words.instant(each.happened_at, zone),
        machine=each.happened_at.isoformat(),
        text=text(card, each, words),
        place=places.full(each.facility, words),
        detail=tuple(_detail(each, words)),
        key=key,
        fact=fact(key),
        withdrawn=each.withdrawn,
        scan=key.startswith("dev:") and each.kind not in (Kind.VOID, Kind.BOOK),
    )


def text(card: PieceCard, each: CardEntry, words: Words) -> str:
    return asking.said(each.word, words) if each.word is not None else words.say(entry(card.kind, each.kind))


def fact(key: str) -> str:
    """A fact's key for people: of a scan's epoch only how it begins, `dev:h-0017#9f3c…:12`."""
    origin, _, inside = key.partition("#")
    epoch, colon, q = inside.partition(":")
    return f"{origin}#{epoch[:4]}…:{q}" if colon and len(epoch) == 32 else key


def _detail(each: CardEntry, words: Words) -> Iterator[str]:
    if each.into:
        yield places.run(each.into)
    if each.sort_point:
        yield each.sort_point
    if each.via:
        yield words.say("read on {container}", container=each.via)
    if each.role is not None:
        yield words.say(DECIDED[each.role], instant=words.instant(each.happened_at, each.facility.zone))
    if each.reason and each.word is None:
        yield each.reason
    late = each.recorded_at - each.happened_at
    if each.seen and late > timedelta(minutes=2):
        yield words.say("heard {minutes} min later", minutes=words.number(int(late.total_seconds() // 60)))


def told(card: PieceCard, words: Words) -> list[Told]:
    """What its recipient was told, or was not, the newest first."""
    zone = card.destination.zone
    return [
        Told(
            what=words.say(wording.NOTICES[each.kind]),
            at=words.instant(each.owed_at, zone),
            fate=words.say(wording.FATES[each.outcome]),
            sent=each.outcome in ("accepted", "unknown"),
        )
        for each in reversed(card.notices)
    ]


def others(file: CaseFile, words: Words) -> Sequence[tuple[str, str]]:
    return [(href(name), words.say(wording.KINDS[name[1]])) for name in file.others]
