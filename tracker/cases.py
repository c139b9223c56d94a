"""The cases of the support desk: what is open, worst first; who looks after what, and how it ended."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from tracker.clock import Clock, WallClock
from tracker.domain.card import PieceCard
from tracker.domain.cases import UNTOUCHED, Case, Ending, Note, View, Worked, case_of
from tracker.domain.errors import DecisionError, LastscanError
from tracker.domain.incidents import Incident
from tracker.domain.network import Departure
from tracker.domain.roles import Act, see_to_it
from tracker.domain.rules import DUTIES, Irregularity, IrregularityKind
from tracker.domain.rules.duty import Actor
from tracker.domain.staff import Staff
from tracker.queries import Queries
from tracker.store import Store, Transaction
from tracker.store.cases import Troubled

LOOKS_FOR = timedelta(seconds=60)
"""So long after a page was opened, or said that it still is, its reader counts as looking."""

LONGEST_NOTE = 2000

Name = tuple[str, IrregularityKind, str]
"""Number, kind and subject: what a case is called."""


class CaseTakenError(LastscanError):
    """Somebody was quicker: `now` is what they made of it. Look at it, and decide again."""

    def __init__(self, now: Worked) -> None:
        super().__init__("somebody else changed this case meanwhile; look at it again")
        self.now = now


@dataclass(frozen=True, slots=True)
class OpenCase:
    """A case in the queue."""

    case: Case
    worked: Worked
    looking: frozenset[str]  # who has it open now

    @property
    def actor(self) -> Actor:
        return DUTIES[self.case.found.kind].actor


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of the queue somebody asks for. `beneath`: kind and root of an incident, whose cases alone are wanted."""

    view: View = View.ALL
    kind: IrregularityKind | None = None
    actor: Actor | None = None
    beneath: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Queue:
    """The open cases of a view, worst first; `counts` is of every view, whatever is filtered."""

    cases: tuple[OpenCase, ...]
    counts: Mapping[View, int]
    kinds: Mapping[IrregularityKind, int]
    incidents: tuple[Incident, ...]
    gaps: int
    now: datetime


@dataclass(frozen=True, slots=True)
class CaseFile:
    """One case, with the card of its piece as staff see it and all that people added."""

    case: Case
    card: PieceCard
    worked: Worked
    notes: tuple[Note, ...]
    looking: frozenset[str]
    others: tuple[Name, ...]  # what else is open of this piece

    @property
    def open(self) -> bool:
        return self.case.found.open and not self.worked.ended(self.case.found.since)


class Cases:
    """Safe to share between threads."""

    def __init__(self, store: Store, clock: Clock, wall: Clock | None = None) -> None:
        """`wall` is what lookers are timed by: they are people, in a demo too."""
        self._store = store
        self._clock = clock
        self._wall = wall or WallClock()
        self._queries = Queries(store, clock)

    def queue(self, by: Staff, wanted: Wanted = Wanted()) -> Queue:
        """What is open now. What stands beneath an incident is counted with it, and listed only where asked for it, or
        where it is one's own."""
        now = self._clock.now()
        found = self._queries.incidents()
        beneath = {(t.number, *t.irregularity.name): i for i in found for t in i.troubles}
        with self._store.reading() as tx:
            all_open = self._open(tx, by, now)
            gaps = len(tx.gaps.incidents())
        single = [each for each in all_open if each.case.name not in beneath]
        mine = [each for each in all_open if each.worked.owner == by.user]
        views: dict[View, list[OpenCase]] = {
            View.ALL: single,
            View.BREACHING: [each for each in single if each.case.breaching(now)],
            View.MINE: mine,
            View.UNASSIGNED: [each for each in single if each.worked.owner is None],
        }
        chosen = views[wanted.view]
        if wanted.beneath is not None:
            root = next((i for i in found if (i.kind.value, i.root) == wanted.beneath), None)
            names = {(t.number, *t.irregularity.name) for t in root.troubles} if root is not None else set()
            chosen = [each for each in all_open if each.case.name in names]
        kinds = Counter(each.case.found.kind for each in chosen)
        return Queue(
            cases=tuple(
                each
                for each in chosen
                if wanted.kind in (None, each.case.found.kind) and wanted.actor in (None, each.actor)
            ),
            counts={view: len(cases) for view, cases in views.items()},
            kinds=kinds,
            incidents=found,
            gaps=gaps,
            now=now,
        )

    def file(self, name: Name, by: Staff) -> CaseFile | None:
        """Everything about one case; None where no piece has or had it. That `by` looks at it is noted."""
        number, kind, subject = name
        now = self._clock.now()
        with self._store.writing() as tx:
            piece = tx.cases.find(number, kind, subject)
            if piece is not None:
                tx.cases.look(piece, by.user, self._wall.now())
        card = self._queries.card(number, with_notices=True)
        if piece is None or card is None:
            return None
        with self._store.reading() as tx:
            known = tx.timelines.known([piece])[0]
            if known.spelled is None:
                return None
            judged = Troubled(piece, known.piece, known.spelled.standing.judgement)
            found = next((i for i in judged.judgement.irregularities if i.name == (kind, subject)), None)
            if found is None:
                return None
            case = _case(judged, found, tx.network.departures([subject]), now)
            worked = tx.cases.worked([piece])
            return CaseFile(
                case=case,
                card=card,
                worked=worked.get((piece, kind, subject), UNTOUCHED),
                notes=tuple(tx.cases.notes(piece)),
                looking=self._looking(tx, by).get(piece, frozenset()),
                others=tuple(
                    (number, *i.name) for i in judged.judgement.irregularities if i.open and i.name != found.name
                ),
            )

    def as_of(self, number: str, instant: datetime) -> PieceCard | None:
        """The newest piece of this number as staff were shown it then, with what its recipient was told by then; None
        where nothing was booked yet. How each notice ended is as known now."""
        now = self._queries.card(number, with_notices=True)
        then = self._queries.as_of(number, instant)
        if now is None or then is None:
            return None
        return replace(then, notices=tuple(each for each in now.notices if each.owed_at <= instant))

    def still_looking(self, name: Name, by: Staff) -> frozenset[str]:
        """`by` has it open still; answers who else has."""
        with self._store.writing() as tx:
            piece = _piece(tx, name)
            tx.cases.look(piece, by.user, self._wall.now())
            return self._looking(tx, by).get(piece, frozenset())

    def take(self, name: Name, *, by: Staff, seen: Worked) -> None:
        """Makes `by` its owner. Raises CaseTakenError where it is not any more as it was `seen`."""
        self._change(name, by, seen, replace(seen, owner=by.user))

    def leave(self, name: Name, *, by: Staff, seen: Worked) -> None:
        """Nobody looks after it any more. Raises CaseTakenError."""
        self._change(name, by, seen, replace(seen, owner=None))

    def end(self, name: Name, ending: Ending, *, by: Staff, seen: Worked) -> None:
        """It is done with, though what it is about may stand. Raises CaseTakenError."""
        now = self._clock.now()
        self._change(name, by, seen, Worked(seen.owner or by.user, ending, by.user, now))

    def reopen(self, name: Name, *, by: Staff, seen: Worked) -> None:
        """It was not done with after all. Raises CaseTakenError."""
        self._change(name, by, seen, Worked(owner=by.user))

    def take_all(self, names: Sequence[Name], *, by: Staff) -> int:
        """Makes `by` the owner of those that have none; answers how many that were."""
        see_to_it(by.role, Act.WORK_CASES)
        taken = 0
        with self._store.writing() as tx:
            for number, kind, subject in names:
                piece = tx.cases.find(number, kind, subject)
                if piece is not None:
                    name = (piece, kind, subject)
                    seen = tx.cases.worked([piece]).get(name, UNTOUCHED)
                    if seen.owner is None:
                        taken += tx.cases.change(name, seen=seen, to=replace(seen, owner=by.user)) is None
        return taken

    def note(self, name: Name, text: str, *, by: Staff, key: str) -> None:
        """Keeps a note, once under its key. Raises DecisionError for one that is empty or too long."""
        see_to_it(by.role, Act.WORK_CASES)
        said = text.strip()
        if not 0 < len(said) <= LONGEST_NOTE or not 0 < len(key) <= 128:
            raise DecisionError(f"a note has 1 to {LONGEST_NOTE} characters")
        with self._store.writing() as tx:
            tx.cases.add_note(_piece(tx, name), user=by.user, note=said, key=f"{by.user}:{key}", now=self._clock.now())

    def _open(self, tx: Transaction, by: Staff, now: datetime) -> list[OpenCase]:
        troubled = tx.cases.troubled()
        worked = tx.cases.worked([each.id for each in troubled])
        looking = self._looking(tx, by)
        pairs = [(each, found) for each in troubled for found in each.judgement.irregularities if found.open]
        departures = tx.network.departures({found.subject for _, found in pairs if "/" in found.subject})
        cases = []
        for each, found in pairs:
            done = worked.get((each.id, *found.name), UNTOUCHED)
            if not done.ended(found.since):
                case = _case(each, found, departures, now)
                cases.append(OpenCase(case, done, looking.get(each.id, frozenset())))
        return sorted(cases, key=lambda each: each.case.order)

    def _looking(self, tx: Transaction, by: Staff) -> dict[int, frozenset[str]]:
        since = self._wall.now() - LOOKS_FOR
        return {piece: frozenset(who - {by.user}) for piece, who in tx.cases.looking(since=since).items()}

    def _change(self, name: Name, by: Staff, seen: Worked, to: Worked) -> None:
        see_to_it(by.role, Act.WORK_CASES)
        with self._store.writing() as tx:
            now = tx.cases.change((_piece(tx, name), *name[1:]), seen=seen, to=to)
        if now is not None and (now.owner, now.ending) != (to.owner, to.ending):
            raise CaseTakenError(now)


def _case(each: Troubled, found: Irregularity, departures: Mapping[str, Departure], now: datetime) -> Case:
    eta = each.judgement.eta
    expected = eta.latest if eta is not None else None
    return case_of(each.piece, found, expected=expected, departure=departures.get(found.subject), now=now)


def _piece(tx: Transaction, name: Name) -> int:
    piece = tx.cases.find(*name)
    if piece is None:
        raise DecisionError(f"{name[0]}: no such case")
    return piece
