"""The words people read, one .po a language, for pages and notices alike.

English sentences are the keys. A language is one more file, `<tag>.po`; nothing else names it.
"""

import re
import warnings
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from functools import cache, lru_cache
from importlib.resources import files
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.core import get_global
from babel.dates import format_skeleton, format_time
from babel.messages.pofile import read_po
from babel.numbers import format_decimal

from tracker.domain.card import LOCAL_DELIVERY
from tracker.domain.network import Facility
from tracker.domain.why import Why

SOURCE = "en"

PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]*)\}")

CLDR, CLDR_LOCALE = "CLDR", "en-GB"
"""The message that names the locale whose formats a language's dates and numbers follow."""

AT_A_TIME = "{day}, {time}"
BETWEEN_TIMES = "{day}, {from_time}–{to_time}"
BETWEEN_DAYS = "{from_instant} – {to_instant}"
THE_LAST_PLACE = "local delivery"


class MissingFactWarning(UserWarning):
    """A sentence names a fact that the caller did not give. Tests make it an error; readers see the sentence."""


def sentence(text: str) -> str:
    """Marks a sentence that is said elsewhere by its name, so that it is found when sentences are collected."""
    return text


def placeholders(text: str) -> frozenset[str]:
    return frozenset(PLACEHOLDER.findall(text))


class Words:
    """One language: what it says, and how it writes days, hours, numbers and places."""

    def __init__(self, tag: str, sentences: Mapping[str, str], formats: str) -> None:
        self.tag = tag
        self._sentences = sentences
        self._locale = Locale.parse(formats, sep="-")

    def say(self, sentence: str, /, **facts: object) -> str:
        """The sentence in this language, or in English where it has none, with its named facts filled in.

        Facts are filled in once, as they stand: braces inside a fact mean nothing. It never raises: where a
        translation names a fact that is not given the English one is said, and a `MissingFactWarning` issued.
        """
        said = self.pattern(sentence)
        if lacking := placeholders(said) - facts.keys():
            warnings.warn(
                f"{self.tag}: {said!r} needs {sorted(lacking)}: give them to say()", MissingFactWarning, stacklevel=2
            )
            if placeholders(sentence) <= facts.keys():
                said = sentence
        return PLACEHOLDER.sub(lambda found: str(facts.get(found[1], found[0])), said)

    def knows(self, sentence: str) -> bool:
        """Whether it has its own words for the sentence; English has for all."""
        return self.tag == SOURCE or sentence in self._sentences

    def pattern(self, sentence: str) -> str:
        """What it says before facts are filled in."""
        return self._sentences.get(sentence, sentence)

    def why(self, why: Why, places: Mapping[str, Facility]) -> str:
        """The reason as a sentence: instants in the local time of its `facility`, places by their names."""
        return self.say(why.sentence, **self.facts(why, places))

    def facts(self, why: Why, places: Mapping[str, Facility]) -> dict[str, str]:
        """What fills the reason, each by its name, as it stands in its sentence."""
        given = why.values
        here = places.get(given.get("facility", ""))
        zone = here.zone if here is not None else "UTC"
        return {name: self._fact(name, value, places, zone) for name, value in given.items()}

    def _fact(self, name: str, value: str, places: Mapping[str, Facility], zone: str) -> str:
        if name.endswith(("_at", "_by")):
            try:
                return self.instant(datetime.fromisoformat(value), zone)
            except ValueError:
                return value
        if name in ("facility", "origin", "destination") or name.endswith("_facility"):
            place = places.get(value)
            return self.place(place) if place is not None else value
        if name in ("departure", "inbound"):
            return value.partition("/")[0]
        return value

    def place(self, facility: Facility) -> str:
        """Its name, or `local delivery` for the place a number alone does not show."""
        return self.say(THE_LAST_PLACE) if facility.code == LOCAL_DELIVERY else facility.name(self.tag)

    def day(self, on: date) -> str:
        """`Sat 21 Nov`, `11月21日周六`. Of an instant, ask for its day in a zone first."""
        return _day_in(self._locale, on)

    def time(self, at: datetime, zone: str) -> str:
        """`14:00`, on the clock of the zone."""
        return str(format_time(at.astimezone(_zone(zone)), "HH:mm", locale=self._locale))

    def instant(self, at: datetime, zone: str) -> str:
        """`Sat 21 Nov, 14:00`, `11月21日周六 14:00`."""
        return self.say(AT_A_TIME, day=self.day(_day(at, zone)), time=self.time(at, zone))

    def window(self, earliest: datetime, latest: datetime, zone: str) -> str:
        """`Sat 21 Nov, 14:00–18:00`, `11月21日周六 14:00–18:00`; both days where it spans midnight."""
        if earliest == latest:
            return self.instant(earliest, zone)
        if _day(earliest, zone) != _day(latest, zone):
            begins, ends = self.instant(earliest, zone), self.instant(latest, zone)
            return self.say(BETWEEN_DAYS, from_instant=begins, to_instant=ends)
        return self.say(
            BETWEEN_TIMES,
            day=self.day(_day(earliest, zone)),
            from_time=self.time(earliest, zone),
            to_time=self.time(latest, zone),
        )

    def number(self, value: int | float) -> str:
        """`1,240` with the separators of the language."""
        return str(format_decimal(value, locale=self._locale))

    def country(self, code: str) -> str:
        """The name of an ISO 3166 country; the code where it has none."""
        return str(self._locale.territories.get(code, code))


@cache
def languages() -> tuple[str, ...]:
    """The tags there is a file for, English first."""
    found = (file.name.removesuffix(".po") for file in files(__name__).iterdir() if file.name.endswith(".po"))
    return tuple(sorted(found, key=lambda tag: (tag != SOURCE, tag)))


@cache
def words(tag: str) -> Words:
    """The words of a language there is a file for, else English. Read once."""
    if tag not in languages():
        return words(SOURCE)
    with files(__name__).joinpath(f"{tag}.po").open("rb") as file:
        catalog = read_po(file)
    sentences: dict[str, str] = {}
    formats = CLDR_LOCALE if tag == SOURCE else tag
    for message in catalog:
        if not isinstance(message.id, str) or not isinstance(message.string, str) or message.fuzzy:
            continue
        if message.context == CLDR:
            formats = message.string or formats
        elif message.id and message.string:
            sentences[message.id] = message.string
    return Words(tag, sentences, formats)


def choose(accepted: Iterable[str]) -> str:
    """The language to speak, for tags or whole Accept-Language headers in order of liking; English if none fits.

    `zh`, `zh-CN` and `zh-Hans-SG` are the same written language; `zh-TW` is another.
    """
    return next((tag for tag in map(_liked_most, accepted) if tag is not None), SOURCE)


@lru_cache(1024)  # browsers send few different headers
def _liked_most(header: str) -> str | None:
    have = {_written(tag): tag for tag in languages()}
    return next((have[_written(tag)] for tag in _by_liking(header) if _written(tag) in have), None)


def _by_liking(header: str) -> list[str]:
    ranked: list[tuple[float, str]] = []
    for entry in header[:1000].split(","):
        tag, _, rest = entry.partition(";")
        try:
            liking = float(rest.strip().removeprefix("q=")) if rest.strip() else 1.0
        except ValueError:
            liking = 0.0
        if liking > 0 and tag.strip():
            ranked.append((liking, tag.strip()))
    return [tag for _, tag in sorted(ranked, key=lambda entry: -entry[0])]


def _written(tag: str) -> tuple[str, str]:
    """Language and script: what a reader must be able to read."""
    try:
        locale = Locale.parse(tag.replace("_", "-"), sep="-")
    except (UnknownLocaleError, ValueError):
        return (tag, "")
    if locale.script:
        return (locale.language, locale.script)
    likely = get_global("likely_subtags").get(locale.language, "")
    return (locale.language, next((part for part in likely.split("_") if len(part) == 4), ""))


@lru_cache(1024)  # a page names the same few days again and again
def _day_in(locale: Locale, on: date) -> str:
    return str(format_skeleton("MMMEd", on, locale=locale))


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # a site may have been described badly; its pieces still have hours
        return ZoneInfo("UTC")


def _day(at: datetime, zone: str) -> date:
    return at.astimezone(_zone(zone)).date()
