"""What recipients may ask about a delivery, in words: each thing, what it changes, and why it may be closed."""

from dataclasses import dataclass

from locales import Words, sentence
from tracker.domain.asks import Ask, Closed, Offer, Outcome, Word

NAMES: dict[Ask, str] = {
    Ask.OTHER_DAY: sentence("Another day"),
    Ask.PICKUP: sentence("Pick it up yourself"),
    Ask.SAFE_PLACE: sentence("Leave it in a safe place"),
    Ask.NEIGHBOUR: sentence("Give it to a neighbour"),
    Ask.ADDRESS: sentence("Correct the address"),
    Ask.REDIRECT: sentence("Send it to another address"),
    Ask.RETURN: sentence("Send it back"),
    Ask.MISSING_BAG: sentence("Report it missing"),
}

EFFECTS: dict[Ask, str] = {
    Ask.OTHER_DAY: sentence("It stays at its last station and goes out with the first van of the day you choose."),
    Ask.PICKUP: sentence("It does not go on a van. It waits for you at its last station 45 minutes after it came."),
    Ask.SAFE_PLACE: sentence("The window stays the same. It is left where you say, without anybody there."),
    Ask.NEIGHBOUR: sentence("The window stays the same. It is handed to whom you name."),
    Ask.ADDRESS: sentence("With the same postcode the window stays the same; else our support looks at it first."),
    Ask.REDIRECT: sentence("Our support looks at it first. It comes a day or more later."),
    Ask.RETURN: sentence("Our support looks at it first. It is then not delivered, but sent back to whoever sent it."),
    Ask.MISSING_BAG: sentence("Our support looks for it. What they find stands on its page."),
}

NOTES: dict[Ask, str] = {
    Ask.SAFE_PLACE: sentence("Where"),
    Ask.NEIGHBOUR: sentence("Who, and at which door"),
    Ask.MISSING_BAG: sentence("What it looks like, and where you stay"),
}

CLOSED: dict[Closed, str] = {
    Closed.NOT_OFFERED: sentence("Not included in the service its sender chose."),
    Closed.VALUABLE: sentence("It is worth too much to be handed to anybody but you."),
    Closed.TOO_LATE: sentence("Too late for this journey."),
    Closed.ON_THE_VAN: sentence("It is on the van. Should nobody be there, you can ask again afterwards."),
    Closed.HANDED_OVER: sentence("It was handed over."),
    Closed.GOING_BACK: sentence("It is on its way back."),
    Closed.ASKED: sentence("Asked for already; the answer will stand on its page."),
    Closed.NOT_YET: sentence("Possible once its last flight has landed."),
    Closed.BAD_DAY: sentence("That day can no longer be chosen."),
    Closed.STAFF: sentence("Our support could not do it."),
}
WAS_UNTIL = sentence("It was possible until {until}.")

SAID: dict[Outcome | None, str] = {
    None: sentence("Asked: {what}"),
    Outcome.GRANTED: sentence("Granted: {what}"),
    Outcome.REFUSED: sentence("Refused: {what}"),
}
ON_DAY = sentence("{what}, {day}")
ASKED_AT = sentence("Asked by its recipient on {instant}, local time.")
BY_RULE = sentence("Answered at once, by what the service allows and how far it has come.")


@dataclass(frozen=True, slots=True)
class Choice:
    """One thing to ask for, as the page shows it."""

    ask: str
    name: str
    effect: str
    until: str | None
    closed: str | None  # why it cannot be asked for now
    days: tuple[tuple[str, str], ...]  # value and words
    note: str | None  # what is to be written beside it
    address: bool


def choice(offer: Offer, zone: str, words: Words) -> Choice:
    until = words.instant(offer.until, zone) if offer.until is not None else None
    return Choice(
        ask=offer.ask.value,
        name=words.say(NAMES[offer.ask]),
        effect=words.say(EFFECTS[offer.ask]),
        until=until if offer.open else None,
        closed=because(offer.closed, until, words) if offer.closed is not None else None,
        days=tuple((day.isoformat(), words.day(day)) for day in offer.days),
        note=words.say(NOTES[offer.ask]) if offer.ask in NOTES else None,
        address=offer.ask in (Ask.ADDRESS, Ask.REDIRECT),
    )


def because(closed: Closed, until: str | None, words: Words) -> str:
    if closed is Closed.TOO_LATE and until is not None:
        return words.say(WAS_UNTIL, until=until)
    return words.say(CLOSED[closed])


def said(word: Word, words: Words) -> str:
    """A line of the timeline."""
    what = words.say(NAMES[word.ask])
    if word.on is not None:
        what = words.say(ON_DAY, what=what, day=words.day(word.on))
    return words.say(SAID[word.outcome], what=what)
