"""When a read counts.

| symbology | counts on | also |
| --- | --- | --- |
| QR, Data Matrix, PDF417, Aztec, MaxiCode | one read | they correct errors and know when they cannot |
| Code 128, GS1-128 | two agreeing reads, one by zxing-cpp | or one whose number has a check digit that agrees |
| ITF | two agreeing reads, a length on the site's list | no list: six digits at least; never part of a longer read |
| 2 of 5 | two agreeing reads from different pixels, a length on the site's list | no list: ten digits, as a bag tag |
| Code 39, Codabar, Code 93 | two agreeing reads | one alone is shown, not accepted |
| EAN, UPC | two agreeing reads from different pixels, one of them zxing-cpp's | off unless asked for |

A vote is another frame, another crop or the other decoder. A text on the expected list counts as two.

The length lock comes *before* the vote: of 72 damaged ten-digit tags two votes alone gave nine wrong texts, all of
six or eight digits; with the lock none. Code 128's checksum modulo 103 lets one misreading in a hundred through:
of 6,000 blurred labels zbar alone read 17 wrongly, and zxing-cpp one of another 300. zbar also reads FNC4 letters
(é, ó) as others, in every frame alike.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from scanner.decode.readings import Box, Read, Sighting
from scanner.symbology import MATRIX, Symbology
from tracker.domain.ids import readings

LENGTHS_2_OF_5 = frozenset({10})  # where a site has given no list
SHORTEST_CODABAR = 4  # between its guards; both readers saw D64D in noise
SHORTEST_ITF = 6  # digits, where a site has given no list
NEVER_ZBAR_ALONE = frozenset({Symbology.CODE128, Symbology.GS1_128, Symbology.EAN})
CHECKED_SCHEMES = frozenset({"s10"})  # numbers with a check digit of their own
PERSISTENT = 3  # frames
CODABAR_GUARDS = "ABCDTNE*abcdtne"


@dataclass(frozen=True, slots=True)
class View:
    """Which pixels a sighting came from: `crop` is "whole" or names a cut-out or turn of `frame`."""

    frame: int
    crop: str


@dataclass(slots=True)
class _Ballot:
    symbology: Symbology
    text: str
    box: Box
    frame: int
    voters: set[tuple[View, str]] = field(default_factory=set)


class Votes:
    """The reads of one label, over as many views and frames as it takes."""

    def __init__(
        self, lengths: Mapping[Symbology, Collection[int]] | None = None, expected: Collection[str] = ()
    ) -> None:
        self._lengths = dict(lengths or {})
        self._expected = frozenset(expected)
        self._ballots: dict[tuple[Symbology, str], _Ballot] = {}

    def cast(self, seen: Sighting, *, view: View, reader: str, box: Box) -> None:
        """Count one sighting; `box` in pixels of the whole picture. The same view and reader count once."""
        key = (_family(seen.symbology), _essence(seen))
        ballot = self._ballots.get(key)
        if ballot is None:
            ballot = self._ballots[key] = _Ballot(seen.symbology, seen.text, box, view.frame)
        elif ballot.symbology is Symbology.CODE128 and seen.symbology is Symbology.GS1_128:
            ballot.symbology, ballot.text = seen.symbology, seen.text  # zbar hides the leading FNC1
        if ballot.frame != view.frame:
            ballot.box, ballot.frame = box, view.frame
        ballot.voters.add((view, reader))

    def accepted(self, frame: int | None = None) -> list[Read]:
        """What counts by now, in the order first seen; with `frame` only what was also seen in that frame."""
        return [
            Read(ballot.symbology, ballot.text, self._confidence(ballot), ballot.box)
            for ballot in self._ballots.values()
            if self._counts(ballot) and frame in (None, ballot.frame)
        ]

    def glimpsed(self, frame: int | None = None) -> list[Read]:
        """What is still short of a vote: to show to the courier, never to keep; with `frame` as in `accepted`."""
        return [
            Read(ballot.symbology, ballot.text, 0.5, ballot.box)
            for ballot in self._ballots.values()
            if self._eligible(ballot) and not self._counts(ballot) and frame in (None, ballot.frame)
        ]

    def _confidence(self, ballot: _Ballot) -> float:
        agreed = len(ballot.voters) >= 2 or ballot.text in self._expected
        return 1.0 if agreed else 0.9

    def _counts(self, ballot: _Ballot) -> bool:
        if not self._eligible(ballot):
            return False
        if ballot.symbology in MATRIX or ballot.text in self._expected:
            return True
        if _family(ballot.symbology) is Symbology.CODE128 and has_own_check(ballot.text):
            return True
        zbar_alone = {reader for _, reader in ballot.voters} == {"zbar"}
        if zbar_alone and ballot.symbology in NEVER_ZBAR_ALONE:
            return False
        if ballot.symbology in (Symbology.EAN, Symbology.TWO_OF_FIVE):
            return len({view for view, _ in ballot.voters}) >= 2
        return len(ballot.voters) >= 2

    def _eligible(self, ballot: _Ballot) -> bool:
        lengths = self._lengths.get(ballot.symbology)
        if ballot.symbology is Symbology.TWO_OF_FIVE:
            lengths = lengths or LENGTHS_2_OF_5
        if lengths and len(ballot.text) not in lengths:
            return False
        if ballot.symbology is Symbology.CODABAR and not lengths:
            return len(_essence(Sighting(ballot.symbology, ballot.text, ballot.box))) >= SHORTEST_CODABAR
        if ballot.symbology not in (Symbology.ITF, Symbology.TWO_OF_FIVE):
            return True
        if not lengths and len(ballot.text) < SHORTEST_ITF:
            return False
        if not ballot.text.strip("0"):
            return False  # all noughts: how a fixed reader on a belt says "looked, read nothing"
        return not self._part_of_a_longer(ballot)

    def _part_of_a_longer(self, short: _Ballot) -> bool:
        return any(
            short.text in long.text and len(long.text) > len(short.text) and not _phantom(long, beside=short)
            for long in self._ballots.values()
            if long.symbology is short.symbology
        )


def _phantom(long: _Ballot, *, beside: _Ballot) -> bool:
    """Whether the longer read is the mistake: seen once by one reader, while three frames gave the shorter.

    An edge or a scratch beside a tag is now and then read as two more digits; without this such a tag would never
    be accepted again. A cut carton that is seen whole once still blocks its ten digits for two frames.
    """
    return len(long.voters) == 1 and len({view.frame for view, _ in beside.voters}) >= PERSISTENT


def has_own_check(text: str) -> bool:
    """Whether the text is, letter by letter, a number of a scheme with a check digit, and the digit agrees."""
    return any(candidate.scheme in CHECKED_SCHEMES and candidate.number == text for candidate in readings(text))


def _family(symbology: Symbology) -> Symbology:
    return Symbology.CODE128 if symbology is Symbology.GS1_128 else symbology


def _essence(seen: Sighting) -> str:
    """The text as two honest readers agree on it: conventions about guards and leading noughts taken off."""
    if seen.symbology is Symbology.CODABAR:
        return seen.text.strip(CODABAR_GUARDS)
    if seen.symbology is Symbology.EAN:
        return seen.text.lstrip("0")
    return seen.text
