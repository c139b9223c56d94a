"""Which passwords are taken: long ones, after NIST SP 800-63B-4; no rules about kinds of letters, and no expiry."""

import unicodedata

from tracker.domain.errors import WeakPasswordError

ALONE, WITH_A_CODE, MOST = 15, 8, 128
"""Characters at least, alone and beside a second factor, and at most."""

_DISTINCT = 5
_OURS = ("lastscan", "password", "passwort")


def normalised(password: str) -> str:
    """The same letters however a keyboard puts them together."""
    return unicodedata.normalize("NFC", password)


def check_password(password: str, *, user: str, second_factor: bool) -> None:
    """Raises WeakPasswordError for a password that is too short, too long, or easily guessed."""
    least = WITH_A_CODE if second_factor else ALONE
    if not least <= len(password) <= MOST:
        raise WeakPasswordError(f"a password has {least} to {MOST} characters", least=least)
    rest = password.lower()
    for known in (user.lower(), *_OURS):
        rest = rest.replace(known, "")
    if len(set(rest)) < _DISTINCT:
        raise WeakPasswordError("that password is easily guessed; take several words of your own", least=None)


def is_long(password: str) -> bool:
    """Whether it may stand alone, without a second factor."""
    return len(password) >= ALONE
