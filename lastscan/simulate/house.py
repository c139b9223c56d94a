"""The processes of the house, tracker and notifier, around the shipped classes: killed, paused, two of each."""

import random
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from lastscan.simulate.database import Database
from lastscan.simulate.events import OurClock, VirtualTime
from lastscan.simulate.faults import Faults
from lastscan.simulate.flash import KilledError
from lastscan.simulate.provider import Provider
from lastscan.simulate.wires import Broker
from notify.dispatch import Clocks, Dispatcher
from notify.preferences import Preferences
from notify.store.deliveries import DeliveryStore
from tracker.devices import Roll
from tracker.domain.errors import StoreError
from tracker.ingest import Heard, Ingest, Reply
from tracker.outbox import Outbox
from tracker.project import Projector, rebuild
from tracker.sweep import Sweep
from tracker.wire import encode

BACK_OFF = 1.0
GAPS_EVERY = 4.0
SWEEP_EVERY = 20.0
LOOK_EVERY = 12.0
A_FEW_FACTS = 20  # in one round of the projector, so that a day has many
KEY = b"preferences"


@dataclass
class Surroundings:
    """What all processes stand in."""

    time: VirtualTime
    clock: OurClock
    faults: Faults
    database: Database
    broker: Broker
    provider: Provider
    counts: Counter[str]
    crashed: Callable[[], None]
    at_work: "Process | None" = None
    pauses: int = 0  # one within the other

    def at_commit(self) -> None:
        if self.at_work is not None:
            self.at_work.may_die()

    def after_commit(self) -> None:
        if self.at_work is not None:
            self.at_work.may_die()
            self.at_work.may_pause()

    def after_sending(self) -> None:
        """As after a commit; but a provider makes people wait."""
        if self.at_work is not None:
            self.at_work.may_die()
            self.at_work.may_pause(times=3)


class Process:
    """Something that may end at any commit, and starts again knowing only what is in the database."""

    def __init__(self, name: str, around: Surroundings) -> None:
        self.name = name
        self.around = around
        self.alive = False
        self._chance: random.Random = around.time.chance(name)
        self.began_at = 0.0  # with what it is doing now
        self.woke_at = 0.0
        self._life = 0
        self._paused = False
        self._condemned = False

    @property
    def death_rate(self) -> float:
        raise NotImplementedError

    def start(self) -> None:
        if self.alive or self._paused:
            return
        self.alive = True
        self._life += 1
        self.begin()

    def begin(self) -> None:
        raise NotImplementedError

    def end(self) -> None:
        """Kill it. One that is paused finds out when it wakes."""
        self.alive = False
        self._condemned = self._paused

    def at_work(self, act: Callable[[], None]) -> None:
        """Do something as this process, unless it is dead or stopped."""
        if not self.alive or self._paused:
            return
        others, self.around.at_work = self.around.at_work, self
        self.began_at = self.around.time.now
        try:
            act()
        except KilledError:
            self.end()
            self._condemned = False
            self.around.crashed()
            self.around.time.after(self._chance.uniform(0.2, 8), self.start)
        finally:
            self.around.at_work = others

    def each(self, seconds: float, act: Callable[[], None]) -> None:
        """Again and again for as long as this life lasts."""
        life = self._life

        def again() -> None:
            if self._life == life and (self.alive or self._paused):
                self.at_work(act)
                self.around.time.after(seconds, again)

        self.around.time.after(seconds, again)

    def may_die(self) -> None:
        if self._chance.random() < self.death_rate:
            raise KilledError

    def may_pause(self, *, times: int = 1) -> None:
        """Stopped for a while, in which everybody else goes on."""
        if self.around.pauses == 2 or self._chance.random() >= self.around.faults.pause * times:
            return
        self.around.counts["pauses"] += 1
        seconds = self._chance.choice((self._chance.uniform(0.2, 30), 75.0))
        self._paused, self.around.at_work = True, None
        self.around.pauses += 1
        self.around.time.run(self.around.time.now + seconds)
        self.around.pauses -= 1
        self._paused, self.around.at_work = False, self
        self.woke_at = self.around.time.now
        if self._condemned:
            raise KilledError


class TrackerProcess(Process):
    """The rim of `tracker.mqtt` and the loop of `tracker.main`, over the shipped ingest, projector and sweep."""

    @property
    def death_rate(self) -> float:
        return self.around.faults.tracker_dies

    def begin(self) -> None:
        around = self.around
        store = around.database.opened()
        self._ingest = Ingest(store, Roll(store, around.clock.monotonic), around.clock, around.clock.monotonic)
        self._projector = Projector(store, around.clock)
        self._sweep = Sweep(self._projector)
        self._arrived: list[tuple[int, Heard]] = []
        self._taking = self._folding = False
        around.broker.subscribe(self)
        self.each(GAPS_EVERY, self._ask_for_gaps)
        self.each(SWEEP_EVERY, self._let_time_pass)
        self.fold_soon(0.1)

    def end(self) -> None:
        super().end()
        self.around.broker.unsubscribe(self)

    # the wire

    def arrived(self, number: int, topic: str, payload: bytes) -> None:
        if not self.alive:
            return
        self._arrived.append((number, Heard(topic, payload, self.around.clock.now())))
        if not self._taking:
            self._taking = True
            self.around.time.after(self._chance.uniform(0.001, 0.3), self._take_soon)

    def lose_connection(self) -> None:
        self._come_back()

    def _take_soon(self) -> None:
        if self._paused:
            self.around.time.after(0.5, self._take_soon)
            return
        self.at_work(self._take)

    def _take(self) -> None:
        self._taking = False
        arrived, self._arrived = self._arrived, []
        if not arrived:
            return
        try:
            replies = self._ingest.take([heard for _, heard in arrived])
        except StoreError:
            self.around.broker.unsubscribe(self)
            self._come_back()
            return
        for number, _ in arrived:
            self.around.broker.acknowledge(self, number)
        self._answer(replies)
        self.fold_soon(self._chance.uniform(0.1, 12))

    def _answer(self, replies: list[Reply]) -> None:
        for reply in replies:
            self.around.broker.down(reply.address.dev, reply.address.down, encode(reply.message))

    def _ask_for_gaps(self) -> None:
        with suppress(StoreError):
            self._answer(self._ingest.overdue())

    def _come_back(self) -> None:
        life = self._life

        def subscribe() -> None:
            if self.alive and self._life == life:
                self.around.broker.subscribe(self)

        self.around.time.after(BACK_OFF, subscribe)

    # the fold

    def fold_soon(self, seconds: float) -> None:
        if not self._folding:
            self._folding = True
            self.around.time.after(seconds, self._fold_now)

    def _fold_now(self) -> None:
        if self._paused:
            self.around.time.after(0.5, self._fold_now)
            return
        self._folding = False
        self.at_work(self._fold)

    def _fold(self) -> None:
        try:
            if self._projector.step(A_FEW_FACTS):
                self.fold_soon(0.02)
        except StoreError:
            self.fold_soon(BACK_OFF)

    def _let_time_pass(self) -> None:
        with suppress(StoreError):
            self._sweep.step()

    def finish(self) -> None:
        """Everything the log holds, and everything time has brought."""
        while self._projector.step() or self._sweep.step():
            pass


class NotifyProcess(Process):
    """The loop of `notify.main` over the shipped dispatcher."""

    @property
    def death_rate(self) -> float:
        return self.around.faults.notify_dies

    def begin(self) -> None:
        around = self.around
        self._dispatcher = Dispatcher(
            Outbox(around.database.opened()),
            DeliveryStore(around.database.engine),
            {"email": around.provider},
            Clocks(business=around.clock, real=around.clock.real),
            preferences=Preferences(around.database.engine, KEY),
            proof_key=b"proof",
            chance=self._chance,
        )
        self.each(LOOK_EVERY, self._look)

    def _look(self) -> None:
        try:
            while self._dispatcher.step():
                pass
        except (StoreError, SQLAlchemyError):
            pass  # as in notify.main: the next round takes it up again

    def finish(self) -> None:
        while self._dispatcher.step():
            pass


class Staff(Process):
    """Somebody at a terminal who folds the log again, and may be cut off while at it."""

    @property
    def death_rate(self) -> float:
        return self.around.faults.tracker_dies

    def begin(self) -> None:
        pass

    def rebuild(self) -> None:
        self.start()
        self.at_work(self._rebuild)

    def _rebuild(self) -> None:
        with suppress(StoreError):
            rebuild(self.around.database.opened(), self.around.clock)
