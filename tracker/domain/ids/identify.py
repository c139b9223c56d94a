"""`identify`: every valid reading of a code, the most likely first. It never chooses silently.

Best first: by symbology and AIM prefix, then by what is known on the spot, then a check digit before mere shape, then
fixed letters or a prefix before none. Two that no symbology, place or prefix tells apart are both marked ambiguous: a
check digit that agrees orders them and does not decide, for one random number in ten has one that does.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache

from tracker.domain.errors import UnreadableLabelError
from tracker.domain.ids.candidate import ANYWHERE, Candidate, Context
from tracker.domain.ids.gs1 import AIM_GS1, CARRIERS_AIS, FNC1, GS1_128, WAYBILLS, elements, sscc_of_epc
from tracker.domain.ids.link import linked_number
from tracker.domain.ids.names import DepartureName, is_departure
from tracker.domain.ids.scheme import Alias, Scheme, Standing
from tracker.domain.ids.table import BY_LENGTH

LONGEST = 200
"""Letters that are looked at: the longest label, typed with a blank after every letter, is shorter."""

_AIM = re.compile(r"\][A-Za-z][0-9]", re.ASCII)
_AIM_SYMBOLOGIES = {"A": "code39", "C": "code128", "F": "codabar", "G": "code93", "I": "itf", "R": "2of5", "S": "2of5"}
_BLANKS = re.compile(r"[\s-]")


@dataclass(frozen=True, slots=True)
class _Reading:
    scheme: Scheme
    candidate: Candidate
    pinned: bool
    signalled: bool
    expected: bool
    here: bool

    @property
    def evidence(self) -> tuple[bool, ...]:
        """What decides between readings, the strongest first; False is better, so that it sorts first."""
        told = (self.pinned, self.signalled, self.expected, self.here, self.scheme.marked)
        return tuple(not one for one in told)

    @property
    def rank(self) -> tuple[object, ...]:
        *told, marked = self.evidence
        return (*told, self.scheme.standing, self.scheme.passes is None, marked)

    @property
    def whose(self) -> tuple[str | None, str]:
        return self.candidate.carrier, self.candidate.number


def identify(text: str, symbology: str | None = None, context: Context = ANYWHERE) -> tuple[Candidate, ...]:
    """All valid readings of a code as read or typed; blanks, hyphens and case do not matter.

    `symbology` is in the words of a scan's `sym`; an AIM prefix in the text counts more. Empty when nothing is valid:
    the code is a fact all the same, and is kept.
    """
    text = linked_number(text) or text
    if len(text) > LONGEST:
        return ()
    text, symbology = _without_aim(text, symbology)
    if is_departure(text):
        return (_departure(text),)
    found: dict[str, _Reading] = {}
    for code in _codes(text, symbology):
        for scheme in BY_LENGTH.get(len(code), ()):
            _read(scheme, code, symbology, context, found)
    for ai, data in _waybills(text, symbology):
        _read(WAYBILLS[ai], data, symbology, context, found)
    return _ranked(found.values())


def aliases_in(text: str, symbology: str | None = None) -> tuple[Alias, ...]:
    """Scheme and number of everything a code may have been booked under, in no order: the aliases of all that
    `identify` finds in the context `MATCHING`, at a third of its cost, for every scan that comes in."""
    told = GS1_128 if symbology == GS1_128 else None  # no other changes what is found
    return _kept_aliases(text, told) if len(text) <= LONGEST else _aliases(text, told)


def _aliases(text: str, symbology: str | None) -> tuple[Alias, ...]:
    text = linked_number(text) or text
    if len(text) > LONGEST:
        return ()
    text, symbology = _without_aim(text, symbology)
    if is_departure(text):
        return _departure(text).aliases
    schemes = [(scheme, code) for code in _codes(text, symbology) for scheme in BY_LENGTH.get(len(code), ())]
    schemes += [(WAYBILLS[ai], data) for ai, data in _waybills(text, symbology)]
    found: dict[str, tuple[Alias, ...]] = {}
    for scheme, code in schemes:
        if scheme.name not in found and (parts := scheme.read(code)) is not None:
            found[scheme.name] = scheme.aliases(parts)
    return tuple(dict.fromkeys(alias for aliases in found.values() for alias in aliases))


_kept_aliases = lru_cache(20_000)(_aliases)  # a piece is scanned several times within hours


def _without_aim(text: str, symbology: str | None) -> tuple[str, str | None]:
    aim = _AIM.match(text)
    if aim is None:
        return text, symbology
    said = GS1_128 if aim[0] in AIM_GS1 else _AIM_SYMBOLOGIES.get(aim[0][1], symbology)
    return text[3:], said


def _codes(text: str, symbology: str | None) -> list[str]:
    """The code in one spelling, and the numbers within an element string, each behind its AI."""
    sscc = sscc_of_epc(text.strip())
    if sscc is not None:
        return [f"00{sscc}"]
    plain = _plain(text)
    codes = [plain] if plain and plain.strip("0") else []  # noughts alone: how a scanner says that it read nothing
    codes += [ai + data for ai, data in _elements(text, symbology) if ai in CARRIERS_AIS]
    return list(dict.fromkeys(codes))


def _waybills(text: str, symbology: str | None) -> list[tuple[str, str]]:
    return [(ai, data) for ai, data in _elements(text, symbology) if ai in WAYBILLS]


def _elements(text: str, symbology: str | None) -> tuple[tuple[str, str], ...]:
    """Split by AI only what is known to be an element string: digits alone would split by chance."""
    text = text.strip(" \t\r\n")
    if not (text.startswith("(") or symbology == GS1_128 or FNC1 in text):
        return ()
    plain = FNC1.join(_plain(part) for part in text.split(FNC1))
    try:
        return elements(plain)
    except UnreadableLabelError:
        return ()


def _plain(text: str) -> str:
    """Without blanks, hyphens and separators, in capitals; nothing where a sign is beyond ASCII."""
    bare = _BLANKS.sub("", text)
    return bare.upper() if bare.isascii() else ""  # ASCII first: a long s is an S in capitals


def _read(scheme: Scheme, code: str, symbology: str | None, context: Context, found: dict[str, _Reading]) -> None:
    """Adds the reading under this scheme, if there is one; of two under one scheme the first in the table stays."""
    if scheme.name in found or (scheme.only_named and not context.names(scheme.carrier)):
        return
    parts = scheme.read(code)
    if parts is None:
        return
    carrier = scheme.carrier_of(parts) if scheme.carrier_of else scheme.carrier
    aliases = scheme.aliases(parts)
    expected = not context.expected.isdisjoint(number for _, number in aliases)
    why = scheme.why(parts)
    signalled = symbology is not None and symbology in scheme.signalled_by
    confirm = scheme.name == "lpn" and symbology == "keyed" and not expected
    if signalled:
        why += f"; {symbology} says so"
    if expected:
        why += "; it is expected"
    if confirm:
        why += "; typed: confirm by name or flight"
    found[scheme.name] = _Reading(
        scheme=scheme,
        candidate=Candidate(
            scheme=scheme.name, carrier=carrier, number=scheme.number(parts), why=why, aliases=aliases, confirm=confirm
        ),
        pinned=carrier is not None and carrier == context.pinned,
        signalled=signalled,
        expected=expected,
        here=carrier in context.carriers,
    )


def _ranked(found: Iterable[_Reading]) -> tuple[Candidate, ...]:
    readings = sorted(found, key=lambda reading: reading.rank)  # stable: else the order of the table
    if not readings:
        return ()
    best = readings[0]
    equals = [
        reading
        for reading in readings
        if reading.evidence == best.evidence
        and (reading.scheme.standing is Standing.LAST) == (best.scheme.standing is Standing.LAST)
    ]
    if len({reading.whose for reading in equals}) < 2:
        equals = []
    return tuple(replace(reading.candidate, ambiguous=reading in equals) for reading in readings)


def _departure(text: str) -> Candidate:
    name = str(DepartureName.parse(text))
    return Candidate(
        scheme="departure", carrier=None, number=name, why="a run and its service date", aliases=(("departure", name),)
    )
