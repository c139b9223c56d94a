"""What recipients ask for: checked, written to the log as a fact, and answered there, at once where a rule can.

What they write beside it, an address or a neighbour's name, is kept in rows of its own that can be deleted; the log
says only what kind of thing was asked for and, of another day, which.
"""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import msgspec

from tracker.clock import Clock
from tracker.domain.asks import AT_ONCE, Ask, Closed, Offer, Outcome, Word, offers
from tracker.domain.errors import DecisionError, NotAllowedError
from tracker.domain.handling import ANSWERER, EventKey, Kind
from tracker.domain.persons import Person, normalised
from tracker.domain.situation import Situation
from tracker.folding import situation_at
from tracker.recipients import Grant
from tracker.store import Store, Transaction
from tracker.store.asks import AskedFor
from tracker.store.bodies import OfPiece
from tracker.store.fact_log import NewFact

LONGEST_NOTE = 200
_DIGEST_KEY = "asks_digest_key"

NEEDS_NOTE = frozenset({Ask.SAFE_PLACE, Ask.NEIGHBOUR, Ask.MISSING_BAG})
NEEDS_ADDRESS = frozenset({Ask.ADDRESS, Ask.REDIRECT})


class IncompleteAskError(DecisionError):
    """Something that is needed for it was not said, or is too long."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One thing asked for, with what belongs to it. `note` and the address are personal."""

    ask: Ask
    day: date | None = None
    note: str = ""
    lines: tuple[str, ...] = ()
    city: str = ""
    postcode: str = ""
    country: str = ""


@dataclass(frozen=True, slots=True)
class WaitingAsk:
    """What staff have to answer."""

    number: str
    key: EventKey
    ask: Ask
    asked_at: datetime
    asked_for: AskedFor


class Asks:
    """Safe to share between threads."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def offers(self, grant: Grant) -> tuple[Offer, ...]:
        """Everything there is to ask for of this piece, what is closed with the reason."""
        with self._store.reading() as tx:
            piece, _, service = _booked(tx, grant)
            situation, _ = situation_at(tx, piece, self._clock.now())
            return offers(situation, service=service, waiting=_waiting(tx, piece))

    def ask(self, grant: Grant, wanted: Wanted, *, key: str) -> Word:
        """Writes down what is asked, once under a key, and what is answered: what a rule can grant or has to refuse at
        once; else it waits for staff, and `outcome` is None.

        Raises NotAllowedError for who has not come by the link, IncompleteAskError where something is missing.
        """
        if not grant.may_act:
            raise NotAllowedError("whoever asks has to come by the link in a message to the recipient")
        if not 0 < len(key) <= 64:
            raise IncompleteAskError("an ask needs a key of 1 to 64 characters, so that it is taken once")
        asked_for = _checked(wanted)
        with self._store.writing() as tx:
            tx.log.lock()
            piece, origin, service = _booked(tx, grant)
            now = self._clock.now()
            digest = hmac.digest(tx.meta.secret(_DIGEST_KEY), repr(wanted).encode(), hashlib.sha256)
            known = tx.log.keyed(origin, key)
            if known is not None and known != digest:
                raise IncompleteAskError("under this key something else was asked before; open the page again")
            if known is not None:
                return _answered(tx, piece, EventKey(origin, key)) or Word(wanted.ask, wanted.day)
            situation, _ = situation_at(tx, piece, now)
            there = offers(situation, service=service, waiting=_waiting(tx, piece))
            answer = _answer(tx, piece, wanted, next((offer for offer in there if offer.ask is wanted.ask), None))
            asked = EventKey(origin, key)
            _write(tx, situation, piece, Kind.ASK, Word(wanted.ask, wanted.day), asked, now, digest=digest)
            tx.asks.keep(piece, asked, wanted.ask.value, asked_for)
            if answer.outcome is not None:
                by = EventKey(ANSWERER, f"{origin}/{key}")
                _write(tx, situation, piece, Kind.ANSWER, answer, by, now, answers=asked)
                tx.asks.close(asked, answer.outcome.value)
                if answer.outcome is Outcome.GRANTED:
                    apply(tx, piece, wanted.ask, asked_for)
            return answer

    def waiting(self) -> list[WaitingAsk]:
        """What staff have to answer, the oldest first. Personal."""
        with self._store.reading() as tx:
            rows = tx.asks.waiting()
            facts = tx.log.of_pieces({row.piece for row in rows})
            found = []
            for row in rows:
                event = next(fact.event for fact in facts[row.piece] if fact.event.event_key == row.key)
                found.append(WaitingAsk(event.code, row.key, Ask(row.ask), event.happened_at, row.asked_for))
            return found


def apply(tx: Transaction, piece: int, ask: Ask, asked_for: AskedFor) -> None:
    """What a grant changes beside the log: where a shipment goes to."""
    if ask in NEEDS_ADDRESS and asked_for.lines:
        address = msgspec.to_builtins(asked_for)
        tx.booked.readdress(piece, {name: address.get(name) for name in ("lines", "city", "postcode", "country")})


def _answer(tx: Transaction, piece: int, wanted: Wanted, offer: Offer | None) -> Word:
    """By rule: refused where it is closed, granted where only the last round has to know; else staff answer."""
    word = Word(wanted.ask, wanted.day)
    if offer is None:
        return Word(wanted.ask, wanted.day, Outcome.REFUSED, Closed.NOT_OFFERED)
    if offer.closed is not None:
        return Word(wanted.ask, wanted.day, Outcome.REFUSED, offer.closed)
    if wanted.ask is Ask.OTHER_DAY and wanted.day not in offer.days:
        return Word(wanted.ask, wanted.day, Outcome.REFUSED, Closed.BAD_DAY)
    if wanted.ask in AT_ONCE or (wanted.ask is Ask.ADDRESS and _same_street(tx, piece, wanted)):
        return Word(wanted.ask, wanted.day, Outcome.GRANTED)
    return word


def _same_street(tx: Transaction, piece: int, wanted: Wanted) -> bool:
    """Whether a corrected address lies where the one before did: the same postcode in the same country."""
    parties = tx.booked.parties(piece)
    before: Person = parties.consignee if parties is not None else Person("")
    same_code = normalised(before.postcode or "") == normalised(wanted.postcode) != ""
    return same_code and (before.country or wanted.country) == wanted.country


def _write(
    tx: Transaction,
    situation: Situation,
    piece: int,
    kind: Kind,
    word: Word,
    key: EventKey,
    now: datetime,
    *,
    digest: bytes | None = None,
    answers: EventKey | None = None,
) -> None:
    fact = NewFact(
        kind=kind,
        code=situation.piece.number,
        facility=situation.progress.facility or situation.piece.origin,
        happened_at=now,
        recorded_at=now,
        key=key.key,
        reason=str(word),
        digest=digest,
        body=msgspec.json.encode(OfPiece(piece, answers)).decode(),
    )
    pos = tx.log.append_once(key.origin, fact)
    assert pos is not None
    tx.timelines.attach([(piece, pos)])


def _booked(tx: Transaction, grant: Grant) -> tuple[int, str, str]:
    """The piece, the origin of its recipient's facts, and the service it is sent by."""
    piece = tx.booked.journey(grant.number, grant.journey)
    parties = tx.booked.parties(piece)
    assert parties is not None
    return piece, f"customer:{parties.pseudonym}", parties.service


def _waiting(tx: Transaction, piece: int) -> set[Ask]:
    return {Ask(row.ask) for row in tx.asks.waiting([piece])}


def _answered(tx: Transaction, piece: int, asked: EventKey) -> Word | None:
    for fact in tx.log.of_pieces([piece])[piece]:
        if fact.event.kind == Kind.ANSWER and msgspec.json.decode(fact.body or "", type=OfPiece).answers == asked:
            return Word.parse(fact.event.reason or "")
    return None


def _checked(wanted: Wanted) -> AskedFor:
    lines: Sequence[str] = [line.strip() for line in wanted.lines if line.strip()]
    texts = (wanted.note, *lines, wanted.city, wanted.postcode, wanted.country)
    if any(len(text) > LONGEST_NOTE or not text.isprintable() for text in texts):
        raise IncompleteAskError(f"a line has at most {LONGEST_NOTE} letters, and nothing but letters")
    if wanted.ask in NEEDS_NOTE and not wanted.note.strip():
        raise IncompleteAskError("say where or with whom")
    if wanted.ask in NEEDS_ADDRESS and not (lines and wanted.city.strip() and len(wanted.country) == 2):
        raise IncompleteAskError("an address has at least a line, a city and a country of two letters")
    if wanted.ask is Ask.OTHER_DAY and wanted.day is None:
        raise IncompleteAskError("choose a day")
    if wanted.ask not in NEEDS_ADDRESS:
        return AskedFor(note=wanted.note.strip())
    return AskedFor("", tuple(lines), wanted.city.strip(), wanted.postcode.strip(), wanted.country.upper())
