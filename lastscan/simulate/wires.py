"""The network and the broker: a wire that may drop, repeat, delay, reorder, forget and be cut in two."""

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol

from lastscan.simulate.events import VirtualTime
from lastscan.simulate.faults import Faults

LATE_BY = 20.0
KEPT_FOR_THE_AWAY = 3
Direction = Literal["up", "down"]


class Listener(Protocol):
    """A device on its connection."""

    dev: str

    def hear(self, payload: bytes) -> None: ...

    def lose_connection(self) -> None: ...


class Subscriber(Protocol):
    """A tracker on its connection. A message is its to acknowledge, by the number it comes with."""

    name: str

    def arrived(self, number: int, topic: str, payload: bytes) -> None: ...

    def lose_connection(self) -> None: ...


@dataclass(eq=False)
class Connection:
    """One device's, until either side gives it up. A dead direction swallows what is sent."""

    listener: Listener
    dead: set[Direction] = field(default_factory=set)
    open: bool = True


@dataclass
class _Session:
    """What the broker keeps for a tracker: messages that wait, and those handed over and not acknowledged."""

    subscriber: Subscriber | None = None
    waiting: deque[tuple[int, str, bytes]] = field(default_factory=deque)
    unacknowledged: dict[int, tuple[str, bytes]] = field(default_factory=dict)


class Broker:
    def __init__(self, time: VirtualTime, faults: Faults, counts: Counter[str]) -> None:
        self._time = time
        self._faults = faults
        self._counts = counts
        self._chance = time.chance("wires")
        self._drops_oldest = self._chance.random() < 0.5
        self._connections: dict[str, Connection] = {}
        self._sessions: dict[str, _Session] = {}
        self._numbered = 0
        self.on_down: Callable[[str, bytes], None] = lambda topic, payload: None

    def heal(self) -> None:
        """From now on everything arrives, in order; what is on its way late may still come."""
        self._faults = self._faults.only(())
        for connection in self._connections.values():
            connection.dead.clear()

    def forget(self) -> None:
        """It starts again and knows nothing: no session, no subscription, nothing that waited."""
        self._counts["broker restarts"] += 1
        everybody = [*self._connections.values()]
        subscribers = [session.subscriber for session in self._sessions.values() if session.subscriber]
        self._connections.clear()
        self._sessions.clear()
        for connection in everybody:
            self._end(connection)
        for subscriber in subscribers:
            subscriber.lose_connection()

    # devices

    def connect(self, listener: Listener) -> Connection:
        """The older connection of the same name is cut."""
        older = self._connections.pop(listener.dev, None)
        if older is not None:
            self._end(older)
        made = self._connections[listener.dev] = Connection(listener)
        return made

    def disconnect(self, connection: Connection) -> None:
        connection.open = False
        if self._connections.get(connection.listener.dev) is connection:
            del self._connections[connection.listener.dev]

    def cut(self, dev: str) -> None:
        connection = self._connections.pop(dev, None)
        if connection is not None:
            self._end(connection)

    def go_half_open(self, dev: str, direction: Direction) -> None:
        if dev in self._connections:
            self._connections[dev].dead.add(direction)

    def up(self, connection: Connection, topic: str, payload: bytes) -> None:
        if not connection.open or "up" in connection.dead:
            self._counts["dropped"] += 1
            return
        self._carry(lambda: self.publish(topic, payload))

    # trackers

    def subscribe(self, subscriber: Subscriber) -> None:
        """Whatever was handed over and not acknowledged comes again, then what waited."""
        session = self._sessions.setdefault(subscriber.name, _Session())
        session.subscriber = subscriber
        again = [(number, topic, payload) for number, (topic, payload) in session.unacknowledged.items()]
        session.unacknowledged.clear()
        waiting = [*again, *session.waiting]
        session.waiting.clear()
        self._counts["duplicated"] += len(again)
        for number, topic, payload in waiting:
            self._hand_over(session, number, topic, payload)

    def unsubscribe(self, subscriber: Subscriber) -> None:
        """The tracker is gone; its session stays."""
        session = self._sessions.get(subscriber.name)
        if session is not None and session.subscriber is subscriber:
            session.subscriber = None

    def acknowledge(self, subscriber: Subscriber, number: int) -> None:
        if session := self._sessions.get(subscriber.name):
            session.unacknowledged.pop(number, None)

    def down(self, dev: str, topic: str, payload: bytes) -> None:
        """From a tracker to whoever has that name then."""
        self.on_down(topic, payload)
        self.to_device(dev, payload)

    def to_device(self, dev: str, payload: bytes) -> None:
        connection = self._connections.get(dev)
        if connection is None or "down" in connection.dead:
            self._counts["dropped"] += 1
            return
        self._carry(lambda: connection.listener.hear(payload) if connection.open else None)

    # inside

    def publish(self, topic: str, payload: bytes) -> None:
        for session in self._sessions.values():
            self._numbered += 1
            if session.subscriber is not None:
                self._hand_over(session, self._numbered, topic, payload)
                continue
            session.waiting.append((self._numbered, topic, payload))
            if self._faults.full_queue and len(session.waiting) > KEPT_FOR_THE_AWAY:
                self._counts["dropped"] += 1
                session.waiting.popleft() if self._drops_oldest else session.waiting.pop()

    def _hand_over(self, session: _Session, number: int, topic: str, payload: bytes) -> None:
        session.unacknowledged[number] = (topic, payload)
        subscriber = session.subscriber
        assert subscriber is not None

        def arrive() -> None:
            if session.subscriber is subscriber:
                subscriber.arrived(number, topic, payload)

        self._carry(arrive)

    def _carry(self, deliver: Callable[[], None]) -> None:
        """Once, at once; or as the faults will."""
        if self._chance.random() < self._faults.drop:
            self._counts["dropped"] += 1
            return
        times = 1
        if self._chance.random() < self._faults.repeat:
            self._counts["duplicated"] += 1
            times = 2
        for _ in range(times):
            pause = self._chance.uniform(0.002, 0.03)
            if self._chance.random() < self._faults.delay:
                pause += self._chance.uniform(0, LATE_BY)
            self._time.after(pause, deliver)

    def _end(self, connection: Connection) -> None:
        connection.open = False
        self._time.after(0.001, connection.listener.lose_connection)
