"""Answers to look-ups, kept as long as they are true: a card changes only when the tracker says that it did."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Generic, TypeVar

from web.sources import Queries

MOST = 2000
"""Answers kept in one process: some six megabytes."""

OLDEST = 60.0
"""Seconds after which an answer is made anew all the same: a number may by then mean another piece, too."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Answer(Generic[T]):
    value: T
    number: str  # the piece it is of
    made_at: float


class KeptAnswers(Generic[T]):
    """Asks once each time what changed since, and makes anew what did. Safe to share between threads."""

    def __init__(self, queries: Queries, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._queries = queries
        self._clock = clock
        self._lock = Lock()
        self._answers: OrderedDict[tuple[str, str], _Answer[T]] = OrderedDict()
        self._position: int | None = None
        self._network = -1

    def get(self, asked: tuple[str, str], make: Callable[[], tuple[str, T] | None]) -> T | None:
        """What `make` says of this number in this language, and of which piece it is; None, never kept, for nothing."""
        fresh = self._go_on()
        with self._lock:
            kept = self._answers.get(asked)
            if kept is not None and self._clock() - kept.made_at < OLDEST:
                self._answers.move_to_end(asked)
                return kept.value
        made_at, made = self._clock(), make()
        if made is None:
            return None
        number, value = made
        with self._lock:
            if fresh == (self._position, self._network):  # else it may be older than what was found out meanwhile
                self._answers[asked] = _Answer(value, number, made_at)
                if len(self._answers) > MOST:
                    self._answers.popitem(last=False)
        return value

    def _go_on(self) -> tuple[int | None, int]:
        """Forgets what changed since the last time; the position and network that what is kept is true of."""
        with self._lock:
            before = self._position
        news = self._queries.news(before)
        with self._lock:
            if self._position is None or news.network != self._network or news.changed is None:
                self._answers.clear()
            elif news.changed:
                changed = set(news.changed)
                for asked in [asked for asked, answer in self._answers.items() if answer.number in changed]:
                    del self._answers[asked]
            if self._position is None or news.position > self._position or news.network != self._network:
                self._position, self._network = news.position, news.network
            return news.position, news.network
