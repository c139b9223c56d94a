"""Who is calling: pieces by number, reference, name, company, phone or mail address, and contacts for a reason."""

from dataclasses import dataclass
from enum import StrEnum

from tracker.audit import Audit
from tracker.domain.persons import Person
from tracker.domain.roles import Sight
from tracker.domain.staff import Staff
from tracker.folding import pieces_called
from tracker.store import Store, Transaction
from tracker.store.callers import NAME, Heard, email_key, names, phone_keys

MOST = 20
"""How many pieces are shown: the newest."""

LONGEST = 200

CONTACTS = frozenset({Sight.NAME, Sight.DOOR, Sight.CONTACT})
"""What `Callers.contacts` opens."""


class By(StrEnum):
    """What a piece was found by."""

    NUMBER = "number"
    REFERENCE = "reference"
    NAME = "name"
    PHONE = "phone"
    EMAIL = "email"


@dataclass(frozen=True, slots=True)
class Found:
    """A piece, and what of it agrees with what was said: that it does, and not what it is."""

    piece: Heard
    by: frozenset[By]


@dataclass(frozen=True, slots=True)
class Contacts:
    """Who receives a piece and who sends it. Personal."""

    recipient: Person
    sender: Person
    reference: str | None


class Callers:
    """Safe to share between threads."""

    def __init__(self, store: Store, audit: Audit) -> None:
        self._store = store
        self._audit = audit

    def find(self, said: str) -> tuple[Found, ...]:
        """The newest pieces that this may mean, those that agree in most first: in any accepted spelling of a number,
        a shipper's reference, words of a name in any order, a mail address, a phone number with or without prefix."""
        said = " ".join(said.split())[:LONGEST]
        if not said:
            return ()
        agree: dict[int, set[By]] = {}
        with self._store.reading() as tx:
            for by, pieces in _meant(tx, said):
                for piece in pieces[:MOST]:
                    agree.setdefault(piece, set()).add(by)
            chosen = sorted(agree, key=lambda piece: (-len(agree[piece]), -piece))[:MOST]
            heard = tx.callers.heard(chosen)
        return tuple(Found(heard[piece], frozenset(agree[piece])) for piece in chosen if piece in heard)

    def contacts(self, number: str, *, by: Staff, reason: str) -> Contacts | None:
        """Opens who sends and receives the newest piece of this number; None where there is none.

        Written to the audit and counted first: raises what `Audit.look` does.
        """
        with self._store.reading() as tx:
            found = pieces_called(tx, number)
            known = tx.booked.piece(found[0])[0].number if found else None
        if known is None:
            return None
        self._audit.look(by, f"piece {known}", CONTACTS, reason=reason)
        with self._store.reading() as tx:
            parties = tx.booked.parties(found[0])
        return Contacts(parties.consignee, parties.shipper, parties.reference) if parties is not None else None


def _meant(tx: Transaction, said: str) -> list[tuple[By, list[int]]]:
    found = [(By.NUMBER, pieces_called(tx, said)), (By.REFERENCE, tx.callers.of_reference(said, MOST))]
    if "@" in said:
        found.append((By.EMAIL, _of(tx, [email_key(said)])))
        return found
    if words := names(said) if any(letter.isalpha() for letter in said) else []:
        each = words[:-1] or words  # the last is all of them as one
        found.append((By.NAME, _of(tx, [f"{NAME}:{word}" for word in each]) or _of(tx, [f"{NAME}:{words[-1]}"])))
    if keys := phone_keys(said):
        found.append((By.PHONE, _of(tx, [keys[0]])))
    return found


def _of(tx: Transaction, keys: list[str]) -> list[int]:
    return tx.callers.of_people(tx.callers.people(keys, MOST), MOST)
