"""Hearing of a piece by its number alone: an address is given, asked once whether it wants to, and told after its yes.

Whoever knows a number may give an address, and need not own it. So each address is written to once in thirty days,
whoever gives it and however often, and its link shows all that was asked for it meanwhile. As links of recipients are,
that link is a keyed digest; the database keeps its SHA-256.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Collection
from datetime import timedelta

from tracker.clock import Clock
from tracker.domain.errors import DecisionError
from tracker.domain.follows import MAIL, Follow, question
from tracker.domain.notices import NoticeKind
from tracker.store import Store, Transaction
from tracker.store.follows import Contact
from tracker.store.owed import Debt

ONCE_IN = timedelta(days=30)
"""An address is asked at most once in this time, and what it did not answer by then is forgotten."""

MOST_WAITING = 20
"""So many addresses may wait for their yes about one piece in two days."""

SHOWN = 50
"""How many pieces a link shows."""

LONGEST_ADDRESS = 254
_ADDRESS = re.compile(r"[!-~]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}")
_NOT_IN_ONE = frozenset('<>()[],;:\\"@')

_TOKEN_BYTES = 16


class NoAddressError(DecisionError):
    """What was given is no mail address we can write to."""


class TooManyFollowersError(DecisionError):
    """Too many addresses were given for this piece in two days; try again tomorrow."""


class Followers:
    """Safe to share between threads. `key`: what links and digests are made with, as of `tracker.recipients`."""

    def __init__(self, store: Store, clock: Clock, *, key: bytes) -> None:
        if not key:
            raise ValueError("the key of the links is empty, so anybody could make them: restore it")
        self._store = store
        self._clock = clock
        self._key = key

    def ask(self, number: str, journey: int, email: str, kinds: Collection[NoticeKind], *, language: str) -> None:
        """Keeps that this address is to hear of a booked journey, and owes it the question, unless it was asked in the
        last thirty days. The answer is the same for an address we know and for any other.

        Raises NoAddressError, TooManyFollowersError.
        """
        email = email.strip()
        if not _is_address(email):
            raise NoAddressError("this is no mail address we can write to")
        now = self._clock.now()
        with self._store.writing() as tx:
            tx.follows.forget_unanswered(now - ONCE_IN)
            piece = tx.booked.journey(number, journey)
            if tx.follows.waiting_for(piece, since=now - timedelta(days=2)) >= MOST_WAITING:
                raise TooManyFollowersError("too many addresses were given for this piece; try again tomorrow")
            digest = self._mac("address", email.casefold()).hex()
            contact = tx.follows.contact(digest, email=email, language=language)
            tx.follows.ask(contact, piece, kinds, now=now)
            if not tx.follows.waits(contact.person):
                return
            link = _digest(self._token(contact.pseudonym, contact.times + 1))
            if not tx.follows.write_once(contact, link=link, now=now, since=now - ONCE_IN):
                return
            notice = question(contact.pseudonym, contact.times + 1)
            tx.owed.owe(
                [Debt(notice, contact.person, contact.pseudonym, piece, (MAIL,), now, notice.ends(now), beside=True)]
            )

    def link(self, person: str) -> str | None:
        """The token of the link that goes to this person (a pseudonym); None for who gave no address here."""
        with self._store.reading() as tx:
            contact = tx.follows.of_person(person)
        return self._token(contact.pseudonym, contact.times) if contact is not None else None

    def asked(self, token: str) -> list[Follow] | None:
        """What was asked for the address this link was sent to, the newest first; None for a link that is none of
        ours, or older than the last. Changes nothing."""
        with self._store.reading() as tx:
            contact = self._opened(tx, token)
            return tx.follows.of(contact, limit=SHOWN) if contact is not None else None

    def confirm(self, token: str, wanted: Collection[tuple[str, int]]) -> list[Follow] | None:
        """Its reader says yes to these, by number and journey, and hears of them from now on. None as for `asked`."""
        with self._store.writing() as tx:
            contact = self._opened(tx, token)
            if contact is None:
                return None
            for follow in tx.follows.of(contact, limit=SHOWN):
                if (follow.number, follow.journey) in wanted:
                    tx.follows.confirm(contact, follow.piece, now=self._clock.now())
            return tx.follows.of(contact, limit=SHOWN)

    def decline(self, token: str) -> list[Follow] | None:
        """Forgets all its reader has not said yes to. None as for `asked`."""
        with self._store.writing() as tx:
            contact = self._opened(tx, token)
            if contact is None:
                return None
            tx.follows.decline(contact)
            return tx.follows.of(contact, limit=SHOWN)

    def _opened(self, tx: Transaction, token: str) -> Contact | None:
        return tx.follows.of_link(_digest(token))

    def _token(self, pseudonym: str, times: int) -> str:
        drawn = self._mac("contact", f"{pseudonym}/{times}")[:_TOKEN_BYTES]
        return base64.urlsafe_b64encode(drawn).rstrip(b"=").decode()

    def _mac(self, purpose: str, said: str) -> bytes:
        return hmac.digest(self._key, f"lastscan/{purpose}/{said}".encode(), hashlib.sha256)


def _is_address(said: str) -> bool:
    local = said.rpartition("@")[0]
    return len(said) <= LONGEST_ADDRESS and _ADDRESS.fullmatch(said) is not None and not _NOT_IN_ONE & {*local}


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()
