"""Opening personal data, for a reason and within a day's budget, and reading the chain of all that was done."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime

from tracker.clock import Clock, WallClock
from tracker.domain.audit import MACHINE, OPERATOR, Action
from tracker.domain.chain import Broken, Head, Value, canonical, verify
from tracker.domain.errors import BudgetSpentError, DecisionError, NotAllowedError
from tracker.domain.roles import PERSONAL, Act, Sight, may_see, see_to_it
from tracker.domain.staff import Staff
from tracker.store import Store, Transaction

VIEWS_A_DAY = 200
"""Different pieces or people whose personal data one member of staff may open on one day, in UTC."""

LONGEST_REASON = 300


class Audit:
    """The audit chain of this installation. Times are those of the wall, in a demo too."""

    def __init__(self, store: Store, clock: Clock | None = None, *, views_a_day: int = VIEWS_A_DAY) -> None:
        self._store = store
        self._clock = clock or WallClock()
        self._views_a_day = views_a_day

    def look(self, by: Staff, what: str, fields: Collection[Sight], *, reason: str) -> None:
        """To be called before these fields of `what` are shown: once it returns, it is written down that they were.

        `what` names a piece or a person by a key, not by anything personal. Opening the same again on the same day
        costs nothing of the budget. Raises NotAllowedError for a field that is not for this role, DecisionError without
        a reason, and BudgetSpentError, which is written down too, when the day's budget is spent.
        """
        for field in sorted(fields):
            if not may_see(by.role, field):
                raise NotAllowedError(f"{field} is not for a {by.role.value.replace('_', ' ')} to see")
        if not PERSONAL & set(fields):
            return
        said = _reason(reason)
        with self._store.writing() as tx:
            tx.audit.lock()
            now = self._clock.now()
            seen = tx.audit.objects(by.user, Action.LOOKED, _midnight(now))
            allowed = self._views_a_day * (1 + tx.audit.times(Action.ALLOWED_MORE, by.user, _midnight(now)))
            stopped = what not in seen and len(seen) >= allowed
            if not stopped:
                _write(tx, now, by, Action.LOOKED, what, said)
            elif not tx.audit.objects(by.user, Action.STOPPED, _midnight(now)) & {f"{allowed}"}:
                _write(tx, now, by, Action.STOPPED, f"{allowed}", said)
        if stopped:
            raise BudgetSpentError(
                f"personal data of {allowed} pieces and people was opened today; ask a supervisor to allow more"
            )

    def views_left(self, by: Staff) -> int:
        """How many more pieces or people this one may open today."""
        with self._store.reading() as tx:
            today = _midnight(self._clock.now())
            allowed = self._views_a_day * (1 + tx.audit.times(Action.ALLOWED_MORE, by.user, today))
            return max(0, allowed - len(tx.audit.objects(by.user, Action.LOOKED, today)))

    def allow_more(self, user: str, *, by: Staff, reason: str) -> None:
        """Gives somebody else as many views again for today. Raises NotAllowedError unless a supervisor does."""
        see_to_it(by.role, Act.APPROVE)
        if user == by.user:
            raise NotAllowedError("more views for oneself: ask another supervisor")
        self.note(Action.ALLOWED_MORE, user, by=by, reason=_reason(reason))

    def note(self, action: Action, object: str, *, by: Staff | None, reason: str | None = None) -> None:
        """Writes down what was done by somebody, or by the operator of this machine where `by` is None."""
        with self._store.writing() as tx:
            _write(tx, self._clock.now(), by, action, object, reason)

    # reading

    def newest(self, most: int = 50, *, below: int | None = None) -> list[Mapping[str, Value]]:
        """The last rows, the newest first: `n`, `at`, `who`, `role`, `action`, `object`, `reason`, `prev`, `hash`."""
        with self._store.reading() as tx:
            return tx.audit.newest(most, below=below)

    def head(self) -> Head:
        with self._store.reading() as tx:
            return tx.audit.head()

    def verify(self, heads: Iterable[Head] = ()) -> Head | Broken:
        """Checks every row, and that the heads noted elsewhere are in the chain."""
        with self._store.reading() as tx:
            return verify(tx.audit.rows(), heads)

    def export(self, *, by: Staff | None) -> Iterator[bytes]:
        """Every row as a line that `chain.verify_lines` takes; that it was exported is the last of them."""
        self.note(Action.EXPORTED, "audit", by=by)
        with self._store.reading() as tx:
            for row in tx.audit.rows():
                yield canonical(row) + b"\n"


def _write(tx: Transaction, now: datetime, by: Staff | None, action: Action, object: str, reason: str | None) -> None:
    who, role = (OPERATOR, MACHINE) if by is None else (by.user, by.role.value)
    tx.audit.append(at=now, who=who, role=role, action=action, object=object, reason=reason)


def _reason(reason: str) -> str:
    said = reason.strip()
    if not 0 < len(said) <= LONGEST_REASON:
        raise DecisionError(f"say why, in at most {LONGEST_REASON} characters: it is written down")
    return said


def _midnight(now: datetime) -> datetime:
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
