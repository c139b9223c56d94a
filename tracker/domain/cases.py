"""What needs a person, worst first: a case is one open irregularity of one piece, and its harm is three plain numbers.

A case opens and closes with its irregularity; people only add who looks after it and how it ended. Nothing here knows
who waits for a piece, so the order is the same whoever they are.
"""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from tracker.domain.network import Departure
from tracker.domain.rules import Irregularity, IrregularityKind
from tracker.domain.shipment import Goods, Piece, PieceKind


class View(StrEnum):
    """A choice among the open cases."""

    ALL = "all"
    BREACHING = "breaching"  # a promise is broken, or is about to be
    MINE = "mine"
    UNASSIGNED = "unassigned"


class Ending(StrEnum):
    """How somebody says that a case ended."""

    SOLVED = "solved"
    TOLD = "told"  # nothing more can be done, and the customer knows
    HANDED_ON = "handed_on"
    CLAIM = "claim"
    NOTHING_WRONG = "nothing_wrong"


BREACHING = timedelta(hours=2)
"""Less time than this before a promise breaks is too little to wait."""

_HOUR = timedelta(hours=1)

_GRAVE: dict[IrregularityKind, float] = {
    IrregularityKind.LOST: 4,
    IrregularityKind.DAMAGED: 3,
    IrregularityKind.SILENT: 3,
    IrregularityKind.DELIVERED_ELSEWHERE: 3,
    IrregularityKind.SHORTAGE: 3,
    IrregularityKind.MISSED_CONNECTION: 2,
    IrregularityKind.CONNECTION_AT_RISK: 2,
    IrregularityKind.LEG_CANCELLED: 2,
    IrregularityKind.LEG_DIVERTED: 2,
    IrregularityKind.MISSORTED: 2,
    IrregularityKind.HELD_FOR_ADDRESS: 2,
    IrregularityKind.REFUSED: 2,
}
"""How much worse a kind is than the mildest, which counts 1."""

_DELICATE_CHAPTERS = frozenset(
    {"01", "02", "03", "04", "06", "07", "08", "16", "19", "21", "30"}  # live animals, food, plants; medicines
)
_DELICATE_WORDS = (
    "medic", "insulin", "vaccin", "blood", "plasma", "organ transplant", "pharma", "flower", "plant", "food", "fish",
    "meat", "cheese", "fruit", "perishable", "fresh", "frozen", "药", "疫苗", "血", "鲜", "冷冻", "食品", "花",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Harm:
    """What is at stake if nobody acts: three factors of 1 or more, and their product."""

    promise: float  # how grave the trouble is, and how far beyond the promise it brings the piece
    goods: float  # what would be harmed: value, whether it spoils or heals, whether somebody waits at a belt
    time: float  # how soon it is too late to help: 4 once it is

    @property
    def total(self) -> float:
        return self.promise * self.goods * self.time


@dataclass(frozen=True, slots=True)
class Case:
    """One open irregularity of a piece, as it stands at one moment."""

    piece: Piece
    found: Irregularity
    helped_by: datetime  # until then it can be helped: the departure it may miss leaves, or the promise breaks
    harm: Harm

    @property
    def name(self) -> tuple[str, IrregularityKind, str]:
        return (self.piece.number, *self.found.name)

    @property
    def order(self) -> tuple[float | int | datetime | str, ...]:
        """What the desk sorts by, worst first: the same for the same cases, however they came in."""
        return (-self.harm.total, self.helped_by, self.piece.journey, *self.name)

    def breaching(self, now: datetime) -> bool:
        return self.piece.promise.due_by - now < BREACHING


@dataclass(frozen=True, slots=True)
class Worked:
    """What people did with a case. An ending holds for what began before it: what begins anew is another matter."""

    owner: str | None = None
    ending: Ending | None = None
    ended_by: str | None = None
    ended_at: datetime | None = None

    def ended(self, since: datetime) -> bool:
        return self.ended_at is not None and self.ended_at >= since


UNTOUCHED = Worked()


@dataclass(frozen=True, slots=True)
class Note:
    at: datetime
    user: str
    text: str


def case_of(
    piece: Piece, found: Irregularity, *, expected: datetime | None, departure: Departure | None, now: datetime
) -> Case:
    """`expected`: the latest it should be handed over, as is foreseen now; None where nobody can say, which counts as
    never before now. `departure`: the one the irregularity is about, where it is about one."""
    due_by = piece.promise.due_by
    ahead = departure is not None and not departure.cancelled and departure.left_at is None
    leaves_at = departure.leaves_at if departure is not None and ahead else due_by
    helped_by = min(due_by, leaves_at) if leaves_at > now else due_by
    late = max(expected or now, now) - due_by
    return Case(piece, found, helped_by, harm(piece, found.kind, late=late, left=helped_by - now))


def harm(piece: Piece, kind: IrregularityKind, *, late: timedelta, left: timedelta) -> Harm:
    """More with every hour of lateness, up to three days; with every unit of value; with every minute less to help."""
    hours_late = min(max(late / _HOUR, 0.0), 72.0)
    hours_left = max(left / _HOUR, 0.0)
    return Harm(
        promise=_GRAVE.get(kind, 1.0) * (1 + hours_late / 12),
        goods=_worth(piece.goods) * (1.5 if piece.kind is PieceKind.BAG else 1.0),
        time=1 + 3 * 2 ** (-hours_left / 4),
    )


def _worth(goods: Goods) -> float:
    """By the order of magnitude of the value, so that no rates of exchange are needed; twice that where it spoils."""
    magnitude = math.log10(1 + max(goods.value_minor or 0, 0) / 100)
    return (1 + magnitude / 4) * (2.0 if is_delicate(goods) else 1.0)


def is_delicate(goods: Goods) -> bool:
    """Whether it spoils or heals: by its customs tariff chapter, or by what the shipper called it."""
    if goods.hs and goods.hs[:2] in _DELICATE_CHAPTERS:
        return True
    called = (goods.contents or "").casefold()
    return any(word in called for word in _DELICATE_WORDS)
