"""What the audit names: one word for each thing somebody did that others may ask about later."""

from enum import StrEnum


class Action(StrEnum):
    SIGNED_IN = "signed-in"
    SIGN_INS_FAILED = "sign-ins-failed"  # counted, written every ten minutes
    SIGNED_OUT = "signed-out"
    INVITED = "invited"
    LINK_MADE = "link-made"
    RESET = "reset"
    ROLE_CHANGED = "role-changed"
    STAFF_REVOKED = "staff-revoked"
    PASSWORD_SET = "password-set"
    CODES_SET = "codes-set"
    CODES_REMOVED = "codes-removed"
    RECOVERY_USED = "recovery-used"
    PASSKEY_ADDED = "passkey-added"
    PASSKEY_REMOVED = "passkey-removed"
    DEVICE_ADDED = "device-added"
    DEVICE_MOVED = "device-moved"
    DEVICE_REVOKED = "device-revoked"
    FEED_ADDED = "feed-added"
    FEED_REVOKED = "feed-revoked"
    LOOKED = "looked"
    STOPPED = "stopped"  # personal data was opened as often as a day allows
    ALLOWED_MORE = "allowed-more"
    EXPORTED = "exported"
    DECIDED = "decided"  # at the desk: which decision, and about which number, departure or place


OPERATOR, MACHINE = "operator", "machine"
"""Who acts by the command on this machine, and in which role."""

NOBODY = "nobody"
"""Who acts without being anyone of staff: a sign-in that failed, what happens by itself."""

RESERVED = frozenset({OPERATOR, NOBODY})
"""Names that no member of staff may have."""
