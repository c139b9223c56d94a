"""One seed: a day of a small carrier under its faults, and then an hour without any, in which all must come right."""

import sqlite3
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from sqlalchemy.exc import SQLAlchemyError

from lastscan.simulate import proofs
from lastscan.simulate.carrier import (
    CARDS,
    FOREIGN,
    HANDHELDS,
    KEYS,
    LATE_BOOKINGS,
    NUMBERS,
    ODD_CODES,
    SHIFT_MINUTES,
    SITES,
    Handling,
    email_of,
    journey,
)
from lastscan.simulate.database import Database
from lastscan.simulate.events import SPEED, Event, OurClock, VirtualTime
from lastscan.simulate.faults import Faults, swarm
from lastscan.simulate.handhelds import Unit
from lastscan.simulate.house import KEY, NotifyProcess, Process, Staff, Surroundings, TrackerProcess
from lastscan.simulate.oracle import Attempt, BrokenError, Oracle, Reader
from lastscan.simulate.provider import Provider
from lastscan.simulate.wires import Broker
from notify.channel import Message
from notify.preferences import Preferences
from tracker import wire
from tracker.domain.errors import BadBookingError, StoreError
from tracker.domain.handling import Kind
from tracker.domain.notices import NOTICE_RULES, NoticeKind

ALL_WELL_WITHIN = 60.0
LONGEST_WAIT = timedelta(hours=48)
FOLDED_AGAIN = 4  # one seed in so many folds its whole log again
MINUTE = 60.0 / SPEED


@dataclass(frozen=True, slots=True)
class Orders:
    """What one seed plays: `pieces` of those booked are carried; `faults` else are drawn from the seed."""

    seed: int
    faults: Faults | None = None
    pieces: int = len(NUMBERS)


@dataclass
class Outcome:
    seed: int
    faults: Faults
    hours: float = 0.0
    scans: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    broken: BrokenError | None = None

    def trip(self, what: str) -> None:
        """The shipped code met a mistake of its own, and went on."""
        self.broken = BrokenError("mistake", what)


def play(orders: Orders) -> Outcome:
    """The whole of one seed; it never raises what an invariant or the shipped code raises, it answers it."""
    world = World(orders)
    outcome = Outcome(orders.seed, world.faults, counts=world.counts)
    try:
        world.play()
    except BrokenError as broken:
        outcome.broken = broken
    except Exception as wrong:  # noqa: BLE001  # whatever it is, the seed found it
        outcome.broken = BrokenError("mistake", f"{type(wrong).__name__}: {wrong}")
        outcome.broken.__cause__ = wrong
    finally:
        world.database.connection.on_commit = None
    outcome.hours = world.time.now / 3600
    outcome.scans = len(world.oracle.beeped)
    return outcome


class World:
    def __init__(self, orders: Orders) -> None:
        self.time = VirtualTime(orders.seed)
        self.faults = orders.faults if orders.faults is not None else swarm(self.time.chance("swarm"))
        self.counts: Counter[str] = Counter()
        self.clock = OurClock(self.time)
        self.oracle = Oracle()
        self.reader = Reader(self.oracle)
        self.database = Database(self.time, self.faults, self.counts)
        self.broker = Broker(self.time, self.faults, self.counts)
        self.provider = Provider(self.time, self.faults, self.oracle, self.counts)
        self.around = Surroundings(
            self.time, self.clock, self.faults, self.database, self.broker, self.provider, self.counts, self._crashed
        )
        self.trackers = [
            TrackerProcess(f"tracker {n}", self.around) for n in range(2 if self.faults.two_trackers else 1)
        ]
        self.notifiers = [
            NotifyProcess(f"notify {n}", self.around) for n in range(2 if self.faults.two_notifiers else 1)
        ]
        self.staff = Staff("staff", self.around)
        self.preferences = Preferences(self.database.engine, KEY)
        self._made = self._misfits = 0
        self.units = [self._unit(dev) for dev in HANDHELDS]
        self.numbers = NUMBERS[: orders.pieces]
        self._chance = self.time.chance("people")
        self._mischief = self.time.chance("mischief")
        self._backups: list[sqlite3.Connection] = []
        self._left: dict[tuple[str, NoticeKind], float] = {}
        self._unbooked: set[str] = set()
        self._looked_at = -1

    # the day

    def play(self) -> None:
        self.database.before = self.around.at_commit
        self.database.after = self.around.after_commit
        self.provider.on_send = self._sending
        self.provider.after_send = self.around.after_sending
        self.broker.on_down = self._answered
        self.time.after_each = self._look
        for process in self._processes:
            process.start()
        for unit in self.units:
            unit.start()
        self._plan_shift()
        self._plan_mischief()
        self._backup()
        self.time.run(SHIFT_MINUTES * MINUTE)
        self._heal()
        self._all_must_come_right()

    @property
    def _processes(self) -> list[Process]:
        return [*self.trackers, *self.notifiers]

    def _unit(self, dev: str) -> Unit:
        self._made += 1
        return Unit(self._made, dev, self.time, self.faults, self.broker, self.oracle, self.reader, self._crashed)

    def _crashed(self) -> None:
        self.counts["crashes"] += 1

    # people

    def _plan_shift(self) -> None:
        chance = self._chance
        for card in CARDS:
            self._plan(card)
        for number in self.numbers:
            for step in journey(number, later=chance.uniform(-4, 4)):
                self._plan(step)
        for code in ODD_CODES:
            minute = chance.uniform(2, SHIFT_MINUTES - 10)
            self._plan(Handling(minute, chance.choice(HANDHELDS), code, Kind.SORT))
        for number in self.numbers[len(NUMBERS) - LATE_BOOKINGS :]:
            self.time.after(chance.uniform(5, 120) * MINUTE, partial(self._book, number))

    def _plan(self, step: Handling) -> None:
        """As planned, or as people are: late, elsewhere, twice, and taken back."""
        chance, faults = self._chance, self.faults
        late, astray, twice, withdraw = (chance.random() for _ in range(4))
        where, after, back = chance.choice(HANDHELDS), chance.uniform(1, 300), chance.uniform(1, 20)
        minute = step.minute + chance.uniform(-1, 1) + (30 if late < faults.late else 0)
        dev = where if astray < faults.astray else step.dev
        if minute >= SHIFT_MINUTES:
            return

        def scan() -> None:
            unit = self._chance.choice([unit for unit in self.units if unit.dev == dev])
            made = unit.scan(step.code, step.kind, into=step.into)
            if withdraw < faults.withdraw:
                self.time.after(back, lambda: self._withdraw(made))

        self.time.after(minute * MINUTE, scan)
        if twice < faults.twice:
            self.time.after(minute * MINUTE + after * MINUTE / 60, scan)

    def _withdraw(self, made: Attempt) -> None:
        unit = next(unit for unit in self.units if unit.number == made.unit)
        if made.id is not None:
            unit.scan(made.code, Kind.VOID, voids=made.id)

    def _book(self, number: str) -> None:
        """The shipper's own system asks until it is answered."""
        try:
            self.database.book(number, self.clock)
        except BadBookingError:  # as when our clock was wrong, so that a connection had not been made by it
            self._unbooked.add(number)
            return
        except StoreError:
            self.time.after(1.0, lambda: self._book(number))
            return
        for tracker in self.trackers:
            if tracker.alive:
                tracker.fold_soon(0.1)

    # mischief

    def _plan_mischief(self) -> None:
        faults = self.faults
        doings: dict[str, Event] = {
            "cut": lambda: self.broker.cut(self._any_unit().dev),
            "half_open": lambda: self.broker.go_half_open(self._any_unit().dev, self._mischief.choice(("up", "down"))),
            "forget": self.broker.forget,
            "power_cut": lambda: self._any_unit().power_cut(),
            "rot": lambda: self._any_unit().rot(),
            "factory_reset": lambda: self._any_unit().forget_everything(),
            "clone": self._clone,
            "restore": self._restore,
            "rebuild": self.staff.rebuild,
            "jump": self._jump,
            "leave": self._leave,
            "forge": self._forge,
            "misfit": self._misfit,
        }
        for name, doing in doings.items():
            rate = getattr(faults, name)
            chance = self.time.chance(f"when {name}")
            at = chance.expovariate(rate / 60) if rate else SHIFT_MINUTES
            while at < SHIFT_MINUTES * MINUTE:
                self.time.after(at, partial(self._strike, name, doing))
                at += chance.expovariate(rate / 60)

    def _strike(self, name: str, doing: Event) -> None:
        self.counts[name] += 1
        doing()

    def _any_unit(self) -> Unit:
        return self._mischief.choice(self.units)

    def _clone(self) -> None:
        if len(self.units) == len(HANDHELDS):
            original = self._any_unit()
            copy = self._unit(original.dev)
            self.units.append(copy)
            original.copy_to(copy)

    def _jump(self) -> None:
        by = timedelta(hours=self._mischief.uniform(-24, 24))
        if self._mischief.random() < 0.5:
            self._any_unit().jump(by)
        else:
            self.clock.wrong_by = by

    def _backup(self) -> None:
        if not self.database.connection.in_transaction:
            self._backups = [*self._backups[-2:], self.database.backup()]
        self.time.after(self._mischief.uniform(10, 60), self._backup)

    def _restore(self) -> None:
        """The whole house stops, an older database takes the place of the one that was, and all of it starts again."""
        for process in (*self._processes, self.staff):
            process.end()
        backup = self._mischief.choice(self._backups)
        generation = self.database.restore(backup, self.clock.now())
        self.reader.restored(generation)
        self.oracle.restores += 1
        self._left.clear()
        if self._mischief.random() < 0.5:
            self.broker.forget()
        for process in self._processes:
            self.time.after(self._mischief.uniform(0.2, 3), process.start)
        for number in self.numbers[len(NUMBERS) - LATE_BOOKINGS :]:
            self.time.after(5.0, partial(self._book, number))

    def _leave(self) -> None:
        address = email_of(self._mischief.choice(NUMBERS))
        kind = self._mischief.choice([kind for kind, rule in NOTICE_RULES.items() if rule.left_with])
        token = self.preferences.token_for(address, kind)
        left_with = NOTICE_RULES[kind].left_with
        assert token is not None
        assert left_with is not None
        self._left.pop((address, left_with), None)
        try:
            if self._mischief.random() < 0.7:
                self.preferences.leave(token, self.clock.real())
                self._left[address, left_with] = self.time.now
            else:
                self.preferences.come_back(token, self.clock.real())
        except SQLAlchemyError:
            pass  # the page says so, and they try another day

    def _forge(self) -> None:
        dev = self._mischief.choice(HANDHELDS)
        record = wire.ScanRecord(
            q=self._mischief.randrange(1, 40),
            code=NUMBERS[0],
            sym="code128",
            k="deliver",
            wall=0,
            mono=1,
            boot=1,
            op="forger",
        )
        ep = next((unit.epoch for unit in self.units if unit.dev == dev and unit.epoch), "f" * 32)
        forged = wire.signed_batch(b"\0" * 32, [wire.encode_record(record)], ep=ep, sent=0, mono=1, boot=1)
        nonsense = self._mischief.randbytes(20)
        unsigned = forged.replace(b'"mac"', b'"mack"')
        self.broker.publish(wire.Address(SITES[dev], dev).up, self._mischief.choice((forged, nonsense, unsigned)))
        elsewhere = wire.signed_batch(KEYS["h-bos"], [wire.encode_record(record)], ep="e" * 32, sent=0, mono=1, boot=1)
        self.broker.publish(wire.Address("sea", "h-bos").up, elsewhere)
        receipt = wire.signed(b"\0" * 32, wire.Ack(ep=ep, upto=1 << 20, gen=self.reader.gen))
        self.broker.to_device(dev, wire.encode(receipt))

    def _misfit(self) -> None:
        """Three records under one number of theirs each, the second of which is none."""
        self._misfits += 1
        ep = f"{self._misfits:032x}"
        raws = []
        for q in (1, 2, 3):
            record = wire.ScanRecord(q=q, code="FOREIGN", sym="code128", k="sort", wall=0, mono=self._misfits, boot=1)
            raws.append(wire.encode_record(record) if q != 2 else b'{"q":2,"code":17}')
            self.reader.foreign.add((ep, q))
        batch = wire.signed_batch(KEYS[FOREIGN], raws, ep=ep, sent=0, mono=self._misfits, boot=1)

        def send() -> None:
            if self.reader.prefix.get((FOREIGN, ep, self.reader.gen), 0) < 3:
                self.broker.publish(wire.Address(SITES[FOREIGN], FOREIGN).up, batch)
            self.time.after(8.0, send)

        send()

    # all the while

    def _answered(self, topic: str, payload: bytes) -> None:
        self._look()
        self.reader.hears_answer(topic, payload)

    def _look(self) -> None:
        """After each event, and before each answer leaves."""
        if self.database.commits != self._looked_at and not self.database.connection.in_transaction:
            self._looked_at = self.database.commits
            self.reader.look(self.database.ask)

    def _sending(self, message: Message, key: str) -> None:
        sender = self.around.at_work
        # Between a look and a sending the world may go on, for as long as whoever sends is stopped there.
        awake = sender is None or sender.woke_at <= sender.began_at
        proofs.check_sending(self.database.ask, key, just_looked=awake)
        kind = NoticeKind(message.body.decode().split(":")[0])
        left_with = NOTICE_RULES[kind].left_with
        left_at = self._left.get((message.address, left_with)) if left_with else None
        if left_at is not None and left_at < (sender.began_at if sender else self.time.now):
            raise BrokenError("I5", f"{kind} is sent to somebody who opted out {self.time.now - left_at:.0f} s ago")
        self.around.at_commit()

    # the end

    def _heal(self) -> None:
        self.faults = self.around.faults = self.faults.only(())
        self.database.heal()
        self.broker.heal()
        self.provider.heal()
        self.clock.wrong_by = timedelta(0)
        for unit in self.units:
            unit.heal()
        for process in self._processes:
            process.start()

    def _all_must_come_right(self) -> None:
        ask = self.database.ask
        self.time.run(self.time.now + ALL_WELL_WITHIN)
        proofs.check_custody(self.oracle, self.reader, ask)
        for unit in self.units:
            proofs.check_journal(unit)
        for ep in (f"{made:032x}" for made in range(1, self._misfits + 1)):
            if self.reader.prefix.get((FOREIGN, ep, self.reader.gen), 0) != 3:
                raise BrokenError("I8", "a misfit record holds up its batch")
        if self._misfits and not ask("SELECT 1 FROM quarantine WHERE instr(payload, CAST('\"code\":17' AS BLOB))"):
            raise BrokenError("I1", "a misfit record is not in quarantine")
        self.trackers[0].finish()
        for turn in range(2000):  # one may wait for another, which a clock that was wrong has put off by a day
            self.notifiers[0].finish()
            waits = proofs.waits(ask, real=self.clock.real(), business=self.clock.now(), speed=SPEED)
            if not waits or min(waits) > LONGEST_WAIT:
                break
            ahead = [wait for wait in waits if wait > timedelta(0)]  # what is due by now waits for what another holds
            self.time.now += max(1.0 if turn < 200 else 60.0, min(ahead, default=timedelta(0)).total_seconds() + 0.001)
            self.trackers[0].finish()
        self._look()
        proofs.check_outboxes(ask, self.clock.now())
        proofs.check_timelines(ask, [number for number in self.numbers if number not in self._unbooked])
        proofs.check_notices(self.oracle, ask, remembers_keys=self.provider.remembers_keys)
        if self.time.seed % FOLDED_AGAIN == 0:
            proofs.check_rebuild(self.database.opened(), self.clock, ask)
