"""Where mail goes out, and as whom."""

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from notify.owed import OwedNotice

PORTS = {"smtp": 25, "smtps": 465}


class BadMailSettingsError(ValueError):
    """A setting for mail makes no sense; the text names it and its form."""


@dataclass(frozen=True, slots=True)
class MailServer:
    """An SMTP server: `smtp://host:port`, `smtps://user:password@host`."""

    host: str
    port: int
    encrypted: bool = False  # from the first byte; else by STARTTLS, where it is offered
    user: str | None = None
    password: str | None = None

    @classmethod
    def parse(cls, url: str) -> "MailServer":
        parts = urlsplit(url)
        try:
            port = parts.port
        except ValueError:
            port = 0
        if parts.scheme not in PORTS or not parts.hostname or port == 0:
            raise BadMailSettingsError("the mail server should be smtp://host:port or smtps://user:password@host")
        return cls(
            host=parts.hostname,
            port=port or PORTS[parts.scheme],
            encrypted=parts.scheme == "smtps",
            user=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
        )

    @property
    def is_here(self) -> bool:
        """It is on this machine, so nobody is between."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


@dataclass(frozen=True, slots=True)
class MailSettings:
    """Who writes, and where links lead. `pages` is the address people reach the web at, without a closing slash."""

    sender: str = "notices@example.org"
    sender_name: str = "Lastscan"
    pages: str = "http://localhost:8080"
    reply_to: str | None = None  # read by somebody; without it no mail invites an answer
    wishes: Callable[[OwedNotice], str] | None = None
    """Makes the address at which its reader says what they wish; where they may leave the kind, it is the one-click
    address of RFC 8058 too."""

    page: Callable[[OwedNotice], str | None] | None = None
    """Makes the address at which this person sees their piece; without one the page that its number opens is named."""

    @property
    def domain(self) -> str:
        return self.sender.rpartition("@")[2]
