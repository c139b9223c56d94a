"""Who wants no more notices of a kind, and the links by which they say so: RFC 8058, without account or login.

A link speaks for an address and a kind, as the letter that carries it was sent to one and is of the other. The
pseudonym of a person would not do: each booking draws a new one, so leaving would end with the parcel.
"""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from notify.store.opt_outs import OptOutStore
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
    left: bool


class Preferences:
    """What recipients have left. The key makes links and digests: with another one, old links and wishes are lost."""

    def __init__(self, engine: "Engine", key: bytes) -> None:
        if not key:
            raise ValueError("the key of the preferences is empty, so anybody could make links: restore it")
        self._opt_outs = OptOutStore(engine)
        self._key = key

    def token_for(self, address: str, kind: NoticeKind) -> str | None:
        """The same for ever for one address and for all kinds that are left together; None where nobody may leave.

        Letters, digits, `-` and `_`. Without the key it tells nobody whose it is.
        """
        left_with = NOTICE_RULES[kind].left_with
        return None if left_with is None else self._token(self._digest(address), left_with)

    def read(self, token: str) -> Wish | None:
        """What the link is about; None if it is not ours to the letter. Changes nothing."""
        found = self._opened(token)
        if found is None:
            return None
        address, kind = found
        return Wish(address, kind, self._opt_outs.since(address=address, kind=kind) is not None)

    def leave(self, token: str, now: datetime) -> Wish | None:
        """From now on nothing of this kind is sent there. Leaving twice is leaving once; None as for `read`."""
        found = self._opened(token)
        if found is None:
            return None
        address, kind = found
        self._opt_outs.add(address=address, kind=kind, since=now)
        return Wish(address, kind, left=True)

    def come_back(self, token: str) -> Wish | None:
        """What is owed from now on is sent again; what was not sent meanwhile is not made up for."""
        found = self._opened(token)
        if found is None:
            return None
        address, kind = found
        self._opt_outs.remove(address=address, kind=kind)
        return Wish(address, kind, left=False)

    def has_left(self, address: str, kind: NoticeKind) -> bool:
        """Whether a notice of this kind must not be sent to this address."""
        left_with = NOTICE_RULES[kind].left_with
        if left_with is None:
            return False
        return self._opt_outs.since(address=_text(self._digest(address)), kind=left_with) is not None

    # Tokens: digest of the address, signature, kind

    def _token(self, digest: bytes, kind: NoticeKind) -> str:
        return _text(digest + self._signature(digest, kind) + kind.encode())

    def _opened(self, token: str) -> tuple[str, NoticeKind] | None:
        """Digest of the address, and kind."""
        if len(token) > LONGEST or not token.isascii():
            return None
        try:
            parts = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
            digest, signature, kind = parts[:BYTES], parts[BYTES : 2 * BYTES], NoticeKind(parts[2 * BYTES :].decode())
        except (binascii.Error, ValueError):
            return None
        if not hmac.compare_digest(signature, self._signature(digest, kind)):
            return None
        if not hmac.compare_digest(token, self._token(digest, kind)):  # base64 has several spellings for the same bytes
            return None
        return (_text(digest), kind) if NOTICE_RULES[kind].left_with is kind else None

    def _digest(self, address: str) -> bytes:
        return self._mac("address", address.strip().casefold().encode(errors="surrogatepass"))

    def _signature(self, digest: bytes, kind: NoticeKind) -> bytes:
        return self._mac("leave", digest + kind.encode())

    def _mac(self, purpose: str, said: bytes) -> bytes:
        """Each purpose has a key of its own, so that none of its MACs is ever good for another."""
        key = hmac.digest(self._key, f"lastscan/preferences/{purpose}".encode(), hashlib.sha256)
        return hmac.digest(key, said, hashlib.sha256)[:BYTES]


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
