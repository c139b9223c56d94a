"""Who may do what on the broker: one table, from which every broker's own rules are made.

    a device     writes to its own `lastscan/v1/{site}/{dev}/up`, reads its own `…/down`
    a feed       writes to its own `lastscan/v1/_feed/{name}/up`, reads nothing
    the tracker  reads every `up`, writes every `down`
    anyone else  nothing

Everything here is a pure function of the registered logins.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from tracker.domain.credentials import is_password_hash, verify_password
from tracker.domain.ids import is_wire_name
from tracker.wire import FEEDS, Address

_EVERYONE = Address(site="+", dev="+")


@dataclass(frozen=True, slots=True)
class Login:
    """One who may sign in: a device of `site`, a feed when that is `_feed`, or a tracker when it is None.

    `password_hash` is a line of `tracker.domain.credentials.hash_password`.
    """

    name: str
    password_hash: str = field(repr=False)
    site: str | None

    @property
    def is_tracker(self) -> bool:
        return self.site is None

    @property
    def is_feed(self) -> bool:
        return self.site == FEEDS


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

    def _login(self, name: str | None) -> Login | None:
        return None if name is None else self.logins.get(name)

    def admits(self, name: str | None, password: str | None) -> bool:
        """Whether this name may sign in with this password."""
        login = self._login(name)
        return login is not None and password is not None and verify_password(password, login.password_hash)

    def may_write(self, name: str | None, topic: str) -> bool:
        login = self._login(name)
        if login is None:
            return False
        if login.site is None:
            return _is_below(topic, _EVERYONE.down)
        return topic == Address(site=login.site, dev=login.name).up

    def may_read(self, name: str | None, topic: str) -> bool:
        """Whether a message on this topic may be handed to `name`, whatever it has subscribed to."""
        login = self._login(name)
        if login is None:
            return False
        if login.site is None:
            return _is_below(topic, _EVERYONE.up)
        return not login.is_feed and topic == Address(site=login.site, dev=login.name).down

    def may_subscribe(self, name: str | None, topic_filter: str) -> bool:
        """Whether the filter asks for nothing but what `name` may read. A tracker may ask for one site's `up` alone."""
        login = self._login(name)
        if login is None:
            return False
        if login.site is None:
            return _is_below(topic_filter, _EVERYONE.up, wildcards=True)
        return not login.is_feed and topic_filter == Address(site=login.site, dev=login.name).down


def password_file(table: AccessTable) -> str:
    """The table's sign-in half, as Mosquitto's `password_file`."""
    return "".join(f"{login.name}:{login.password_hash}\n" for login in _in_order(table))


def acl_file(table: AccessTable) -> str:
    """The table's topic half, as Mosquitto's `acl_file`: a block for each login, exact topics, no patterns."""
    return "\n".join(_acl_block(login) for login in _in_order(table))


def _acl_block(login: Login) -> str:
    if login.site is None:
        reads, writes = _EVERYONE.up, _EVERYONE.down
    else:
        own = Address(site=login.site, dev=login.name)
        reads, writes = own.down, own.up
    may_read = "" if login.is_feed else f"topic read {reads}\n"
    return f"user {login.name}\n{may_read}topic write {writes}\n"


def _in_order(table: AccessTable) -> list[Login]:
    return sorted(table.logins.values(), key=lambda login: login.name)


def _is_below(topic: str, everyone: str, *, wildcards: bool = False) -> bool:
    """Whether `topic` is `everyone` with a name for each `+`; or, for a filter, with the `+` left standing."""
    levels, pattern = topic.split("/"), everyone.split("/")
    return len(levels) == len(pattern) and all(
        level == wanted if wanted != "+" else is_wire_name(level) or level == FEEDS or (wildcards and level == "+")
        for level, wanted in zip(levels, pattern, strict=True)
    )


def _unfit(login: Login) -> str | None:
    # Both names become part of topics and of a line in a file: a slash, a plus or a line break would be a rule.
    if not is_wire_name(login.name):
        return "a name is 1 to 32 of a-z, 0-9 and -, not starting with -"
    if login.site is not None and not (login.is_feed or is_wire_name(login.site)):
        return f"its site {login.site!r} is not a name; register the device again with --move"
    if not is_password_hash(login.password_hash):
        return "its stored password is damaged; register the device again"
    return None
