"""Passwords of devices and of the tracker, as the brokers keep them.

A stored password is one line of text in Mosquitto's own form, so that one column serves every broker unchanged:

    $7$101$<base64 of 12 random bytes>$<base64 of 64 bytes>
     │  │            salt                PBKDF2-HMAC-SHA512(password, salt, rounds)
     │  rounds
     the kind: PBKDF2 with SHA-512

101 rounds would be far too few for a password that a person chose. Ours are 256 random bits, handed out once by
`lastscan device add`: no number of rounds makes guessing those any more hopeless, and Mosquitto works out the hash
of every open session again at each reload, which with 500 devices must not stop the scans.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

from tracker.domain.errors import BadNameError
from tracker.domain.ids import wire_name

TRACKERS = "tracker"
"""What the names of all trackers begin with."""

SALT_BYTES = 12  # Mosquitto 2.0 drops an entry whose salt is any longer or shorter
ROUNDS = 101
_MOST_ROUNDS = 1_000_000  # a damaged row must not hold up whoever checks it
_DIGEST_BYTES = 64


def user_name(name: str) -> str:
    """`name`, if a device or a feed may sign in at a broker with it; else BadNameError."""
    if wire_name(name).startswith(TRACKERS):
        raise BadNameError(f"{name}: names beginning with {TRACKERS} belong to trackers; choose another")
    return name


def hash_password(password: str, *, salt: bytes) -> str:
    """The line to store for `password`. `salt`: twelve fresh random bytes, never used for another password."""
    if len(salt) != SALT_BYTES:
        raise ValueError(f"a salt of {len(salt)} bytes: Mosquitto takes exactly {SALT_BYTES}")
    return f"$7${ROUNDS}${_text(salt)}${_text(_digest(password, salt, ROUNDS))}"


def verify_password(password: str, password_hash: str) -> bool:
    """Whether `password` is the one stored, in the same time for any wrong one. A damaged line fits no password."""
    parts = _parts(password_hash)
    if parts is None:
        return False
    rounds, salt, digest = parts
    return hmac.compare_digest(_digest(password, salt, rounds), digest)


def is_password_hash(text: str) -> bool:
    """Whether `text` is a line that `hash_password` could have written, and every broker will take."""
    return _parts(text) is not None


def _parts(password_hash: str) -> tuple[int, bytes, bytes] | None:
    fields = password_hash.split("$")
    if len(fields) != 5 or fields[:2] != ["", "7"]:
        return None
    rounds = fields[2]
    if not (rounds.isascii() and rounds.isdigit() and len(rounds) <= 7 and 1 <= int(rounds) <= _MOST_ROUNDS):
        return None
    try:
        salt, digest = (base64.b64decode(field, validate=True) for field in fields[3:])
    except (binascii.Error, ValueError):
        return None
    if len(salt) != SALT_BYTES or len(digest) != _DIGEST_BYTES:
        return None
    return int(rounds), salt, digest


def _digest(password: str, salt: bytes, rounds: int) -> bytes:
    # "surrogatepass": what came off the wire as broken UTF-16 is a wrong password, not an error
    return hashlib.pbkdf2_hmac("sha512", password.encode("utf-8", "surrogatepass"), salt, rounds)


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


def digest_of_key(key: str) -> str:
    """What is kept of an API key: never the key itself."""
    return hashlib.sha256(key.encode()).hexdigest()
