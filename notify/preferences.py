"""What recipients wish, and the links by which they say so, without account or login; one click leaves (RFC 8058).

A link speaks for an address, as the letter that carries it was sent to one; and for the kind and the piece that letter
was about. The pseudonym of a person would not do: each booking draws a new one, so a wish would end with the parcel.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import TYPE_CHECKING

from notify.store.wishes import WishStore
from notify.wishes.hours import QUIET_FROM, QUIET_UNTIL
from notify.wishes.wishes import PERSONAL, Wishes
from notify.wishes.words import Answer, answer
from tracker.domain.notices import NOTICE_RULES, NoticeKind

if TYPE_CHECKING:
    from sqlalchemy import Engine

BYTES = 16
"""Of the digest and of the signature in a token: 128 bits can be neither guessed nor met by chance."""

LONGEST = 200
"""Letters of a token that are looked at at all."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a link is about, and what stands. The address is a digest: nothing here names anybody."""

    address: str
    kind: NoticeKind
    piece: str  # that its letter was about, as number/journey; empty: none
    wishes: Wishes

    @property
    def number(self) -> str:
        return self.piece.partition("/")[0]

    @property
    def may_leave(self) -> bool:
        """Whether its kind may be left at all."""
        return NOTICE_RULES[self.kind].left_with is not None

    @property
    def left(self) -> bool:
        return self.wishes.has_left(self.kind)

    @property
    def muted(self) -> bool:
        return self.piece in self.wishes.muted


@dataclass(frozen=True, slots=True)
class Choice:
    """What somebody chose on the page of their wishes: all of it, so what is not here is as for everybody."""

    language: str | None = None
    zone: str | None = None
    quiet_from: time = QUIET_FROM
    quiet_until: time = QUIET_UNTIL
    paused_until: date | None = None  # the first day, in their zone, on which they want to hear again
    off: frozenset[tuple[NoticeKind, str]] = frozenset()  # of what the page showed, what has no tick
    on: frozenset[tuple[NoticeKind, str]] = frozenset()  # and what has
    everywhere: bool = False


class Preferences:
    """What addresses wish. The key makes links and digests: with another one, old links and wishes are lost."""

    def __init__(self, engine: "Engine", key: bytes) -> None:
        if not key:
            raise ValueError("the key of the preferences is empty, so anybody could make links: restore it")
        self._wishes = WishStore(engine)
        self._key = key

    # For who sends

    def digest(self, address: str) -> str:
        """Names an address, however it is written, to nobody without the key."""
        return _text(self._digest(address))

    def of(self, addresses: Collection[str]) -> dict[str, Wishes]:
        """What is wished at each of these, which are digests."""
        return self._wishes.of(addresses)

    def has_left(self, address: str, kind: NoticeKind) -> bool:
        """Whether a notice of this kind must not be sent to this address."""
        digest = self.digest(address)
        return self._wishes.of([digest])[digest].has_left(kind)

    # By the link in a letter

    def token_for(self, address: str, kind: NoticeKind, piece: str = "") -> str:
        """The same for ever for one address, one piece (number/journey), and all kinds that are left together.

        Letters, digits, `-` and `_`. Without the key it tells nobody whose it is. That of a kind nobody may leave
        opens the same page, and leaves nothing.
        """
        return self._token(self._digest(address), NOTICE_RULES[kind].left_with or kind, piece)

    def read(self, token: str) -> Wish | None:
        """What the link is about; None if it is not ours to the letter. Changes nothing."""
        found = self._opened(token)
        if found is None:
            return None
        address, kind, piece = found
        return Wish(address, kind, piece, self._wishes.of([address])[address])

    def leave(self, token: str, now: datetime) -> Wish | None:
        """From now on nothing of this kind goes to its reader, by any channel, unless nobody may leave it. Leaving
        twice is leaving once; None as for `read`."""
        found = self._opened(token)
        if found is not None and NOTICE_RULES[found[1]].left_with is not None:
            address, kind, _ = found
            self._wishes.switch(address, now, off={(kind, channel) for channel in PERSONAL})
        return self.read(token)

    def come_back(self, token: str, now: datetime) -> Wish | None:
        """What is owed from now on is sent again; what was not sent meanwhile is not made up for."""
        found = self._opened(token)
        if found is not None:
            address, kind, _ = found
            self._wishes.switch(address, now, on={(kind, channel) for channel in PERSONAL})
        return self.read(token)

    def mute(self, token: str, now: datetime) -> Wish | None:
        """From now on nothing more about the piece of its letter, as far as its reader may choose."""
        found = self._opened(token)
        if found is not None and found[2]:
            self._wishes.mute(found[0], found[2], now)
        return self.read(token)

    def unmute(self, token: str, piece: str) -> Wish | None:
        """Any piece that was muted by this address."""
        found = self._opened(token)
        if found is not None:
            self._wishes.unmute(found[0], piece)
        return self.read(token)

    def save(self, token: str, choice: Choice, now: datetime) -> Wish | None:
        """Everything the page shows, at once. A kind without any tick is left by every channel."""
        found = self._opened(token)
        if found is None:
            return None
        off = set(choice.off)
        for kind in {kind for kind, _ in off} - {kind for kind, _ in choice.on}:
            off |= {(kind, channel) for channel in PERSONAL}
        wishes = Wishes(choice.language, choice.zone, choice.quiet_from, choice.quiet_until)
        said = {
            "language": choice.language,
            "zone": choice.zone,
            "quiet_from": choice.quiet_from,
            "quiet_until": choice.quiet_until,
            "paused_until": wishes.hours("UTC").begins(choice.paused_until) if choice.paused_until else None,
            "everywhere": choice.everywhere,
        }
        self._wishes.save(found[0], now, said, off={*off}, on={*choice.on})
        return self.read(token)

    # By a text message

    def answered(self, number: str, text: str, now: datetime) -> Answer | None:
        """Does what a text message from this number asks for: after STOP nothing goes to it, until START. None for any
        other text, which is for a person to read. The caller owes each answer but None one confirmation."""
        asked = answer(text)
        if asked in (Answer.STOP, Answer.START):
            self._wishes.say(self.digest(number), now, stopped=asked is Answer.STOP)
        return asked

    # Tokens: digest of the address, signature, kind, and after a blank the piece

    def _token(self, digest: bytes, kind: NoticeKind, piece: str) -> str:
        about = f"{kind} {piece}" if piece else str(kind)
        return _text(digest + self._signature(digest, about) + about.encode())

    def _opened(self, token: str) -> tuple[str, NoticeKind, str] | None:
        """Digest of the address, kind, and the piece."""
        if len(token) > LONGEST or not token.isascii():
            return None
        try:
            parts = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
            digest, signature, about = parts[:BYTES], parts[BYTES : 2 * BYTES], parts[2 * BYTES :].decode()
            named, _, piece = about.partition(" ")
            kind = NoticeKind(named)
        except (binascii.Error, ValueError):
            return None
        if not hmac.compare_digest(signature, self._signature(digest, about)):
            return None
        whole = self._token(digest, kind, piece)
        if not hmac.compare_digest(token, whole):  # base64 has several spellings for the same bytes
            return None
        return (_text(digest), kind, piece) if NOTICE_RULES[kind].left_with in (kind, None) else None

    def _digest(self, address: str) -> bytes:
        return self._mac("address", address.strip().casefold().encode(errors="surrogatepass"))

    def _signature(self, digest: bytes, about: str) -> bytes:
        return self._mac("leave", digest + about.encode())

    def _mac(self, purpose: str, said: bytes) -> bytes:
        """Each purpose has a key of its own, so that none of its MACs is ever good for another."""
        key = hmac.digest(self._key, f"lastscan/preferences/{purpose}".encode(), hashlib.sha256)
        return hmac.digest(key, said, hashlib.sha256)[:BYTES]


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
