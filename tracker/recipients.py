"""Whose parcel it is: links that recipients get, what else proves it, and what is shown to whoever has proved it.

A link's token is a keyed digest of piece, person, form and generation. It is made anew whenever a letter is written, so
that a letter sent again is the same to the byte; the database keeps its SHA-256 alone, and the key is no part of the
database, so who reads a copy of it can open nothing. Raising the generation ends every link given out before.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from tracker.clock import Clock
from tracker.domain.card import Form, ToldNotice
from tracker.domain.errors import LastscanError
from tracker.domain.handling import Kind
from tracker.domain.persons import MOST_PROOFS, Person, normalised, proofs
from tracker.folding import pieces_called
from tracker.store import Store, Transaction
from tracker.store.viewers import View

TOKEN_BYTES = 16
LONGEST_PROOF = 80
"""Letters of a postcode or name that are looked at at all."""

MOST_TRIES = 5
TRIES_WITHIN = timedelta(hours=1)
MOST_MINE = 50
"""How many pieces somebody sees in one list."""

LINK_ENDS = timedelta(days=90)
"""After delivery."""

SEEN_BY_LINK = timedelta(days=30)
SEEN_BY_PROOF = timedelta(hours=12)
"""How long a browser goes on showing what it was opened for."""


class By(StrEnum):
    """How somebody showed that a piece is theirs. A link also shows that they read what we send them."""

    LINK = "link"
    PROOF = "proof"


class TooManyTriesError(LastscanError):
    """This number was tried too often with what proves nothing; `after` says in how many seconds it may be again."""

    def __init__(self, after: int) -> None:
        super().__init__(f"tried too often; try again in {after} seconds, or open the link in one of our messages")
        self.after = after


@dataclass(frozen=True, slots=True)
class Grant:
    """That a session may see a journey in a form."""

    number: str
    journey: int
    form: Form
    by: By

    @property
    def may_act(self) -> bool:
        """Who came by the link alone: it went to the contact that was booked."""
        return self.form is Form.RECIPIENT and self.by is By.LINK


@dataclass(frozen=True, slots=True)
class Opened:
    """What a link or a proof was swapped for: a session nobody had before, to be kept in a cookie."""

    session: str
    grant: Grant


class HandedOver(msgspec.Struct, frozen=True):
    """What the courier noted when it was handed over, as far as it can be read. Personal."""

    to: str = ""  # `recipient`, `neighbour` …
    name: str = ""
    files: tuple[str, ...] = ()  # pictures and signatures, by their SHA-256


@dataclass(frozen=True, slots=True)
class Particulars:
    """What stands beside a card for its recipient. Personal: to be shown to them alone, and masked where the form
    says so."""

    consignee: Person
    shipper: Person
    service: str
    reference: str | None
    weight_g: int | None
    contents: str | None
    told: tuple[ToldNotice, ...]
    shared: bool
    handed_over: HandedOver | None = None


class Recipients:
    """Safe to share between threads. `key`: what links are made with; with another one all given out are dead."""

    def __init__(self, store: Store, clock: Clock, *, key: bytes) -> None:
        if not key:
            raise ValueError("the key of the links is empty, so anybody could make them: restore it")
        self._store = store
        self._clock = clock
        self._key = key
        self._comparing = secrets.token_bytes(32)

    # links

    def link(self, person: str, number: str) -> str | None:
        """The token of the link that goes to this person (a pseudonym) about a piece: the same each time, until it is
        renewed. None where no such piece is theirs."""
        with self._store.reading() as tx:
            found = tx.booked.piece_for(person, number)
            known = tx.viewers.generation(*found, Form.RECIPIENT) if found else None
        if found is None:
            return None
        if known is None or not known[1]:
            with self._store.writing() as tx:
                return self._made(tx, *found, Form.RECIPIENT)
        return self._token(*found, Form.RECIPIENT, known[0])

    def renew(self, grant: Grant) -> str:
        """A link in place of all this person had for the piece; what was opened by those is closed."""
        with self._store.writing() as tx:
            piece, person = _piece_of(tx, grant)
            tx.viewers.forget_piece(piece, Form.RECIPIENT)
            return self._made(tx, piece, person, Form.RECIPIENT, anew=True)

    def share(self, grant: Grant) -> str:
        """The token of a link to pass on: the same each time until it is taken back."""
        with self._store.writing() as tx:
            return self._made(tx, *_piece_of(tx, grant), Form.SHARED)

    def unshare(self, grant: Grant) -> None:
        """The link that was passed on leads nowhere from now on, nor does what was opened by it."""
        with self._store.writing() as tx:
            piece, person = _piece_of(tx, grant)
            known = tx.viewers.generation(piece, person, Form.SHARED)
            if known is not None and known[1]:
                tx.viewers.keep_link(piece, person, Form.SHARED, generation=known[0], digest=None)
            tx.viewers.forget_piece(piece, Form.SHARED)

    def _made(self, tx: Transaction, piece: int, person: int, form: Form, *, anew: bool = False) -> str:
        known = tx.viewers.generation(piece, person, form)
        generation, stands = known or (0, False)
        if not stands or anew:
            generation += 1
            digest = _digest(self._token(piece, person, form, generation))
            tx.viewers.keep_link(piece, person, form, generation=generation, digest=digest)
        return self._token(piece, person, form, generation)

    def _token(self, piece: int, person: int, form: Form, generation: int) -> str:
        said = f"lastscan/link/{piece}/{person}/{form.value}/{generation}".encode()
        drawn = hmac.digest(self._key, said, hashlib.sha256)[:TOKEN_BYTES]
        return base64.urlsafe_b64encode(drawn).rstrip(b"=").decode()

    # from a link or a proof to a session

    def open(self, token: str, *, session: str | None = None) -> Opened | None:
        """Swaps a link for a session, which goes on showing what `session` did; None for a link that is none of ours,
        was made anew since, or is of a piece delivered 90 days ago."""
        now = self._clock.now()
        with self._store.writing() as tx:
            link = tx.viewers.link(_digest(token))
            if link is None or _ended(tx, link.piece, now):
                return None
            view = View(link.piece, link.person, link.form, By.LINK, now + SEEN_BY_LINK)
            return self._opened(tx, view, session, now)

    def prove(self, number: str, said: str, *, session: str | None = None) -> Opened | None:
        """A session for who knows the postcode or the surname a piece goes to; None for who does not, and in the same
        time for a number nobody knows. Raises TooManyTriesError after five wrong tries of a number in an hour."""
        now = self._clock.now()
        with self._store.reading() as tx:
            found = pieces_called(tx, number)[:1] or [0]
            name = tx.booked.piece_numbers(found).get(found[0], number)
            parties = tx.booked.parties(found[0])
        subject = hmac.digest(self._key, f"lastscan/tries/{normalised(name)}".encode(), hashlib.sha256).hex()
        with self._store.writing() as tx:
            tried = tx.viewers.try_once(subject, now=now, since=now - TRIES_WITHIN)
        with self._store.reading() as tx:
            before = tx.viewers.tries_before(subject, tried)
        if len(before) >= MOST_TRIES:
            with self._store.writing() as tx:
                tx.viewers.untry(tried)  # who goes on guessing locks nobody out for longer
            first = before[0]
            raise TooManyTriesError(max(1, round((first + TRIES_WITHIN - now).total_seconds())))
        if not self._knows(said, proofs(parties.consignee) if parties else ()) or parties is None:
            return None
        with self._store.writing() as tx:
            tx.viewers.untry(tried)
            view = View(found[0], parties.consignee_id, Form.RECIPIENT, By.PROOF, now + SEEN_BY_PROOF)
            return self._opened(tx, view, session, now)

    def _knows(self, said: str, wanted: Sequence[str]) -> bool:
        """Compares with as many as there may be, however many there are, and to the end."""
        given = self._blurred(normalised(said[:LONGEST_PROOF]))
        padded = [*wanted, *[""] * (MOST_PROOFS + 1 - len(wanted))]
        hits = [hmac.compare_digest(given, self._blurred(proof)) and bool(proof) for proof in padded]
        return any(hits)

    def _blurred(self, said: str) -> bytes:
        return hmac.digest(self._comparing, said.encode(errors="surrogatepass"), hashlib.sha256)

    def _opened(self, tx: Transaction, view: View, session: str | None, now: datetime) -> Opened:
        """Under a new name each time, so that a cookie somebody planted shows them nothing."""
        fresh = secrets.token_urlsafe(TOKEN_BYTES)
        tx.viewers.forget_ended(now)
        if session is not None:
            tx.viewers.move(_digest(session), _digest(fresh))
        stood = next((v for v in tx.viewers.views(_digest(fresh), now=now) if v.piece == view.piece), None)
        kept = stood if stood is not None and _worth(stood) > _worth(view) else view
        tx.viewers.keep_view(_digest(fresh), kept)
        return Opened(fresh, _grant(tx, kept))

    # what a session may see

    def grants(self, session: str) -> tuple[Grant, ...]:
        """Everything this session may see, the newest-booked first; nothing for one that is none of ours."""
        with self._store.reading() as tx:
            return tuple(_grant(tx, view) for view in tx.viewers.views(_digest(session), now=self._clock.now()))

    def mine(self, session: str) -> tuple[Grant, ...]:
        """Opens in this session all that goes to the contacts its links were sent to, the newest first."""
        now = self._clock.now()
        with self._store.writing() as tx:
            views = tx.viewers.views(_digest(session), now=now)
            proved = {view.piece for view in views if (view.form, view.by) == (Form.RECIPIENT, By.LINK)}
            for piece, person in tx.booked.same_contact(proved, limit=MOST_MINE):
                if piece not in proved and not _ended(tx, piece, now):
                    view = View(piece, person, Form.RECIPIENT, By.LINK, now + SEEN_BY_LINK)
                    tx.viewers.keep_view(_digest(session), view)
            found = (_grant(tx, view) for view in tx.viewers.views(_digest(session), now=now))
            return tuple(grant for grant in found if grant.may_act)

    def forget(self, session: str) -> None:
        """Ends a session: its cookie is worth nothing from now on, wherever a copy of it is."""
        with self._store.writing() as tx:
            tx.viewers.forget(_digest(session))

    def person(self, grant: Grant) -> str:
        """The pseudonym of whoever receives this journey."""
        with self._store.reading() as tx:
            return tx.booked.consignee(_piece_of(tx, grant)[0])[0].pseudonym

    def particulars(self, grant: Grant) -> Particulars:
        """For the recipient of this journey; not to be asked for any other form."""
        assert grant.form is Form.RECIPIENT
        with self._store.reading() as tx:
            piece, person = _piece_of(tx, grant)
            parties = tx.booked.parties(piece)
            assert parties is not None
            told = [row for row in tx.owed.about(piece) if row.person == person]
            shared = tx.viewers.generation(piece, person, Form.SHARED)
            return Particulars(
                consignee=parties.consignee,
                shipper=parties.shipper,
                service=parties.service,
                reference=parties.reference,
                weight_g=parties.weight_g,
                contents=parties.contents,
                told=tuple(ToldNotice(row.notice.kind.value, row.cause, row.owed_at, row.outcome) for row in told),
                shared=shared is not None and shared[1],
                handed_over=_handed_over(tx, piece),
            )


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()


def _worth(view: View) -> tuple[bool, bool]:
    """What is seen and what may be done by it."""
    return view.form == Form.RECIPIENT, view.by == By.LINK


def _grant(tx: Transaction, view: View) -> Grant:
    piece, _ = tx.booked.piece(view.piece)
    return Grant(piece.number, piece.journey, Form(view.form), By(view.by))


def _piece_of(tx: Transaction, grant: Grant) -> tuple[int, int]:
    piece = tx.booked.journey(grant.number, grant.journey)
    parties = tx.booked.parties(piece)
    assert parties is not None
    return piece, parties.consignee_id


def _handed_over(tx: Transaction, piece: int) -> HandedOver | None:
    """By the last scan of its delivery. A device sends what it likes: what has another form is left out."""
    scans = [fact for fact in tx.log.of_pieces([piece])[piece] if fact.event.kind == Kind.DELIVER]
    noted = tx.log.beside(max(scans, key=lambda fact: fact.event.order).pos) if scans else None
    try:
        return msgspec.json.decode(noted, type=HandedOver) if noted is not None else None
    except msgspec.DecodeError:
        return None


def _ended(tx: Transaction, piece: int, now: datetime) -> bool:
    standing = tx.timelines.standing(piece)
    delivered = standing.progress.delivered if standing is not None else None
    return delivered is not None and delivered.first_at + LINK_ENDS < now
