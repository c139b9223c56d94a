"""Who may do what on the broker: one table, from which every broker's own rules are made.

    a device     writes to its own `lastscan/v1/{site}/{dev}/up`, reads its own `…/down`
    the tracker  reads every `up`, writes every `down`
    anyone else  nothing

Everything here is a pure function of the registered logins.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from tracker.domain.credentials import is_password_hash, verify_password

ROOT = ("lastscan", "v1")
EVERY_UP = "lastscan/v1/+/+/up"
EVERY_DOWN = "lastscan/v1/+/+/down"
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


@dataclass(frozen=True, slots=True)
class Login:
    """One who may sign in: a device of `site`, or a tracker when `site` is None.

    `password_hash` is a line of `tracker.domain.credentials.hash_password`.
    """

    name: str
    password_hash: str = field(repr=False)
    site: str | None

    @property
    def is_tracker(self) -> bool:
        return self.site is None


@dataclass(frozen=True)
class AccessTable:
    """The logins in force. Two tables are equal when they let the same people do the same things.

    `left_out` says of each login that could not be taken, why: one damaged row must not cost all others the broker.
    """

    logins: Mapping[str, Login]
    left_out: tuple[str, ...] = field(default=(), compare=False)

    @classmethod
    def of(cls, logins: Iterable[Login]) -> AccessTable:
        taken: dict[str, Login] = {}
        left_out: list[str] = []
        # trackers first: a device that was given a tracker's name must not take its place
        for login in sorted(logins, key=lambda login: not login.is_tracker):
            if why := _unfit(login):
                left_out.append(f"{login.name!r}: {why}")
            elif login.name in taken:
                left_out.append(f"{login.name!r}: the name is taken; register the device under another")
            else:
                taken[login.name] = login
        return cls(MappingProxyType(taken), tuple(left_out))

    def admits(self, name: str | None, password: str | None) -> bool:
        """Whether this name may sign in with this password."""
        login = self.logins.get(name) if name is not None else None
        return login is not None and password is not None and verify_password(password, login.password_hash)

    def may_write(self, name: str | None, topic: str) -> bool:
        login = self.logins.get(name) if name is not None else None
        if login is None:
            return False
        return _is_of(topic, "down") if login.is_tracker else topic == _own(login, "up")

    def may_read(self, name: str | None, topic: str) -> bool:
        """Whether a message on this topic may be handed to `name`, whatever it has subscribed to."""
        login = self.logins.get(name) if name is not None else None
        if login is None:
            return False
        return _is_of(topic, "up") if login.is_tracker else topic == _own(login, "down")

    def may_subscribe(self, name: str | None, topic_filter: str) -> bool:
        """Whether the filter asks for nothing but what `name` may read. A tracker may ask for one site's `up` alone."""
        login = self.logins.get(name) if name is not None else None
        if login is None:
            return False
        if not login.is_tracker:
            return topic_filter == _own(login, "down")
        return _is_of(topic_filter, "up", any_level="+")


def password_file(table: AccessTable) -> str:
    """The table's sign-in half, as Mosquitto's `password_file`."""
    return "".join(f"{login.name}:{login.password_hash}\n" for login in _in_order(table))


def acl_file(table: AccessTable) -> str:
    """The table's topic half, as Mosquitto's `acl_file`: a block for each login, exact topics, no patterns."""
    return "\n".join(_acl_block(login) for login in _in_order(table))


def _acl_block(login: Login) -> str:
    reads, writes = (EVERY_UP, EVERY_DOWN) if login.is_tracker else (_own(login, "down"), _own(login, "up"))
    return f"user {login.name}\ntopic read {reads}\ntopic write {writes}\n"


def _in_order(table: AccessTable) -> list[Login]:
    return sorted(table.logins.values(), key=lambda login: login.name)


def _own(login: Login, end: str) -> str:
    return "/".join((*ROOT, login.site or "", login.name, end))


def _is_of(topic: str, end: str, *, any_level: str | None = None) -> bool:
    levels = topic.split("/")
    return (
        len(levels) == 5
        and (levels[0], levels[1]) == ROOT
        and all(level == any_level or _NAME.fullmatch(level) for level in levels[2:4])
        and levels[4] == end
    )


def _unfit(login: Login) -> str | None:
    # Both names become part of topics and of a line in a file: a slash, a plus or a line break would be a rule.
    if not _NAME.fullmatch(login.name):
        return "a name is 1 to 32 of a-z, 0-9 and -, not starting with -"
    if login.site is not None and not _NAME.fullmatch(login.site):
        return f"its site {login.site!r} is not a name; register the device again with --move"
    if not is_password_hash(login.password_hash):
        return "its stored password is damaged; register the device again"
    return None
