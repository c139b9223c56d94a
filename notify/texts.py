"""What a notice says in whole sentences: long for a letter, short for a phone. One template a kind in `templates/`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from locales import Words
from notify.owed import OwedNotice
from tracker.domain.notices import NoticeKind
from tracker.domain.shipment import PieceKind

_S10 = re.compile(r"([A-Z]{2})(\d{4})(\d{4})(\d)([A-Z]{2})")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]+")
_NOT_IN_GSM = str.maketrans({"–": "-", "—": "-", "’": "'", "‘": "'", "“": '"', "”": '"', "…": "..."})


@dataclass(frozen=True, slots=True)
class Text:
    """What is said, before any layout. Every line is a whole sentence in the reader's language."""

    subject: str
    headline: str
    happened: tuple[str, ...]
    means: tuple[tuple[str, str], ...]  # label and value
    do: tuple[str, ...]
    again: str
    short: str  # all of it in one or two sentences, with the number
    good: bool  # good news or not: the colour of the headline's mark, never the only sign of it


def write(notice: OwedNotice, spoken: Words, *, reply: bool = False) -> Text:
    """The words of the notice's kind. `reply`: whether somebody reads an answer to it."""
    zone, quotes = notice.destination.zone, notice.quotes
    text = written(
        notice.kind,
        {
            "_": spoken.say,
            "bag": notice.piece_kind is PieceKind.BAG,
            "reply": reply,
            "number": one_line(notice.number),
            "why": spoken.why(notice.why, notice.places),
            "place": spoken.place(notice.destination),
            "facts": spoken.facts(notice.why, notice.places),
            "window": spoken.window(*notice.window, zone) if notice.window else "",
            "before": spoken.window(*notice.before, zone) if notice.before else "",
            "departure": _departure(notice.departure, spoken) if notice.departure else "",
            "run": run_of(notice.departure or ""),
            "of": (notice.withdraws or "").partition(":")[0],
            "quote": spoken.why(quotes.why, notice.places) if quotes is not None else "",
            "said_at": spoken.instant(quotes.said_at, notice.recipient.zone) if quotes is not None else "",
            "missed": run_of(notice.why.values.get("departure", "")),
        },
    )
    return text if not notice.coarse or notice.kind is NoticeKind.CONFIRM_CONTACT else _coarse(notice, text, spoken)


def written(template: str, facts: Mapping[str, object]) -> Text:
    """What a template says with these facts."""
    said = _environment().get_template(f"{template}.jinja").make_module(dict(facts))

    def told(name: str) -> str:
        return " ".join(str(getattr(said, name)).split())

    def lines(name: str) -> tuple[str, ...]:
        return tuple(" ".join(str(line).split()) for line in getattr(said, name) if str(line).strip())

    return Text(
        subject=one_line(told("subject")),
        headline=told("headline"),
        happened=lines("happened"),
        means=tuple((label, value) for label, value in getattr(said, "means") if value),  # noqa: B009 - a template's
        do=lines("do"),
        again=told("again"),
        short=one_line(told("short")).translate(_NOT_IN_GSM),
        good=bool(getattr(said, "good")),  # noqa: B009
    )


def _coarse(notice: OwedNotice, whole: Text, spoken: Words) -> Text:
    """For who has the number alone: what, and the window; where, when and why is on its page, as far as for them."""
    window = spoken.window(*notice.window, notice.destination.zone) if notice.window else ""
    return replace(
        whole,
        subject=whole.headline,
        happened=(spoken.say("Its page shows when and where, as far as its number alone may show it."),),
        means=((spoken.say("Expected"), window),) if window else (),
        do=(spoken.say("Whoever it goes to has a link of their own, which shows more."),),
        short=spoken.say("News of {number}. Its page shows it.", number=one_line(notice.number)),
    )


def short(notice: OwedNotice, spoken: Words) -> str:
    """The whole notice in one or two sentences, for a phone or a list, without link or name.

    In English at most one part of an SMS (160 letters of GSM-7), in Chinese at most two (2 × 67), where the names in
    it are no longer than ours.
    """
    return write(notice, spoken).short


def one_line(text: str) -> str:
    return " ".join(_UNPRINTABLE.sub(" ", text).split())


def grouped(number: str) -> str:
    """As on the label: `LS 1234 5678 5 NL`. Other numbers stay as they are."""
    found = _S10.fullmatch(number)
    return " ".join(found.groups()) if found else one_line(number)


def run_of(departure: str) -> str:
    """`LH716` of `LH716/2026-11-21`: the day is said in words where it matters."""
    return departure.partition("/")[0]


def _departure(departure: str, spoken: Words) -> str:
    run, _, on = departure.partition("/")
    try:
        return spoken.say("{run}, {day}", run=run, day=spoken.day(date.fromisoformat(on)))
    except ValueError:
        return departure


@cache
def _environment() -> Environment:
    """A text is no mark-up: whoever lays it out as mark-up escapes it."""
    return Environment(
        loader=PackageLoader("notify"),
        autoescape=False,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
