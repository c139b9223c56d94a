"""Plays the demo: sets the business clock, books, lets the world happen and the handhelds scan it.

Scans are stamped with business time; links, leases and mail run on real time whatever the speed.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import sqlalchemy as sa
import structlog

from firmware_sim.device import Registration
from firmware_sim.fleet import Fleet
from firmware_sim.journey import Freight, Whereabouts, World
from firmware_sim.sight import Sight
from lastscan.demo.bookings import Intent, day_begins, intents
from lastscan.demo.network import HUBS, departure, facilities, runs_of
from lastscan.demo.oracle import BEEPED, BOOKED, SIGHTS, Ledger, noted
from lastscan.demo.report import report
from lastscan.demo.state import State, keep_devices, read_devices
from notify.store.deliveries import DeliveryStore
from tracker.booking import Bookings
from tracker.clock import SharedClock
from tracker.devices import Devices
from tracker.domain.card import PieceCard
from tracker.domain.errors import BadBookingError
from tracker.domain.eta import next_round
from tracker.domain.shipment import PieceKind
from tracker.domain.timeline import State as PieceState
from tracker.outbox import Outbox
from tracker.queries import Queries
from tracker.store import Store

log = structlog.get_logger()

SHIPMENTS = 60
DAYS_AHEAD = 5  # how far the timetable reaches; a new way is looked for within three days
TOGETHER = timedelta(minutes=6)  # world events this close are one step of `run_once`
NOTICES_WITHIN = timedelta(minutes=30)  # business time that may pass with notices unsent
LONGEST = timedelta(days=4)  # a piece still under way then will not be delivered any more
PATIENCE_S = 30.0  # real seconds to wait for tracker or notify to catch up
REMEMBERED = timedelta(days=4)  # older pieces are not gone on with after a restart
_TURN_S = 0.05


def prepare(home: Path, engine: sa.Engine, *, seed: int, now: datetime, speed: float) -> None:
    """Makes the business clock, the network and the devices, before tracker, notify or web start.

    A first start begins in the early morning of the day of `now`; a later one goes on after the last business time
    that was used. `speed` 0 is a clock that stands until `run_once` sets it.
    """
    for folder in (home / "demo", home / "run"):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if State.exists(home):
        state = State.read(home)
    else:
        first_day = now.astimezone(UTC).date()
        state = State(seed=seed, first_day=first_day, business=day_begins(first_day))
        state.keep(home)
    store = Store(engine)
    with store.reading() as tx:
        heard = [kept.event.recorded_at + timedelta(seconds=1) for kept in tx.log.latest_scans(1)]
    begins_at = max([state.business, *heard])  # the tracker may have outlived the fleet
    clock = SharedClock(home / "run" / "clock")
    clock.set(begins_at, speed=speed)
    with store.writing() as tx:
        for place in facilities().values():
            tx.network.describe(place)
    _add_timetable(store, begins_at.date())
    _register(home, Devices(store, clock))


def run_once(
    home: Path, engine: sa.Engine, *, mqtt_url: str, seed: int, shipments: int, stop: threading.Event
) -> dict[str, Any]:
    """Plays one day's shipments until the last is delivered, as fast as everybody keeps up, and answers the report.

    Wants a home that was prepared with speed 0, and broker, tracker and notify running. The clock goes from one event
    of the world to the next, and not before all that was scanned is in the log and folded.
    """
    started = time.monotonic()
    conductor = _Conductor(home, engine, mqtt_url=mqtt_url, seed=seed)
    try:
        conductor.play_once(shipments, stop)
    finally:
        conductor.close()
        state = State.read(home)
        state.business, state.seconds = conductor.clock.now(), time.monotonic() - started
        state.keep(home)
    return report(home, engine)


def run_forever(
    home: Path, engine: sa.Engine, *, mqtt_url: str, seed: int, speed: float, stop: threading.Event
) -> None:
    """Plays day after day at `speed` times real time until `stop` is set; goes on where an earlier run ended.

    Wants a home that was prepared with this speed. A seed the home has already is kept.
    """
    conductor = _Conductor(home, engine, mqtt_url=mqtt_url, seed=State.read(home).seed)
    try:
        conductor.play_on(speed, stop)
    finally:
        conductor.close()


class _Conductor:
    """One world, its fleet, and the services of the tracker it uses."""

    def __init__(self, home: Path, engine: sa.Engine, *, mqtt_url: str, seed: int) -> None:
        self._home = home
        self._seed = seed
        self.clock = SharedClock(home / "run" / "clock")
        self._store = Store(engine)
        self._queries = Queries(self._store, self.clock)
        self._bookings = Bookings(self._store, self.clock)
        self._outbox = Outbox(self._store)
        self._deliveries = DeliveryStore(engine)
        place = home / "demo"
        self._beeped, self._sights, self._booked = (Ledger(place / name) for name in (BEEPED, SIGHTS, BOOKED))
        self._world = World(seed, van_leaves=_van_leaves)
        self._intents: deque[tuple[str, Intent]] = deque()
        self._notices_idle_at = self.clock.now()
        self._waits_for_notices = True
        self._scans = self._pieces = 0
        self._fleet = Fleet(
            read_devices(home),
            place / "journals",
            url=mqtt_url,
            seed=seed,
            business=self.clock.now,
            on_beep=self._note_beep,
            on_sight=self._note_sight,
        )
        self._fleet.start()

    def close(self) -> None:
        self._fleet.stop()
        for ledger in (self._beeped, self._sights, self._booked):
            ledger.close()

    # --- once ---

    def play_once(self, shipments: int, stop: threading.Event) -> None:
        begins_at, day = self.clock.now(), State.read(self._home).first_day
        self._add_runs(day)
        self._go_on(begins_at)  # nothing, unless a fleet that died is started again
        self._meet_day(day, shipments)
        told_hour = None
        while not stop.is_set() and (at := self._next_at()) is not None and at < begins_at + LONGEST:
            until = max(self._no_later_than_held(at) + TOGETHER, self.clock.now())
            self.clock.set(until, speed=0)
            self._fleet.heed_radio(until)
            self._turn(until)
            self._catch_up(stop)
            if (until.date(), until.hour) != told_hour:
                told_hour = (until.date(), until.hour)
                self._fleet.change_battery(until.hour)
                self._tell(until)
        self._fleet.come_back()
        self._notices_idle_at = begins_at  # the last ones are waited for
        self._catch_up(stop)
        while not stop.is_set() and (held := self._deliveries.held_until()) is not None and held < begins_at + LONGEST:
            self.clock.set(max(held + TOGETHER, self.clock.now()), speed=0)  # to the hour at which people are told
            self._notices_idle_at = begins_at
            self._catch_up(stop)
        self._tell(self.clock.now())

    def _catch_up(self, stop: threading.Event) -> None:
        """Until journals are empty, the log is folded, and no notice waits for long."""
        if not self._fleet.empties(PATIENCE_S):
            log.warning("scans still wait for their receipts", scans=self._fleet.waiting)
        now = self.clock.now()
        if not _wait_until(lambda: self._folded(now), stop):
            log.warning("the tracker does not keep up", facts=self._queries.backlog().facts)
        if self._notices_idle():
            self._notices_idle_at = now
        elif self._waits_for_notices and now - self._notices_idle_at >= NOTICES_WITHIN:
            self._waits_for_notices = _wait_until(self._notices_idle, stop, every_s=0.05)
            self._notices_idle_at = now
            if not self._waits_for_notices:
                log.warning("notices are not sent; going on without waiting for them")

    def _folded(self, now: datetime) -> bool:
        backlog = self._queries.backlog()
        return backlog.facts == 0 and backlog.swept_until >= now

    def _no_later_than_held(self, at: datetime) -> datetime:
        """The hour at which somebody is to be told comes between two events: nobody is told hours late for that."""
        held = self._deliveries.held_until()
        if held is None or held > at:
            return at
        self._notices_idle_at = held - NOTICES_WITHIN  # and is waited for
        return held

    def _notices_idle(self) -> bool:
        held = self._deliveries.held_until()
        waiting = held is not None and held <= self.clock.now()
        return (
            not waiting
            and self._deliveries.idle(datetime.now(UTC))
            and not self._outbox.unplanned(1, by=self.clock.now())
        )

    # --- for ever ---

    def play_on(self, speed: float, stop: threading.Event) -> None:
        state = State.read(self._home)
        self._fleet.empties(PATIENCE_S)
        _wait_until(lambda: self._queries.backlog().facts == 0, stop)
        now = self.clock.now()
        day = (now - timedelta(hours=day_begins(now.date()).hour)).date()
        self._add_runs(day - timedelta(days=1))
        self._go_on(now)
        self._meet_day(day, SHIPMENTS)
        click.echo(f"demo: playing at {speed:g} times real time from {now:%Y-%m-%d %H:%M} UTC", err=True)
        kept_at = time.monotonic()
        while not stop.wait(_TURN_S):
            now = self.clock.now()
            if now >= day_begins(day + timedelta(days=1)):
                day += timedelta(days=1)
                _add_timetable(self._store, day)
                self._add_runs(day)
                self._meet_day(day, SHIPMENTS)
                self._tell(now)
            self._fleet.heed_radio(now)
            self._turn(now)
            if time.monotonic() - kept_at >= 1:
                kept_at = time.monotonic()
                state.business = now + timedelta(seconds=2 * speed)  # if we are killed before the next time
                state.keep(self._home)
        # Nothing that was heard up to here may be heard again at an earlier business time.
        state.business = self.clock.now() + timedelta(seconds=1)
        state.keep(self._home)

    def _go_on(self, now: datetime) -> None:
        """Pieces that were under way when the demo was stopped go on from where the tracker knows them."""
        for row in noted(self._home / "demo" / BOOKED):
            handed_in_at = datetime.fromisoformat(row["handed_in_at"])
            if handed_in_at < now - REMEMBERED:
                continue
            card = self._queries.card(row["number"])
            if card is None or card.delivered:
                continue
            freight = Freight(row["number"], row["is_bag"], card.origin.code, card.destination.code)
            self._pieces += 1
            if card.state is PieceState.BOOKED:
                self._world.hand_in(freight, at=max(handed_in_at, now))
            else:
                self._world.go_on(freight, _whereabouts(card), at=now)

    # --- both ---

    def _add_runs(self, day: date) -> None:
        for ahead in range(DAYS_AHEAD + 1):
            self._world.add_runs(runs_of(day + timedelta(days=ahead)))

    def _meet_day(self, day: date, shipments: int) -> None:
        found = intents(self._seed, day, shipments)
        self._intents.extend((f"{day}/{n}", intent) for n, intent in enumerate(found))

    def _next_at(self) -> datetime | None:
        moments = [self._intents[0][1].at] if self._intents else []
        if self._world.under_way and self._world.next_at is not None:
            moments.append(self._world.next_at)
        return min(moments, default=None)

    def _turn(self, until: datetime) -> None:
        """All that is booked and handled by `until`."""
        while self._intents and self._intents[0][1].at <= until:
            self._book(*self._intents.popleft())
        handlings = self._world.play(until, self._plan_of)
        self._fleet.scan(handlings)
        self._scans += len(handlings)

    def _book(self, shipment: str, intent: Intent) -> None:
        try:
            booked = self._bookings.book(intent.request, account="demo", idempotency_key=f"demo/{shipment}")
        except BadBookingError as refused:
            log.warning("not booked", shipment=shipment, why=str(refused))
            return
        if booked.replayed:
            return  # before a restart
        request = intent.request
        for number, piece in zip(booked.numbers, request.pieces, strict=True):
            is_bag = piece.kind is PieceKind.BAG
            self._booked.note(
                number=number, shipment=shipment, is_bag=is_bag, handed_in_at=intent.handed_in_at.isoformat()
            )
            self._pieces += 1
            freight = Freight(number, is_bag, request.origin, request.destination)
            self._world.hand_in(freight, at=max(intent.handed_in_at, self.clock.now()))

    def _plan_of(self, number: str) -> list[str]:
        """What staff read on their load lists: the plan in force, as the tracker has it."""
        card = self._queries.card(number)
        return [leg.departure.name for leg in card.legs if not leg.missed] if card is not None else []

    def _note_beep(self, dev: str, ep: str, q: int, code: str) -> None:
        self._beeped.note(dev=dev, ep=ep, q=q, code=code)

    def _note_sight(self, sight: Sight) -> None:
        self._sights.note(drawn=sight.drawn, read=sight.read, frames=sight.frames)

    def _tell(self, at: datetime) -> None:
        handed_over = self._pieces - self._world.under_way
        click.echo(
            f"demo: {at:%a %H:%M} UTC · {self._pieces} pieces booked, {handed_over} delivered · {self._scans} scans"
            f" · {self._fleet.off_line} devices off line",
            err=True,
        )


def _whereabouts(card: PieceCard) -> Whereabouts:
    if card.state is PieceState.OUT_FOR_DELIVERY:
        return Whereabouts(out=True)
    if card.aboard is not None:
        return Whereabouts(aboard=card.aboard)
    return Whereabouts(facility=card.facility.code if card.facility else card.origin.code)


def _van_leaves(station: str, arrived_at: datetime) -> datetime:
    return next_round(facilities()[station], arrives_at=arrived_at)


def _add_timetable(store: Store, day: date) -> None:
    ahead = [departure(run) for n in range(DAYS_AHEAD + 1) for run in runs_of(day + timedelta(days=n))]
    with store.writing() as tx:
        tx.network.keep_departures(ahead)


def _register(home: Path, devices: Devices) -> None:
    """One handheld at each station and gateway, two at each hub. Those this home has keep their credentials."""
    kept = {each.dev: each for each in read_devices(home)}
    for code in facilities():
        site = code.lower()
        for dev in (f"{site}-h{n}" for n in range(1, 3 if code in HUBS else 2)):
            if dev not in kept:
                given = devices.add(dev, site=site)
                kept[dev] = Registration(dev, site, given.key, given.password)
                keep_devices(home, list(kept.values()))


def _wait_until(holds: Callable[[], bool], stop: threading.Event, *, every_s: float = 0.01) -> bool:
    """Whether it holds within `PATIENCE_S` real seconds."""
    until = time.monotonic() + PATIENCE_S
    while not holds():
        if time.monotonic() > until or stop.wait(every_s):
            return False
    return True
