"""Where a fact belongs: to exactly one piece or departure, or to nothing. Never attached by guess."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from tracker.domain import handling
from tracker.domain.handling import HandlingEvent, Kind, is_only_kept, said_of_asks
from tracker.domain.ids import MATCHING, NEVER_A_PIECE, aliases_in, container_of, identify
from tracker.domain.itinerary import Foreseen, Replan
from tracker.domain.network import ClosureWord
from tracker.folding import closure_word_of, foreseen_of, planned_legs, replan_of
from tracker.store import Transaction
from tracker.store.bodies import BookedPieces, OfPiece, StaffDecided
from tracker.store.booked import Alias, meant
from tracker.store.containers import ContainerFact
from tracker.store.fact_log import KeptFact
from tracker.store.schema import UNKNOWN_DEPARTURE

_DEPARTURE = "departure"

Names = tuple[tuple[str, str], ...]
"""Scheme and number of everything a code may mean."""


@dataclass
class News:
    """What a batch brought one piece."""

    events: list[HandlingEvent] = field(default_factory=list)
    replans: list[Replan] = field(default_factory=list)
    foreseen: list[Foreseen] = field(default_factory=list)
    anew: bool = False  # what it rests on changed too: it is judged again, whatever is said of itself


@dataclass
class Matched:
    """Where the facts of a batch belong."""

    pieces: list[tuple[int, int]] = field(default_factory=list)  # piece and position
    cards: list[tuple[str, int]] = field(default_factory=list)  # departure and position
    containers: list[ContainerFact] = field(default_factory=list)
    lost: list[tuple[str, int, str]] = field(default_factory=list)  # number, position and why it belongs to nothing
    news: dict[int, News] = field(default_factory=dict)
    booked: list[int] = field(default_factory=list)
    closed: list[tuple[int, str, ClosureWord]] = field(default_factory=list)  # position, place, and what was decided

    @property
    def departed(self) -> set[str]:
        return {name for name, _ in self.cards}

    def touch(self, piece: int) -> News:
        return self.news.setdefault(piece, News())


def match(tx: Transaction, facts: Sequence[KeptFact]) -> Matched:
    """Looks up all that these facts name at once; keeps nothing."""
    found = Matched()
    scans: list[tuple[KeptFact, Names]] = []
    for fact in facts:
        match fact.event.kind:
            case Kind.BOOK if fact.body is not None:
                for piece in msgspec.json.decode(fact.body, type=BookedPieces).pieces:
                    found.pieces.append((piece, fact.pos))
                    found.booked.append(piece)
                    found.touch(piece)
            case Kind.REPLAN if fact.body is not None:
                planned = planned_legs(fact)
                found.pieces.append((planned.piece, fact.pos))
                found.touch(planned.piece).replans.append(replan_of(fact))
            case Kind.ALERT if fact.body is not None:
                piece, foreseen = foreseen_of(fact)
                found.pieces.append((piece, fact.pos))
                found.touch(piece).foreseen.append(foreseen)
            case handling.CLOSURE if fact.event.decided is not None:
                found.closed.append((fact.pos, fact.event.code, closure_word_of(fact)))
            case _ if (about := _decided_about(fact)) is not None:
                found.pieces.append((about, fact.pos))
                found.touch(about).events.append(fact.event)
            case _ if is_only_kept(fact.event):
                pass  # kept; it means nothing to a piece so far
            case _:
                scans.append((fact, aliases_in(fact.event.code, fact.sym)))
    runs = {number for _, names in scans for scheme, number in names if scheme == _DEPARTURE}
    timetable = tx.network.departures(runs).keys() if runs else ()
    numbers = {number for _, names in scans for scheme, number in names if scheme != _DEPARTURE}
    known = tx.booked.named(numbers) if numbers else {}
    for fact, names in scans:
        _match_scan(found, fact, names, known, timetable)
    return found


def _match_scan(
    found: Matched,
    fact: KeptFact,
    names: Names,
    known: Mapping[tuple[str, str], Sequence[Alias]],
    timetable: Collection[str],
) -> None:
    if names and names[0][0] == _DEPARTURE:
        run = names[0][1]
        if run in timetable:
            found.cards.append((run, fact.pos))
        else:
            found.lost.append((run, fact.pos, UNKNOWN_DEPARTURE))
        return
    container = container_of(fact.event.code)
    if container is not None:
        found.containers.append((container, fact.event.happened_at, fact.pos))
    meaning = {piece for name in names if name in known for piece in meant(known[name], fact.event.happened_at)}
    if len(meaning) == 1:
        (piece,) = meaning
        found.pieces.append((piece, fact.pos))
        found.touch(piece).events.append(fact.event)
        return
    if not meaning and any(scheme in NEVER_A_PIECE for scheme, _ in names):
        return
    why = "ambiguous" if meaning else _why_unknown(fact)
    found.lost += [(number, fact.pos, why) for number in waits_under(fact)]


def keep(tx: Transaction, found: Matched) -> None:
    tx.timelines.attach(found.pieces)
    tx.timelines.attach_cards(found.cards)
    tx.network.hear_of_closures(found.closed)
    tx.containers.attach(found.containers)
    tx.timelines.leave_unmatched(found.lost)


def claim(tx: Transaction, positions: Sequence[int]) -> Matched:
    """Facts that waited for a booking or a departure find it now; those that do not, go on waiting."""
    waiting = tx.log.at(positions)
    found = match(tx, waiting)
    still = {pos for _, pos, _ in found.lost}
    tx.timelines.wait_no_longer(
        [(number, fact.pos) for fact in waiting if fact.pos not in still for number in waits_under(fact)]
    )
    tx.timelines.attach(found.pieces)
    tx.timelines.attach_cards(found.cards)
    return found


def waits_under(fact: KeptFact) -> list[str]:
    """The numbers a fact that belongs to nothing is kept under."""
    found = [candidate.number for candidate in identify(fact.event.code, fact.sym, MATCHING)]
    return list(dict.fromkeys(found)) or [fact.event.code.replace("\0", "")[:64]]


def _decided_about(fact: KeptFact) -> int | None:
    """The piece that staff decided about, or its recipient asked about."""
    if fact.event.decided is None:
        return msgspec.json.decode(fact.body, type=OfPiece).piece if fact.body and said_of_asks(fact.event) else None
    return msgspec.json.decode(fact.body or "{}", type=StaffDecided).piece


def _why_unknown(fact: KeptFact) -> str:
    return "unknown number" if identify(fact.event.code, fact.sym) else "no number we know the form of"
