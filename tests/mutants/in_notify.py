"""Faults in the dispatcher and its deliveries."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

import notify.routing
import notify.store.deliveries
from notify.delivery import Accepted, ForGood, NoAnswer
from notify.dispatch import Dispatcher
from notify.store.deliveries import DeliveryStore
from tests.mutants.planting import Ground, mutant


@mutant
def nobody_looks_whether_it_still_stands(ground: Ground) -> None:
    """It was true when it was owed."""
    ground.swap(Dispatcher, "_stale", lambda stale: lambda self, delivery, notice: None)


@mutant
def every_try_has_a_key_of_its_own(ground: Ground) -> None:
    """A try is a request, and a request has an id."""

    def make(sent: Any) -> Any:
        def keyed(self: Dispatcher, channel: Any, message: Any, delivery: Any) -> Any:
            return sent(self, channel, message, replace(delivery, id=f"{delivery.id}/{delivery.attempts}"))

        return keyed

    ground.swap(Dispatcher, "_sent", make)


@mutant
def a_lease_never_ends(ground: Ground) -> None:
    """Whoever has it will finish."""
    ground.swap(notify.store.deliveries, "LEASE", lambda lease: timedelta(days=3650))


@mutant
def the_fence_is_not_checked(ground: Ground) -> None:
    """We claimed it, so it is ours."""

    def make(settle: Any) -> Any:
        def unfenced(self: DeliveryStore, results: Any, now: Any) -> Any:
            with self._engine.begin() as tx:
                fences = {row.id: row.fence for row in tx.execute(sa.text("SELECT id, fence FROM deliveries"))}
            ours = [replace(r, delivery=replace(r.delivery, fence=fences.get(r.delivery.id, 0))) for r in results]
            return settle(self, ours, now)

        return unfenced

    ground.swap(DeliveryStore, "settle", make)


@mutant
def handing_over_is_not_noted(ground: Ground) -> None:
    """The outcome will be written in a moment."""
    ground.swap(DeliveryStore, "hand", lambda hand: lambda self, held, now, pace, **more: held)


@mutant
def planned_is_said_before_it_is_done(ground: Ground) -> None:
    """Tick it off first, so that nobody else plans it too."""

    def make(plan: Any) -> Any:
        def early(self: Dispatcher) -> int:
            owed = self._outbox.unplanned(by=self._clocks.business.now())
            self._outbox.planned([notice.id for notice in owed])
            now, readers = self._clocks.business.now(), self._readers.of(owed)
            planned = [one for reader in readers for one in reader.planned(self._channels, now)]
            self._deliveries.plan(planned, self._clocks.real())
            return len(owed)

        return early

    ground.swap(Dispatcher, "plan", make)


@mutant
def the_tracker_is_not_told(ground: Ground) -> None:
    """The proof is in our own table."""
    ground.swap(Dispatcher, "report", lambda report: lambda self: 0)


@mutant
def silence_is_consent(ground: Ground) -> None:
    """No answer is no error."""

    def make(after: Any) -> Any:
        def hopeful(self: Dispatcher, outcome: Any, *more: Any) -> Any:
            return after(self, Accepted("") if isinstance(outcome, NoAnswer) else outcome, *more)

        return hopeful

    ground.swap(Dispatcher, "_after", make)


@mutant
def silence_is_refusal(ground: Ground) -> None:
    """No answer: it did not arrive."""

    def make(after: Any) -> Any:
        def gloomy(self: Dispatcher, outcome: Any, delivery: Any, *more: Any) -> Any:
            lost = ForGood("no answer") if isinstance(outcome, NoAnswer) else outcome
            return after(self, lost, replace(delivery, handed_at=None), *more)

        return gloomy

    ground.swap(Dispatcher, "_after", make)


@mutant
def one_refusal_is_the_end(ground: Ground) -> None:
    """They said no."""
    ground.swap(notify.routing, "wait", lambda wait: lambda attempts, chance: None)


@mutant
def everything_may_be_repeated(ground: Ground) -> None:
    """Better twice than never."""
    ground.swap(notify.routing, "may_repeat", lambda may: lambda kind, remembers_key: True)


@mutant
def opting_out_counts_when_planning(ground: Ground) -> None:
    """Who is told was decided when it was owed."""
    ground.swap(Dispatcher, "_left", lambda left: lambda self, *more: None)


@mutant
def a_settled_delivery_stays_due(ground: Ground) -> None:
    """Clearing up is for later."""

    def make(settle: Any) -> Any:
        def due(self: DeliveryStore, results: Any, now: Any) -> Any:
            later = now + timedelta(days=30)
            kept = [replace(r, settlement=replace(r.settlement, due_at=r.settlement.due_at or later)) for r in results]
            return settle(self, kept, now)

        return due

    ground.swap(DeliveryStore, "settle", make)
