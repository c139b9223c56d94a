"""What each role may see and do: one allow-list, of fields and acts, never of pages. What is not in it nobody may.

Whatever draws a piece, a person or the house for somebody, a page, a file or a message, asks here. Which decisions a
role may take stands beside the decisions (`MAY_DECIDE`).
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum

from tracker.domain.errors import NotAllowedError
from tracker.domain.staff import Role


class Sight(StrEnum):
    """Something that may be seen."""

    PROGRESS = "progress"  # state, milestones and windows: as a number alone shows them
    PLACES = "places"  # every facility and sort point, to the minute
    EVIDENCE = "evidence"  # scans and their devices, rules, reasons
    CASES = "cases"
    DEPARTURES = "departures"
    NAME = "name"
    DOOR = "door"  # address and the note for the courier
    CONTACT = "contact"  # phone and mail address
    CONTENTS = "contents"  # what it is, its weight and value, papers
    PROOF = "proof"  # who took it, signature, picture
    MESSAGES = "messages"  # what was sent to people and what they wrote
    COUNTS = "counts"
    DEVICES = "devices"
    STAFF = "staff"
    AUDIT = "audit"


PERSONAL = frozenset({Sight.NAME, Sight.DOOR, Sight.CONTACT, Sight.CONTENTS, Sight.PROOF, Sight.MESSAGES})
"""Opened only for a reason, written to the audit and counted against a budget of the day (`tracker.audit`)."""


class Act(StrEnum):
    """Something that may be done."""

    KEEP_OWN_ACCOUNT = "keep own account"
    SCAN = "scan"
    BOOK = "book"
    WORK_CASES = "work cases"
    LOOK = "open personal data"
    DECIDE = "decide"
    SPEAK = "write to people"  # what very many people are told of one incident
    APPROVE = "approve"  # the second pair of eyes: refund, erasure, more views a day
    RUN_NETWORK = "run the network"
    KEEP_DEVICES = "keep devices"
    KEEP_STAFF = "keep staff"
    READ_AUDIT = "read the audit"


_PIECE = frozenset({Sight.PROGRESS, Sight.PLACES, Sight.EVIDENCE, Sight.CASES, Sight.DEPARTURES, Sight.COUNTS})
_DESK = frozenset({Act.KEEP_OWN_ACCOUNT, Act.WORK_CASES, Act.LOOK, Act.DECIDE, Act.SPEAK})

MAY_SEE: Mapping[Role, frozenset[Sight]] = {
    Role.COURIER: frozenset({Sight.PROGRESS, Sight.NAME, Sight.DOOR}),  # of today's stops
    Role.SHIPPER: frozenset({Sight.PROGRESS, Sight.NAME, Sight.DOOR, Sight.CONTACT, Sight.CONTENTS}),  # what they wrote
    Role.SUPPORT: _PIECE | PERSONAL,
    Role.SUPERVISOR: _PIECE | PERSONAL | {Sight.AUDIT},
    Role.NETWORK_MANAGER: _PIECE,
    Role.ADMINISTRATOR: frozenset({Sight.COUNTS, Sight.DEVICES, Sight.STAFF, Sight.AUDIT}),
}

MAY_DO: Mapping[Role, frozenset[Act]] = {
    Role.COURIER: frozenset({Act.KEEP_OWN_ACCOUNT, Act.SCAN}),
    Role.SHIPPER: frozenset({Act.KEEP_OWN_ACCOUNT, Act.BOOK}),
    Role.SUPPORT: _DESK,
    Role.SUPERVISOR: _DESK | {Act.APPROVE, Act.READ_AUDIT},
    Role.NETWORK_MANAGER: frozenset({Act.KEEP_OWN_ACCOUNT, Act.WORK_CASES, Act.DECIDE, Act.RUN_NETWORK}),
    Role.ADMINISTRATOR: frozenset({Act.KEEP_OWN_ACCOUNT, Act.KEEP_DEVICES, Act.KEEP_STAFF, Act.READ_AUDIT}),
}


def may_see(role: Role, sight: Sight) -> bool:
    return sight in MAY_SEE.get(role, frozenset())


def may_do(role: Role, act: Act) -> bool:
    return act in MAY_DO.get(role, frozenset())


def see_to_it(role: Role, act: Act) -> None:
    """Raises NotAllowedError, which names the roles that may, unless this one does."""
    if not may_do(role, act):
        raise NotAllowedError(f"to {act} is for {_said(r for r in Role if may_do(r, act))}, not for {_said([role])}")


def _said(roles: Iterable[Role]) -> str:
    return " or ".join(role.value.replace("_", " ") for role in roles)
