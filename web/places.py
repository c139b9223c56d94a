"""Places and runs as customers call them."""

from dataclasses import replace

from locales import Words, sentence
from tracker.domain.card import LOCAL_DELIVERY, PieceCard
from tracker.domain.network import Facility

LAST_STATION = sentence("the local delivery station")
WITH_COUNTRY = sentence("{city}, {country}")
WITHIN = sentence("Within {place}")
LAST_HOP = sentence("local delivery")
LAST_HOP_IN = sentence("Local delivery, {country}")


def is_last(place: Facility) -> bool:
    """The place that a number alone does not show."""
    return place.code == LOCAL_DELIVERY


def named(card: PieceCard, words: Words) -> dict[str, Facility]:
    """The places of a card for sentences: the last one as *the local delivery station*, never by its code."""
    station = words.say(LAST_STATION)
    return {
        code: replace(place, code="LAST", names={words.tag: station}, cities={}) if is_last(place) else place
        for code, place in card.facilities.items()
    }


def called(place: Facility, words: Words) -> str:
    """The city, or *the local delivery station*: for the inside of sentences."""
    return words.say(LAST_STATION) if is_last(place) else place.city(words.tag)


def short(place: Facility, words: Words) -> str:
    """The city, or *local delivery*."""
    return words.say(LAST_HOP) if is_last(place) else place.city(words.tag)


def full(place: Facility, words: Words) -> str:
    """Its name, as far as it may be shown, and country."""
    if not place.country:
        return words.say(LAST_HOP) if is_last(place) else place.name(words.tag)
    if is_last(place):
        return words.say(LAST_HOP_IN, country=words.country(place.country))
    return words.say(WITH_COUNTRY, city=place.name(words.tag), country=words.country(place.country))


def route(origin: Facility, destination: Facility, words: Words) -> str:
    """From city to city, or *within* one, as a shuttle between two houses goes."""
    start, end = short(origin, words), short(destination, words)
    return words.say(WITHIN, place=start) if start == end else f"{start} → {end}"


def last_known(card: PieceCard) -> Facility:
    """The destination, or, where a number alone does not show it, the last place before it that it does."""
    if not is_last(card.destination):
        return card.destination
    before = [leg.origin for leg in card.legs if is_last(leg.destination) and not is_last(leg.origin)]
    return before[-1] if before and before[-1].city("en") != card.origin.city("en") else card.destination


def run(departure: str) -> str:
    """`AA1234` of `AA1234/2026-11-21`: the day stands beside it in words."""
    return departure.partition("/")[0]


def spaced(number: str) -> str:
    """A number in groups as on its label: `LS 1234 5678 5 NL`, `0220 208212`."""
    if len(number) == 13 and number[2:11].isdigit():
        return f"{number[:2]} {number[2:6]} {number[6:10]} {number[10]} {number[11:]}"
    if len(number) == 10 and number.isdigit():
        return f"{number[:4]} {number[4:]}"
    return number
