"""What a scheme is: one carrier's way of writing numbers. A file a family makes them, `table.py` lists them all."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

Alias = tuple[str, str]
"""A scheme and a number under it: what a piece is looked up by."""

Parts = re.Match[str]
"""A code that has the shape of a scheme, taken apart."""


class Standing(IntEnum):
    """What a reading is worth by itself, the best first."""

    CHECKED = 0  # a check digit agrees; one random number in ten would pass
    SHAPE = 1  # letters and lengths only
    LAST = 2  # nearly anything fits, or the form was never verified: offered, never set against a better one


def _whole(parts: Parts) -> str:
    return parts[0]


def _no_other(parts: Parts) -> tuple[Alias, ...]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheme:
    """One form of number.

    `shape` is held against the whole code, in capitals without blanks and hyphens, once its length is among `lengths`;
    none has a repetition within a repetition, so the time is linear in that length.
    """

    name: str
    carrier: str | None  # None: whoever's; the number does not say
    lengths: Iterable[int]
    shape: str
    says: str  # for people: what makes it one
    passes: Callable[[Parts], bool] | None = None  # whether the check digit agrees; None where there is none
    number: Callable[[Parts], str] = _whole  # the one the customer knows
    known_by: Callable[[Parts], tuple[Alias, ...]] = (
        _no_other  # that number, where it is of another scheme or has forms
    )
    marked: bool = False  # fixed letters or digits at its beginning set it apart from the numbers of others
    last: bool = False  # nearly anything fits, or the form was never verified
    only_named: bool = False  # so weak that it is offered only where the site or the caller names the carrier
    signalled_by: frozenset[str] = frozenset()  # symbologies this form is printed in, and hardly another of its length
    carrier_of: Callable[[Parts], str] | None = None  # where the number itself says whose it is
    tells: Callable[[Parts], str] | None = None  # what else the number says of itself, for people
    _pattern: re.Pattern[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_pattern", re.compile(self.shape, re.ASCII))

    @property
    def standing(self) -> Standing:
        if self.last:
            return Standing.LAST
        return Standing.CHECKED if self.passes else Standing.SHAPE

    def read(self, text: str) -> Parts | None:
        """The number's parts, if the text is one of this form and its check digit agrees."""
        parts = self._pattern.fullmatch(text)
        return parts if parts and (self.passes is None or self.passes(parts)) else None

    def why(self, parts: Parts) -> str:
        told = self.says if self.tells is None else f"{self.says}; {self.tells(parts)}"
        return told if self.passes else f"{told}; shape only, no check digit"

    def aliases(self, parts: Parts) -> tuple[Alias, ...]:
        """The number the customer knows, other forms of it, and the whole code: each once."""
        short = self.known_by(parts) or ((self.name, self.number(parts)),)
        return tuple(dict.fromkeys((*short, (self.name, parts[0]))))


def by_length(schemes: Iterable[Scheme]) -> Mapping[int, tuple[Scheme, ...]]:
    """The schemes of each length, in the order of the table: a code is held only against those that it can be."""
    sorted_in: dict[int, tuple[Scheme, ...]] = {}
    for scheme in schemes:
        for length in scheme.lengths:
            sorted_in[length] = (*sorted_in.get(length, ()), scheme)
    return sorted_in
