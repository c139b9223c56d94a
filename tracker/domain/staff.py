"""Who works at the desk, and in which role."""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    COURIER = "courier"
    SHIPPER = "shipper"
    SUPPORT = "support"
    SUPERVISOR = "supervisor"
    NETWORK_MANAGER = "network_manager"
    ADMINISTRATOR = "administrator"


class StaffTrouble(StrEnum):
    """Why something cannot be done with an account of staff."""

    EXISTS = "exists"
    UNKNOWN = "unknown"
    REVOKED = "revoked"
    NO_ADMINISTRATOR = "no administrator"
    LAST_ADMINISTRATOR = "last administrator"
    BEGIN_AGAIN = "begin again"
    PASSWORD_TOO_SHORT = "password too short"
    TOO_MANY_PASSKEYS = "too many passkeys"
    OTHER_KEY = "other key"


@dataclass(frozen=True, slots=True)
class Staff:
    """One of us at work. `user` is kept with every decision; customers see the role alone."""

    user: str
    role: Role
