"""The forecast at work: looks at all planned connections each minute, and says in the log what it foresees of them.

What is said is a fact of the piece (`Foreseen`), under a key that counts what was said of its connection before: two
trackers that look at once say it once, and folding the log again foresees nothing anew.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import msgspec

from tracker.clock import Clock
from tracker.domain.forecast.alert import DESK, Alert, follow
from tracker.domain.forecast.board import Board, Run, minutes, rotate
from tracker.domain.forecast.outlook import Outlook
from tracker.domain.forecast.priors import takes
from tracker.domain.forecast.tables import Tables
from tracker.domain.handling import FORECASTER, Kind
from tracker.domain.itinerary import Foreseen
from tracker.domain.network import Departure, Facility, Mode, Side
from tracker.domain.rules import IrregularityKind
from tracker.forecasting import shipped
from tracker.store import Store, Transaction
from tracker.store.bodies import SaidOfConnection
from tracker.store.fact_log import NewFact
from tracker.store.timelines import KnownPiece

AHEAD = timedelta(hours=12)
"""How long before an outbound should leave its connections are looked at."""

OVERDUE = timedelta(hours=12)
"""How long after it should have left one is still waited for."""

BEFORE = timedelta(hours=18)
"""How far back the board reaches for what is under way."""


HEARD_WITHIN = timedelta(minutes=10)
"""How long after a departure left or landed that is known here at the latest; until then its silence says nothing."""


class Foresight:
    """Says what is foreseen. Keeps nothing that matters: may be killed at any instant, and run beside another."""

    def __init__(self, store: Store, clock: Clock, tables: Tables | None = None) -> None:
        self._store = store
        self._clock = clock
        self._tables = tables if tables is not None else shipped()
        self._looked_at = -1
        self._read: tuple[int, datetime, frozenset[str]] | None = None
        self._departures: dict[str, Departure] = {}
        self._runs: dict[str, Run] = {}
        self._board = Board((), self._tables.turn)

    def step(self) -> int:
        """Looks once a minute of the business clock; answers how many pieces something was said of."""
        now = self._clock.now()
        if minutes(now) == self._looked_at:
            return 0
        with self._store.reading() as tx:
            said = self._look(tx, now)
        new: set[str] = set()
        if said:
            with self._store.writing() as tx:
                tx.log.lock()
                new = tx.log.append_new(FORECASTER, said)
        self._looked_at = minutes(now)
        return len(new)

    def _look(self, tx: Transaction, now: datetime) -> list[NewFact]:
        connections = tx.network.connections(since=now - OVERDUE, until=now + AHEAD)
        if not connections:
            return []
        self._hear(tx, frozenset(name for pair in connections for name in pair), now)
        chances = self._chances(connections, tx.network.facilities(), now)
        likely = {outbound for (_, outbound), chance in chances.items() if chance >= DESK.closes}
        concerned = likely | tx.timelines.with_open(IrregularityKind.CONNECTION_AT_RISK)
        if not concerned:
            return []
        riders = {(piece, outbound): inbound for piece, inbound, outbound in tx.network.connecting(concerned)}
        known = {each.id: each for each in tx.timelines.known({piece for piece, _ in riders})}
        said = []
        for (rider, outbound), inbound in riders.items():
            piece, chance = known[rider], chances.get((inbound, outbound))
            if chance is None or piece.spelled is None or piece.stale:
                continue
            standing = piece.spelled.standing
            if not standing.progress.delivered and standing.progress.load_on(outbound) is None:
                said += _said(piece, standing.plan.foreseen, inbound, outbound, chance, now)
        return said

    def _chances(
        self, connections: Iterable[tuple[str, str]], places: dict[str, Facility], now: datetime
    ) -> dict[tuple[str, str], float]:
        outlook = Outlook(self._tables, self._board, minutes(now - HEARD_WITHIN))
        found = {}
        for inbound, outbound in connections:
            if inbound in self._runs and outbound in self._runs:
                comes, goes = self._departures[inbound], self._departures[outbound]
                place = places.get(goes.origin) or Facility(goes.origin)
                least = place.connection(
                    Side(comes.carrier, comes.destination_terminal), Side(goes.carrier, goes.origin_terminal)
                )
                least_min = int(least / timedelta(minutes=1))
                runs = self._runs[inbound], self._runs[outbound]
                found[inbound, outbound] = outlook.missed(*runs, takes=takes(least_min))
        return found

    def _hear(self, tx: Transaction, planned_on: frozenset[str], now: datetime) -> None:
        """The board as departures are known now; made anew only where one changed, or an hour has passed.

        Of a run that nobody tells of, and that takes none of our pieces, silence is no lateness: it is left out.
        """
        version, hour = tx.network.versions()[0], now.replace(minute=0, second=0, microsecond=0)
        if self._read != (version, hour, planned_on):
            found = tx.network.timetable(since=hour - BEFORE, until=hour + AHEAD + timedelta(hours=1))
            self._departures = {d.name: d for d in found if d.name in planned_on or _told_of(d)}
            self._runs = {name: _run(departure) for name, departure in self._departures.items()}
            rotate(self._runs.values())
            self._board = Board(self._runs.values(), self._tables.turn)
            self._read = version, hour, planned_on
        self._board.tick(minutes(now - HEARD_WITHIN))


def _told_of(departure: Departure) -> bool:
    return departure.tail is not None or departure.left_at is not None or departure.estimated_departure is not None


def _run(departure: Departure) -> Run:
    diverted = departure.diverted_to is not None
    estimated, due = departure.estimated_departure, departure.estimated_arrival
    return Run(
        name=departure.name,
        carrier=departure.carrier,
        origin=departure.origin,
        destination=departure.destination,
        departs=minutes(departure.departs_at),
        arrives=minutes(departure.arrives_at),
        tail=departure.tail or "",
        left=minutes(departure.left_at) if departure.left_at is not None else None,
        landed=minutes(departure.landed_at) if departure.landed_at is not None and not diverted else None,
        cancelled=departure.cancelled,
        estimated=minutes(estimated) if estimated is not None else None,
        due=minutes(due) if due is not None else None,
        by_road=departure.mode is Mode.ROAD,
    )


def _said(
    piece: KnownPiece, foreseen: Sequence[Foreseen], inbound: str, outbound: str, chance: float, now: datetime
) -> list[NewFact]:
    """What is new of one connection of one piece: nothing, or one word."""
    before = [word for word in foreseen if word.outbound == outbound]
    stood = Alert(before[-1].chance, before[-1].warned) if before and before[-1].stands else None
    stands = follow(stood, chance, DESK)
    if stands is stood:
        return []
    warned = stands is not None and stands.warned
    said = SaidOfConnection(piece.id, inbound, outbound, round(chance, 3), stands is not None, warned)
    return [
        NewFact(
            kind=Kind.ALERT,
            code=piece.piece.number,
            facility="",
            happened_at=now,
            recorded_at=now,
            key=f"{piece.piece.name}:{outbound}:{len(before) + 1:03d}",
            body=msgspec.json.encode(said).decode(),
        )
    ]
