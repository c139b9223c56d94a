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


@dataclass(frozen=True, slots=True)
class Staff:
    """One of us at work. `user` is kept with every decision; customers see the role alone."""

    user: str
    role: Role
