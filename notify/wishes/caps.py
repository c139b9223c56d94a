"""How much is too much: what one person, one piece and one address are told in a day and in an hour."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

A_PERSON_A_DAY = 3
URGENT_A_DAY = 6
"""Up to which notices that cannot wait go on after the third of a day."""

A_PIECE_A_DAY = 6
BETWEEN_TEXTS = timedelta(minutes=10)
"""Between two text messages to one number."""

AN_ADDRESS_AN_HOUR, AN_ADDRESS_A_DAY = 5, 20
"""What nothing passes, whoever may or may not switch it off. A day is 24 hours here, not a date."""

HOUR, DAY = timedelta(hours=1), timedelta(hours=24)
LOOK_BACK = timedelta(hours=26)
"""How far back messages matter: the longest local day, and a little."""


@dataclass(frozen=True, slots=True)
class Told:
    """One message a person may have got: a letter with several notices is one."""

    at: datetime  # business time
    address: str  # digest
    channel: str
    numbers: frozenset[str]


@dataclass(frozen=True, slots=True)
class Asked:
    """A message about to go: to whom, about what, and how pressing."""

    at: datetime  # business time
    day_began: datetime  # of the person's local day
    address: str
    channel: str
    number: str
    now: bool  # it cannot wait
    must: bool  # nobody may switch it off


@dataclass(frozen=True, slots=True)
class Weighed:
    """What is asked, and all addresses of whom it is for."""

    asked: Asked
    person: frozenset[str]


@dataclass(frozen=True, slots=True)
class TooMuch:
    """It does not go now. Without `until` it joins the next digest."""

    why: str
    until: datetime | None = None


def too_much(asked: Asked, told: Collection[Told]) -> TooMuch | None:
    """What keeps this message back, or None. `told` is everything of the last `LOOK_BACK` to this person, whatever
    the address; the order does not matter."""
    here = sorted(one.at for one in told if one.address == asked.address)
    for most, span, words in ((AN_ADDRESS_AN_HOUR, HOUR, "an hour"), (AN_ADDRESS_A_DAY, DAY, "a day")):
        lately = [at for at in here if at > asked.at - span]
        if len(lately) >= most:
            return TooMuch(f"no address gets more than {most} {words}", lately[-most] + span)
    if asked.must:
        return None
    texts = [one.at for one in told if one.channel == "sms" and one.address == asked.address]
    if asked.channel == "sms" and texts and max(texts) + BETWEEN_TEXTS > asked.at:
        return TooMuch("one text message to a number in ten minutes", max(texts) + BETWEEN_TEXTS)
    today = [one for one in told if one.at >= asked.day_began]
    if len(today) >= (most := URGENT_A_DAY if asked.now else A_PERSON_A_DAY):
        return TooMuch(f"{most} messages a day are enough; it joins the next digest")
    if sum(asked.number in one.numbers for one in today) >= A_PIECE_A_DAY:
        return TooMuch(f"{A_PIECE_A_DAY} messages a day about one piece are enough; it joins the next digest")
    return None
