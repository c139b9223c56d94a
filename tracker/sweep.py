"""The passing of time: what may change though nothing is heard."""

from datetime import UTC, datetime, timedelta

from tracker.clock import Clock
from tracker.project import Projector
from tracker.store import Store
from tracker.store.fact_log import SWEEP

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Sweep:
    """Judges again what is due, and notes up to which instant that was done."""

    def __init__(self, store: Store, projector: Projector, clock: Clock) -> None:
        self._store = store
        self._projector = projector
        self._clock = clock

    def step(self) -> int:
        """Everything due by now; answers how many pieces were judged again."""
        now = self._clock.now()
        judged = 0
        while done := self._projector.judge_due():
            judged += done
        position = (now - _EPOCH) // timedelta(milliseconds=1)
        with self._store.reading() as tx:
            if tx.log.position(SWEEP) >= position:
                return judged
        with self._store.writing() as tx:
            tx.log.move(SWEEP, position)
        return judged
