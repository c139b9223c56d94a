"""What staff decide: checked, then written to the log as one fact. What comes of it is folded like any scan."""

import hashlib
import hmac
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import assert_never

import msgspec

from tracker.asks import apply
from tracker.clock import Clock, WallClock
from tracker.domain.asks import Closed, Outcome, Word
from tracker.domain.audit import Action
from tracker.domain.decisions import (
    HIGHEST_RANK,
    LONGEST_CLOSURE,
    MAY_DECIDE,
    MOST_MINUTES,
    UNDO_WITHIN,
    Answer,
    Apologise,
    CloseFacility,
    Decision,
    DeclareFound,
    DeclareLost,
    Expedite,
    FacilityDecision,
    Hold,
    HoldDeparture,
    PieceDecision,
    Readdress,
    Release,
    ReopenFacility,
    Reroute,
    Undo,
    Withdraw,
    within_reach,
)
from tracker.domain.errors import BadItineraryError, DecidedMeanwhileError, DecisionError, NotAllowedError
from tracker.domain.handling import CLOSURE, MOVEMENT, EventKey, HandlingEvent, Kind, said_by_desk, said_of_asks
from tracker.domain.ids import is_departure, wire_name
from tracker.domain.itinerary import Itinerary, joined
from tracker.domain.judge import judge, next_leg
from tracker.domain.network import ClosureWord, Departure
from tracker.domain.situation import Situation
from tracker.domain.staff import Staff
from tracker.domain.timetable import Wish
from tracker.folding import departures_at, pieces_called, situation_at
from tracker.planning import Planning
from tracker.store import Store, Transaction
from tracker.store.bodies import StaffDecided
from tracker.store.fact_log import KeptFact, NewFact

LONGEST_REASON = 300
_DIGEST_KEY = "desk_digest_key"

_KINDS: dict[type[PieceDecision], Kind] = {
    Hold: Kind.HOLD,
    Release: Kind.RELEASE,
    Reroute: Kind.REPLAN,
    Expedite: Kind.EXPEDITE,
    Readdress: Kind.READDRESS,
    DeclareLost: Kind.LOST,
    DeclareFound: Kind.FOUND,
    Apologise: Kind.APOLOGY,
}
_UNDONE = frozenset(_KINDS.values()) - {Kind.READDRESS}
"""What is undone by taking its fact back; the address before a correction is not kept."""

_UNDER_WAY_ONLY = (Hold, Reroute, Expedite, DeclareLost)


@dataclass(frozen=True, slots=True)
class Taken:
    """What was decided: the key of its fact. `again`: it was decided under this key before, and nothing new was."""

    event_key: EventKey
    again: bool = False


@dataclass(frozen=True, slots=True)
class _Draft:
    """A decision about to be written down."""

    kind: str
    code: str
    facility: str
    body: StaffDecided
    held_for: str | None = None


class Desk:
    """Where staff decide about pieces and departures. Safe to share between threads."""

    def __init__(self, store: Store, clock: Clock, wall: Clock | None = None) -> None:
        """`wall` dates the audit, whose times are real ones in a demo too."""
        self._store = store
        self._clock = clock
        self._wall = wall or WallClock()
        self._planning = Planning()

    @property
    def undo_within(self) -> timedelta:
        """`UNDO_WITHIN` on the business clock, which may run faster than whoever decides."""
        return UNDO_WITHIN * max(1.0, float(getattr(self._clock, "speed", 1.0)))

    def suggest(self, number: str) -> Itinerary | None:
        """The way that arrives first from where the piece can be had next; None where it is planned on one that arrives
        no later, or there is none."""
        with self._store.reading() as tx:
            now = self._clock.now()
            try:
                piece = _piece(tx, number)
                situation, _ = situation_at(tx, piece, now)
                if situation.delivered is not None:
                    return None
                place, ready_at = _reach(tx, situation, now)
                way = self._way(tx, Reroute(number=number, reason=""), situation, piece, place, ready_at)
            except DecisionError:
                return None
            planned, found = situation.itinerary.arrives_at, way.arrives_at
            goes = judge(situation).next_departure is not None
            return None if goes and planned is not None and found is not None and planned <= found else way

    def decide(self, decision: Decision, *, by: Staff, key: str, seen: int | None = None) -> Taken:
        """Writes a decision down once, however often it is sent under one key. `seen`: how many decisions of the desk
        about this piece its maker knew of.

        Raises DecidedMeanwhileError where there are others by now.
        Raises NotAllowedError where it is not for this role, BadNameError for a user whose name is no plain word, and
        DecisionError where it cannot be decided so; each says what to do instead.
        """
        _allow(decision, by)
        origin = f"desk:{wire_name(by.user)}"
        if not 0 < len(key) <= 128:
            raise DecisionError("a decision needs a key of 1 to 128 characters, so that it is taken once")
        _check_reason(decision.reason)
        with self._store.writing() as tx:
            tx.log.lock()
            digest = _digest(tx, decision)
            known = tx.log.keyed(origin, key)
            if known is not None:
                if known != digest:
                    raise DecisionError("under this key something else was decided before; use a new key")
                return Taken(EventKey(origin, key), again=True)
            if seen is not None:
                _see_nobody_was_quicker(tx, decision, seen)
            now = self._clock.now()
            draft = self._draft(tx, decision, by, now)
            fact = NewFact(
                kind=draft.kind,
                code=draft.code,
                facility=draft.facility,
                happened_at=now,
                recorded_at=now,
                key=key,
                reason=draft.held_for,
                digest=digest,
                body=msgspec.json.encode(draft.body).decode(),
            )
            pos = tx.log.append_once(origin, fact)
            assert pos is not None
            tx.audit.append(
                at=self._wall.now(),
                who=by.user,
                role=by.role.value,
                action=Action.DECIDED,
                object=f"{type(decision).__name__} {draft.code}",
                reason=decision.reason.strip(),
            )
            # What is decided next must see it, folded or not.
            if draft.body.piece is not None:
                tx.timelines.attach([(draft.body.piece, pos)])
            elif draft.kind == CLOSURE:
                tx.network.hear_of_closures([(pos, draft.code, ClosureWord(now, draft.body.closed, draft.body.reason))])
            else:
                tx.timelines.attach_cards([(draft.code, pos)])
        return Taken(EventKey(origin, key))

    def _draft(self, tx: Transaction, decision: Decision, by: Staff, now: datetime) -> _Draft:
        said = StaffDecided(role=by.role, reason=decision.reason.strip())
        match decision:
            case HoldDeparture():
                return _hold_departure(tx, decision, said, now)
            case CloseFacility() | ReopenFacility():
                return _about_place(tx, decision, said, now)
            case Withdraw():
                return _withdraw(tx, decision, said, now)
            case Answer():
                return _answer(tx, decision, said)
            case Undo():
                return _undo(tx, decision, said, by, now - self.undo_within)
            case _:
                return self._about_piece(tx, decision, said, now)

    def _about_piece(self, tx: Transaction, decision: PieceDecision, said: StaffDecided, now: datetime) -> _Draft:
        piece = _piece(tx, decision.number)
        situation, _ = situation_at(tx, piece, now)
        if isinstance(decision, _UNDER_WAY_ONLY) and situation.delivered is not None:
            raise DecisionError(
                f"{situation.piece.number} was handed over at {situation.delivered.first_at:%Y-%m-%d %H:%M}Z; "
                "if it was not, withdraw that scan first"
            )
        place, ready_at = _reach(tx, situation, now)
        said = msgspec.structs.replace(said, piece=piece)
        held_for: str | None = None
        match decision:
            case Hold():
                held_for = decision.held_for.value
            case Expedite():
                if not 0 <= decision.rank <= HIGHEST_RANK:
                    raise DecisionError(f"a rank is 0 to {HIGHEST_RANK}; the higher goes first")
                said = msgspec.structs.replace(said, rank=decision.rank)
            case Readdress():
                tx.booked.readdress(piece, _address(decision))
            case Reroute():
                ahead = next_leg(situation)
                way = self._way(tx, decision, situation, piece, place, ready_at)
                said = msgspec.structs.replace(
                    said, missed=ahead.departure if ahead is not None else None, legs=list(way.legs)
                )
                tx.timelines.keep_rides({piece: {leg.departure: True for leg in way.legs}})
            case Apologise():
                found = next(
                    (i for i in judge(situation).irregularities if i.name == (decision.kind, decision.subject)), None
                )
                if found is None or not found.open:
                    raise DecisionError("what you would say sorry for is over; look at the piece again")
                held_for = decision.about
            case Release() | DeclareLost() | DeclareFound():
                pass
            case _:
                assert_never(decision)
        return _Draft(_KINDS[type(decision)], situation.piece.number, place, said, held_for)

    def _way(
        self, tx: Transaction, decision: Reroute, situation: Situation, piece: int, place: str, ready_at: datetime
    ) -> Itinerary:
        destination = situation.piece.destination
        if place == destination:
            raise DecisionError(f"it is at {place} or on its way there, where it ends; there is nothing to re-route")
        if decision.legs:
            way = _chosen(tx, decision.legs, situation, place, ready_at)
        else:
            found = self._planning.plan(tx, [Wish(piece, place, destination, ready_at, situation.piece.service)])[piece]
            if found is None:
                raise DecisionError(
                    f"no way with room from {place} to {destination} in the three days after "
                    f"{ready_at:%Y-%m-%d %H:%M}Z; name the departures it shall take"
                )
            way = found
        ahead = next_leg(situation)
        planned = situation.itinerary.legs
        if ahead is not None and planned[planned.index(ahead) :] == way.legs:
            raise DecisionError("that is the way it is planned on already; name other departures")
        return way


def _reach(tx: Transaction, situation: Situation, now: datetime) -> tuple[str, datetime]:
    """Where hands can next be laid on it, and when."""
    aboard = situation.progress.aboard
    riding = departures_at(tx, [aboard], now).get(aboard) if aboard is not None else None
    return within_reach(situation, aboard=riding)


def _see_nobody_was_quicker(tx: Transaction, decision: Decision, seen: int) -> None:
    if isinstance(decision, PieceDecision | Undo | Withdraw | Answer):
        facts = tx.log.of_pieces([piece := _piece(tx, decision.number)])[piece]
        if sum(said_by_desk(fact.event.event_key) for fact in facts) != seen:
            raise DecidedMeanwhileError(f"somebody decided about {decision.number} meanwhile; look at it again")


def _chosen(tx: Transaction, legs: tuple[str, ...], situation: Situation, place: str, ready_at: datetime) -> Itinerary:
    names = tx.network.known_as(legs)
    for leg in legs:
        if leg not in names:
            raise DecisionError(f"no departure {leg!r} in the timetable; `lastscan network load` takes it in")
    known = departures_at(tx, set(names.values()), situation.now)
    chosen = [known[names[leg]] for leg in legs]
    for departure in chosen:
        if departure.left_at is not None:
            raise DecisionError(f"{departure.name} left at {departure.left_at:%Y-%m-%d %H:%M}Z; choose a later one")
        if not departure.takes(situation.piece.service):
            raise DecisionError(f"{departure.name} does not take {situation.piece.service}; choose another")
    if chosen[0].leaves_at < ready_at:
        raise DecisionError(
            f"{chosen[0].name} leaves at {chosen[0].leaves_at:%Y-%m-%d %H:%M}Z, and the piece is not there before "
            f"{ready_at:%Y-%m-%d %H:%M}Z; choose a later one"
        )
    if situation.progress.rank == 0:
        planned = {leg.departure for leg in situation.itinerary.legs}
        room = tx.network.room([departure.name for departure in chosen])
        full = [name for name, free in room.items() if free < 1 and name not in planned]
        if full:
            raise DecisionError(f"{full[0]} is full; choose another, or expedite the piece first")
    try:
        return joined(chosen, origin=place, destination=situation.piece.destination)
    except BadItineraryError as wrong:
        raise DecisionError(f"{wrong}; the legs must lead from {place} to {situation.piece.destination}") from wrong


def _hold_departure(tx: Transaction, decision: HoldDeparture, said: StaffDecided, now: datetime) -> _Draft:
    if not 0 < decision.minutes <= MOST_MINUTES:
        raise DecisionError(f"a departure is held for 1 to {MOST_MINUTES} minutes")
    departure = _departure(tx, decision.departure, now)
    if departure.left_at is not None:
        raise DecisionError(f"{departure.name} left at {departure.left_at:%Y-%m-%d %H:%M}Z; it cannot be held any more")
    if departure.cancelled:
        raise DecisionError(f"{departure.name} is cancelled; there is nothing to hold")
    held_until = max(departure.leaves_at, now) + timedelta(minutes=decision.minutes)
    said = msgspec.structs.replace(said, held_until=held_until)
    return _Draft(MOVEMENT, departure.name, departure.origin, said)


def _about_place(tx: Transaction, decision: FacilityDecision, said: StaffDecided, now: datetime) -> _Draft:
    code = decision.facility.strip().upper()
    place = tx.network.facilities().get(code)
    if place is None:
        raise DecisionError(f"no facility {code!r}; `lastscan network load --facilities` takes one in")
    if isinstance(decision, ReopenFacility):
        if not any(closure.until > max(now, closure.since) for closure in place.closures):
            raise DecisionError(f"{code} is not closed, and not to be closed")
        return _Draft(CLOSURE, code, code, said)
    if not decision.since < decision.until or decision.until <= now:
        raise DecisionError("a place is closed from one instant to a later one, and not in the past")
    if decision.until - decision.since > LONGEST_CLOSURE:
        raise DecisionError(f"a place is closed for at most {LONGEST_CLOSURE.days} days by one decision")
    return _Draft(CLOSURE, code, code, msgspec.structs.replace(said, closed=(decision.since, decision.until)))


def _withdraw(tx: Transaction, decision: Withdraw, said: StaffDecided, now: datetime) -> _Draft:
    """Of a departure's card, or of a piece."""
    if is_departure(decision.number):
        piece, code = None, _departure(tx, decision.number, now).name
        facts = tx.log.of_departures([code])[code]
    else:
        piece = _piece(tx, decision.number)
        facts, code = tx.log.of_pieces([piece])[piece], tx.booked.piece(piece)[0].number
    scan = _scan(facts, decision)
    return _Draft(Kind.VOID, code, scan.facility, msgspec.structs.replace(said, piece=piece, voids=scan.event_key))


def _answer(tx: Transaction, decision: Answer, said: StaffDecided) -> _Draft:
    piece = _piece(tx, decision.number)
    row = next((row for row in tx.asks.waiting([piece]) if row.key == decision.asked), None)
    event = next((f.event for f in tx.log.of_pieces([piece])[piece] if f.event.event_key == decision.asked), None)
    word = Word.parse(event.reason or "") if event is not None and said_of_asks(event) else None
    if row is None or event is None or word is None:
        raise DecisionError(
            f"nothing of {decision.number} waits for an answer under {decision.asked}; "
            "`lastscan desk asked` lists what does"
        )
    if decision.grant:
        apply(tx, piece, word.ask, row.asked_for)
        answer = replace(word, outcome=Outcome.GRANTED)
    else:
        answer = replace(word, outcome=Outcome.REFUSED, because=Closed.STAFF)
    tx.asks.close(decision.asked, Outcome.GRANTED if decision.grant else Outcome.REFUSED)
    said = msgspec.structs.replace(said, piece=piece, answers=decision.asked)
    return _Draft(Kind.ANSWER, event.code, event.facility, said, str(answer))


def _undo(tx: Transaction, decision: Undo, said: StaffDecided, by: Staff, since: datetime) -> _Draft:
    piece = _piece(tx, decision.number)
    facts = tx.log.of_pieces([piece])[piece]
    found = next((fact.event for fact in facts if fact.event.event_key == decision.decided), None)
    if found is None or decision.decided.origin != f"desk:{wire_name(by.user)}" or found.kind not in _UNDONE:
        raise DecisionError(f"{decision.decided} is no decision of yours that can be undone; decide anew")
    if any(fact.event.kind == Kind.VOID and fact.event.voids == decision.decided for fact in facts):
        raise DecisionError(f"{decision.decided} is undone already")
    if found.recorded_at < since:
        raise DecisionError(f"a decision is undone within {UNDO_WITHIN.seconds} seconds; decide anew")
    return _Draft(
        Kind.VOID, found.code, found.facility, msgspec.structs.replace(said, piece=piece, voids=found.event_key)
    )


def _scan(facts: list[KeptFact], decision: Withdraw) -> HandlingEvent:
    found = next((fact.event for fact in facts if fact.event.event_key == decision.scan), None)
    if found is None or not found.event_key.origin.startswith("dev:") or found.kind == Kind.VOID:
        raise DecisionError(
            f"{decision.scan} is no scan of {decision.number}; `lastscan track` shows each scan's key. "
            "What was decided is not withdrawn, but decided anew"
        )
    before = next((f.event for f in facts if f.event.kind == Kind.VOID and f.event.voids == found.event_key), None)
    if before is not None:
        raise DecisionError(f"{decision.scan} was withdrawn already, by {before.event_key}")
    return found


def _departure(tx: Transaction, called: str, now: datetime) -> Departure:
    name = tx.network.known_as([called]).get(called)
    if name is None:
        raise DecisionError(f"no departure {called!r} in the timetable; write it as AA1234/2026-11-21")
    return departures_at(tx, [name], now)[name]


def _piece(tx: Transaction, number: str) -> int:
    """The newest journey under this number; one that may mean several parcels is not guessed at."""
    found = pieces_called(tx, number)
    if not found:
        raise DecisionError(f"{number}: no piece with this number; check it, or book it first")
    numbers = tx.booked.piece_numbers(found)
    named = [piece for piece in found if numbers[piece] == number] or found
    if len({numbers[piece] for piece in named}) > 1:
        raise DecisionError(f"{number} may be {' or '.join(sorted(set(numbers.values())))}: name it by one of these")
    return named[0]


def _address(decision: Readdress) -> dict[str, object]:
    lines = [line.strip() for line in decision.lines if line.strip()]
    if not lines or not decision.city.strip():
        raise DecisionError("an address has at least a line and a city")
    if not (len(decision.country) == 2 and decision.country.isascii() and decision.country.isupper()):
        raise DecisionError(f"{decision.country!r} is no country; write two capital letters, as NL")
    return {
        "lines": lines,
        "city": decision.city.strip(),
        "postcode": decision.postcode.strip() or None,
        "country": decision.country,
    }


def _allow(decision: Decision, by: Staff) -> None:
    if type(decision) not in MAY_DECIDE[by.role]:
        who = " or ".join(role.value.replace("_", " ") for role, may in MAY_DECIDE.items() if type(decision) in may)
        raise NotAllowedError(f"this is not for a {by.role.value.replace('_', ' ')} to decide; ask a {who}")


def _check_reason(reason: str) -> None:
    if not 0 < len(reason.strip()) <= LONGEST_REASON:
        raise DecisionError(f"say why, in at most {LONGEST_REASON} characters: it is kept with the decision")


def _digest(tx: Transaction, decision: Decision) -> bytes:
    """Keyed, so that nobody can try addresses against the log."""
    spelled = msgspec.json.encode([type(decision).__name__, asdict(decision)])
    return hmac.digest(tx.meta.secret(_DIGEST_KEY), spelled, hashlib.sha256)
