"""Numbers for labels that nobody booked: well-formed parcels and bag tags, the same for the same seed."""

import random

from tracker.domain.ids import S10Number

BAGS = 0.25
BAG_DIGITS = 10


def numbers(seed: int, count: int) -> list[str]:
    """Parcels of the post and bag tags, all different."""
    chance = random.Random(f"{seed}/labels")
    found: dict[str, None] = {}
    while len(found) < count:
        found[_bag(chance) if chance.random() < BAGS else _parcel(chance)] = None
    return list(found)


def symbology_of(number: str) -> str:
    """The code that is printed for a number: bag tags are interleaved 2 of 5, all else is Code 128."""
    return "itf" if len(number) == BAG_DIGITS and number.isdigit() else "code128"


def _parcel(chance: random.Random) -> str:
    return str(S10Number("LS", f"{chance.randrange(10**8):08d}", "NL"))


def _bag(chance: random.Random) -> str:
    return f"0{chance.randrange(10**9):09d}"
